//! One line of a plugin's grants: `CAPABILITY SCOPE`, or a limit of its jobs.

use std::str::FromStr;
use std::time::Duration;

use super::scope::{Scope, directory};
use jobhost_contract::Capability;

/// What one line grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    Use(Capability, Scope),
    /// Maximum concurrent attempts of this plugin.
    Concurrency(usize),
    /// Replaces sandbox.memory_bytes.
    Memory(usize),
    /// Replaces sandbox.wall_seconds.
    Wall(Duration),
    /// Replaces sandbox.cpu_seconds.
    Cpu(Duration),
}

/// An invalid line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadGrant(String);

impl FromStr for Grant {
    type Err = BadGrant;

    fn from_str(line: &str) -> Result<Self, BadGrant> {
        let bad = |must: &str| BadGrant(must.to_owned());
        let form = "a list of lines CAPABILITY SCOPE, for example [\"insert data.dog\", \"concurrency 2\"]";
        let (word, scope) = line.trim().split_once(char::is_whitespace).ok_or_else(|| bad(form))?;
        let scope = scope.trim();
        let number = || {
            let number = scope.parse::<u64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| BadGrant(format!("lines in which {word} is followed by a whole number above 0")))
        };
        let size = || number().and_then(|number| usize::try_from(number).map_err(|_| bad("a smaller number")));
        match word {
            "concurrency" => Ok(Grant::Concurrency(size()?)),
            "memory-bytes" => Ok(Grant::Memory(size()?)),
            "wall-seconds" => Ok(Grant::Wall(Duration::from_secs(number()?))),
            "cpu-seconds" => Ok(Grant::Cpu(Duration::from_secs(number()?))),
            word => {
                let capability = Capability::ALL.into_iter().find(|one| one.word() == word);
                let capability = capability.ok_or_else(|| {
                    let words: Vec<&str> = Capability::ALL.iter().map(|one| one.word()).collect();
                    BadGrant(format!(
                        "lines that begin with {}, concurrency, memory-bytes, wall-seconds or cpu-seconds",
                        words.join(", ")
                    ))
                })?;
                scope_of(capability, scope).map(|scope| Grant::Use(capability, scope))
            }
        }
    }
}

fn scope_of(capability: Capability, text: &str) -> Result<Scope, BadGrant> {
    if text == "*" {
        return Ok(Scope::Any);
    }
    let bad = |must: &str| BadGrant(format!("lines in which {} is followed by * or {must}", capability.word()));
    match capability {
        Capability::Insert | Capability::Update | Capability::Delete | Capability::Query => text
            .parse()
            .map(Scope::Tables)
            .map_err(|_| bad("database.table, database.* or *.table (a name with dots or blanks in double quotes)")),
        Capability::ReadFile | Capability::WriteFile => {
            directory(text).map(Scope::Directory).map_err(|_| bad("an absolute directory"))
        }
        Capability::FetchUrl => text.parse().map(Scope::Host).map_err(|_| bad("a host or host:port")),
        Capability::ReadS3 | Capability::WriteS3 => {
            text.parse().map(Scope::Buckets).map_err(|_| bad("a bucket or host/bucket"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_line_is_reported_with_the_valid_form() {
        for (bad, part) in [
            ("", "CAPABILITY SCOPE"),
            ("insert", "CAPABILITY SCOPE"),
            ("fly *", "insert, update"),
            ("insert dog", "database.table"),
            ("read-file in", "absolute"),
            ("fetch-url a/b", "host:port"),
            ("concurrency many", "above 0"),
            ("concurrency 0", "above 0"),
        ] {
            let error = bad.parse::<Grant>().unwrap_err().to_string();
            assert!(error.contains(part), "{bad:?}: {error}");
        }
        assert_eq!("insert  *".parse(), Ok(Grant::Use(Capability::Insert, Scope::Any)));
        assert_eq!("wall-seconds 5".parse(), Ok(Grant::Wall(Duration::from_secs(5))));
    }

    /// A line similar to a grant is either parsed or rejected with a message that describes the valid form.
    #[test]
    fn fuzz_line() {
        let pieces = [
            "insert",
            "query",
            "read-file",
            "fetch-url",
            "write-s3",
            "concurrency",
            "memory-bytes",
            " ",
            "\t",
            "*",
            ".",
            "\"",
            "\"\"",
            "data",
            "dog",
            "/",
            "..",
            ":",
            "443",
            "18446744073709551616",
            "-1",
            "[::1]",
            ",",
            "é",
            "\0",
        ];
        let input = bolero::produce::<Vec<u8>>().with().len(0usize..8);
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|picks| {
            let line: String = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
            match line.parse::<Grant>() {
                Ok(Grant::Use(_, Scope::Directory(directory))) => {
                    let climbs = directory.components().any(|part| part == std::path::Component::ParentDir);
                    assert!(directory.is_absolute() && !climbs, "{line}");
                }
                Ok(Grant::Concurrency(bound) | Grant::Memory(bound)) => assert!(bound > 0, "{line}"),
                Ok(_) => {}
                Err(bad) => {
                    assert!(bad.to_string().contains("lines") || bad.to_string().contains("number"), "{line}: {bad}")
                }
            }
        });
    }
}
