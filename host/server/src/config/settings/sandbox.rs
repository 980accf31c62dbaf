//! Settings of the limits of a plugin.

use jobhost_capabilities::CapabilityLimits;
use jobhost_sandbox::SandboxLimits;
use jobhost_store::BatchLimits;

use super::{Setting, limit};

pub const SANDBOX_MEMORY_BYTES: Setting = limit(
    || SandboxLimits::DEFAULT.memory_bytes,
    "Maximum memory of one plugin instance: 128 MiB. Input is streamed, so larger input needs no more memory; languages that \
         embed an interpreter fit. A grant can set another limit for a plugin.",
);
pub const SANDBOX_MEMORIES: Setting = limit(
    || SandboxLimits::DEFAULT.memories,
    "Maximum number of linear memories of a plugin instance. Compilers produce one or two.",
);
pub const SANDBOX_INSTANCES: Setting = limit(
    || SandboxLimits::DEFAULT.instances,
    "Maximum number of core instances in a component. Compilers produce a handful.",
);
pub const SANDBOX_TABLES: Setting = limit(
    || SandboxLimits::DEFAULT.tables,
    "Maximum number of tables in a component. Compilers produce one per core instance.",
);
pub const SANDBOX_TABLE_ELEMENTS: Setting = limit(
    || SandboxLimits::DEFAULT.table_elements,
    "Maximum total number of table elements of an instance; each takes 8 to 16 bytes of host memory. Tables hold the \
         functions that are called through pointers, typically a few thousand.",
);
pub const SANDBOX_STACK_BYTES: Setting = limit(
    || SandboxLimits::DEFAULT.stack_bytes,
    "Stack size of a plugin: 1 MiB, as compilers expect. Deeper recursion fails the job.",
);
pub const SANDBOX_WALL_SECONDS: Setting = limit(
    || SandboxLimits::DEFAULT.wall,
    "Maximum wall-clock time of one attempt: 1 day. A grant can set another limit for a plugin.",
);
pub const SANDBOX_CPU_SECONDS: Setting = limit(
    || SandboxLimits::DEFAULT.cpu,
    "Maximum processor time of one attempt: 6 hours. A grant can set another limit for a plugin.",
);
pub const SANDBOX_PLAN_MILLISECONDS: Setting = limit(
    || SandboxLimits::DEFAULT.plan,
    "Maximum time of a plugin's describe or plan call. They take well under a millisecond; one second leaves room on a busy \
         machine.",
);
pub const SANDBOX_HOST_CALL_SECONDS: Setting = limit(
    || SandboxLimits::DEFAULT.host_call,
    "Maximum time of one capability call: 2 hours, more than the slowest of them, a download, may take \
         (urls.timeout_seconds).",
);
pub const SANDBOX_CALL_BYTES: Setting = limit(
    || SandboxLimits::DEFAULT.call_bytes,
    "Maximum data that the host copies for one call of a plugin: 4 MiB, enough for a batch and its checkpoint; more if sandbox.record_bytes requires it.",
);
pub const SANDBOX_HANDLES: Setting = limit(
    || SandboxLimits::DEFAULT.handles,
    "Maximum number of open handles of a plugin: readers, writers, cursors, streams, timers.",
);
pub const SANDBOX_READERS: Setting =
    limit(|| CapabilityLimits::DEFAULT.readers, "Maximum number of sources that a plugin reads at once.");
pub const SANDBOX_WRITERS: Setting = limit(
    || CapabilityLimits::DEFAULT.writers,
    "Maximum number of sinks that a plugin writes at once; each may hold a few parts of an upload in memory.",
);
pub const SANDBOX_CURSORS: Setting = limit(
    || CapabilityLimits::DEFAULT.cursors,
    "Maximum number of open queries of a plugin; each pins a store snapshot.",
);
pub const SANDBOX_BATCH_BYTES: Setting = limit(
    || BatchLimits::DEFAULT.bytes,
    "Maximum size of a batch of records: 1 MiB, or 512 KiB more than a record if that is more.",
);
pub const SANDBOX_BATCH_RECORDS: Setting =
    limit(|| BatchLimits::DEFAULT.records, "Maximum number of records in a batch.");
pub const SANDBOX_RECORD_BYTES: Setting =
    limit(|| BatchLimits::DEFAULT.record_bytes, "Maximum size of a record in a batch: 256 KiB.");
pub const SANDBOX_RECORD_DEPTH: Setting = limit(
    || BatchLimits::DEFAULT.depth,
    "Maximum nesting depth of a record; the record itself is level 1. At most 100.",
);
pub const SANDBOX_CHECKPOINT_BYTES: Setting = limit(
    || CapabilityLimits::DEFAULT.checkpoint_bytes,
    "Maximum size of a checkpoint: 64 KiB. It is written with every commit group.",
);
pub const SANDBOX_RESULT_BYTES: Setting = limit(
    || CapabilityLimits::DEFAULT.result_bytes,
    "Maximum size of a job's result: 256 KiB. It is stored in the job's row.",
);
pub const SANDBOX_MESSAGE_BYTES: Setting = limit(
    || CapabilityLimits::DEFAULT.message_bytes,
    "Maximum size of a job's message: 64 KiB. Longer messages are truncated.",
);
pub const SANDBOX_OUTCOME_SECONDS: Setting = limit(
    || CapabilityLimits::DEFAULT.outcome,
    "Maximum time of an operation whose client waits for the outcome, for example csv_preview: 30 s.",
);
pub const SANDBOX_LOG_BYTES: Setting = limit(
    || CapabilityLimits::DEFAULT.log_bytes,
    "Maximum size of a job's log, including stdout and stderr: the last 64 KiB are kept. Dropped lines are counted.",
);
pub const SANDBOX_REJECTS: Setting = limit(
    || CapabilityLimits::DEFAULT.rejects,
    "Maximum number of rejected records that are stored with their text. All are counted.",
);
