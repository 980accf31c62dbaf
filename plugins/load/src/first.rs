//! Reads the first records of a source, as a load would store them, and writes nothing.

use jobhost_batch::JsonBuffer;

use crate::format::{Format, Step};
use crate::host::{Input, Open, Reject, Warning, charset};

/// The first records of a source.
#[derive(Debug)]
pub struct FirstRecords {
    /// The records as JSON objects.
    pub records: Vec<String>,
    /// One for each time that a load would have warned.
    pub warnings: Vec<Warning>,
    /// The first record that a load would reject. Nothing after it was read.
    pub rejected: Option<Reject>,
    /// Whether the source has no more records.
    pub is_complete: bool,
}

/// Reads the first `most` records of a source, or those in its first `max_bytes`. `format` must be new.
pub fn first_records<O: Open, F: Format>(
    source: &O,
    format: &mut F,
    most: usize,
    max_bytes: u64,
) -> Result<FirstRecords, O::Error> {
    let input = source.open(0)?;
    if let Some(label) = input.media_type().and_then(charset) {
        format.charset(label);
    }
    let mut found = FirstRecords { records: Vec::new(), warnings: Vec::new(), rejected: None, is_complete: false };
    let mut input = Bounded { input, left: max_bytes };
    let mut warnings = Vec::new();
    let mut is_next = input.step(format, |format| format.begin(|warning| warnings.push(warning)))?;
    let mut json = JsonBuffer::default();
    while let Next::Record = is_next {
        if found.records.len() == most {
            break;
        }
        is_next = input.step(format, F::advance)?;
        if let Next::Record = is_next {
            json.clear();
            match format.check(|warning| warnings.push(warning)).and_then(|()| format.encode(&mut json)) {
                Ok(()) => found.records.push(String::from_utf8_lossy(json.as_bytes()).into_owned()),
                Err(problem) => is_next = Next::Problem(problem),
            }
        }
    }
    match is_next {
        Next::End => found.is_complete = input.left > 0,
        Next::Problem(problem) => found.rejected = Some(format.reject(&problem)),
        Next::Record | Next::Bound => {}
    }
    found.warnings = warnings;
    Ok(found)
}

/// What follows in the source.
enum Next<P> {
    Record,
    End,
    /// The next record ends beyond the part that may be read.
    Bound,
    Problem(P),
}

struct Bounded<I> {
    input: I,
    left: u64,
}

impl<I: Input> Bounded<I> {
    fn step<F: Format>(
        &mut self,
        format: &mut F,
        mut step: impl FnMut(&mut F) -> Result<Step, F::Problem>,
    ) -> Result<Next<F::Problem>, I::Error> {
        loop {
            match step(format) {
                Ok(Step::Record) => return Ok(Next::Record),
                Ok(Step::End) => return Ok(Next::End),
                Err(problem) => return Ok(Next::Problem(problem)),
                Ok(Step::NeedInput) if self.left == 0 => return Ok(Next::Bound),
                Ok(Step::NeedInput) => {
                    let chunk = self.input.read()?;
                    self.left = self.left.saturating_sub(chunk.len() as u64);
                    if chunk.is_empty() { format.end() } else { format.feed(&chunk) }
                }
            }
        }
    }
}
