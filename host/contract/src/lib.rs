//! The contract between host and plugins, in the host's own types. The adapters of the WIT versions translate to
//! these, so that nothing above the sandbox knows the version that a plugin was built for.
//!
//! Data only: no engine, no store, no rule about permissions.

#![warn(missing_docs, unreachable_pub)]

mod description;
mod error;
mod outcome;
mod plan;
mod reject;
mod warning;

pub use description::{Capability, Description, Operation, OperationAccess};
pub use error::{CapabilityError, CapabilityErrorKind};
pub use outcome::{Failure, FailureKind, Message, Outcome};
pub use plan::{
    MAX_QUERIES, MAX_SINKS, MAX_SOURCES, MAX_TABLES, Plan, S3Credentials, S3Object, Sink, Source, TableRight, TableUse,
    UrlSource,
};
pub use reject::Reject;
pub use warning::Warning;
