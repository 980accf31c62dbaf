//! Every key of the configuration: what kind of value it takes, its default, and why that is the default. Documentation,
//! `jobhost config` and the parser all read this one table.

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
         API speaks plain HTTP: put a TLS proxy in front before it listens elsewhere. Port 0 takes a free one.",
    ),
    setting(
        "server.max_body_bytes",
        Kind::Number,
        "1073741824",
        "Largest request body. 1 GiB, as Harper allows; a csv_data_load carries its data in the body.",
    ),
    setting(
        "server.header_seconds",
        Kind::Number,
        "30",
        "Time for the head of a request, and how long a connection may stay idle before it.",
    ),
    setting(
        "server.body_seconds",
        Kind::Number,
        "60",
        "Time for each MiB of a request's body: 60 seconds, so that nobody holds a connection by sending a byte now and then.",
    ),
    setting(
        "server.reply_seconds",
        Kind::Number,
        "60",
        "How long a client may take nothing of an answer that waits for it. The rows of a search keep a moment of the store alive \
         until they are sent.",
    ),
    setting(
        "server.max_connections",
        Kind::Number,
        "4096",
        "Connections that are open at a time; further ones wait. At most half of the file descriptors that the process may \
         have (ulimit -n), because jobs need some too.",
    ),
    setting(
        "server.max_write_records",
        Kind::Number,
        "100000",
        "Records that one insert, update, upsert or delete may carry. Each is one transaction, which others wait for: 100,000 \
         records take about a tenth of a second. Loads have no such limit.",
    ),
    setting(
        "memory.total_bytes",
        Kind::Number,
        "0",
        "Memory for everything that clients, users and plugins make the host hold. What would exceed it is refused with 429 \
         (the user's own share is used up) or 503, and Retry-After. A user may hold as much as is still free, an eighth is kept \
         for logins, questions about jobs and the host's own work. 0 means half of what the machine, the control group or \
         ulimit allows, whichever is least.",
    ),
    setting(
        "searches.max_running",
        Kind::Number,
        "128",
        "Searches that scan or sort at once; each pins a snapshot of the store. One more waits two seconds, then it is refused \
         with 429 or 503. Look-ups by id do not count.",
    ),
    setting(
        "data.dir",
        Kind::Text,
        "./jobhost-data",
        "Where the store, the keys and the spool of jobs lie. One host owns it at a time.",
    ),
    setting(
        "data.max_bytes",
        Kind::Number,
        "1099511627776",
        "How large the embedded store may grow. Only address space is reserved (1 TiB), the file grows with the data; when \
         it is full, writes fail with a clear error and nothing is lost.",
    ),
    setting(
        "data.reserve_bytes",
        Kind::Number,
        "0",
        "The last part of the disk that payloads, downloads and temporary files never take: it is kept for the store. 0 means \
         1 GiB, or a twentieth of what is free when the host starts if that is less.",
    ),
    setting(
        "data.user_max_bytes",
        Kind::Number,
        "0",
        "What the records that one user has written may take in the store, in bytes of keys and values; whoever would exceed \
         it is refused, and a job ends in ERROR. Super users are not bounded. What was written while this was 0 (no bound) \
         counts for nobody. What shrinks a table is taken from all who wrote it, in proportion.",
    ),
    setting(
        "data.sealing_key",
        Kind::Secret,
        "",
        "Key that seals the secrets of jobs that wait or run: 64 hexadecimal digits. Not set: the first start makes one in \
         <data.dir>/sealing-key (mode 0600). Set it where whoever can read the disk must not be able to open them.",
    ),
    setting(
        "admin.username",
        Kind::Text,
        "HDB_ADMIN",
        "Name of the administrator that the first start creates. Harper's usual name.",
    ),
    setting(
        "admin.password",
        Kind::Secret,
        "",
        "Password of that administrator. There is no default: if it is not set, the first start makes a random one and \
         writes it to <data.dir>/admin-password (mode 0600). Without effect once a user exists.",
    ),
    setting(
        "tokens.operation_lifetime_seconds",
        Kind::Number,
        "86400",
        "Life of an operation token: 1 day, as Harper's.",
    ),
    setting(
        "tokens.refresh_lifetime_seconds",
        Kind::Number,
        "2592000",
        "Life of a refresh token: 30 days, as Harper's.",
    ),
    setting(
        "jobs.workers",
        Kind::Number,
        "0",
        "Jobs that run at once; the others wait. 0 means 6 for each processor core, at least 12: they share one thread a \
         core, and while one waits for its commit or its source another computes. One user alone may use two thirds of \
         them, and some are always left for others. A large load holds up to 32 MiB of batches besides its plugin's memory.",
    ),
    setting(
        "jobs.max_queued",
        Kind::Number,
        "100000",
        "Jobs that may wait. Past it a request is answered with 429 and Retry-After, and nothing is stored. The last eighth \
         is for users who have less than a sixteenth of it waiting. A waiting job costs some hundred bytes of memory.",
    ),
    setting(
        "jobs.history_bytes",
        Kind::Number,
        "1073741824",
        "What the rows of one user's finished jobs may take, with their logs and rejected records: 1 GiB, about a million \
         ordinary jobs. Beyond it the oldest of that user's own go.",
    ),
    setting(
        "jobs.cancel_grace_seconds",
        Kind::Number,
        "10",
        "Time that a running job has to end by itself when it is cancelled; then it is stopped.",
    ),
    setting(
        "spool.max_bytes",
        Kind::Number,
        "0",
        "Disk for the payloads and downloads of all jobs that wait or run. A user may hold as much as is still free. 0 means half \
         of what the disk of data.dir has free when the host starts.",
    ),
    setting(
        "plugins.dir",
        Kind::Text,
        "./plugins",
        "The folder whose .wasm files are the plugins. It is watched: a file that is added, replaced or removed takes \
         effect within a second or two.",
    ),
    setting(
        "plugins.cache_dir",
        Kind::Text,
        "",
        "Where compiled plugins are kept, so that a start does not compile them anew. Not set: <data.dir>/compile-cache. Only \
         the host may write there. Hosts with one owner can share it.",
    ),
    setting(
        "plugins.allowed_digests",
        Kind::List,
        "",
        "sha256 digests of the components that may be loaded, in hexadecimal. Empty: any.",
    ),
    setting(
        "plugins.signing_keys",
        Kind::List,
        "",
        "ed25519 public keys, 64 hexadecimal digits each. If there is one, a component needs a signature by one of them: \
         64 bytes in a file beside it, named like it with .sig appended. Empty: no signature is needed.",
    ),
    setting(
        "plugins.component_bytes",
        Kind::Number,
        "67108864",
        "Largest component that is loaded: 64 MiB. Languages that carry an interpreter make components of some 10 to 40 MiB.",
    ),
    setting(
        "plugins.compile_seconds",
        Kind::Number,
        "60",
        "Time for compiling a component. It is done by a process of its own, one at a time and after everything else that \
         wants a processor; the largest real ones take some seconds.",
    ),
    setting("plugins.compile_memory_bytes", Kind::Number, "4294967296", "Address space of that process: 4 GiB."),
    setting(
        "files.directories",
        Kind::List,
        "",
        "Directories whose files csv_file_load, json_file_load and parquet_file_load may read. Empty: none, because every \
         user who may load a table could otherwise read every file that the host can.",
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
        "Addresses that jobs may connect to although they are private, loopback or link-local: host:port, address, or \
         block such as 10.0.0.0/8. Empty: only public addresses, so that a job cannot reach what is behind the firewall.",
    ),
    setting(
        "urls.max_bytes",
        Kind::Number,
        "10737418240",
        "Largest body of a URL, after decompression: 10 GiB. It is spooled to disk.",
    ),
    setting("urls.timeout_seconds", Kind::Number, "3600", "Time for one download: 1 hour."),
    setting(
        "urls.max_redirects",
        Kind::Number,
        "5",
        "Redirects that are followed; each hop is checked as the first one is.",
    ),
    setting(
        "s3.endpoint",
        Kind::Text,
        "",
        "URL of the S3 server for requests that name none. Empty: AWS. Jobs may connect to it whatever its address is.",
    ),
    setting(
        "s3.allow",
        Kind::List,
        "",
        "S3 servers that requests may name although their address is private, loopback or link-local; the same forms as \
         urls.allow.",
    ),
    setting(
        "s3.credentials_file",
        Kind::Text,
        "",
        "File with profiles of keys in AWS's form ([name], aws_access_key_id, aws_secret_access_key, …). A super_user's \
         request may then say \"profile\" instead of sending keys. Empty: no profiles.",
    ),
    setting(
        "s3.max_bytes",
        Kind::Number,
        "107374182400",
        "Largest object that is read, after decompression: 100 GiB. It is streamed and never stored.",
    ),
    setting(
        "s3.timeout_seconds",
        Kind::Number,
        "300",
        "How long one request to an S3 server is tried again before the job fails: 5 minutes.",
    ),
    setting(
        "sql.memory_bytes",
        Kind::Number,
        "33554432",
        "Memory that one SQL query may use for sorting and grouping: 32 MiB. What is more goes to a temporary file.",
    ),
    setting(
        "sql.spill_bytes",
        Kind::Number,
        "10737418240",
        "How large the temporary files of one SQL query may become: 10 GiB.",
    ),
    setting(
        "sql.spill_total_bytes",
        Kind::Number,
        "0",
        "How large the temporary files of all SQL queries may become together; a user may hold as much as is still free. 0 means \
         a quarter of what the disk of data.dir has free when the host starts.",
    ),
    setting(
        "sql.max_running",
        Kind::Number,
        "32",
        "SQL statements that run at once, each on a thread of its own. One more waits two seconds, then it is refused with 429 \
         or 503.",
    ),
    setting(
        "sql.timeout_seconds",
        Kind::Number,
        "3600",
        "Time for one SQL query: 1 hour. One that never ends is stopped here.",
    ),
    setting(
        "sandbox.memory_bytes",
        Kind::Number,
        "134217728",
        "Memory of one plugin instance: 128 MiB. Input is streamed, so a plugin needs no more for larger input; languages \
         that carry an interpreter fit in. A grant can give a plugin another bound.",
    ),
    setting(
        "sandbox.memories",
        Kind::Number,
        "8",
        "Linear memories of one plugin instance. Compilers make one or two.",
    ),
    setting("sandbox.instances", Kind::Number, "64", "Core instances in one component. Compilers make a handful."),
    setting(
        "sandbox.tables",
        Kind::Number,
        "64",
        "Tables in one component. Compilers make one for each core instance.",
    ),
    setting(
        "sandbox.table_elements",
        Kind::Number,
        "100000",
        "Elements of all tables of an instance together; each costs the host 8 to 16 bytes. A table holds the functions \
         that are called by pointer: some thousands.",
    ),
    setting(
        "sandbox.stack_bytes",
        Kind::Number,
        "1048576",
        "Stack of a plugin's code: 1 MiB, as compilers expect. Recursion past it ends the job.",
    ),
    setting(
        "sandbox.wall_seconds",
        Kind::Number,
        "86400",
        "Time one attempt may take: 1 day. A grant can give a plugin another bound.",
    ),
    setting(
        "sandbox.cpu_seconds",
        Kind::Number,
        "21600",
        "Processor time one attempt may take: 6 hours. A grant can give a plugin another bound.",
    ),
    setting(
        "sandbox.plan_milliseconds",
        Kind::Number,
        "1000",
        "Time for a plugin to describe itself or to plan a request. It takes well under a millisecond; a second leaves room \
         on a busy machine.",
    ),
    setting(
        "sandbox.host_call_seconds",
        Kind::Number,
        "7200",
        "Time one call of a capability may take: 2 hours, which is longer than the slowest of them, a download \
         (urls.timeout_seconds), is given.",
    ),
    setting(
        "sandbox.call_bytes",
        Kind::Number,
        "4194304",
        "Data that one call of a plugin may make the host copy: 4 MiB, a batch and its checkpoint with room.",
    ),
    setting(
        "sandbox.handles",
        Kind::Number,
        "256",
        "Handles that a plugin may hold at a time: readers, writers, cursors, streams, timers.",
    ),
    setting("sandbox.readers", Kind::Number, "16", "Sources that a plugin may read at a time."),
    setting(
        "sandbox.writers",
        Kind::Number,
        "4",
        "Sinks that a plugin may write at a time; each may hold some parts of an upload in memory.",
    ),
    setting(
        "sandbox.cursors",
        Kind::Number,
        "4",
        "Queries that a plugin may have open at a time; each keeps a moment of the store alive.",
    ),
    setting("sandbox.batch_bytes", Kind::Number, "1048576", "Bytes of one batch of records: 1 MiB."),
    setting("sandbox.batch_records", Kind::Number, "16384", "Records of one batch."),
    setting("sandbox.record_bytes", Kind::Number, "262144", "Bytes of one record in a batch: 256 KiB."),
    setting(
        "sandbox.record_depth",
        Kind::Number,
        "32",
        "Levels of nesting of a record, the record itself being the first. At most 100.",
    ),
    setting(
        "sandbox.checkpoint_bytes",
        Kind::Number,
        "65536",
        "Bytes of a checkpoint: 64 KiB. It is written with every group of batches.",
    ),
    setting(
        "sandbox.result_bytes",
        Kind::Number,
        "262144",
        "Bytes of a job's result: 256 KiB. It lies in the job's row.",
    ),
    setting("sandbox.message_bytes", Kind::Number, "65536", "Bytes of a job's message: 64 KiB. A longer one is cut."),
    setting(
        "sandbox.log_bytes",
        Kind::Number,
        "65536",
        "Text kept of a job's log, stdout and stderr together: the last 64 KiB. What goes is counted.",
    ),
    setting(
        "sandbox.rejects",
        Kind::Number,
        "100",
        "Rejected input records of a job that are kept with their text. All are counted.",
    ),
    setting(
        "log.level",
        Kind::Text,
        "info",
        "error, warn, info, debug or trace, or a filter such as info,jobhost::jobs=debug.",
    ),
    setting("log.format", Kind::Text, "text", "text for people, json for machines. Logs go to stderr."),
];

