//! The crate through its public face: grammar, typing, whole loads, and properties that hold for any input.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

mod cast;
mod columns;
mod fuzz;
mod grammar;
mod host;
mod loads;
mod preview;
mod properties;
mod resume;
mod spectrum;
