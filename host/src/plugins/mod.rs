//! Plugins: found in a folder, verified, compiled, and published as one catalogue of operations. A plugin that fails to
//! load is listed with the reason.

pub mod catalogue;
pub mod discover;
pub mod verify;

pub use catalogue::{Catalogue, Plugin, PluginFailure, PluginOperation};
