//! The rules that all stores share, as pure functions. A store handles bytes and transactions; these rules decide what
//! a change means and whether it is valid.

pub mod attributes;
pub mod catalog;
pub mod documents;
pub mod jobs;
pub mod merging;
pub mod quota;
pub mod runs;
pub mod shares;
pub mod times;
