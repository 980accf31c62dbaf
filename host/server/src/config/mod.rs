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
use jobhost_model::Limit;
use jobhost_objects::{AllowedAddress, DownloadLimits};
use jobhost_registry::{CompileLimits, Grants, Trust};
use jobhost_sandbox::SandboxLimits;
use reader::Reader;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What [`settings::SETTINGS`] documents, key by key.
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
    pub file_max_bytes: Limit,
    pub allowed_addresses: Vec<AllowedAddress>,
    pub downloads: DownloadLimits,
    pub export_directories: Vec<PathBuf>,
    pub s3_endpoint: Option<String>,
    pub s3_allowed_addresses: Vec<AllowedAddress>,
    pub s3_credentials_file: Option<PathBuf>,
    pub s3_max_bytes: Limit,
    pub s3_timeout: Duration,
    pub sql_memory_bytes: Limit,
    pub sql_spill_bytes: Limit,
    pub sql_timeout: Limit,
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
            listen: read.parsed(&settings::SERVER_LISTEN, "an address and port like 127.0.0.1:9925")?,
            max_body_bytes: read.size(&settings::SERVER_MAX_BODY_BYTES)?,
            connections: ConnectionLimits {
                header: Duration::from_secs(read.positive(&settings::SERVER_HEADER_SECONDS)?),
                reply: Duration::from_secs(read.positive(&settings::SERVER_REPLY_SECONDS)?),
                connections: read.size(&settings::SERVER_MAX_CONNECTIONS)?,
            },
            body_time: Duration::from_secs(read.positive(&settings::SERVER_BODY_SECONDS)?),
            max_write_records: read.size(&settings::SERVER_MAX_WRITE_RECORDS)?,
            memory_bytes: read.at_least_or_zero(&settings::MEMORY_TOTAL_BYTES, MIN_MEMORY_BYTES)?,
            max_searches: read.positive(&settings::SEARCHES_MAX_RUNNING)?,
            spool_bytes: read.number(&settings::SPOOL_MAX_BYTES),
            sql_spill_total_bytes: read.number(&settings::SQL_SPILL_TOTAL_BYTES),
            max_sql: read.positive(&settings::SQL_MAX_RUNNING)?,
            reserve_bytes: read.number(&settings::DATA_RESERVE_BYTES),
            user_store_bytes: read.number(&settings::DATA_USER_MAX_BYTES),
            data_dir: PathBuf::from(read.filled(&settings::DATA_DIR)?),
            max_store_bytes: read.positive(&settings::DATA_MAX_BYTES)?,
            admin_username: read.filled(&settings::ADMIN_USERNAME)?,
            sealing_key: read.sealing_key(&settings::DATA_SEALING_KEY)?,
            admin_password: read.secret(&settings::ADMIN_PASSWORD),
            operation_token_seconds: read.positive(&settings::TOKENS_OPERATION_LIFETIME_SECONDS)?,
            refresh_token_seconds: read.positive(&settings::TOKENS_REFRESH_LIFETIME_SECONDS)?,
            workers: match read.number(&settings::JOBS_WORKERS) {
                0 => cores().saturating_mul(WORKERS_PER_CORE).max(MIN_DEFAULT_WORKERS),
                number => usize::try_from(number).unwrap_or(usize::MAX).min(MAX_WORKERS),
            },
            max_queued: read.size(&settings::JOBS_MAX_QUEUED)?.min(MAX_QUEUED),
            history_bytes: read.positive(&settings::JOBS_HISTORY_BYTES)?,
            cancel_grace: Duration::from_secs(read.number(&settings::JOBS_CANCEL_GRACE_SECONDS)),
            plugins_dir: PathBuf::from(read.filled(&settings::PLUGINS_DIR)?),
            plugin_cache_dir: read.optional(&settings::PLUGINS_CACHE_DIR).map(PathBuf::from),
            trust: read.trust()?,
            component_bytes: read.positive(&settings::PLUGINS_COMPONENT_BYTES)?,
            compile: CompileLimits {
                time: read.limit(&settings::PLUGINS_COMPILE_SECONDS)?,
                memory_bytes: read.limit(&settings::PLUGINS_COMPILE_MEMORY_BYTES)?,
                stack_bytes: read.size(&settings::SANDBOX_STACK_BYTES)?,
            },
            grants: read.grants()?,
            file_directories: read.list(&settings::FILES_DIRECTORIES).into_iter().map(PathBuf::from).collect(),
            file_max_bytes: read.limit(&settings::FILES_MAX_BYTES)?,
            allowed_addresses: read.addresses(&settings::URLS_ALLOW)?,
            downloads: DownloadLimits {
                max_bytes: read.limit(&settings::URLS_MAX_BYTES)?,
                timeout: read.limit(&settings::URLS_TIMEOUT_SECONDS)?,
                max_redirects: settings::URLS_MAX_REDIRECTS.limit(read.number(&settings::URLS_MAX_REDIRECTS)),
            },
            export_directories: read.list(&settings::FILES_EXPORT_DIRECTORIES).into_iter().map(PathBuf::from).collect(),
            s3_endpoint: read.optional(&settings::S3_ENDPOINT),
            s3_allowed_addresses: read.addresses(&settings::S3_ALLOW)?,
            s3_credentials_file: read.optional(&settings::S3_CREDENTIALS_FILE).map(PathBuf::from),
            s3_max_bytes: read.limit(&settings::S3_MAX_BYTES)?,
            s3_timeout: Duration::from_secs(read.positive(&settings::S3_TIMEOUT_SECONDS)?),
            sql_memory_bytes: read.limit(&settings::SQL_MEMORY_BYTES)?,
            sql_spill_bytes: read.limit(&settings::SQL_SPILL_BYTES)?,
            sql_timeout: read.limit(&settings::SQL_TIMEOUT_SECONDS)?,
            sandbox: read.sandbox()?,
            guest: read.guest()?,
            log_level: read.filled(&settings::LOG_LEVEL)?,
            log_format: match read.text(&settings::LOG_FORMAT).as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => return Err(read.wrong(&settings::LOG_FORMAT, other, "text or json")),
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
