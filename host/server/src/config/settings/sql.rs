//! Settings of SQL queries.

use jobhost_search::sql::SqlLimits;

use super::{Setting, limit, number};

pub const SQL_MEMORY_BYTES: Setting = limit(
    || SqlLimits::MEMORY_BYTES,
    "Maximum memory of one SQL query for sorting and grouping: 32 MiB. The excess goes to a temporary file.",
);
pub const SQL_SPILL_BYTES: Setting =
    limit(|| SqlLimits::SPILL_BYTES, "Maximum size of the temporary files of one SQL query: 10 GiB.");
pub const SQL_SPILL_TOTAL_BYTES: Setting = number(
    "sql.spill_total_bytes",
    0,
    "Maximum total size of the temporary files of all SQL queries; a user may hold as much as is still free. 0 means a \
         quarter of the space that the disk of data.dir has free when the host starts.",
);
pub const SQL_MAX_RUNNING: Setting = number(
    "sql.max_running",
    32,
    "Maximum number of concurrent SQL statements, each on its own thread. Further ones wait two seconds and are then \
         refused with 429 or 503.",
);
pub const SQL_TIMEOUT_SECONDS: Setting = limit(|| SqlLimits::TIME, "Maximum time for one SQL query: 1 hour.");
