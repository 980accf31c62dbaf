//! The rules that every store shares, as pure functions. A store keeps bytes and transactions; what a change means, and
//! whether it may happen, is decided here.

pub mod attributes;
pub mod catalog;
pub mod documents;
pub mod jobs;
pub mod merging;
pub mod quota;
pub mod runs;
pub mod shares;
pub mod times;
