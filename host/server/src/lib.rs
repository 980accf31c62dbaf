//! jobhost: a host for long-running data jobs in which every job type is a sandboxed WebAssembly component.
//!
//! The map of the modules and the rules between them are in `ARCHITECTURE.md`.

pub mod api;
pub mod cli;
pub mod config;
