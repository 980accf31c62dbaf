//! Settings of jobs and their spool.

use jobhost_jobs::JobLimits;
use jobhost_store_lmdb::EmbeddedOptions;

use super::{Setting, limit, number};

pub const JOBS_WORKERS: Setting = number(
    "jobs.workers",
    0,
    "Maximum number of jobs that run at once; the others wait. 0 means 6 per processor core, at least 12: they share one \
         thread per core, and while one waits for its commit or source, another computes. A single user may use two thirds \
         of them, so that some are always left for others. A large load holds up to 32 MiB of batches in addition to its \
         plugin's memory.",
);
pub const JOBS_MAX_QUEUED: Setting = limit(
    || JobLimits::MAX_QUEUED,
    "Maximum number of waiting jobs. Beyond it a request gets 429 with Retry-After, and nothing is stored. The last eighth \
         is reserved for users who have fewer than a sixteenth of it waiting. A waiting job takes a few hundred bytes of memory.",
);
pub const JOBS_HISTORY_BYTES: Setting = limit(
    || EmbeddedOptions::HISTORY_BYTES,
    "Maximum size of one user's finished job rows with their logs and rejected records: 1 GiB, about a million ordinary \
         jobs. Beyond it the user's oldest jobs are deleted.",
);
pub const JOBS_CANCEL_GRACE_SECONDS: Setting = limit(
    || JobLimits::CANCEL_GRACE,
    "Time that a running job has to end on its own after it is cancelled; then it is stopped.",
);
pub const SPOOL_MAX_BYTES: Setting = number(
    "spool.max_bytes",
    0,
    "Disk space for the payloads and downloads of all waiting and running jobs. A user may hold as much as is still free. \
         0 means half of the space that the disk of data.dir has free when the host starts.",
);
