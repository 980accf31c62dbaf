//! A whole load of CSV: this format for the driver of `jobhost-load`.

use jobhost_batch::JsonBuffer;
use jobhost_load::{Format, Step, Warning, shown};
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
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
struct CsvFormat {
    reader: Reader,
    encoder: RecordEncoder,
    table: Table,
    options: EncodeOptions,
    reading: Reading,
    /// Whether the driver was told the attributes.
    told: bool,
}

/// Where the next record begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    dialect: Dialect,
    offset: u64,
    line: u64,
}

impl CsvFormat {
    fn new(table: Table, options: EncodeOptions, reading: Reading) -> Self {
        // Until `begin` has read the header: no columns.
        let encoder = RecordEncoder::new(&Header::default(), &table.primary_key, |name| table.kind_of(name), options);
        let reader = Reader::new().with_reading(reading.clone());
        CsvFormat { reader, encoder, table, options, reading, told: false }
    }

    /// What was taken for the header is none, or was cut at the wrong character.
    #[cold]
    fn one_column(&self, record: &Record<'_>) -> Problem {
        let delimiter = char::from(self.dialect().delimiter);
        Problem::OneColumn { line: record.line(), offset: record.offset(), cells: record.len(), delimiter }
    }

    fn dialect(&self) -> Dialect {
        let Reading { delimiter, quoting, .. } = self.reading;
        self.reader.dialect().unwrap_or_else(|| Dialect::guess(&[], true, delimiter, quoting))
    }

    #[cold]
    fn surplus_cells(&self, record: &Record<'_>) -> Warning {
        let (cells, width) = (record.len(), self.encoder.width());
        let message = format!("A record has {cells} cells, the header {width}: the cells beyond it were left out");
        Warning { code: "surplus-cells", line: Some(record.line()), message }
    }

    /// What should be known about the header.
    fn warnings(&self, header: &Header, line: u64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.encoder.key_column().is_none() {
            let (key, columns) = (&self.table.primary_key, header.names().join(", "));
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

    fn feed(&mut self, chunk: &[u8]) {
        self.reader.feed(chunk);
    }

    fn end(&mut self) {
        self.reader.end();
    }

    fn begin(&mut self, note: impl FnMut(Warning)) -> Result<Step, Problem> {
        let step = self.reader.advance()?;
        if step == Step::Record {
            let line = self.reader.record().line();
            let header = Header::from_record(&self.reader.record(), &self.table.primary_key)?;
            let table = &self.table;
            self.encoder = RecordEncoder::new(&header, &table.primary_key, |name| table.kind_of(name), self.options);
            self.warnings(&header, line).into_iter().for_each(note);
        }
        Ok(step)
    }

    #[inline]
    fn advance(&mut self) -> Result<Step, Problem> {
        let step = self.reader.advance()?;
        // A Ctrl-Z at the very end is how old programs mark the end of a text.
        if step == Step::Record && self.reader.is_at_end() && is_end_mark(self.reader.record().raw()) {
            return Ok(self.reader.advance()?);
        }
        Ok(step)
    }

    #[inline]
    fn check(&mut self, mut note: impl FnMut(Warning)) -> Result<(), Problem> {
        let record = self.reader.record();
        if record.len() > self.encoder.width() {
            if self.encoder.width() == 1 {
                return Err(self.one_column(&record));
            }
            note(self.surplus_cells(&record));
        }
        self.encoder.check(&record)
    }

    #[inline]
    fn encode(&mut self, json: &mut JsonBuffer) -> Result<(), Problem> {
        self.encoder.encode(&self.reader.record(), json)
    }

    fn position(&self) -> Position {
        Position { dialect: self.dialect(), offset: self.reader.offset(), line: self.reader.line() }
    }

    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    fn rewind(&mut self, position: &Position) {
        let reader = Reader::resume(position.dialect, position.offset, position.line);
        self.reader = reader.with_reading(self.reading.clone());
    }

    fn offset_of(position: &Position) -> u64 {
        position.offset
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
            Problem::Cell(error) => Some(error.attribute().to_owned()),
            Problem::Key(_) => {
                self.encoder.key_column().and_then(|index| self.encoder.column_name(index)).map(str::to_owned)
            }
            Problem::Header(_) | Problem::RecordTooLarge { .. } | Problem::OneColumn { .. } => None,
        };
        reject(&record, column, problem.kind(), problem.to_string())
    }
}

fn reject(record: &Record<'_>, column: Option<String>, kind: &'static str, reason: String) -> Reject {
    let (line, byte_offset) = (record.line(), record.offset());
    Reject { line, byte_offset, column, kind, raw: shown(record.raw()), reason }
}
