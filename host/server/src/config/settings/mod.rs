//! Every configuration key: its type, its default, and the reason for the default. Documentation, `jobhost config` and
//! the parser all use this one table. A key that is a limit has its name and default from the type that enforces it.

mod data;
mod jobs;
mod log;
mod plugins;
mod sandbox;
mod server;
mod sources;
mod sql;

use jobhost_model::Limit;

pub use data::*;
pub use jobs::*;
pub use log::*;
pub use plugins::*;
pub use sandbox::*;
pub use server::*;
pub use sources::*;
pub use sql::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Text that is never shown.
    Secret,
    Number,
    /// Strings; in the environment and in flags separated by commas.
    List,
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    declared: Declared,
    /// What it means, and why the default is what it is.
    pub reason: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Declared {
    /// Empty for "not set" or an empty list.
    Text {
        key: &'static str,
        kind: Kind,
        default: &'static str,
    },
    Number {
        key: &'static str,
        default: u64,
    },
    Limit(fn() -> Limit),
}

const fn text(key: &'static str, default: &'static str, reason: &'static str) -> Setting {
    Setting { declared: Declared::Text { key, kind: Kind::Text, default }, reason }
}

const fn secret(key: &'static str, reason: &'static str) -> Setting {
    Setting { declared: Declared::Text { key, kind: Kind::Secret, default: "" }, reason }
}

const fn list(key: &'static str, reason: &'static str) -> Setting {
    Setting { declared: Declared::Text { key, kind: Kind::List, default: "" }, reason }
}

const fn number(key: &'static str, default: u64, reason: &'static str) -> Setting {
    Setting { declared: Declared::Number { key, default }, reason }
}

const fn limit(default: fn() -> Limit, reason: &'static str) -> Setting {
    Setting { declared: Declared::Limit(default), reason }
}

/// In the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    SERVER_LISTEN,
    SERVER_MAX_BODY_BYTES,
    SERVER_HEADER_SECONDS,
    SERVER_BODY_SECONDS,
    SERVER_REPLY_SECONDS,
    SERVER_MAX_CONNECTIONS,
    SERVER_MAX_WRITE_RECORDS,
    MEMORY_TOTAL_BYTES,
    SEARCHES_MAX_RUNNING,
    DATA_DIR,
    DATA_MAX_BYTES,
    DATA_RESERVE_BYTES,
    DATA_USER_MAX_BYTES,
    DATA_SEALING_KEY,
    ADMIN_USERNAME,
    ADMIN_PASSWORD,
    TOKENS_OPERATION_LIFETIME_SECONDS,
    TOKENS_REFRESH_LIFETIME_SECONDS,
    JOBS_WORKERS,
    JOBS_MAX_QUEUED,
    JOBS_HISTORY_BYTES,
    JOBS_CANCEL_GRACE_SECONDS,
    SPOOL_MAX_BYTES,
    PLUGINS_DIR,
    PLUGINS_CACHE_DIR,
    PLUGINS_ALLOWED_DIGESTS,
    PLUGINS_SIGNING_KEYS,
    PLUGINS_COMPONENT_BYTES,
    PLUGINS_COMPILE_SECONDS,
    PLUGINS_COMPILE_MEMORY_BYTES,
    FILES_DIRECTORIES,
    FILES_MAX_BYTES,
    FILES_EXPORT_DIRECTORIES,
    URLS_ALLOW,
    URLS_MAX_BYTES,
    URLS_TIMEOUT_SECONDS,
    URLS_MAX_REDIRECTS,
    S3_ENDPOINT,
    S3_ALLOW,
    S3_CREDENTIALS_FILE,
    S3_MAX_BYTES,
    S3_TIMEOUT_SECONDS,
    SQL_MEMORY_BYTES,
    SQL_SPILL_BYTES,
    SQL_SPILL_TOTAL_BYTES,
    SQL_MAX_RUNNING,
    SQL_TIMEOUT_SECONDS,
    SANDBOX_MEMORY_BYTES,
    SANDBOX_MEMORIES,
    SANDBOX_INSTANCES,
    SANDBOX_TABLES,
    SANDBOX_TABLE_ELEMENTS,
    SANDBOX_STACK_BYTES,
    SANDBOX_WALL_SECONDS,
    SANDBOX_CPU_SECONDS,
    SANDBOX_PLAN_MILLISECONDS,
    SANDBOX_HOST_CALL_SECONDS,
    SANDBOX_CALL_BYTES,
    SANDBOX_HANDLES,
    SANDBOX_READERS,
    SANDBOX_WRITERS,
    SANDBOX_CURSORS,
    SANDBOX_BATCH_BYTES,
    SANDBOX_BATCH_RECORDS,
    SANDBOX_RECORD_BYTES,
    SANDBOX_RECORD_DEPTH,
    SANDBOX_CHECKPOINT_BYTES,
    SANDBOX_RESULT_BYTES,
    SANDBOX_MESSAGE_BYTES,
    SANDBOX_OUTCOME_SECONDS,
    SANDBOX_LOG_BYTES,
    SANDBOX_REJECTS,
    LOG_LEVEL,
    LOG_FORMAT,
];

