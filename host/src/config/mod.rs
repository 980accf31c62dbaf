//! One typed configuration. It is parsed here, once; everything else gets parsed values.

pub mod settings;
mod show;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use show::show;
pub use values::{ConfigError, Sources, Values, gather};

use crate::api::server::ConnectionLimits;
use crate::capabilities::CapabilityLimits;
use crate::objects::AllowedAddress;
use crate::plugins::{CompileLimits, Grants, PluginGrants, PublicKey, Trust};
use crate::records::BatchLimits;
use crate::sandbox::{Bound, SandboxLimits};
use values::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The first administrator's password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The key that seals secrets at rest; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey(pub [u8; 32]);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

/// What `settings::SETTINGS` documents, key by key.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    pub connections: ConnectionLimits,
    pub body_time: Duration,
    pub data_dir: PathBuf,
    pub max_store_bytes: u64,
    pub sealing_key: Option<SealingKey>,
    pub admin_username: String,
    pub admin_password: Option<Password>,
    pub operation_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub workers: usize,
    pub max_queued: usize,
    pub cancel_grace: Duration,
    pub plugins_dir: PathBuf,
    pub plugin_cache_dir: Option<PathBuf>,
    pub trust: Trust,
    pub component_bytes: u64,
    pub compile: CompileLimits,
    pub grants: Grants,
    pub file_directories: Vec<PathBuf>,
    pub allowed_addresses: Vec<AllowedAddress>,
    pub url_max_bytes: u64,
    pub url_timeout: Duration,
    pub url_max_redirects: usize,
    pub export_directories: Vec<PathBuf>,
    pub s3_endpoint: Option<String>,
    pub s3_allowed_addresses: Vec<AllowedAddress>,
    pub s3_credentials_file: Option<PathBuf>,
    pub s3_max_bytes: u64,
    pub s3_timeout: Duration,
    pub sql_memory_bytes: usize,
    pub sql_spill_bytes: u64,
    pub sql_timeout: Duration,
    pub sandbox: SandboxLimits,
    /// The other keys of section `sandbox`.
    pub guest: CapabilityLimits,
    pub log_level: String,
    pub log_format: LogFormat,
}

impl Config {
    pub fn from_values(values: &Values) -> Result<Self, ConfigError> {
        let read = Reader { values };
        Ok(Config {
            listen: read.parsed("server.listen", "an address and port like 127.0.0.1:9925")?,
            max_body_bytes: read.size("server.max_body_bytes")?,
            connections: ConnectionLimits {
                header: Duration::from_secs(read.positive("server.header_seconds")?),
                reply: Duration::from_secs(read.positive("server.reply_seconds")?),
                connections: read.size("server.max_connections")?,
            },
            body_time: Duration::from_secs(read.positive("server.body_seconds")?),
            data_dir: PathBuf::from(read.filled("data.dir")?),
            max_store_bytes: read.positive("data.max_bytes")?,
            admin_username: read.filled("admin.username")?,
            sealing_key: read.sealing_key("data.sealing_key")?,
            admin_password: read.optional("admin.password").map(Password),
            operation_token_seconds: read.positive("tokens.operation_lifetime_seconds")?,
            refresh_token_seconds: read.positive("tokens.refresh_lifetime_seconds")?,
            workers: match read.number("jobs.workers") {
                0 => cores().saturating_mul(WORKERS_PER_CORE).max(MIN_DEFAULT_WORKERS),
                number => usize::try_from(number).unwrap_or(usize::MAX).min(MAX_WORKERS),
            },
            max_queued: read.size("jobs.max_queued")?.min(MAX_QUEUED),
            cancel_grace: Duration::from_secs(read.number("jobs.cancel_grace_seconds")),
            plugins_dir: PathBuf::from(read.filled("plugins.dir")?),
            plugin_cache_dir: read.optional("plugins.cache_dir").map(PathBuf::from),
            trust: read.trust()?,
            component_bytes: read.positive("plugins.component_bytes")?,
            compile: CompileLimits {
                seconds: Duration::from_secs(read.positive("plugins.compile_seconds")?),
                memory_bytes: read.positive("plugins.compile_memory_bytes")?,
                stack_bytes: read.size("sandbox.stack_bytes")?,
            },
            grants: read.grants()?,
            file_directories: read.list("files.directories").into_iter().map(PathBuf::from).collect(),
            allowed_addresses: read.addresses("urls.allow")?,
            url_max_bytes: read.positive("urls.max_bytes")?,
            url_timeout: Duration::from_secs(read.positive("urls.timeout_seconds")?),
            url_max_redirects: usize::try_from(read.number("urls.max_redirects")).unwrap_or(usize::MAX),
            export_directories: read.list("files.export_directories").into_iter().map(PathBuf::from).collect(),
            s3_endpoint: read.optional("s3.endpoint"),
            s3_allowed_addresses: read.addresses("s3.allow")?,
            s3_credentials_file: read.optional("s3.credentials_file").map(PathBuf::from),
            s3_max_bytes: read.positive("s3.max_bytes")?,
            s3_timeout: Duration::from_secs(read.positive("s3.timeout_seconds")?),
            sql_memory_bytes: read.size("sql.memory_bytes")?,
            sql_spill_bytes: read.positive("sql.spill_bytes")?,
            sql_timeout: Duration::from_secs(read.positive("sql.timeout_seconds")?),
            sandbox: read.sandbox()?,
            guest: read.guest()?,
            log_level: read.filled("log.level")?,
            log_format: match read.text("log.format").as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => return Err(read.wrong("log.format", other, "text or json")),
            },
        })
    }
}

