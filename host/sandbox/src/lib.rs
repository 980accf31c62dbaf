//! Where guests run: one engine, a fresh store for every call, and limits on all of it. Nothing a guest does blocks, grows or
//! crashes the host.
//!
//! What a guest may act through is behind the trait [`Capabilities`]: nothing here knows a store, SQL, files, HTTP or S3. No
//! other room but the one that compiles plugins may know the engine.

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
