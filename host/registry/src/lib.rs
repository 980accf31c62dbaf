//! Plugins: found in a folder, verified, compiled, and published as one registry of operations. A plugin that fails to
//! load is listed with the reason, and its predecessor stays in service.

pub mod compile_cache;
pub mod compiler;
pub mod files;
mod first_load;
pub mod folder;
pub mod grants;
pub mod install;
pub mod load;
pub mod registry;
mod service;
pub mod trust;
pub mod verify;

pub use compile_cache::CompileCache;
pub use compiler::{CompileLimits, Compiler};
pub use folder::PluginFolder;
pub use grants::{Grants, PluginGrants, Touched};
pub use install::InstallError;
pub use load::{LoadFailure, Loader};
pub use registry::{NotAsked, NotGranted, Plugin, PluginFile, PluginOperation, Registry};
pub use trust::{PublicKey, Trust};
