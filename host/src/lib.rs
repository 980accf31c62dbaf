//! jobhost: a host for long-running data jobs in which every job type is a sandboxed WebAssembly component.
//!
//! The map of the modules and the rules between them are in `ARCHITECTURE.md`.

pub mod access;
pub mod api;
pub mod budget;
pub mod capabilities;
pub mod cli;
pub mod config;
pub mod jobs;
pub mod json;
pub mod metrics;
pub mod objects;
pub mod plain_text;
pub mod plugins;
pub mod records;
pub mod sandbox;
pub mod searches;
