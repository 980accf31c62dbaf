//! Byte streams of jobs. Sources are the inline field of a request, a local file, the body of a URL, or an object of
//! an S3 server. Each can be read twice and from any offset, so that a job can check all of its input before it
//! writes. Sinks are a local file or an S3 object, which becomes visible only when it is complete. This crate is
//! independent of jobs and plugins.

pub mod address_guard;
mod body;
mod decoder;
pub mod directories;
pub mod download;
pub mod export_directories;
mod guarded_client;
mod gzip;
pub mod host_scope;
mod media_type;
pub mod reader;
pub mod s3;
pub mod sinks;
pub mod staged;
mod stored_file;

pub use address_guard::{AddressGuard, AllowedAddress};
pub use directories::Directories;
pub use download::{Download, DownloadLimits, Downloader};
pub use export_directories::ExportDirectories;
pub use host_scope::{HostScope, HostScopes};
pub use reader::ObjectReader;
pub use s3::{S3, S3Keys, S3Options, S3Profile};
pub use sinks::{ObjectWriter, Target};
pub use staged::StagedSource;

/// The kind of error, for a caller to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectErrorKind {
    NotFound,
    /// The operator's configuration does not allow it.
    Denied,
    /// The location is invalid, for example a directory or a malformed URL.
    Invalid,
    /// A limit on size or time was exceeded.
    Limit,
    Unavailable,
}

/// Why a source or sink cannot be opened, read or written: a kind, one sentence, and the cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ObjectError {
    pub kind: ObjectErrorKind,
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ObjectError {
    pub fn new(kind: ObjectErrorKind, message: impl Into<String>) -> Self {
        ObjectError { kind, message: message.into(), source: None }
    }

    pub fn caused_by(
        kind: ObjectErrorKind,
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        ObjectError { kind, message: message.into(), source: Some(Box::new(source)) }
    }
}
