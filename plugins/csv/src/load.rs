//! A whole load: a first pass that validates everything and writes nothing, a second that writes. Both over a source
//! that can be opened again, so that nothing has to be held. All that comes from outside is behind [`Host`].

mod checkpoint;
mod input;

use jobhost_batch::Batch;

use crate::column::ColumnType;
use crate::dialect::Dialect;
use crate::encode::{EncodeOptions, RecordEncoder};
use crate::error::Problem;
use crate::header::Header;
use crate::key::KeyError;
use crate::reader::Reader;
use crate::record::Record;
use checkpoint::Checkpoint;
use input::Records;

pub use checkpoint::CheckpointError;

/// The most bytes of a rejected record that are repeated.
const SHOWN_BYTES: usize = 1024;

/// What a load needs of the world around it.
pub trait Host {
    type Error;
    type Input: Input<Error = Self::Error>;

    /// The table that is loaded.
    fn describe(&mut self) -> Result<Table, Self::Error>;
    /// Say which attributes the records will have.
    fn declare(&mut self, attributes: &[String]) -> Result<(), Self::Error>;
    /// Open the source at a byte.
    fn open(&mut self, offset: u64) -> Result<Self::Input, Self::Error>;
    /// Hand over a batch of JSON lines and the state after it.
    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Self::Error>;
    /// Make everything durable and tell what became of it.
    fn flush(&mut self) -> Result<Tally, Self::Error>;
    fn progress(&mut self, done: u64, total: u64);
    fn cancelled(&mut self) -> bool;
    fn reject(&mut self, reject: Reject);
}

/// An open source.
pub trait Input {
    type Error;

    fn size(&self) -> u64;
    /// Changes when the content changes.
    fn etag(&self) -> &str;
    /// The next bytes; none at the end.
    fn read(&mut self) -> Result<Vec<u8>, Self::Error>;
}

/// The table that is loaded.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub primary_key: String,
    /// Attributes that have a type.
    pub types: Vec<(String, ColumnType)>,
}

impl Table {
    fn kind_of(&self, attribute: &str) -> ColumnType {
        let typed = self.types.iter().find(|(name, _)| name == attribute);
        typed.map_or(ColumnType::Any, |(_, kind)| *kind)
    }
}

/// What became of the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub received: u64,
    pub written: u64,
}

/// A record that could not be taken, or not as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    pub line: u64,
    pub byte_offset: u64,
    pub column: Option<String>,
    pub kind: &'static str,
    pub raw: String,
    pub reason: String,
}

