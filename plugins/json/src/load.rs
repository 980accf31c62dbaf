//! Connects this format to the driver of `jobhost-load`.

use jobhost_batch::JsonBuffer;
use jobhost_load::{Decoding, Encoding, Format, Host, Loaded, Reject, Step, Table, Warning};
use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::options::Options;
use crate::reader::{self, Reader};

/// Why a load of JSON failed.
pub type LoadError<E> = jobhost_load::LoadError<E, Problem>;

/// Loads the source of `host` from its start or from a checkpoint.
pub fn load<H: Host>(host: &mut H, options: Options, resume: Option<&[u8]>) -> Result<Loaded, LoadError<H::Error>> {
    let table = host.describe().map_err(LoadError::Host)?;
    jobhost_load::load(host, JsonFormat::new(table, options), resume)
}

#[derive(Debug)]
struct JsonFormat {
    reader: Reader,
    decoding: Decoding,
    encoding: Option<&'static Encoding>,
}

/// Where the next record begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    #[serde(flatten)]
    in_text: reader::Position,
    /// The source is transcoded: offsets refer to the decoded text, and the source is read from its start again.
    #[serde(default)]
    transcoded: bool,
}

impl JsonFormat {
    fn new(table: Table, options: Options) -> Self {
        let encoding = options.encoding;
        JsonFormat { reader: Reader::new(options, table), decoding: Decoding::new(encoding), encoding }
    }

    /// Fails if the current record has bytes that are not of the source's encoding. The reader checks UTF-8.
    fn check_bytes(&mut self) -> Result<(), Problem> {
        if !self.decoding.is_transcoded() {
            return Ok(());
        }
        let record = self.reader.record();
        match self.decoding.is_invalid(record.start, record.end) {
            true => {
                Err(Problem::WrongEncoding { place: self.reader.place_of_record(), encoding: self.decoding.encoding() })
            }
            false => Ok(()),
        }
    }
}

impl Format for JsonFormat {
    type Position = Position;
    type Problem = Problem;

    fn charset(&mut self, label: &str) {
        // Called again when the source is opened for the second pass, whose decoding has been prepared by then.
        if self.encoding.is_none()
            && let Some(encoding) = Decoding::of_charset(label)
        {
            self.encoding = Some(encoding);
            self.decoding = Decoding::new(Some(encoding));
        }
    }

    fn feed(&mut self, chunk: &[u8]) {
        let reader = &mut self.reader;
        self.decoding.feed(chunk, false, |text| reader.feed(text));
    }

    fn end(&mut self) {
        let reader = &mut self.reader;
        self.decoding.feed(&[], true, |text| reader.feed(text));
        self.reader.end();
    }

    fn begin(&mut self, _note: impl FnMut(Warning)) -> Result<Step, Problem> {
        self.reader.begin()
    }

    #[inline]
    fn advance(&mut self) -> Result<Step, Problem> {
        self.reader.advance()
    }

    #[inline]
    fn inspect(&mut self, _note: impl FnMut(Warning)) -> Result<(), Problem> {
        self.check_bytes()
    }

    /// `advance` has already checked the record.
    #[inline]
    fn check(&mut self, _note: impl FnMut(Warning)) -> Result<(), Problem> {
        self.check_bytes()
    }

    #[inline]
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Problem> {
        self.reader.write(json);
        Ok(())
    }

    fn position(&self) -> Position {
        Position { in_text: self.reader.position(), transcoded: self.decoding.is_transcoded() }
    }

    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    fn rewind(&mut self, position: &Position) {
        self.reader.rewind(&position.in_text);
        self.decoding = Decoding::resume(self.encoding, position.transcoded, position.in_text.offset);
    }

    fn offset_of(position: &Position) -> u64 {
        if position.transcoded { 0 } else { position.in_text.offset }
    }

    fn new_attributes(&mut self) -> Vec<String> {
        self.reader.new_attributes()
    }

    fn reject(&self, problem: &Problem) -> Reject {
        self.reader.reject(problem)
    }
}
