//! Records that a job has written and that no reader sees before the job ends.
//!
//! A **part** holds what one job has written to one table with one action. If the action changes, another part follows:
//! - *New records* are in the heap of the table, in ranges of record numbers that are reserved for the part (`reserved`).
//!   Their keys are in an index of the part's own. To publish them, the table takes over the runs of that index, and the
//!   reservation is removed.
//! - *Changes* of records that existed when they were written are in a log (`changes`). To publish them, they are merged into
//!   the records.
//!
//! Whether a key exists is looked up when its record is written. What other requests insert afterwards is compared before
//! publishing: those records have the highest numbers of the table, so the heap itself is the list of what to compare.
//!
//! A part belongs to its job: if the job ends without success, the part is freed in the background.

mod absent;
mod change_log;
mod changes;
mod compare;
mod discard;
mod part;
mod publish;
mod write;

pub(super) use self::compare::prepare;
pub(super) use self::discard::discard;
pub(super) use self::part::of_job;
pub(super) use self::publish::publish;
pub(super) use self::write::write;
