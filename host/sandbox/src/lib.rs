//! Runs guests: one engine, a fresh store for every call, and limits on all resources. Nothing that a guest does
//! blocks or crashes the host or makes its memory grow without limit.
//!
//! A guest acts only through the trait [`Capabilities`]: this crate does not know stores, SQL, files, HTTP or S3. Only
//! this crate and the one that compiles plugins may use the engine.

pub mod capabilities;
mod component;
mod cpu;
pub mod engine;
mod failure;
mod guest;
mod job_log;
mod limiter;
mod limits;
mod metered;
mod stdio;
#[cfg(test)]
mod tests;
mod usage;
mod v0_1;
pub mod versions;

pub use capabilities::Capabilities;
pub use component::{GuestComponent, RunEnd, RunRequest};
pub use cpu::CpuMeter;
pub use failure::{Crash, CrashKind, LimitHit};
pub use job_log::{DEFAULT_LOG_BYTES, JobLog, LogLevel};
pub use limits::SandboxLimits;
pub use usage::UsageMeter;
pub use versions::{ContractVersion, VersionError};
pub use wasmtime::Engine;
