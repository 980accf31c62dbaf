//! The interface between a load and the format of its input.

use jobhost_batch::JsonBuffer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Reject, Warning};

/// The result of advancing in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next record is available.
    Record,
    /// The format needs more input. Call `feed`, or `end` if there is none.
    NeedInput,
    /// There are no more records.
    End,
}

/// Splits input bytes into records and writes each one as a JSON object. A load in one pass calls `inspect` and `encode` for
/// every record. A load in two passes calls `check` for every record, then `encode`. An implementation must not hold more
/// than one record and the last chunk, and must not panic on any input.
pub trait Format {
    /// A position between two records, with everything needed to continue there. It is part of the checkpoint, so keep
    /// it small.
    type Position: Clone + Serialize + DeserializeOwned;
    type Problem: std::error::Error + 'static;

    /// Reports the charset that the source names. Called each time that the source is opened, before any input.
    fn charset(&mut self, _label: &str) {}
    /// The next bytes. The current record is gone after that.
    fn feed(&mut self, chunk: &[u8]);
    /// Marks the end of the input.
    fn end(&mut self);
    /// Go past what stands before the first record; `Step::Record` says that this is done. `note` takes what should be known
    /// about it.
    fn begin(&mut self, note: impl FnMut(Warning)) -> Result<Step, Self::Problem>;
    /// Go to the next record.
    fn advance(&mut self) -> Result<Step, Self::Problem>;
    /// Checks what `encode` does not look at. `note` takes what should be known about a record that is taken all the same.
    fn inspect(&mut self, note: impl FnMut(Warning)) -> Result<(), Self::Problem>;
    /// Would `inspect` and `encode` succeed?
    fn check(&mut self, note: impl FnMut(Warning)) -> Result<(), Self::Problem>;
    /// Append the current record as one JSON object without line ends, or nothing.
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Self::Problem>;
    /// Returns the position of the next record.
    fn position(&self) -> Self::Position;
    /// Number of bytes before the next record, counted from the start of the whole input.
    fn offset(&self) -> u64;
    /// Continues at `position`, with input from there on. What `begin` found is kept.
    fn rewind(&mut self, position: &Self::Position);
    /// Returns the byte offset of a position.
    fn offset_of(position: &Self::Position) -> u64;
    /// Returns the attributes that were found since the last call.
    fn new_attributes(&mut self) -> Vec<String>;
    /// Describes a problem with the current record, or with what follows it, as a rejected record.
    fn reject(&self, problem: &Self::Problem) -> Reject;
}
