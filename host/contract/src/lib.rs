//! The contract between host and plugins, in the host's own types. The adapters of the WIT versions translate to these
//! types, so that only the sandbox knows which version a plugin was built for.
//!
//! Contains data only: no engine, no store, no permission checks.

#![warn(missing_docs, unreachable_pub)]

mod description;
mod error;
mod outcome;
mod plan;
mod reject;
mod warning;

pub use description::{Capability, Description, Operation, OperationAccess, OperationReply};
pub use error::{CapabilityError, CapabilityErrorKind};
pub use outcome::{Failure, FailureKind, Message, Outcome};
pub use plan::{
    FileSource, MAX_QUERIES, MAX_SINKS, MAX_SOURCES, MAX_TABLES, Plan, S3Credentials, S3Object, Sink, Source,
    TableRight, TableUse, UrlSource,
};
pub use reject::Reject;
pub use warning::Warning;
