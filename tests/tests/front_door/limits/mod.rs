//! Each limit of a sandbox has a guest that meets it. The job's row says which limit it was, with the figures; the host
//! stays small, and others are served.

mod batches;
mod compiling;
mod damaged;
mod descriptions;
mod floods;
mod handles;
mod lies;
mod memory;
mod plans;
mod tables;
mod time;
