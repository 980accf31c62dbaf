//! A whole load of CSV: this format for the driver of `jobhost-load`.

use jobhost_batch::JsonBuffer;
use jobhost_load::{Decoding, Format, Step, Warning, shown};
use serde::{Deserialize, Serialize};

use crate::columns::{Columns, HeaderSource, Types};
use crate::dialect::{Candidate, Dialect};
use crate::encode::{EncodeOptions, RecordEncoder};
use crate::error::Problem;
use crate::header::Header;
use crate::reader::{Reader, Reading};
use crate::record::Record;

pub use jobhost_load::{CheckpointError, Host, Input, Loaded, Reject, Table};

const CTRL_Z: u8 = 0x1a;

/// A Ctrl-Z alone, perhaps on a line of its own.
fn is_end_mark(raw: &[u8]) -> bool {
    raw.contains(&CTRL_Z) && raw.iter().all(|byte| matches!(byte, &CTRL_Z | b'\r' | b'\n'))
}

/// Why a load of CSV ended early.
pub type LoadError<E> = jobhost_load::LoadError<E, Problem>;

/// Load the source of `host`, from its start or from a checkpoint.
pub fn load<H: Host>(
    host: &mut H,
    options: EncodeOptions,
    reading: Reading,
    resume: Option<&[u8]>,
) -> Result<Loaded, LoadError<H::Error>> {
    let table = host.describe().map_err(LoadError::Host)?;
    jobhost_load::load(host, CsvFormat::new(table, options, reading), resume)
}

/// CSV: a header, then records.
#[derive(Debug)]
pub(crate) struct CsvFormat {
    reader: Reader,
    encoder: RecordEncoder,
    table: Table,
    options: EncodeOptions,
    reading: Reading,
    decoding: Decoding,
    /// Whether the driver was told the attributes.
    told: bool,
    /// `begin` has read the first record to count its columns, and `advance` has not returned it yet.
    first_is_a_record: bool,
}

/// Where the next record begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position {
    dialect: Dialect,
    offset: u64,
    line: u64,
    /// The source is transcoded: offsets refer to the decoded text, and the source is read from its start again.
    #[serde(default)]
    transcoded: bool,
}

impl CsvFormat {
    pub(crate) fn new(table: Table, options: EncodeOptions, reading: Reading) -> Self {
        // Until `begin` has read the header: no columns.
        let encoder = encoder(&Header::default(), &table, options, &reading);
        let reader = Reader::new().with_reading(reading.clone()).with_max_record_bytes(table.record_bytes);
        let decoding = Decoding::new(reading.encoding);
        CsvFormat { reader, encoder, table, options, reading, decoding, told: false, first_is_a_record: false }
    }

    /// What was taken for the header is none, or was cut at the wrong character.
    #[cold]
    fn one_column(&self, record: &Record<'_>) -> Problem {
        let delimiter = char::from(self.dialect().delimiter);
        Problem::OneColumn { line: record.line(), offset: record.offset(), cells: record.len(), delimiter }
    }

    /// Keeps what the start of the input says about each delimiter.
    pub(crate) fn with_evidence(mut self) -> Self {
        self.reader = self.reader.with_evidence();
        self
    }

    pub(crate) fn evidence(&self) -> &[Candidate] {
        self.reader.evidence()
    }

    pub(crate) fn encoding(&self) -> &'static str {
        self.decoding.encoding()
    }

    /// The attributes that records will have.
    pub(crate) fn attributes(&self) -> Vec<String> {
        self.encoder.attributes()
    }

    pub(crate) fn dialect(&self) -> Dialect {
        let Reading { delimiter, quoting, .. } = self.reading;
        self.reader.dialect().unwrap_or_else(|| Dialect::guess(&[], true, delimiter, quoting))
    }

    /// Reports invalid bytes in the current record.
    #[inline]
    fn check_bytes(&mut self) -> Result<Option<Warning>, Problem> {
        if self.decoding.may_be_invalid() { self.check_other_bytes() } else { Ok(None) }
    }

    #[inline(never)]
    fn check_other_bytes(&mut self) -> Result<Option<Warning>, Problem> {
        let record = self.reader.record();
        let (line, offset, raw) = (record.line(), record.offset(), record.raw());
        let is_invalid = match self.decoding.is_transcoded() {
            true => self.decoding.is_invalid(offset, offset + raw.len() as u64),
            false => std::str::from_utf8(raw).is_err(),
        };
        let encoding = self.decoding.encoding();
        match (is_invalid, self.reading.replaces_invalid_bytes) {
            (false, _) => Ok(None),
            (true, false) => Err(Problem::InvalidBytes { line, offset, encoding }),
            (true, true) => {
                let message = format!("A record has bytes that are not {encoding}: they became U+FFFD");
                Ok(Some(Warning { code: "bytes-replaced", line: Some(line), message }))
            }
        }
    }

    /// Adds the line to a type error if the request names types.
    #[cold]
    #[inline(never)]
    fn placed(&self, problem: Problem) -> Problem {
        match (problem, &self.reading.columns.types) {
            (Problem::Cell(error), Types::Named(_) | Types::Json) => {
                Problem::TypedCell { error, line: self.reader.record().line() }
            }
            (problem, _) => problem,
        }
    }

    #[cold]
    fn surplus_cells(&self, record: &Record<'_>) -> Warning {
        let (cells, width) = (record.len(), self.encoder.width());
        let message = format!("A record has {cells} cells, the header {width}: the cells beyond it were left out");
        Warning { code: "surplus-cells", line: Some(record.line()), message }
    }

    /// The warnings about the header.
    fn warnings(&self, header: &Header, line: u64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.encoder.key_column().is_none() {
            let (key, columns) = (&self.table.primary_key, header.listed());
            let message =
                format!("No column is named '{key}', the primary key: keys were generated. The columns are: {columns}");
            warnings.push(Warning { code: "key-missing", line: Some(line), message });
        }
        warnings.extend(self.encoder.unnamed().iter().map(|index| {
            let message = format!("Column {} has no name and no values: it was left out", index + 1);
            Warning { code: "unnamed-column", line: Some(line), message }
        }));
        warnings
    }
}

