//! Sinks of a plan: a file in one of the operator's directories or an object of an S3 server. Bytes are encoded, counted
//! and stored as they come, with bounded memory; the result appears when it is finished, and otherwise nothing stays.

mod encoder;
mod file;
mod writer;

use std::path::PathBuf;

use super::s3::{self, S3, S3Keys};
use super::{Encoding, ExportDirectories, ObjectError, ObjectErrorKind, S3Location};

pub use writer::ObjectWriter;

/// What is to be written, and what an interrupted attempt can be cleaned up by.
#[derive(Debug, Clone)]
pub enum Target {
    File {
        exports: ExportDirectories,
        /// As the request names it.
        directory: String,
        name: String,
        encoding: Encoding,
        /// Unique for the job and the sink, the same in all attempts; 1 to 100 letters, digits, '-' or '_'.
        token: String,
    },
    S3 {
        s3: S3,
        location: S3Location,
        keys: S3Keys,
        media_type: String,
        encoding: Encoding,
        /// A path in the job's directory, which exists, for this sink alone: a file there tells of an upload that is
        /// under way.
        note: PathBuf,
    },
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes as stored, after encoding.
    pub size: u64,
    /// As the other side gave it, without quotes.
    pub etag: Option<String>,
    /// CRC-32 of the stored bytes: four bytes, big-endian, in base64.
    pub checksum_crc32: String,
    /// Path of the file or URL of the object.
    pub location: String,
}

impl Target {
    /// Removes what an attempt left that was killed: the unfinished file, the unfinished upload. Can be repeated.
    pub async fn sweep(&self) -> Result<(), ObjectError> {
        match self {
            Target::File { exports, directory, token, .. } => {
                check_token(token)?;
                let (exports, directory, token) = (exports.clone(), directory.clone(), token.clone());
                let swept = tokio::task::spawn_blocking(move || file::sweep(&exports, &directory, &token));
                swept.await.unwrap_or_else(|error| Err(stopped(error)))
            }
            Target::S3 { s3, location, keys, note, .. } => s3::sweep(s3, location, keys, note).await,
        }
    }
}

/// The token becomes part of a file name.
fn check_token(token: &str) -> Result<(), ObjectError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=100).contains(&token.len()) && token.bytes().all(fine) {
        return Ok(());
    }
    Err(ObjectError::new(ObjectErrorKind::Invalid, "a sink's token is 1 to 100 letters, digits, '-' or '_'"))
}

fn stopped(error: tokio::task::JoinError) -> ObjectError {
    ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("writing was stopped: {error}"), error)
}
