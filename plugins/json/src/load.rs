//! Connects this format to the driver of `jobhost-load`.

use jobhost_batch::JsonBuffer;
use jobhost_load::{Format, Host, Loaded, Reject, Step, Table, Warning};

use crate::error::Problem;
use crate::reader::{Position, Reader, Shape};

/// Why a load of JSON failed.
pub type LoadError<E> = jobhost_load::LoadError<E, Problem>;

/// Options of a load.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub shape: Shape,
    /// The error message for a record without a primary key. With `None`, the host generates a key.
    pub key_required: Option<&'static str>,
}

/// Loads the source of `host` from its start or from a checkpoint.
pub fn load<H: Host>(host: &mut H, options: Options, resume: Option<&[u8]>) -> Result<Loaded, LoadError<H::Error>> {
    let table = host.describe().map_err(LoadError::Host)?;
    jobhost_load::load(host, JsonFormat::new(table, options), resume)
}

#[derive(Debug)]
struct JsonFormat {
    reader: Reader,
}

impl JsonFormat {
    fn new(table: Table, options: Options) -> Self {
        JsonFormat { reader: Reader::new(options.shape, table, options.key_required) }
    }
}

impl Format for JsonFormat {
    type Position = Position;
    type Problem = Problem;

    fn feed(&mut self, chunk: &[u8]) {
        self.reader.feed(chunk);
    }

    fn end(&mut self) {
        self.reader.end();
    }

    fn begin(&mut self, _note: impl FnMut(Warning)) -> Result<Step, Problem> {
        self.reader.begin()
    }

    #[inline]
    fn advance(&mut self) -> Result<Step, Problem> {
        self.reader.advance()
    }

    /// `advance` has already checked the record.
    #[inline]
    fn check(&mut self, _note: impl FnMut(Warning)) -> Result<(), Problem> {
        Ok(())
    }

    #[inline]
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Problem> {
        self.reader.write(json);
        Ok(())
    }

    fn position(&self) -> Position {
        self.reader.position()
    }

    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    fn rewind(&mut self, position: &Position) {
        self.reader.rewind(position);
    }

    fn offset_of(position: &Position) -> u64 {
        position.offset
    }

    fn new_attributes(&mut self) -> Vec<String> {
        self.reader.new_attributes()
    }

    fn reject(&self, problem: &Problem) -> Reject {
        self.reader.reject(problem)
    }
}
