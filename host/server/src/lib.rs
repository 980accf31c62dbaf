//! jobhost: a host for long-running data jobs in which every job type is a sandboxed WebAssembly component.
//!
//! `ARCHITECTURE.md` has the map of the modules and their invariants.

pub mod api;
pub mod cli;
pub mod config;
