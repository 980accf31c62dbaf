//! Starts `jobhost serve`, sends requests as an HTTP client, and provides the servers from which the host loads data.
//! The tests, the benchmarks, the soak test and the demo use it.
//!
//! It accesses the host only from outside: the command line, the `ready` line, the Operations API and the files that
//! the host writes. It must never link the host's code, so that a test sees what a client sees.

#[cfg(feature = "servers")]
mod accept;
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
