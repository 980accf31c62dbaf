//! Exports as Parquet. Records have no schema, so the query runs twice: first to find a type for each column, then to
//! write. Both cursors are opened before the first row is read. A write between the two openings can make the types
//! wrong; the export then fails, and the client may retry it.

use jobhost_parquet::{Compression, Inference, RowWriter, WriteError};
use jobhost_plugin::progress::{self, Unit};
use jobhost_plugin::{Failure, FailureKind, Query, Receipt, RowShape, Sink};

/// Write all rows of the query into the sink; returns how many there are.
pub(crate) fn copy(compression: Compression) -> Result<(Receipt, u64), Failure> {
    let mut first = Query::open(0, RowShape::Arrays)?;
    let mut query = Query::open(0, RowShape::Arrays)?;
    let mut inference = Inference::new(first.columns().len());
    while let Some(rows) = next(&mut first)? {
        inference.rows(&rows).map_err(Failure::internal)?;
    }
    drop(first);
    let mut sink = Sink::create(0)?;
    let mut writer = RowWriter::new(query.columns(), &inference.types(), compression).map_err(failure)?;
    while let Some(rows) = next(&mut query)? {
        sink.write(&writer.rows(&rows).map_err(failure)?)?;
        progress::report(writer.count(), None, Unit::Records);
    }
    sink.write(&writer.finish().map_err(failure)?)?;
    Ok((sink.finish()?, writer.count()))
}

/// Returns the next rows, unless the job was cancelled.
fn next(query: &mut Query) -> Result<Option<Vec<u8>>, Failure> {
    if progress::cancelled() {
        return Err(Failure::interrupted());
    }
    let rows = query.rows()?;
    Ok((!rows.is_empty()).then_some(rows))
}

fn failure(error: WriteError) -> Failure {
    match error {
        WriteError::Changed { .. } => Failure {
            kind: FailureKind::Unavailable,
            message: format!("The records changed while the export began: {error}. Run the job again."),
            retryable: true,
        },
        error => Failure::internal(error),
    }
}