/// Default grants of the shipped plugins. Any other plugin starts without grants. The permissions of the job's user and the
/// keys of files, urls and s3 still apply.
pub const GRANTS: &[(&str, &[&str])] = &[
    ("csv-load", &["insert *", "update *", "read-file *", "fetch-url *"]),
    ("csv-preview", &["read-file *", "fetch-url *", "read-s3 *"]),
    ("delete-records-before", &["delete *"]),
    ("export", &["query *", "write-file *", "write-s3 *"]),
    ("json-load", &["insert *", "update *", "read-file *", "fetch-url *"]),
    ("parquet-load", &["insert *", "update *", "read-file *", "fetch-url *", "read-s3 *"]),
    ("s3-import", &["insert *", "update *", "read-s3 *"]),
];

pub const GRANTS_REASON: &str = "What each plugin may do: one key per plugin, a list of lines CAPABILITY SCOPE. A plan is \
    accepted only if the plugin's description requests the capability and a line here covers what the plan touches. insert, update, delete, query: a table database.table, database.* or *.table. read-file, \
    write-file: a directory, including its subdirectories. fetch-url: host or host:port. read-s3, write-s3: bucket or host/bucket. \
    The scope * means everything. concurrency, memory-bytes, wall-seconds and cpu-seconds with a number limit the \
    plugin's jobs. A key here replaces the plugin's default; a plugin without a key has no grants. Read at start.";

impl Setting {
    /// `section.name`.
    pub fn key(&self) -> &'static str {
        match self.declared {
            Declared::Text { key, .. } | Declared::Number { key, .. } => key,
            Declared::Limit(limit) => limit().static_key(),
        }
    }

    pub fn kind(&self) -> Kind {
        match self.declared {
            Declared::Text { kind, .. } => kind,
            Declared::Number { .. } | Declared::Limit(_) => Kind::Number,
        }
    }

    /// As it would stand in an environment variable; empty for "not set" or an empty list.
    pub fn default(&self) -> String {
        match self.declared {
            Declared::Text { default, .. } => default.to_owned(),
            Declared::Number { default, .. } => default.to_string(),
            Declared::Limit(limit) => limit().value().to_string(),
        }
    }

    /// The limit that the key sets, with its default; `None` if the key sets no limit that a type of the host enforces.
    pub fn default_limit(&self) -> Option<Limit> {
        match self.declared {
            Declared::Limit(limit) => Some(limit()),
            Declared::Text { .. } | Declared::Number { .. } => None,
        }
    }

    /// The limit that the key sets, with this value.
    pub fn limit(&self, value: u64) -> Limit {
        match self.declared {
            Declared::Limit(limit) => limit().with_value(value),
            Declared::Text { key, .. } | Declared::Number { key, .. } => Limit::new(key, value),
        }
    }

    /// The environment variable of the key.
    pub fn variable(&self) -> String {
        format!("JOBHOST_{}", self.key().replace('.', "_").to_ascii_uppercase())
    }

    pub fn section(&self) -> &'static str {
        self.key().split_once('.').map_or(self.key(), |(section, _)| section)
    }

    pub fn name(&self) -> &'static str {
        self.key().split_once('.').map_or(self.key(), |(_, name)| name)
    }
}

pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key() == key)
}
