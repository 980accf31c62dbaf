//! Writing and loading through the crate's public face. Files of other writers are in the tests of the host.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail loudly")]

mod host;
mod loads;
mod properties;
