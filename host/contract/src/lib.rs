//! What host and plugin say to each other, in the host's own terms. The adapters of the WIT versions translate to these, so
//! that nothing above the sandbox knows for which version a plugin was built.
//!
//! Data only: no engine, no store and no rule about who may do what.

#![warn(missing_docs, unreachable_pub)]

mod description;
mod error;
mod outcome;
mod plan;
mod reject;

pub use description::{Capability, Description, Operation, OperationAccess};
pub use error::{CapabilityError, CapabilityErrorKind};
pub use outcome::{Failure, FailureKind, Message, Outcome};
pub use plan::{
    MAX_QUERIES, MAX_SINKS, MAX_SOURCES, MAX_TABLES, Plan, S3Credentials, S3Object, Sink, Source, TableRight, TableUse,
    UrlSource,
};
pub use reject::Reject;
