//! Each limit of the sandbox has a guest that reaches it. The job's row reports the limit with the numbers, the host
//! stays small, and other clients are served.

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
