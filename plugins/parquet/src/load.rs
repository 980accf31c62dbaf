//! Loads a Parquet file. Unless the load is atomic, every record is checked before the first one is written.

use jobhost_batch::{Batch, JsonBuffer};
use jobhost_json::Checker;
use jobhost_load::{Checkpoint, Host, Open, Reject, shown};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::error::Problem;
use crate::source::SourceFile;
use crate::value::{Cells, quoted_name};

/// Decoded bytes of the rows to read at a time, and their maximum number.
const ROWS_BYTES: u64 = 2 * 1024 * 1024;
const MAX_ROWS: u64 = 1024;

/// Why a load of Parquet failed.
pub type LoadError<E> = jobhost_load::LoadError<E, Problem>;

/// Options of a load.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The columns to load, or `None` for all.
    pub columns: Option<Vec<String>>,
    /// The error message for a record without a primary key. With `None`, the host generates a key.
    pub key_required: Option<&'static str>,
}

/// The number of the next row, starting at 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    row: u64,
}

/// Loads `source`, the source of `host`, from its start or from a checkpoint.
pub fn load<H, O>(host: &mut H, source: O, options: &Options, resume: Option<&[u8]>) -> Result<(), LoadError<H::Error>>
where
    H: Host,
    H::Error: Send + 'static,
    O: Open<Error = H::Error> + Send + 'static,
    O::Input: Send,
{
    let table = host.describe().map_err(LoadError::Host)?;
    let Some(file) = SourceFile::open(source).map_err(LoadError::Host)? else {
        return Err(rejected(host, Problem::NoSize, &[]));
    };
    let reading = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = match ArrowReaderMetadata::load(&file, reading) {
        Ok(metadata) => metadata,
        Err(error) => return Err(broken(host, &file, error)),
    };
    let columns = Columns::choose(&metadata, options.columns.as_deref(), &table)
        .and_then(|columns| columns.check_compression(&metadata).map(|()| columns));
    let columns = match columns {
        Ok(columns) => columns,
        Err(problem) => return Err(rejected(host, problem, &[])),
    };
    let mut load = Load { file, metadata, columns };
    let names = load.columns.names();
    if !names.is_empty() {
        host.declare(&names).map_err(LoadError::Host)?;
    }
    let from = match resume {
        Some(checkpoint) => {
            let checkpoint: Checkpoint<Position> = Checkpoint::decode(checkpoint)?;
            if checkpoint.etag != load.file.etag() {
                return Err(LoadError::Changed);
            }
            checkpoint.position.row
        }
        None if host.is_atomic() => 0,
        None => {
            load.check(host, Checker::new(table.clone(), options.key_required))?;
            0
        }
    };
    // In a load of one pass, no record has been checked.
    let checker = host.is_atomic().then(|| Checker::new(table, options.key_required));
    load.write(host, from, checker)
}

struct Load<O: Open> {
    file: SourceFile<O>,
    metadata: ArrowReaderMetadata,
    columns: Columns,
}

