//! What the operator grants to plugins. A plan beyond the grants is rejected with the line that would allow it. A
//! plugin cannot plan what it is not granted, and cannot do what is not in its plan; without grants it can access
//! nothing.

mod line;
mod scope;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use line::{BadGrant, Grant};
pub use scope::Touched;
use url::Url;

use jobhost_contract::Capability;
use jobhost_model::Limit;
use jobhost_objects::host_scope::HostScopes;
use jobhost_sandbox::SandboxLimits;
use scope::Scope;

/// The grants of all plugins, by name.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    plugins: BTreeMap<String, Arc<PluginGrants>>,
    shipped: Vec<&'static str>,
}

/// A plugin's precedence when several provide the same operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The plugin ships with the host.
    Shipped,
    /// The configuration has a key for the plugin, even if its list is empty.
    Known,
    Unknown,
}

impl Grants {
    /// `shipped` are the names of the plugins that ship with the host.
    pub fn new(plugins: impl IntoIterator<Item = (String, PluginGrants)>, shipped: Vec<&'static str>) -> Self {
        Grants { plugins: plugins.into_iter().map(|(name, grants)| (name, Arc::new(grants))).collect(), shipped }
    }

    pub fn standing(&self, plugin: &str) -> Standing {
        if self.shipped.contains(&plugin) {
            Standing::Shipped
        } else if self.plugins.contains_key(plugin) {
            Standing::Known
        } else {
            Standing::Unknown
        }
    }

    /// The plugins that something is granted to and that are neither among `present` nor come with the host: perhaps their
    /// names are mistyped.
    pub fn without_plugin<'g>(&'g self, present: impl Iterator<Item = &'g str>) -> Vec<&'g str> {
        let present: Vec<&str> = present.collect();
        let granted = self.plugins.iter().filter(|(_, grants)| !grants.lines.is_empty());
        let names = granted.map(|(name, _)| name.as_str());
        names.filter(|name| !self.shipped.contains(name) && !present.contains(name)).collect()
    }

    pub fn of(&self, plugin: &str) -> Arc<PluginGrants> {
        self.plugins.get(plugin).cloned().unwrap_or_default()
    }
}

/// The grants of one plugin.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PluginGrants {
    /// The lines as written in the configuration.
    lines: Vec<String>,
    grants: Vec<Grant>,
}

/// Directories that a plugin is granted.
#[derive(Debug, PartialEq, Eq)]
pub enum DirectoryScopes {
    Any,
    Only(Vec<PathBuf>),
}

impl PluginGrants {
    /// Parses the lines. Returns an invalid line with a description of the valid form.
    pub fn parse(lines: Vec<String>) -> Result<Self, (String, BadGrant)> {
        let parsed = lines.iter().map(|line| line.parse().map_err(|error| (line.clone(), error)));
        Ok(PluginGrants { grants: parsed.collect::<Result<_, _>>()?, lines })
    }

