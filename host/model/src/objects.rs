//! Descriptions of byte streams: location, compression, and the results of reading and storing them.

use serde::{Deserialize, Serialize};

/// The compression of a stored byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Not compressed.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// The location of an S3 object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// The key in the bucket.
    pub key: String,
    /// The region for which requests are signed.
    pub region: String,
    /// URL of the server; `None` for the configured one.
    pub endpoint: Option<String>,
    /// Whether the bucket is part of the path instead of the host name. `None` means part of the path, unless the
    /// server is AWS.
    pub path_style: Option<bool>,
}

/// Metadata of a source, before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes that reading from offset 0 gives; `None` if only decoding tells.
    pub size: Option<u64>,
    /// Opaque tag that changes with the content.
    pub etag: String,
    /// The media type reported by the source.
    pub media_type: Option<String>,
}

/// The result of storing a byte stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Stored size in bytes, after compression.
    pub size: u64,
    /// The ETag reported by the server, without quotes.
    pub etag: Option<String>,
    /// CRC-32 of the stored bytes: four bytes, big-endian, in base64.
    pub checksum_crc32: String,
    /// Path of the file, or URL of the object.
    pub location: String,
}
