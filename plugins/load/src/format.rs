//! What a load has to know of a format.

use jobhost_batch::JsonBuffer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Reject, Warning};

/// What was found at the next place of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next record.
    Record,
    /// Feed more, or say that this was all.
    NeedInput,
    /// There are no more records.
    End,
}

/// Cuts bytes that are fed into records, and turns each into one JSON object. Goes over its input twice: `check` looks at
/// every record, `encode` writes it. It must never hold more than one record and the last chunk, and never panic whatever
/// it is fed.
pub trait Format {
    /// A place between two records, with all that is needed to go on from there. Part of the checkpoint: small.
    type Position: Clone + Serialize + DeserializeOwned;
    type Problem: std::error::Error + 'static;

    /// The source calls itself a text of this charset. Told each time that it is opened, before anything is fed.
    fn charset(&mut self, _label: &str) {}
    /// The next bytes. The current record is gone after that.
    fn feed(&mut self, chunk: &[u8]);
    /// That was all.
    fn end(&mut self);
    /// Go past what stands before the first record; `Step::Record` says that this is done. `note` takes what should be known
    /// about it.
    fn begin(&mut self, note: impl FnMut(Warning)) -> Result<Step, Self::Problem>;
    /// Go to the next record.
    fn advance(&mut self) -> Result<Step, Self::Problem>;
    /// Would `encode` succeed? `note` takes what should be known about a record that is taken all the same.
    fn check(&mut self, note: impl FnMut(Warning)) -> Result<(), Self::Problem>;
    /// Append the current record as one JSON object without line ends, or nothing.
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Self::Problem>;
    /// Where the next record begins.
    fn position(&self) -> Self::Position;
    /// Bytes of the whole input before the next record.
    fn offset(&self) -> u64;
    /// Go on from `position`, with input from there on; what `begin` found stays known.
    fn rewind(&mut self, position: &Self::Position);
    /// The byte of the input that a position is at.
    fn offset_of(position: &Self::Position) -> u64;
    /// Attributes of records that this did not tell before.
    fn new_attributes(&mut self) -> Vec<String>;
    /// The reject for a problem with the current record or with what comes next.
    fn reject(&self, problem: &Self::Problem) -> Reject;
}
