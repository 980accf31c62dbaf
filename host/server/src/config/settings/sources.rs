//! Settings of files, URLs and S3 servers.

use jobhost_objects::{Directories, DownloadLimits, S3Options};

use super::{Setting, limit, list, text};

pub const FILES_DIRECTORIES: Setting = list(
    "files.directories",
    "Directories whose files csv_file_load, json_file_load and parquet_file_load may read. Empty: none, because otherwise \
         every user who may load a table could read every file that the host can read.",
);
pub const FILES_MAX_BYTES: Setting = limit(
    || Directories::MAX_BYTES,
    "Maximum size of a compressed local file after decompression: 100 GiB. It is streamed and never stored.",
);
pub const FILES_EXPORT_DIRECTORIES: Setting = list(
    "files.export_directories",
    "Directories that export_local may write to. Empty: none, because an export replaces a file of the same name.",
);
pub const URLS_ALLOW: Setting = list(
    "urls.allow",
    "Private, loopback or link-local addresses that jobs may connect to nevertheless: host:port, address, or block such as \
         10.0.0.0/8. Empty: only public addresses, so that a job cannot reach systems behind the firewall.",
);
pub const URLS_MAX_BYTES: Setting = limit(
    || DownloadLimits::DEFAULT.max_bytes,
    "Maximum size of a downloaded body after decompression: 10 GiB. It is spooled to disk.",
);
pub const URLS_TIMEOUT_SECONDS: Setting =
    limit(|| DownloadLimits::DEFAULT.timeout, "Maximum time for one download: 1 hour.");
pub const URLS_MAX_REDIRECTS: Setting = limit(
    || DownloadLimits::DEFAULT.max_redirects,
    "Maximum number of redirects to follow; each hop is checked like the first.",
);
pub const S3_ENDPOINT: Setting = text(
    "s3.endpoint",
    "",
    "URL of the S3 server for requests without an endpoint. Empty: AWS. Jobs may connect to it even at a private address.",
);
pub const S3_ALLOW: Setting = list(
    "s3.allow",
    "S3 servers with private, loopback or link-local addresses that requests may name; same syntax as urls.allow.",
);
pub const S3_CREDENTIALS_FILE: Setting = text(
    "s3.credentials_file",
    "",
    "Credentials file in AWS's format ([name], aws_access_key_id, aws_secret_access_key, …). A super_user's request may \
         then name a \"profile\" instead of sending keys. Empty: no profiles.",
);
pub const S3_MAX_BYTES: Setting = limit(
    || S3Options::MAX_BYTES,
    "Maximum size of an object that is read, after decompression: 100 GiB. It is streamed and never stored.",
);
pub const S3_TIMEOUT_SECONDS: Setting =
    limit(|| S3Options::TIMEOUT, "How long a request to an S3 server is retried before the job fails: 5 minutes.");
