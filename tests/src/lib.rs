//! Adds to `jobhost_testkit` what the tests need: hosts in temporary directories, hostile guests, tables, recordings.
//! Every function fails the test on an error. This crate must never link the host's code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the library of a test suite: failing loudly is its purpose"
)]

pub mod artifacts;
pub mod chance;
pub mod client;
pub mod compare;
pub mod components;
pub mod csv_text;
pub mod disk;
pub mod exports;
pub mod host;
pub mod jobs;
pub mod limits;
pub mod loose_host;
pub mod memory_watch;
pub mod options;
pub mod plugins;
pub mod recordings;
pub mod scan;
pub mod tables;
pub mod verdicts;

pub use client::{Client, Login, Reply};
pub use disk::SmallDisk;
pub use host::Host;
pub use jobhost_testkit::proc::Process;
pub use jobhost_testkit::s3::{self, S3Server};
pub use jobhost_testkit::wait::{self, eventually};
pub use jobhost_testkit::web::{self, Web};
pub use loose_host::LooseHost;
pub use options::Options;

/// Encodes bytes in base64, the encoding that operations expect.
pub fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
