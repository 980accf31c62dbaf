//! The scope of a grant, and whether it covers what a plan accesses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use jobhost_model::TableName;
use jobhost_objects::host_scope::HostScope;

/// Tables. Each part is a name, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableScope {
    database: Option<String>,
    table: Option<String>,
}

/// Buckets of one server or of any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketScope {
    host: Option<HostScope>,
    bucket: Option<String>,
}

/// The scope of one line's capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Any,
    Tables(TableScope),
    /// A directory and everything beneath it.
    Directory(PathBuf),
    Host(HostScope),
    Buckets(BucketScope),
}

/// One thing that a plan accesses, written as a scope would name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    Table(TableName),
    Directory(PathBuf),
    Host {
        host: String,
        port: u16,
    },
    /// The server includes its port unless it is the scheme's default.
    Bucket {
        server: String,
        bucket: String,
    },
}

impl Touched {
    pub fn host(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        Touched::Host { host, port: url.port_or_known_default().unwrap_or_default() }
    }

    pub fn bucket(server: &Url, bucket: &str) -> Self {
        let host = server.host_str().unwrap_or_default();
        let server = server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Touched::Bucket { server, bucket: bucket.to_owned() }
    }
}

impl TableScope {
    pub fn covers(&self, table: &TableName) -> bool {
        fits(self.database.as_deref(), &table.database) && fits(self.table.as_deref(), &table.table)
    }
}

impl BucketScope {
    pub fn covers(&self, server: &Url, bucket: &str) -> bool {
        self.host.as_ref().is_none_or(|host| host.covers(server)) && fits(self.bucket.as_deref(), bucket)
    }
}

fn fits(pattern: Option<&str>, name: &str) -> bool {
    pattern.is_none_or(|pattern| pattern == name)
}

/// An invalid scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadScope;

impl FromStr for TableScope {
    type Err = BadScope;

    /// Parses `database.table`. A name that contains a dot, a star, a quote, a comma or white space is written in
    /// double quotes, with quotes in it doubled.
    fn from_str(text: &str) -> Result<Self, BadScope> {
        let (database, rest) = name(text)?;
        let (table, rest) = name(rest.strip_prefix('.').ok_or(BadScope)?)?;
        if rest.is_empty() { Ok(TableScope { database, table }) } else { Err(BadScope) }
    }
}

/// Parses a name or `*` (`None`), and returns the rest of the text.
fn name(text: &str) -> Result<(Option<String>, &str), BadScope> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).ok_or(BadScope)?;
        return match name {
            "" => Err(BadScope),
            "*" => Ok((None, rest)),
            name if needs_quotes(name) => Err(BadScope),
            name => Ok((Some(name.to_owned()), rest)),
        };
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"').ok_or(BadScope)?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Ok((Some(name), after)),
        }
    }
}

fn needs_quotes(name: &str) -> bool {
    name.is_empty() || name.contains(|c: char| matches!(c, '.' | '*' | '"' | ',') || c.is_whitespace())
}

