//! Settings of the API, the memory budget and searches.

use super::{Setting, number, text};

pub const SERVER_LISTEN: Setting = text(
    "server.listen",
    "127.0.0.1:9925",
    "Address and port of the Operations API. Harper's port, so that clients need no change; loopback, because the \
         API speaks plain HTTP: put a TLS proxy in front before you listen on another address. Port 0 picks a free port.",
);
pub const SERVER_MAX_BODY_BYTES: Setting = number(
    "server.max_body_bytes",
    1_073_741_824,
    "Maximum size of a request body: 1 GiB, as in Harper, because csv_data_load carries its data in the body.",
);
pub const SERVER_HEADER_SECONDS: Setting = number(
    "server.header_seconds",
    30,
    "Maximum time to receive a request's head, and maximum idle time of a connection before it.",
);
pub const SERVER_BODY_SECONDS: Setting = number(
    "server.body_seconds",
    60,
    "Maximum time for each MiB of a request body: 60 seconds, so that slow senders cannot hold connections open.",
);
pub const SERVER_REPLY_SECONDS: Setting = number(
    "server.reply_seconds",
    60,
    "Maximum time that a response may wait for its client to read. The rows of a search pin a store snapshot until they \
         are sent.",
);
pub const SERVER_MAX_CONNECTIONS: Setting = number(
    "server.max_connections",
    4_096,
    "Maximum number of open connections; further ones wait. Capped at half of the process's file descriptors \
         (ulimit -n), because jobs need some too.",
);
pub const SERVER_MAX_WRITE_RECORDS: Setting = number(
    "server.max_write_records",
    100_000,
    "Maximum number of records in one insert, update, upsert or delete. Each is one transaction, during which other \
         writes wait: 100,000 records take about 0.1 seconds. Loads have no such limit.",
);
pub const MEMORY_TOTAL_BYTES: Setting = number(
    "memory.total_bytes",
    0,
    "Memory budget for everything that clients, users and plugins make the host hold. Requests beyond it are refused with \
         429 (the user's share is used up) or 503, with Retry-After. A user may hold as much as is still free; an eighth is \
         reserved for logins, job queries and the host's own work. 0 means half of what the machine, the control group or \
         ulimit allows, whichever is smallest.",
);
pub const SEARCHES_MAX_RUNNING: Setting = number(
    "searches.max_running",
    128,
    "Maximum number of concurrent searches that scan or sort; each pins a store snapshot. Further ones wait two seconds and \
         are then refused with 429 or 503. Look-ups by id do not count.",
);
