//! What a guest may do, one file for each interface of the contract. Every call is checked against the job's plan and
//! the rights of the user who started it. Nothing here knows how a component is run, and no allocation is sized by a
//! number that a guest gave.

mod cpu;
pub mod error;
pub mod job_log;
pub mod limits;
pub mod objects;
pub mod plan;
pub mod progress;
pub mod queries;
pub mod records;
pub mod rejects;
mod store_failure;
mod usage;

use std::sync::Arc;

pub use cpu::CpuMeter;
pub use error::{CapabilityError, CapabilityErrorKind};
pub use job_log::{JobLog, LogLevel};
pub use limits::{CapabilityLimits, LimitsMet};
pub use objects::{ObjectLimits, Objects};
pub use plan::{Plan, S3Credentials, S3Object, Sink, Source, TableRight, TableUse, UrlSource};
pub use progress::Progress;
pub use queries::{Cursor, Queries};
pub use records::{RecordLimits, Records};
pub use rejects::{Reject, Rejects};
pub use store_failure::StoreFailure;
pub use usage::UsageMeter;

/// Everything one attempt may act through.
pub struct Capabilities {
    pub records: Records,
    pub queries: Queries,
    pub objects: Objects,
    pub progress: Arc<Progress>,
    pub rejects: Arc<Rejects>,
    pub log: Arc<JobLog>,
    pub usage: Arc<UsageMeter>,
}