/// What the shipped plugins are granted where the configuration says nothing else. Any other plugin starts with nothing.
/// What they touch is bounded by what the user who asks may do, and by the keys of files, urls and s3.
pub const GRANTS: &[(&str, &[&str])] = &[
    ("csv-load", &["insert *", "update *", "read-file *", "fetch-url *"]),
    ("delete-records-before", &["delete *"]),
    ("export", &["query *", "write-file *", "write-s3 *"]),
    ("json-load", &["insert *", "update *", "read-file *", "fetch-url *"]),
    ("parquet-load", &["insert *", "update *", "read-file *", "fetch-url *", "read-s3 *"]),
    ("s3-import", &["insert *", "update *", "read-s3 *"]),
];

pub const GRANTS_REASON: &str = "What each plugin may do: one key a plugin, a list of lines CAPABILITY SCOPE. A plan needs \
    that its plugin asks for the capability in its description and that a line here covers what the plan touches; nothing \
    else is possible for a plugin. insert, update, delete, query: a table database.table, database.* or *.table. read-file, \
    write-file: a directory and what is beneath it. fetch-url: host or host:port. read-s3, write-s3: bucket or host/bucket. \
    The scope * is everything. concurrency, memory-bytes, wall-seconds and cpu-seconds with a number bound the plugin's \
    jobs. A key set here replaces the plugin's default; a plugin without a key has no grant.";

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
