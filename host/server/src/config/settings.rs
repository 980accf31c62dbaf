//! Every configuration key: its type, its default, and the reason for the default. Documentation, `jobhost config` and
//! the parser all use this one table.

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
    /// `section.name`.
    pub key: &'static str,
    pub kind: Kind,
    /// As it would stand in an environment variable; empty for "not set" or an empty list.
    pub default: &'static str,
    /// What it means, and why the default is what it is.
    pub reason: &'static str,
}

const fn setting(key: &'static str, kind: Kind, default: &'static str, reason: &'static str) -> Setting {
    Setting { key, kind, default, reason }
}

pub const SETTINGS: &[Setting] = &[
    setting(
        "server.listen",
        Kind::Text,
        "127.0.0.1:9925",
        "Address and port of the Operations API. Harper's port, so that clients need no change; loopback, because the \
         API speaks plain HTTP: put a TLS proxy in front before you listen on another address. Port 0 picks a free port.",
    ),
    setting(
        "server.max_body_bytes",
        Kind::Number,
        "1073741824",
        "Maximum size of a request body: 1 GiB, as in Harper, because csv_data_load carries its data in the body.",
    ),
    setting(
        "server.header_seconds",
        Kind::Number,
        "30",
        "Maximum time to receive a request's head, and maximum idle time of a connection before it.",
    ),
    setting(
        "server.body_seconds",
        Kind::Number,
        "60",
        "Maximum time for each MiB of a request body: 60 seconds, so that slow senders cannot hold connections open.",
    ),
    setting(
        "server.reply_seconds",
        Kind::Number,
        "60",
        "Maximum time that a response may wait for its client to read. The rows of a search pin a store snapshot until they \
         are sent.",
    ),
    setting(
        "server.max_connections",
        Kind::Number,
        "4096",
        "Maximum number of open connections; further ones wait. Capped at half of the process's file descriptors \
         (ulimit -n), because jobs need some too.",
    ),
    setting(
        "server.max_write_records",
        Kind::Number,
        "100000",
        "Maximum number of records in one insert, update, upsert or delete. Each is one transaction, during which other \
         writes wait: 100,000 records take about 0.1 seconds. Loads have no such limit.",
    ),
    setting(
        "memory.total_bytes",
        Kind::Number,
        "0",
        "Memory budget for everything that clients, users and plugins make the host hold. Requests beyond it are refused with \
         429 (the user's share is used up) or 503, with Retry-After. A user may hold as much as is still free; an eighth is \
         reserved for logins, job queries and the host's own work. 0 means half of what the machine, the control group or \
         ulimit allows, whichever is smallest.",
    ),
    setting(
        "searches.max_running",
        Kind::Number,
        "128",
        "Maximum number of concurrent searches that scan or sort; each pins a store snapshot. Further ones wait two seconds and \
         are then refused with 429 or 503. Look-ups by id do not count.",
    ),
    setting(
        "data.dir",
        Kind::Text,
        "./jobhost-data",
        "Directory for the store, the keys and the spool of jobs. Only one host can use it at a time.",
    ),
    setting(
        "data.max_bytes",
        Kind::Number,
        "1099511627776",
        "Maximum size of the embedded store. Only address space is reserved (1 TiB); the file grows with the data. When the \
         store is full, writes fail with a clear error and nothing is lost.",
    ),
    setting(
        "data.reserve_bytes",
        Kind::Number,
        "0",
        "Disk space that payloads, downloads and temporary files never use: it is reserved for the store. 0 means 1 GiB, or \
         5 % of the space that is free when the host starts if that is less.",
    ),
    setting(
        "data.user_max_bytes",
        Kind::Number,
        "0",
        "Maximum size of the records that one user has written, in bytes of keys and values. Writes beyond it are refused, \
         and jobs end in ERROR. Super users have no limit. Records written while this was 0 (no limit) are not counted for \
         anyone. When a table shrinks, all its writers are credited in proportion.",
    ),
    setting(
        "data.sealing_key",
        Kind::Secret,
        "",
        "Key that encrypts the secrets of waiting and running jobs: 64 hexadecimal digits. If it is not set, the first start \
         creates one in <data.dir>/sealing-key (mode 0600). Set it if readers of the disk must not be able to decrypt them.",
    ),
    setting(
        "admin.username",
        Kind::Text,
        "HDB_ADMIN",
        "Name of the administrator that the first start creates. The default is Harper's usual name.",
    ),
    setting(
        "admin.password",
        Kind::Secret,
        "",
        "Password of that administrator. There is no default: if it is not set, the first start generates a random one and \
         writes it to <data.dir>/admin-password (mode 0600). It has no effect once a user exists.",
    ),
    setting(
        "tokens.operation_lifetime_seconds",
        Kind::Number,
        "86400",
        "Lifetime of an operation token: 1 day, as in Harper.",
    ),
    setting(
        "tokens.refresh_lifetime_seconds",
        Kind::Number,
        "2592000",
        "Lifetime of a refresh token: 30 days, as in Harper.",
    ),
    setting(
        "jobs.workers",
        Kind::Number,
        "0",
        "Maximum number of jobs that run at once; the others wait. 0 means 6 per processor core, at least 12: they share one \
         thread per core, and while one waits for its commit or source, another computes. A single user may use two thirds \
         of them, so that some are always left for others. A large load holds up to 32 MiB of batches in addition to its \
         plugin's memory.",
    ),
    setting(
        "jobs.max_queued",
        Kind::Number,
        "100000",
        "Maximum number of waiting jobs. Beyond it a request gets 429 with Retry-After, and nothing is stored. The last eighth \
         is reserved for users who have fewer than a sixteenth of it waiting. A waiting job takes a few hundred bytes of memory.",
    ),
    setting(
        "jobs.history_bytes",
        Kind::Number,
        "1073741824",
        "Maximum size of one user's finished job rows with their logs and rejected records: 1 GiB, about a million ordinary \
         jobs. Beyond it the user's oldest jobs are deleted.",
    ),
    setting(
        "jobs.cancel_grace_seconds",
        Kind::Number,
        "10",
        "Time that a running job has to end on its own after it is cancelled; then it is stopped.",
    ),
    setting(
        "spool.max_bytes",
        Kind::Number,
        "0",
        "Disk space for the payloads and downloads of all waiting and running jobs. A user may hold as much as is still free. \
         0 means half of the space that the disk of data.dir has free when the host starts.",
    ),
    setting(
        "plugins.dir",
        Kind::Text,
        "./plugins",
        "Directory whose .wasm files are the plugins. It is watched: adding, replacing or removing a file takes effect within \
         a second or two.",
    ),
    setting(
        "plugins.cache_dir",
        Kind::Text,
        "",
        "Directory for compiled plugins, so that they are not compiled again at each start. If it is not set: \
         <data.dir>/compile-cache. Only the host may write there. Hosts of one owner can share it.",
    ),
    setting(
        "plugins.allowed_digests",
        Kind::List,
        "",
        "SHA-256 digests of the components that may be loaded, in hexadecimal. Empty: all may.",
    ),
    setting(
        "plugins.signing_keys",
        Kind::List,
        "",
        "ed25519 public keys, 64 hexadecimal digits each. If any are set, a component needs a signature by one of them: 64 \
         bytes in a file beside it with .sig appended to its name. Empty: no signature is needed.",
    ),
    setting(
        "plugins.component_bytes",
        Kind::Number,
        "67108864",
        "Maximum size of a component: 64 MiB. Languages that embed an interpreter produce components of about 10 to 40 MiB.",
    ),
    setting(
        "plugins.compile_seconds",
        Kind::Number,
        "60",
        "Maximum time to compile a component. Compilation runs in a separate process, one at a time and at lower priority; the \
         largest real components take a few seconds.",
    ),
    setting(
        "plugins.compile_memory_bytes",
        Kind::Number,
        "4294967296",
        "Maximum address space of that process: 4 GiB.",
    ),
    setting(
        "files.directories",
        Kind::List,
        "",
        "Directories whose files csv_file_load, json_file_load and parquet_file_load may read. Empty: none, because otherwise \
         every user who may load a table could read every file that the host can read.",
    ),
    setting(
        "files.export_directories",
        Kind::List,
        "",
        "Directories that export_local may write to. Empty: none, because an export replaces a file of the same name.",
    ),
    setting(
        "urls.allow",
        Kind::List,
        "",
        "Private, loopback or link-local addresses that jobs may connect to nevertheless: host:port, address, or block such as \
         10.0.0.0/8. Empty: only public addresses, so that a job cannot reach systems behind the firewall.",
    ),
    setting(
        "urls.max_bytes",
        Kind::Number,
        "10737418240",
        "Maximum size of a downloaded body after decompression: 10 GiB. It is spooled to disk.",
    ),
    setting("urls.timeout_seconds", Kind::Number, "3600", "Maximum time for one download: 1 hour."),
    setting(
        "urls.max_redirects",
        Kind::Number,
        "5",
        "Maximum number of redirects to follow; each hop is checked like the first.",
    ),
    setting(
        "s3.endpoint",
        Kind::Text,
        "",
        "URL of the S3 server for requests without an endpoint. Empty: AWS. Jobs may connect to it even at a private address.",
    ),
    setting(
        "s3.allow",
        Kind::List,
        "",
        "S3 servers with private, loopback or link-local addresses that requests may name; same syntax as urls.allow.",
    ),
    setting(
        "s3.credentials_file",
        Kind::Text,
        "",
        "Credentials file in AWS's format ([name], aws_access_key_id, aws_secret_access_key, …). A super_user's request may \
         then name a \"profile\" instead of sending keys. Empty: no profiles.",
    ),
    setting(
        "s3.max_bytes",
        Kind::Number,
        "107374182400",
        "Maximum size of an object that is read, after decompression: 100 GiB. It is streamed and never stored.",
    ),
    setting(
        "s3.timeout_seconds",
        Kind::Number,
        "300",
        "How long a request to an S3 server is retried before the job fails: 5 minutes.",
    ),
    setting(
        "sql.memory_bytes",
        Kind::Number,
        "33554432",
        "Maximum memory of one SQL query for sorting and grouping: 32 MiB. The excess goes to a temporary file.",
    ),
    setting(
        "sql.spill_bytes",
        Kind::Number,
        "10737418240",
        "Maximum size of the temporary files of one SQL query: 10 GiB.",
    ),
    setting(
        "sql.spill_total_bytes",
        Kind::Number,
        "0",
        "Maximum total size of the temporary files of all SQL queries; a user may hold as much as is still free. 0 means a \
         quarter of the space that the disk of data.dir has free when the host starts.",
    ),
    setting(
        "sql.max_running",
        Kind::Number,
        "32",
        "Maximum number of concurrent SQL statements, each on its own thread. Further ones wait two seconds and are then \
         refused with 429 or 503.",
    ),
    setting("sql.timeout_seconds", Kind::Number, "3600", "Maximum time for one SQL query: 1 hour."),
    setting(
        "sandbox.memory_bytes",
        Kind::Number,
        "134217728",
        "Maximum memory of one plugin instance: 128 MiB. Input is streamed, so larger input needs no more memory; languages that \
         embed an interpreter fit. A grant can set another limit for a plugin.",
    ),
    setting(
        "sandbox.memories",
        Kind::Number,
        "8",
        "Maximum number of linear memories of a plugin instance. Compilers produce one or two.",
    ),
    setting(
        "sandbox.instances",
        Kind::Number,
        "64",
        "Maximum number of core instances in a component. Compilers produce a handful.",
    ),
    setting(
        "sandbox.tables",
        Kind::Number,
        "64",
        "Maximum number of tables in a component. Compilers produce one per core instance.",
    ),
    setting(
        "sandbox.table_elements",
        Kind::Number,
        "100000",
        "Maximum total number of table elements of an instance; each takes 8 to 16 bytes of host memory. Tables hold the \
         functions that are called through pointers, typically a few thousand.",
    ),
    setting(
        "sandbox.stack_bytes",
        Kind::Number,
        "1048576",
        "Stack size of a plugin: 1 MiB, as compilers expect. Deeper recursion fails the job.",
    ),
    setting(
        "sandbox.wall_seconds",
        Kind::Number,
        "86400",
        "Maximum wall-clock time of one attempt: 1 day. A grant can set another limit for a plugin.",
    ),
    setting(
        "sandbox.cpu_seconds",
        Kind::Number,
        "21600",
        "Maximum processor time of one attempt: 6 hours. A grant can set another limit for a plugin.",
    ),
    setting(
        "sandbox.plan_milliseconds",
        Kind::Number,
        "1000",
        "Maximum time of a plugin's describe or plan call. They take well under a millisecond; one second leaves room on a busy \
         machine.",
    ),
    setting(
        "sandbox.host_call_seconds",
        Kind::Number,
        "7200",
        "Maximum time of one capability call: 2 hours, more than the slowest of them, a download, may take \
         (urls.timeout_seconds).",
    ),
    setting(
        "sandbox.call_bytes",
        Kind::Number,
        "4194304",
        "Maximum data that the host copies for one call of a plugin: 4 MiB, enough for a batch and its checkpoint.",
    ),
    setting(
        "sandbox.handles",
        Kind::Number,
        "256",
        "Maximum number of open handles of a plugin: readers, writers, cursors, streams, timers.",
    ),
    setting("sandbox.readers", Kind::Number, "16", "Maximum number of sources that a plugin reads at once."),
    setting(
        "sandbox.writers",
        Kind::Number,
        "4",
        "Maximum number of sinks that a plugin writes at once; each may hold a few parts of an upload in memory.",
    ),
    setting(
        "sandbox.cursors",
        Kind::Number,
        "4",
        "Maximum number of open queries of a plugin; each pins a store snapshot.",
    ),
    setting("sandbox.batch_bytes", Kind::Number, "1048576", "Maximum size of a batch of records: 1 MiB."),
    setting("sandbox.batch_records", Kind::Number, "16384", "Maximum number of records in a batch."),
    setting("sandbox.record_bytes", Kind::Number, "262144", "Maximum size of a record in a batch: 256 KiB."),
    setting(
        "sandbox.record_depth",
        Kind::Number,
        "32",
        "Maximum nesting depth of a record; the record itself is level 1. At most 100.",
    ),
    setting(
        "sandbox.checkpoint_bytes",
        Kind::Number,
        "65536",
        "Maximum size of a checkpoint: 64 KiB. It is written with every commit group.",
    ),
    setting(
        "sandbox.result_bytes",
        Kind::Number,
        "262144",
        "Maximum size of a job's result: 256 KiB. It is stored in the job's row.",
    ),
    setting(
        "sandbox.message_bytes",
        Kind::Number,
        "65536",
        "Maximum size of a job's message: 64 KiB. Longer messages are truncated.",
    ),
    setting(
        "sandbox.log_bytes",
        Kind::Number,
        "65536",
        "Maximum size of a job's log, including stdout and stderr: the last 64 KiB are kept. Dropped lines are counted.",
    ),
    setting(
        "sandbox.rejects",
        Kind::Number,
        "100",
        "Maximum number of rejected records that are stored with their text. All are counted.",
    ),
    setting(
        "log.level",
        Kind::Text,
        "info",
        "error, warn, info, debug or trace, or a filter such as info,jobhost::jobs=debug.",
    ),
    setting("log.format", Kind::Text, "text", "text for people, json for machines. Logs go to stderr."),
];

/// Default grants of the shipped plugins. Any other plugin starts without grants. The permissions of the job's user and the
/// keys of files, urls and s3 still apply.
pub const GRANTS: &[(&str, &[&str])] = &[
    ("csv-load", &["insert *", "update *", "read-file *", "fetch-url *"]),
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
    /// The environment variable of the key.
    pub fn variable(&self) -> String {
        format!("JOBHOST_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }
}

pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
