//! The crate through its public face: whole loads, failures with their sentences, resuming, and what holds for any input.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

mod detect;
mod failures;
mod fuzz;
mod host;
mod loads;
mod properties;
mod resume;
