//! What the operator grants to plugins, line by line: `PLUGIN CAPABILITY SCOPE`. A plan that goes beyond is refused with
//! the line that would allow it. What a plugin is not granted it cannot plan, and what is not planned it cannot do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::records::TableName;

/// What a plugin may ask for in its description and be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    Insert,
    Update,
    Delete,
    Query,
    ReadFile,
    WriteFile,
    FetchUrl,
    ReadS3,
    WriteS3,
}

impl Capability {
    pub const ALL: [Capability; 9] = [
        Capability::Insert,
        Capability::Update,
        Capability::Delete,
        Capability::Query,
        Capability::ReadFile,
        Capability::WriteFile,
        Capability::FetchUrl,
        Capability::ReadS3,
        Capability::WriteS3,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Capability::Insert => "insert",
            Capability::Update => "update",
            Capability::Delete => "delete",
            Capability::Query => "query",
            Capability::ReadFile => "read-file",
            Capability::WriteFile => "write-file",
            Capability::FetchUrl => "fetch-url",
            Capability::ReadS3 => "read-s3",
            Capability::WriteS3 => "write-s3",
        }
    }
}

/// One thing that a plan wants to touch, as a grant's scope names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    Table(TableName),
    /// A path, or a directory.
    Path(String),
    /// Host and port.
    Address { host: String, port: u16 },
    /// Host of the server, and bucket.
    Bucket { host: String, bucket: String },
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Touched::Table(table) => write!(f, "{table}"),
            Touched::Path(path) => f.write_str(path),
            Touched::Address { host, port } => write!(f, "{host}:{port}"),
            Touched::Bucket { host, bucket } => write!(f, "{host}/{bucket}"),
        }
    }
}

/// What one line grants.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Granted {
    /// `*`, or a scope in the form of what is touched.
    Use(Capability, String),
    /// Attempts of this plugin that run at once.
    Concurrency(usize),
    /// Of one instance, in the place of sandbox.memory_bytes.
    MemoryBytes(usize),
    /// In the place of sandbox.wall_seconds.
    WallSeconds(u64),
    /// In the place of sandbox.cpu_seconds.
    CpuSeconds(u64),
}

/// A line of `plugins.grants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    plugin: String,
    granted: Granted,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PLUGIN CAPABILITY SCOPE, for example \"csv-load insert data.dog\"")]
pub struct BadGrant;

impl FromStr for Grant {
    type Err = BadGrant;

    fn from_str(line: &str) -> Result<Self, BadGrant> {
        let (plugin, rest) = line.trim().split_once(' ').ok_or(BadGrant)?;
        let (word, scope) = rest.trim().split_once(' ').ok_or(BadGrant)?;
        let scope = scope.trim();
        if scope.is_empty() {
            return Err(BadGrant);
        }
        let number = || scope.parse::<u64>().ok().filter(|number| *number > 0).ok_or(BadGrant);
        let size = || number().and_then(|number| usize::try_from(number).map_err(|_| BadGrant));
        let granted = match word {
            "concurrency" => Granted::Concurrency(size()?),
            "memory-bytes" => Granted::MemoryBytes(size()?),
            "wall-seconds" => Granted::WallSeconds(number()?),
            "cpu-seconds" => Granted::CpuSeconds(number()?),
            word => {
                let capability = Capability::ALL.into_iter().find(|one| one.word() == word).ok_or(BadGrant)?;
                Granted::Use(capability, scope.to_owned())
            }
        };
        Ok(Grant { plugin: plugin.to_owned(), granted })
    }
}

/// Something that was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The plugin {plugin} is not granted {} on {touched}. To allow it, the operator adds to the configuration: \
     [plugins] grants = [\"{plugin} {} {touched}\"]",
    .capability.word(),
    .capability.word()
)]
pub struct NotGranted {
    plugin: String,
    capability: Capability,
    touched: Touched,
}

/// All lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(lines: I) -> Self {
        Grants(lines.into_iter().collect())
    }
}

impl Grants {
    pub fn check(&self, plugin: &str, capability: Capability, touched: Touched) -> Result<(), NotGranted> {
        let allows = |granted: &Granted| match granted {
            Granted::Use(granted, scope) => *granted == capability && covers(scope, &touched),
            _ => false,
        };
        if self.of(plugin).any(allows) {
            return Ok(());
        }
        Err(NotGranted { plugin: plugin.to_owned(), capability, touched })
    }

    pub fn concurrency(&self, plugin: &str) -> Option<usize> {
        self.of(plugin).find_map(|granted| match granted {
            Granted::Concurrency(attempts) => Some(*attempts),
            _ => None,
        })
    }

    pub fn memory_bytes(&self, plugin: &str) -> Option<usize> {
        self.of(plugin).find_map(|granted| match granted {
            Granted::MemoryBytes(bytes) => Some(*bytes),
            _ => None,
        })
    }

    pub fn wall_seconds(&self, plugin: &str) -> Option<u64> {
        self.of(plugin).find_map(|granted| match granted {
            Granted::WallSeconds(seconds) => Some(*seconds),
            _ => None,
        })
    }

