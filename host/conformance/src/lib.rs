//! The conformance kit: runs a plugin in the sandbox of a host, without HTTP, LMDB or S3, and says what a host would say.
//!
//! A plugin that passes here is taken by a host of the same contract. The kit compiles in its own process, so it is for
//! components that their author trusts; a host compiles strangers' components in a process apart.

#![warn(missing_docs, unreachable_pub)]

mod plugin;

pub use plugin::{Nonconformance, PluginUnderTest};
