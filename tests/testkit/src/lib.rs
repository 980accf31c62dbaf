//! Starts `jobhost serve`, talks to it over HTTP as a client would, and serves what it fetches. Used by the tests, the
//! benchmarks, the soak and the demo.
//!
//! It knows the host only from outside: the command line, the `ready` line, the operations API and the files that it
//! leaves behind. It must never link the host's code, so that a test shows what a client will see.

pub mod artifacts;
pub mod client;
mod expect;
pub mod failure;
pub mod figures;
pub mod host;
pub mod jobs;
pub mod process;
pub mod repository;
pub mod wait;

#[cfg(feature = "proc")]
pub mod proc;
#[cfg(feature = "servers")]
pub mod s3;
#[cfg(feature = "servers")]
pub mod web;

pub use client::{Client, Login, Reply};
pub use failure::{Doing, Failure, Result};
pub use host::{Configuration, Host};
pub use wait::eventually;
