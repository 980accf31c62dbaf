//! Tests writing and loading through the crate's public API. The tests of the host load files of other writers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail loudly")]

mod host;
mod loads;
mod properties;