impl<O> Load<O>
where
    O: Open + Send + 'static,
    O::Input: Send,
    O::Error: Send + 'static,
{
    /// Pass 1: checks every record.
    fn check<H: Host<Error = O::Error>>(
        &mut self,
        host: &mut H,
        mut checker: Checker,
    ) -> Result<(), LoadError<O::Error>> {
        let mut json = JsonBuffer::default();
        host.progress(0, Some(self.file.size()));
        let rows = self.each(host, 0, false, |_, number, record| {
            json.clear();
            record.write(number, &mut json).map_err(|problem| Stop::Problem(problem, Vec::new()))?;
            check(&mut checker, number, &json)
        })?;
        self.check_count(host, rows)
    }

    fn check_count<H: Host<Error = O::Error>>(&self, host: &mut H, rows: u64) -> Result<(), LoadError<O::Error>> {
        let said = self.metadata.metadata().file_metadata().num_rows().unsigned_abs();
        if rows == said { Ok(()) } else { Err(rejected(host, Problem::RowCount { found: rows, said }, &[])) }
    }

    /// Writes every record from a row on. With a checker, checks them before.
    fn write<H: Host<Error = O::Error>>(
        &mut self,
        host: &mut H,
        from: u64,
        mut checker: Option<Checker>,
    ) -> Result<(), LoadError<O::Error>> {
        let mut batch = Batch::new();
        let mut json = JsonBuffer::default();
        let mut state = Checkpoint::new(self.file.etag(), Position { row: from });
        let rows = self.each(host, from, true, |host, number, record| {
            json.clear();
            record.write(number, &mut json).map_err(|problem| Stop::Problem(problem, Vec::new()))?;
            if let Some(checker) = &mut checker {
                check(checker, number, &json)?;
            }
            batch.record(|batch| {
                batch.raw(json.as_bytes());
                Ok(())
            })?;
            state.position.row = number + 1;
            if batch.is_full() {
                host.write(batch.as_bytes(), &state.encode()).map_err(Stop::Host)?;
                batch.clear();
            }
            Ok(())
        })?;
        if !batch.is_empty() {
            host.write(batch.as_bytes(), &state.encode()).map_err(LoadError::Host)?;
        }
        self.check_count(host, rows)?;
        host.progress(self.file.size(), Some(self.file.size()));
        Ok(())
    }

    /// Calls `take` with every record from a row on. Returns the number of the row after the last one.
    fn each<H: Host<Error = O::Error>>(
        &self,
        host: &mut H,
        from: u64,
        reports: bool,
        mut take: impl FnMut(&mut H, u64, &mut Record<'_>) -> Result<(), Stop<O::Error>>,
    ) -> Result<u64, LoadError<O::Error>> {
        let names: Vec<Vec<u8>> = self.columns.all.iter().map(|column| quoted_name(&column.name)).collect();
        let total = self.metadata.metadata().file_metadata().num_rows().unsigned_abs().max(1);
        let mut next = 0;
        for group in 0..self.metadata.metadata().num_row_groups() {
            let rows = self.metadata.metadata().row_group(group).num_rows().unsigned_abs();
            if next + rows <= from {
                next += rows;
                continue;
            }
            let skipped = from.saturating_sub(next);
            next += skipped;
            let reader = self.rows_of(group, rows, skipped).map_err(|error| broken(host, &self.file, error))?;
            for batch in reader {
                if host.cancelled() {
                    return Err(LoadError::Cancelled);
                }
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => return Err(broken(host, &self.file, error.into())),
                };
                if reports {
                    let share = u128::from(self.file.size()) * u128::from(next.min(total)) / u128::from(total);
                    host.progress(u64::try_from(share).unwrap_or(0), Some(self.file.size()));
                }
                let cells = self.columns.all.iter().zip(batch.columns()).map(|(column, array)| {
                    Cells::new(array, &column.field, column.decimals_as_numbers)
                        .map_err(|kind| Problem::Type { column: column.name.clone(), kind })
                });
                let cells = cells.collect::<Result<Vec<_>, _>>().map_err(|problem| rejected(host, problem, &[]))?;
                let mut record = Record { columns: &self.columns, names: &names, cells, row: 0 };
                for row in 0..batch.num_rows() {
                    record.row = row;
                    if let Err(stop) = take(host, next, &mut record) {
                        return Err(match stop {
                            Stop::Host(error) => LoadError::Host(error),
                            Stop::Problem(problem, raw) => rejected(host, problem, &raw),
                        });
                    }
                    next += 1;
                }
            }
        }
        Ok(next)
    }

    fn rows_of(
        &self,
        group: usize,
        rows: u64,
        skipped: u64,
    ) -> Result<ParquetRecordBatchReader, parquet::errors::ParquetError> {
        let bytes = self.columns.bytes_of(self.metadata.metadata().row_group(group));
        let each = (bytes / rows.max(1)).max(1);
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(self.columns.mask.clone())
            .with_batch_size(usize::try_from((ROWS_BYTES / each).clamp(1, MAX_ROWS)).unwrap_or(1))
            .with_offset(usize::try_from(skipped).unwrap_or(usize::MAX))
            .build()
    }
}

fn check<E>(checker: &mut Checker, number: u64, json: &JsonBuffer) -> Result<(), Stop<E>> {
    let checked = checker.check(json.as_bytes());
    checked.map_err(|problem| Stop::Problem(Problem::Record { row: number + 1, problem }, json.as_bytes().to_vec()))
}

/// One record of a batch of rows.
struct Record<'a> {
    columns: &'a Columns,
    names: &'a [Vec<u8>],
    cells: Vec<Cells<'a>>,
    row: usize,
}

impl Record<'_> {
    /// Appends the record as a JSON object. `number` is the number of its row in the file, starting at 0.
    fn write(&mut self, number: u64, json: &mut JsonBuffer) -> Result<(), Problem> {
        json.byte(b'{');
        for (index, (name, cells)) in self.names.iter().zip(&mut self.cells).enumerate() {
            if index > 0 {
                json.byte(b',');
            }
            json.raw(name);
            cells.write(self.row, json).map_err(|what| {
                let column = self.columns.all.get(index).map_or_else(String::new, |column| column.name.clone());
                Problem::Value { row: number + 1, column, what }
            })?;
        }
        json.byte(b'}');
        Ok(())
    }
}

/// Why reading stopped.
enum Stop<E> {
    Host(E),
    /// A problem, with the record as far as it was written.
    Problem(Problem, Vec<u8>),
}

/// Converts an error of Parquet: either the host refused a call, or the file is invalid.
fn broken<H: Host, O: Open<Error = H::Error>>(
    host: &mut H,
    file: &SourceFile<O>,
    error: parquet::errors::ParquetError,
) -> LoadError<H::Error> {
    match file.refused() {
        Some(refused) => LoadError::Host(refused),
        None => rejected(host, Problem::File(error), &[]),
    }
}

/// Reports a problem with the input as a rejected record, and returns the error that ends the load.
fn rejected<H: Host>(host: &mut H, problem: Problem, raw: &[u8]) -> LoadError<H::Error> {
    host.reject(Reject {
        line: problem.row().unwrap_or(1),
        byte_offset: 0,
        column: problem.column().map(str::to_owned),
        kind: problem.kind(),
        raw: shown(raw),
        reason: problem.to_string(),
    });
    LoadError::Input(problem)
}
