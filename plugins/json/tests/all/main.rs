//! Tests the crate's public API: whole loads, error messages, resuming, and properties that hold for any input.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

mod detect;
mod failures;
mod fuzz;
mod host;
mod loads;
mod properties;
mod resume;
