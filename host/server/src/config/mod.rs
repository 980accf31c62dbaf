//! The typed configuration. It is parsed here, once; everything else uses the parsed values.

mod reader;
pub mod settings;
mod show;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use show::show;
pub use values::{ConfigError, Sources, Values, gather};

use secrecy::{SecretBox, SecretString};

use crate::api::server::ConnectionLimits;
use jobhost_capabilities::CapabilityLimits;
use jobhost_objects::AllowedAddress;
use jobhost_registry::{CompileLimits, Grants, Trust};
use jobhost_sandbox::SandboxLimits;
use reader::Reader;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What `settings::SETTINGS` documents, key by key.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    pub connections: ConnectionLimits,
    pub body_time: Duration,
    pub max_write_records: usize,
    /// 0: half of what there is.
    pub memory_bytes: u64,
    pub max_searches: u64,
    /// 0: half of the disk that is free.
    pub spool_bytes: u64,
    /// 0: a quarter of the disk that is free.
    pub sql_spill_total_bytes: u64,
    pub max_sql: u64,
    pub reserve_bytes: u64,
    /// 0: no bound.
    pub user_store_bytes: u64,
    pub data_dir: PathBuf,
    pub max_store_bytes: u64,
    /// Seals secrets at rest.
    pub sealing_key: Option<SecretBox<[u8; 32]>>,
    pub admin_username: String,
    pub admin_password: Option<SecretString>,
    pub operation_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub workers: usize,
    pub max_queued: usize,
    pub history_bytes: u64,
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
            max_write_records: read.size("server.max_write_records")?,
            memory_bytes: read.at_least_or_zero("memory.total_bytes", MIN_MEMORY_BYTES)?,
            max_searches: read.positive("searches.max_running")?,
            spool_bytes: read.number("spool.max_bytes"),
            sql_spill_total_bytes: read.number("sql.spill_total_bytes"),
            max_sql: read.positive("sql.max_running")?,
            reserve_bytes: read.number("data.reserve_bytes"),
            user_store_bytes: read.number("data.user_max_bytes"),
            data_dir: PathBuf::from(read.filled("data.dir")?),
            max_store_bytes: read.positive("data.max_bytes")?,
            admin_username: read.filled("admin.username")?,
            sealing_key: read.sealing_key("data.sealing_key")?,
            admin_password: read.secret("admin.password"),
            operation_token_seconds: read.positive("tokens.operation_lifetime_seconds")?,
            refresh_token_seconds: read.positive("tokens.refresh_lifetime_seconds")?,
            workers: match read.number("jobs.workers") {
                0 => cores().saturating_mul(WORKERS_PER_CORE).max(MIN_DEFAULT_WORKERS),
                number => usize::try_from(number).unwrap_or(usize::MAX).min(MAX_WORKERS),
            },
            max_queued: read.size("jobs.max_queued")?.min(MAX_QUEUED),
            history_bytes: read.positive("jobs.history_bytes")?,
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

/// With less a host could not run a single plugin besides itself.
const MIN_MEMORY_BYTES: u64 = 128 << 20;
/// One user alone may use two thirds of them (`jobs/queue/shares.rs`): 8 of 12.
const WORKERS_PER_CORE: usize = 6;
const MIN_DEFAULT_WORKERS: usize = 12;
/// More would only wait for each other.
const MAX_WORKERS: usize = 1024;
/// The queue keeps an entry of memory for each.
const MAX_QUEUED: usize = 10_000_000;

/// Processor cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
