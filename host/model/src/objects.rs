//! Descriptions of byte streams: location, compression, what was read and stored.

use serde::{Deserialize, Serialize};

/// How stored bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// As RFC 1952 says.
    Gzip,
    /// As RFC 8878 says.
    Zstd,
}

/// Where an object of an S3 server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The key in the bucket.
    pub key: String,
    /// The region that requests are signed for.
    pub region: String,
    /// URL of the server; `None` for the one of the configuration.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path and not in the host name; `None`: it does unless the server is AWS.
    pub path_style: Option<bool>,
}

/// What a source is before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes that reading from offset 0 gives; `None` if only decoding tells.
    pub size: Option<u64>,
    /// Changes when the content changes; opaque.
    pub etag: String,
    /// As the source named it.
    pub media_type: Option<String>,
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
