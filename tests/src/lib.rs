//! Test support: starts `jobhost serve`, talks to it over HTTP as a client would, and waits for what it does.
//!
//! It knows the host only from outside: the command line, the `ready` line, the operations API and the files that it
//! leaves behind. It must never link the host's code, so that a test here proves what a client will see.
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
pub mod options;
pub mod plugins;
pub mod procfs;
pub mod recordings;
pub mod s3;
pub mod scan;
pub mod tables;
pub mod verdicts;
pub mod wait;
pub mod web;

pub use client::{Client, Login, Reply};
pub use disk::SmallDisk;
pub use host::Host;
pub use loose_host::LooseHost;
pub use options::Options;
pub use s3::S3Server;
pub use wait::eventually;

/// In base64, as operations take bytes.
pub fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
pub use web::Web;
