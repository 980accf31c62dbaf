//! The conformance kit: runs a plugin in the host's sandbox, without HTTP, LMDB or S3, and reports what a host would
//! report.
//!
//! A plugin that passes is accepted by every host of the same contract. The kit compiles in its own process, so use it
//! only for components that you trust; a host compiles untrusted components in a separate process.

#![warn(missing_docs, unreachable_pub)]

mod plugin;

pub use plugin::{Nonconformance, PluginUnderTest};