fn written(name: &str) -> String {
    if needs_quotes(name) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

impl FromStr for BucketScope {
    type Err = BadScope;

    /// Parses `bucket`, `host/bucket` or `host:port/bucket`.
    fn from_str(text: &str) -> Result<Self, BadScope> {
        let (host, bucket) = text.split_once('/').map_or(("*", text), |(host, bucket)| (host, bucket));
        if bucket.is_empty() || bucket.contains('/') {
            return Err(BadScope);
        }
        let host = match host {
            "*" => None,
            host => Some(host.parse().map_err(|_| BadScope)?),
        };
        Ok(BucketScope { host, bucket: (bucket != "*").then(|| bucket.to_owned()) })
    }
}

/// Parses an absolute directory.
pub fn directory(text: &str) -> Result<PathBuf, BadScope> {
    let path = Path::new(text);
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if path.is_absolute() && !climbs { Ok(path.to_owned()) } else { Err(BadScope) }
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Touched::Table(table) => write!(f, "{}.{}", written(&table.database), written(&table.table)),
            Touched::Directory(path) => write!(f, "{}", path.display()),
            Touched::Host { host, port } => write!(f, "{host}:{port}"),
            Touched::Bucket { server, bucket } => write!(f, "{server}/{bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(database: &str, table: &str) -> TableName {
        TableName::new(database, table)
    }

    #[test]
    fn tables() {
        for (scope, database, name, covered) in [
            ("data.dog", "data", "dog", true),
            ("data.dog", "data", "cat", false),
            ("data.*", "data", "cat", true),
            ("*.dog", "other", "dog", true),
            ("*.*", "a", "b", true),
            ("\"a.b\".c", "a.b", "c", true),
            ("\"a.b\".c", "a", "b.c", false),
            ("data.\"say \"\"x\"\"\"", "data", "say \"x\"", true),
            ("data.\"*\"", "data", "dog", false),
        ] {
            let parsed: TableScope = scope.parse().unwrap();
            assert_eq!(parsed.covers(&table(database, name)), covered, "{scope} {database} {name}");
        }
        for bad in ["", "data", "data.", ".dog", "a.b.c", "\"a.b", "a b.c", "a.\"b\"c"] {
            assert!(bad.parse::<TableScope>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_written_in_a_form_that_parses() {
        for (database, name) in [("data", "dog"), ("a.b", "c"), ("a", "b.c"), ("*", "x\"y z"), ("ä", "Ü")] {
            let touched = table(database, name);
            let scope: TableScope = Touched::Table(touched.clone()).to_string().parse().unwrap();
            assert!(scope.covers(&touched));
            assert!(!scope.covers(&table("other", name)) && !scope.covers(&table(database, "other")));
        }
    }

    #[test]
    fn buckets_and_directories() {
        let server = Url::parse("http://s:9000").unwrap();
        for (scope, covered) in [
            ("b", true),
            ("s/b", true),
            ("s/*", true),
            ("*/b", true),
            ("s:9000/b", true),
            ("s:9001/b", false),
            ("t/b", false),
            ("c", false),
        ] {
            assert_eq!(scope.parse::<BucketScope>().unwrap().covers(&server, "b"), covered, "{scope}");
        }
        assert_eq!(Touched::bucket(&server, "b").to_string(), "s:9000/b");
        let standard = Url::parse("https://s:443").unwrap();
        assert_eq!(Touched::bucket(&standard, "b").to_string(), "s/b");
        assert!("".parse::<BucketScope>().is_err() && "/b".parse::<BucketScope>().is_err());
        assert!(directory("/srv/in").is_ok());
        assert!(directory("srv").is_err() && directory("/srv/../etc").is_err());
    }

    /// The line that an error message suggests grants that table and no other, whatever its name.
    #[test]
    fn fuzz_tables() {
        let pieces =
            ["a", "b", ".", "*", "\"", "\"\"", ",", " ", "\t", "\u{85}", "\u{a0}", "é", "/", "[", "]", "\\", "="];
        let name = || bolero::produce::<Vec<u8>>().with().len(1usize..5);
        bolero::check!().with_iterations(2_000).with_generator((name(), name(), name())).for_each(
            |(database, one, other)| {
                let name = |picks: &[u8]| {
                    picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect::<String>()
                };
                let touched = table(&name(database), &name(one));
                let text = Touched::Table(touched.clone()).to_string();
                let line = format!("insert {text}");
                // The configuration splits a line into word and scope in the same way.
                let (_, scope) = line.trim().split_once(char::is_whitespace).unwrap();
                let scope: TableScope = scope.trim().parse().unwrap_or_else(|_| panic!("{text:?} cannot be read"));
                assert!(scope.covers(&touched), "{text:?}");
                let other = table(&touched.database, &name(other));
                assert_eq!(scope.covers(&other), other == touched, "{text:?} {other}");
            },
        );
    }
}