const WORKERS_PER_CORE: usize = 4;
const MIN_DEFAULT_WORKERS: usize = 8;
/// More would only wait for each other.
const MAX_WORKERS: usize = 1024;
/// What the reader of batches can follow.
const MAX_RECORD_DEPTH: u64 = 100;
/// The queue keeps an entry of memory for each.
const MAX_QUEUED: usize = 10_000_000;

/// Processor cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

struct Reader<'v> {
    values: &'v Values,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> String {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// `None` where nothing is set.
    fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    fn sealing_key(&self, key: &str) -> Result<Option<SealingKey>, ConfigError> {
        let Some(text) = self.optional(key) else { return Ok(None) };
        let mut bytes = [0; 32];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Ok(Some(SealingKey(bytes))),
            Err(_) => Err(self.wrong(key, "(secret)", "64 hexadecimal digits, as `openssl rand -hex 32` prints them")),
        }
    }

    fn filled(&self, key: &str) -> Result<String, ConfigError> {
        let text = self.text(key);
        if text.trim().is_empty() { Err(self.wrong(key, &text, "not empty")) } else { Ok(text) }
    }

    fn number(&self, key: &str) -> u64 {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    fn positive(&self, key: &str) -> Result<u64, ConfigError> {
        match self.number(key) {
            0 => Err(self.wrong(key, "0", "at least 1")),
            number => Ok(number),
        }
    }

    fn size(&self, key: &str) -> Result<usize, ConfigError> {
        let number = self.positive(key)?;
        usize::try_from(number)
            .map_err(|_| self.wrong(key, &number.to_string(), "a size that this machine can address"))
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str, must: &str) -> Result<T, ConfigError> {
        let text = self.text(key);
        text.parse().map_err(|_| self.wrong(key, &text, must))
    }

    fn addresses(&self, key: &str) -> Result<Vec<AllowedAddress>, ConfigError> {
        let must = "an address, a block like 10.0.0.0/8 or a host name, each with an optional :port";
        self.list(key).iter().map(|entry| entry.parse().map_err(|_| self.wrong(key, entry, must))).collect()
    }

    fn trust(&self) -> Result<Trust, ConfigError> {
        let (digests, keys) = ("plugins.allowed_digests", "plugins.signing_keys");
        let must = "a list of values of 64 hexadecimal digits";
        let is_digest = |text: &String| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        if let Some(bad) = self.list(digests).iter().find(|digest| !is_digest(digest)) {
            return Err(self.wrong(digests, bad, must));
        }
        let parsed =
            self.list(keys).into_iter().map(|key| key.parse::<PublicKey>().map_err(|_| self.wrong(keys, &key, must)));
        let digests = self.list(digests).iter().map(|digest| digest.to_ascii_lowercase()).collect();
        Ok(Trust { digests, keys: parsed.collect::<Result<_, _>>()? })
    }

    fn sandbox(&self) -> Result<SandboxLimits, ConfigError> {
        let seconds = |key: &str| self.positive(key).map(Duration::from_secs);
        Ok(SandboxLimits {
            memory_bytes: Bound::new(self.size("sandbox.memory_bytes")?, "sandbox.memory_bytes"),
            wall: Bound::new(seconds("sandbox.wall_seconds")?, "sandbox.wall_seconds"),
            cpu: Bound::new(seconds("sandbox.cpu_seconds")?, "sandbox.cpu_seconds"),
            plan: Duration::from_millis(self.positive("sandbox.plan_milliseconds")?),
            host_call: seconds("sandbox.host_call_seconds")?,
            memories: self.size("sandbox.memories")?,
            instances: self.size("sandbox.instances")?,
            tables: self.size("sandbox.tables")?,
            table_elements: self.size("sandbox.table_elements")?,
            stack_bytes: self.size("sandbox.stack_bytes")?,
            call_bytes: self.size("sandbox.call_bytes")?,
            handles: self.size("sandbox.handles")?,
        })
    }

    fn guest(&self) -> Result<CapabilityLimits, ConfigError> {
        let depth = self.positive("sandbox.record_depth")?;
        if depth > MAX_RECORD_DEPTH {
            return Err(self.wrong("sandbox.record_depth", &depth.to_string(), "1 to 100"));
        }
        Ok(CapabilityLimits {
            batch: BatchLimits {
                bytes: self.size("sandbox.batch_bytes")?,
                records: self.size("sandbox.batch_records")?,
                record_bytes: self.size("sandbox.record_bytes")?,
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                ..BatchLimits::default()
            },
            checkpoint_bytes: self.size("sandbox.checkpoint_bytes")?,
            readers: self.size("sandbox.readers")?,
            writers: self.size("sandbox.writers")?,
            cursors: self.size("sandbox.cursors")?,
            log_bytes: self.size("sandbox.log_bytes")?,
            rejects: self.size("sandbox.rejects")?,
            result_bytes: self.size("sandbox.result_bytes")?,
            message_bytes: self.size("sandbox.message_bytes")?,
        })
    }

    fn grants(&self) -> Result<Grants, ConfigError> {
        let parsed = self.values.grants().map(|(plugin, given)| {
            let Value::List(lines) = &given.value else { return Ok((plugin.to_owned(), PluginGrants::default())) };
            let grants = PluginGrants::parse(lines.clone()).map_err(|(line, error)| ConfigError::Value {
                key: format!("grants.{plugin}"),
                value: line,
                origin: given.origin.clone(),
                must: error.to_string(),
            })?;
            Ok((plugin.to_owned(), grants))
        });
        let shipped = settings::GRANTS.iter().map(|(plugin, _)| *plugin).collect();
        Ok(Grants::new(parsed.collect::<Result<Vec<_>, _>>()?, shipped))
    }

    fn wrong(&self, key: &str, value: &str, must: &str) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: self.values.get(key).map(|given| given.origin.clone()).unwrap_or_default(),
            must: must.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let sources = Sources {
            file: None,
            environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        };
        Config::from_values(&gather(&sources)?)
    }

    #[test]
    fn defaults_are_valid() {
        let config = config(&[], &[]).unwrap();
        assert_eq!(config.listen.port(), 9925);
        assert!(config.admin_password.is_none());
        assert!(config.workers >= 1);
    }

    #[test]
    fn flags_win_over_the_environment_and_it_over_defaults() {
        let environment = [("JOBHOST_JOBS_WORKERS", "3"), ("JOBHOST_FILES_DIRECTORIES", "/a, /b")];
        let from_environment = config(&[], &environment).unwrap();
        assert_eq!(from_environment.workers, 3);
        assert_eq!(from_environment.file_directories, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(config(&["jobs.workers=5"], &environment).unwrap().workers, 5);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key_and_value() {
        for (flag, part) in [
            ("server.listen=nowhere", "server.listen"),
            ("jobs.workers=-1", "not negative"),
            ("log.format=xml", "text or json"),
            ("urls.allow=a b", "urls.allow"),
            ("nosuch.key=1", "nosuch.key"),
            ("data.dir=", "not empty"),
            ("jobs.workers", "section.key=value"),
            ("grants.csv-load=fly *", "grants.csv-load"),
            ("grants.mine=insert dog", "database.table"),
            ("sandbox.record_depth=101", "1 to 100"),
        ] {
            let message = config(&[flag], &[]).unwrap_err().to_string();
            assert!(message.contains(part), "{flag}: {message}");
        }
    }

    #[test]
    fn grants_are_by_plugin_and_what_is_set_replaces_the_default() {
        let environment = [("JOBHOST_GRANTS_MY_PLUGIN", "query data.*, concurrency 2")];
        let config = config(&["grants.csv-load=insert data.dog"], &environment).unwrap();
        assert_eq!(config.grants.of("csv-load").lines(), ["insert data.dog"]);
        assert_eq!(config.grants.of("my-plugin").lines(), ["query data.*", "concurrency 2"]);
        assert_eq!(config.grants.of("export").lines(), ["query *", "write-file *", "write-s3 *"]);
        assert!(config.grants.of("another").lines().is_empty());
    }

    #[test]
    fn the_defaults_of_limits_are_said_once() {
        let config = config(&[], &[]).unwrap();
        assert_eq!(format!("{:?}", config.sandbox), format!("{:?}", SandboxLimits::default()));
        assert_eq!(format!("{:?}", config.guest), format!("{:?}", CapabilityLimits::default()));
    }

    #[test]
    fn the_documentation_shows_the_defaults() {
        let page = include_str!("../../../docs/configuration.md");
        let shown = show(&gather(&Sources::default()).unwrap());
        assert!(page.contains(&shown), "docs/configuration.md must contain what `jobhost config` prints");
    }

    #[test]
    fn what_is_shown_can_be_read_again_and_hides_secrets() {
        let sources = Sources { flags: vec!["admin.password=hunter2".to_owned()], ..Sources::default() };
        let shown = show(&gather(&sources).unwrap());
        assert!(!shown.contains("hunter2"));
        let document: toml::Table = toml::from_str(&shown).unwrap();
        for setting in settings::SETTINGS {
            let section = document.get(setting.section()).and_then(toml::Value::as_table).unwrap();
            assert!(section.contains_key(setting.name()) || setting.kind == settings::Kind::Secret, "{}", setting.key);
        }
    }
}