impl Format for CsvFormat {
    type Position = Position;
    type Problem = Problem;

    fn charset(&mut self, label: &str) {
        // The option `encoding` takes precedence.
        if self.reading.encoding.is_none()
            && let Some(encoding) = Decoding::of_charset(label)
        {
            self.reading.encoding = Some(encoding);
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

    fn begin(&mut self, mut note: impl FnMut(Warning)) -> Result<Step, Problem> {
        let step = self.reader.advance()?;
        if step == Step::Record {
            let line = self.reader.record().line();
            self.check_bytes()?.into_iter().for_each(&mut note);
            let columns = &self.reading.columns;
            let header = Header::of(&self.reader.record(), &self.table.primary_key, columns)?;
            self.first_is_a_record = columns.header != HeaderSource::FirstRecord;
            self.encoder = encoder(&header, &self.table, self.options, &self.reading);
            self.warnings(&header, line).into_iter().for_each(note);
        }
        Ok(step)
    }

    #[inline]
    fn advance(&mut self) -> Result<Step, Problem> {
        if self.first_is_a_record {
            self.first_is_a_record = false;
            return Ok(Step::Record);
        }
        let step = self.reader.advance()?;
        // A Ctrl-Z at the very end is how old programs mark the end of a text.
        if step == Step::Record && self.reader.is_at_end() && is_end_mark(self.reader.record().raw()) {
            return Ok(self.reader.advance()?);
        }
        Ok(step)
    }

    #[inline]
    fn inspect(&mut self, mut note: impl FnMut(Warning)) -> Result<(), Problem> {
        self.check_bytes()?.into_iter().for_each(&mut note);
        let record = self.reader.record();
        if record.len() > self.encoder.width() {
            if self.encoder.width() == 1 {
                return Err(self.one_column(&record));
            }
            note(self.surplus_cells(&record));
        }
        self.encoder.check_unnamed(&record)
    }

    #[inline]
    fn check(&mut self, note: impl FnMut(Warning)) -> Result<(), Problem> {
        self.inspect(note)?;
        match self.encoder.check(&self.reader.record()) {
            Ok(()) => Ok(()),
            Err(problem) => Err(self.placed(problem)),
        }
    }

    #[inline]
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Problem> {
        match self.encoder.encode(&self.reader.record(), json) {
            Ok(()) => Ok(()),
            Err(problem) => Err(self.placed(problem)),
        }
    }

    fn position(&self) -> Position {
        let (dialect, transcoded) = (self.dialect(), self.decoding.is_transcoded());
        if self.first_is_a_record {
            let first = self.reader.record();
            return Position { dialect, offset: first.offset(), line: first.line(), transcoded };
        }
        Position { dialect, offset: self.reader.offset(), line: self.reader.line(), transcoded }
    }

    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    fn rewind(&mut self, position: &Position) {
        let reader = Reader::resume(position.dialect, position.offset, position.line);
        self.reader = reader.with_reading(self.reading.clone()).with_max_record_bytes(self.table.record_bytes);
        self.decoding = Decoding::resume(self.reading.encoding, position.transcoded, position.offset);
        self.first_is_a_record = false;
    }

    fn offset_of(position: &Position) -> u64 {
        if position.transcoded { 0 } else { position.offset }
    }

    fn new_attributes(&mut self) -> Vec<String> {
        let told = std::mem::replace(&mut self.told, true);
        if told { Vec::new() } else { self.encoder.attributes() }
    }

    fn reject(&self, problem: &Problem) -> Reject {
        let record = self.reader.record();
        let column = match problem {
            Problem::Syntax(error) => {
                return Reject {
                    line: error.line(),
                    byte_offset: error.offset(),
                    column: None,
                    kind: problem.kind(),
                    raw: shown(self.reader.pending()),
                    reason: problem.to_string(),
                };
            }
            Problem::Cell(error) | Problem::TypedCell { error, .. } => Some(error.attribute().to_owned()),
            Problem::Key(_) => {
                self.encoder.key_column().and_then(|index| self.encoder.column_name(index)).map(str::to_owned)
            }
            Problem::Header(_)
            | Problem::InvalidBytes { .. }
            | Problem::RecordTooLarge { .. }
            | Problem::OneColumn { .. } => None,
        };
        reject(&record, column, problem.kind(), problem.to_string())
    }
}

fn encoder(header: &Header, table: &Table, options: EncodeOptions, reading: &Reading) -> RecordEncoder {
    let Columns { types, cells, .. } = &reading.columns;
    let kind_of = |name: &str| types.kind_of(name, table.kind_of(name));
    RecordEncoder::new(header, &table.primary_key, kind_of, options, cells).with_max_record_bytes(table.record_bytes)
}

fn reject(record: &Record<'_>, column: Option<String>, kind: &'static str, reason: String) -> Reject {
    let (line, byte_offset) = (record.line(), record.offset());
    Reject { line, byte_offset, column, kind, raw: shown(record.raw()), reason }
}