    pub fn cpu_seconds(&self, plugin: &str) -> Option<u64> {
        self.of(plugin).find_map(|granted| match granted {
            Granted::CpuSeconds(seconds) => Some(*seconds),
            _ => None,
        })
    }

    /// The lines about a plugin, as they were written.
    pub fn lines(&self, plugin: &str) -> Vec<String> {
        let shown = |granted: &Granted| match granted {
            Granted::Use(capability, scope) => format!("{} {scope}", capability.word()),
            Granted::Concurrency(attempts) => format!("concurrency {attempts}"),
            Granted::MemoryBytes(bytes) => format!("memory-bytes {bytes}"),
            Granted::WallSeconds(seconds) => format!("wall-seconds {seconds}"),
            Granted::CpuSeconds(seconds) => format!("cpu-seconds {seconds}"),
        };
        self.of(plugin).map(shown).collect()
    }

    fn of<'g>(&'g self, plugin: &'g str) -> impl Iterator<Item = &'g Granted> {
        self.0.iter().filter(move |grant| grant.plugin == plugin).map(|grant| &grant.granted)
    }
}

fn covers(scope: &str, touched: &Touched) -> bool {
    if scope == "*" {
        return true;
    }
    let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    match touched {
        // Names may contain dots; a scope then has to be written for each, or as `*`.
        Touched::Table(table) => {
            scope == table.to_string()
                || scope.strip_suffix(".*").is_some_and(|database| fits(database, &table.database))
                || scope.strip_prefix("*.").is_some_and(|name| fits(name, &table.table))
        }
        Touched::Path(path) => std::path::Path::new(path).starts_with(scope) && !path.contains(".."),
        Touched::Address { host, port } => match scope.rsplit_once(':') {
            Some((named, number)) if number.parse::<u16>().is_ok() => named == host && number.parse() == Ok(*port),
            _ => scope == host,
        },
        Touched::Bucket { host, bucket } => match scope.split_once('/') {
            Some((server, name)) => fits(server, host) && fits(name, bucket),
            None => scope == bucket,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        lines.iter().map(|line| line.parse::<Grant>().unwrap()).collect()
    }

    fn table(name: &str) -> Touched {
        Touched::Table(TableName::new("data", name))
    }

    #[test]
    fn what_is_not_granted_is_refused_with_the_line_that_would() {
        let granted = grants(&["a insert data.dog"]);
        assert_eq!(granted.check("a", Capability::Insert, table("dog")), Ok(()));
        for (plugin, capability, name) in
            [("a", Capability::Update, "dog"), ("a", Capability::Insert, "cat"), ("b", Capability::Insert, "dog")]
        {
            let refused = granted.check(plugin, capability, table(name)).unwrap_err().to_string();
            let line = format!("grants = [\"{plugin} {} data.{name}\"]", capability.word());
            assert!(refused.contains(&line), "{refused}");
        }
        // The line that is named does allow it.
        let line = "b insert data.dog";
        assert_eq!(grants(&[line]).check("b", Capability::Insert, table("dog")), Ok(()));
    }

    #[test]
    fn scopes_cover_what_they_say() {
        for (scope, touched, covered) in [
            ("*", table("dog"), true),
            ("data.*", table("dog"), true),
            ("*.dog", table("dog"), true),
            ("*.*", table("dog"), true),
            ("other.*", table("dog"), false),
            ("/srv", Touched::Path("/srv/in/a.csv".to_owned()), true),
            ("/srv", Touched::Path("/srvx/a.csv".to_owned()), false),
            ("/srv", Touched::Path("/srv/../etc".to_owned()), false),
            ("h", Touched::Address { host: "h".to_owned(), port: 80 }, true),
            ("h:443", Touched::Address { host: "h".to_owned(), port: 80 }, false),
            ("h:80", Touched::Address { host: "h".to_owned(), port: 80 }, true),
            ("bucket", Touched::Bucket { host: "s".to_owned(), bucket: "bucket".to_owned() }, true),
            ("s/*", Touched::Bucket { host: "s".to_owned(), bucket: "b".to_owned() }, true),
            ("t/b", Touched::Bucket { host: "s".to_owned(), bucket: "b".to_owned() }, false),
        ] {
            assert_eq!(covers(scope, &touched), covered, "{scope} {touched}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_refused() {
        for bad in ["", "a", "a insert", "a fly *", "a concurrency many", "a concurrency 0"] {
            assert!(bad.parse::<Grant>().is_err(), "{bad}");
        }
        let limits = grants(&["a concurrency 2", "a memory-bytes 1048576", "a wall-seconds 5", "a cpu-seconds 4"]);
        assert_eq!(limits.concurrency("a"), Some(2));
        assert_eq!(limits.memory_bytes("a"), Some(1 << 20));
        assert_eq!((limits.wall_seconds("a"), limits.cpu_seconds("a")), (Some(5), Some(4)));
        assert_eq!(limits.concurrency("b"), None);
        assert_eq!(limits.lines("a").len(), 4);
    }
}