/// Why a load ended early.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E> {
    #[error("the host refused a call")]
    Host(E),
    /// Something in the input; it was reported as a reject too.
    #[error(transparent)]
    Input(#[from] Problem),
    #[error("The source changed while it was read; nothing more was written. Run the job again.")]
    Changed,
    #[error("The job was cancelled.")]
    Cancelled,
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Load the source of `host`, from its start or from a checkpoint.
pub fn load<H: Host>(
    host: &mut H,
    options: EncodeOptions,
    resume: Option<&[u8]>,
) -> Result<Tally, LoadError<H::Error>> {
    let table = host.describe().map_err(LoadError::Host)?;
    let (mut encoder, from) = match resume {
        None => match validate(host, &table, options)? {
            Some(start) => start,
            None => return host.flush().map_err(LoadError::Host),
        },
        Some(checkpoint) => reopen(host, &table, options, checkpoint)?,
    };
    write(host, &mut encoder, from)?;
    host.flush().map_err(LoadError::Host)
}

/// Pass 1: look at every record. Gives where the first one is, or `None` if there are none.
fn validate<H: Host>(
    host: &mut H,
    table: &Table,
    options: EncodeOptions,
) -> Result<Option<(RecordEncoder, Checkpoint)>, LoadError<H::Error>> {
    let mut records = Records::open(host, Reader::new(), 0)?;
    host.progress(0, records.size());
    let Some(header) = read_header(host, &mut records)? else {
        return Ok(None);
    };
    let (offset, line) = (records.reader.offset(), records.reader.line());
    if !records.advance(host)? {
        return Ok(None);
    }
    let mut encoder = RecordEncoder::new(&header, &table.primary_key, |name| table.kind_of(name), options);
    host.declare(&encoder.attributes()).map_err(LoadError::Host)?;
    loop {
        let record = records.reader.record();
        if record.len() > encoder.width() {
            host.reject(surplus_cells(&record, encoder.width()));
        }
        if let Err(problem) = encoder.check(&record) {
            host.reject(rejected(&record, &encoder, &problem));
            return Err(problem.into());
        }
        if !records.advance(host)? {
            break;
        }
    }
    let dialect = records.reader.dialect().unwrap_or_else(|| Dialect::guess(&[], true));
    Ok(Some((encoder, Checkpoint::new(records.etag(), dialect, offset, line))))
}

/// What a resumed attempt needs of the start of the source: the header.
fn reopen<H: Host>(
    host: &mut H,
    table: &Table,
    options: EncodeOptions,
    checkpoint: &[u8],
) -> Result<(RecordEncoder, Checkpoint), LoadError<H::Error>> {
    let checkpoint = Checkpoint::decode(checkpoint)?;
    let mut records = Records::open(host, Reader::new(), 0)?;
    if records.etag() != checkpoint.etag {
        return Err(LoadError::Changed);
    }
    let header = read_header(host, &mut records)?.ok_or(LoadError::Changed)?;
    let encoder = RecordEncoder::new(&header, &table.primary_key, |name| table.kind_of(name), options);
    host.declare(&encoder.attributes()).map_err(LoadError::Host)?;
    Ok((encoder, checkpoint))
}

/// Pass 2: write every record from a position on.
fn write<H: Host>(host: &mut H, encoder: &mut RecordEncoder, mut state: Checkpoint) -> Result<(), LoadError<H::Error>> {
    let reader = Reader::resume(state.dialect, state.offset, state.line);
    let mut records = Records::open(host, reader, state.offset)?;
    if records.etag() != state.etag {
        return Err(LoadError::Changed);
    }
    records.report_progress();
    let mut batch = Batch::new();
    while records.advance(host)? {
        let record = records.reader.record();
        if let Err(problem) = batch.record(|json| encoder.encode(&record, json)) {
            host.reject(rejected(&record, encoder, &problem));
            return Err(problem.into());
        }
        if batch.is_full() {
            state.move_to(&records.reader);
            host.write(batch.as_bytes(), &state.encode()).map_err(LoadError::Host)?;
            batch.clear();
        }
    }
    if !batch.is_empty() {
        state.move_to(&records.reader);
        host.write(batch.as_bytes(), &state.encode()).map_err(LoadError::Host)?;
    }
    host.progress(records.size(), records.size());
    Ok(())
}

fn read_header<H: Host>(host: &mut H, records: &mut Records<H>) -> Result<Option<Header>, LoadError<H::Error>> {
    if !records.advance(host)? {
        return Ok(None);
    }
    let record = records.reader.record();
    match Header::from_record(&record) {
        Ok(header) => Ok(Some(header)),
        Err(error) => {
            let problem = Problem::from(error);
            host.reject(reject(&record, None, problem.kind(), problem.to_string()));
            Err(problem.into())
        }
    }
}

fn surplus_cells(record: &Record<'_>, width: usize) -> Reject {
    let cells = record.len();
    let reason = format!("The record has {cells} cells, the header {width}: what is beyond was left out");
    reject(record, None, "surplus-cells", reason)
}

fn rejected(record: &Record<'_>, encoder: &RecordEncoder, problem: &Problem) -> Reject {
    let column = match problem {
        Problem::Cell(error) => Some(error.attribute().to_owned()),
        Problem::Key(KeyError::Missing(_) | KeyError::Boolean | KeyError::TooLong(_)) => {
            encoder.key_column().and_then(|index| encoder.column_name(index)).map(str::to_owned)
        }
        _ => None,
    };
    reject(record, column, problem.kind(), problem.to_string())
}

fn reject(record: &Record<'_>, column: Option<String>, kind: &'static str, reason: String) -> Reject {
    let (line, byte_offset) = (record.line(), record.offset());
    Reject { line, byte_offset, column, kind, raw: shown(record.raw()), reason }
}

/// The start of some input, as text of a bounded size.
fn shown(raw: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(raw.get(..SHOWN_BYTES).unwrap_or(raw)).into_owned();
    while text.len() > SHOWN_BYTES {
        text.pop();
    }
    text
}
