//! Media types of sources.

/// Media types that may hold CSV.
pub const CSV_MEDIA_TYPES: [&str; 11] = [
    "text/csv",
    "application/octet-stream",
    "text/plain",
    "application/vnd.ms-excel",
    "application/csv",
    "text/comma-separated-values",
    "text/tab-separated-values",
    "binary/octet-stream",
    // As it is stored: the host decodes it.
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
];
