//! Where guests run: one engine, a fresh store for every call, and limits on all of it. Only this module and
//! `capabilities` know wasmtime. Nothing a guest does blocks, grows or crashes the host.

pub mod component;
pub mod contract;
pub mod engine;
pub mod failure;
mod guest;
pub mod limits;
mod metered;
mod stdio;
#[cfg(test)]
mod tests;
mod v0_1;
pub mod versions;

pub use component::{GuestComponent, RunEnd, RunRequest};
pub use contract::{Capability, Description, Failure, FailureKind, Operation, OperationAccess, Outcome};
pub use failure::{Crash, CrashKind, LimitHit};
pub use limits::{Bound, SandboxLimits};
pub use versions::{ContractVersion, VersionError};
pub use wasmtime::Engine;