    /// The lines as written in the configuration.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn covers(&self, capability: Capability, touched: &Touched) -> bool {
        self.scopes(capability).any(|scope| match (scope, touched) {
            (Scope::Any, _) => true,
            (Scope::Tables(scope), Touched::Table(table)) => scope.covers(table),
            (Scope::Directory(scope), Touched::Directory(path)) => path.starts_with(scope),
            _ => false,
        })
    }

    pub fn covers_bucket(&self, capability: Capability, server: &Url, bucket: &str) -> bool {
        self.scopes(capability).any(|scope| match scope {
            Scope::Any => true,
            Scope::Buckets(scope) => scope.covers(server, bucket),
            _ => false,
        })
    }

    /// Returns whether any line grants this capability.
    pub fn mentions(&self, capability: Capability) -> bool {
        self.scopes(capability).next().is_some()
    }

    pub fn directories(&self, capability: Capability) -> DirectoryScopes {
        let mut paths = Vec::new();
        for scope in self.scopes(capability) {
            match scope {
                Scope::Directory(path) => paths.push(path.clone()),
                _ => return DirectoryScopes::Any,
            }
        }
        DirectoryScopes::Only(paths)
    }

    pub fn hosts(&self) -> HostScopes {
        let mut hosts = Vec::new();
        for scope in self.scopes(Capability::FetchUrl) {
            match scope {
                Scope::Host(host) => hosts.push(host.clone()),
                _ => return HostScopes::Any,
            }
        }
        HostScopes::Only(hosts)
    }

    /// Maximum concurrent attempts, if the grants set one.
    pub fn concurrency(&self) -> Option<usize> {
        self.grants.iter().rev().find_map(|grant| match grant {
            Grant::Concurrency(attempts) => Some(*attempts),
            _ => None,
        })
    }

    /// The sandbox's limits with this plugin's own limits applied.
    pub fn limits(&self, plugin: &str, general: &SandboxLimits) -> SandboxLimits {
        let mut limits = general.clone();
        let set = |word: &str, value: u64| Limit::set_by(format!("grants.{plugin} {word}"), value);
        for grant in &self.grants {
            match grant {
                Grant::Memory(bytes) => limits.memory_bytes = set("memory-bytes", *bytes as u64),
                Grant::Wall(time) => limits.wall = set("wall-seconds", time.as_secs()),
                Grant::Cpu(time) => limits.cpu = set("cpu-seconds", time.as_secs()),
                Grant::Use(..) | Grant::Concurrency(_) => {}
            }
        }
        limits
    }

    /// Returns the configuration with these lines added.
    pub fn with_lines(&self, plugin: &str, lines: &[String]) -> String {
        let lines = self.lines.iter().chain(lines).cloned().map(toml::Value::String);
        format!("[grants] {plugin} = {}", toml::Value::Array(lines.collect()))
    }

    fn scopes(&self, capability: Capability) -> impl Iterator<Item = &Scope> {
        self.grants.iter().filter_map(move |grant| match grant {
            Grant::Use(granted, scope) if *granted == capability => Some(scope),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_model::TableName;

    fn grants(lines: &[&str]) -> PluginGrants {
        PluginGrants::parse(lines.iter().map(|line| (*line).to_owned()).collect()).unwrap()
    }

    fn dog() -> Touched {
        Touched::Table(TableName::new("data", "dog"))
    }

    #[test]
    fn a_missing_grant_is_not_covered_and_the_suggested_line_covers_it() {
        let granted = grants(&["insert data.cat", "query *"]);
        assert!(!granted.covers(Capability::Insert, &dog()) && !granted.covers(Capability::Update, &dog()));
        assert!(granted.covers(Capability::Query, &dog()));
        let line = format!("insert {}", dog());
        assert_eq!(
            granted.with_lines("a", std::slice::from_ref(&line)),
            "[grants] a = [\"insert data.cat\", \"query *\", \"insert data.dog\"]"
        );
        assert!(grants(&["insert data.cat", "query *", &line]).covers(Capability::Insert, &dog()));
        assert!(!Grants::default().of("a").covers(Capability::Query, &dog()));
    }

    #[test]
    fn directories_hosts_and_buckets() {
        let granted = grants(&["read-file /srv/in", "write-file *", "fetch-url a.example:443", "read-s3 s/b"]);
        assert_eq!(granted.directories(Capability::ReadFile), DirectoryScopes::Only(vec![PathBuf::from("/srv/in")]));
        assert_eq!(granted.directories(Capability::WriteFile), DirectoryScopes::Any);
        assert_eq!(grants(&[]).directories(Capability::WriteFile), DirectoryScopes::Only(Vec::new()));
        assert!(granted.covers(Capability::ReadFile, &Touched::Directory("/srv/in/deep".into())));
        assert!(!granted.covers(Capability::ReadFile, &Touched::Directory("/srv/inside".into())));
        assert!(granted.hosts().covers(&Url::parse("https://a.example/x").unwrap()));
        assert!(!granted.hosts().covers(&Url::parse("http://a.example/x").unwrap()));
        let server = Url::parse("https://s").unwrap();
        let covers = |capability, bucket| granted.covers_bucket(capability, &server, bucket);
        assert!(covers(Capability::ReadS3, "b") && !covers(Capability::ReadS3, "c"));
        assert!(!covers(Capability::WriteS3, "b"));
    }

    #[test]
    fn the_last_line_of_a_limit_counts() {
        let granted = grants(&["concurrency 3", "concurrency 2", "memory-bytes 1048576", "wall-seconds 5"]);
        assert_eq!(granted.concurrency(), Some(2));
        let limits = granted.limits("a", &SandboxLimits::default());
        assert_eq!((limits.memory_bytes.value(), limits.memory_bytes.key()), (1 << 20, "grants.a memory-bytes"));
        assert_eq!(limits.cpu.key(), "sandbox.cpu_seconds");
    }
}
