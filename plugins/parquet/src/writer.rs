//! Writes rows as a Parquet file, row group by row group.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::extension::Json;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::exact;
use crate::infer::{ColumnType, integer};
use crate::rows::{self, MalformedRows};

/// A row group is written when it has so many bytes or rows.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
const GROUP_ROWS: usize = 1_000_000;
const CREATED_BY: &str = concat!("jobhost ", env!("CARGO_PKG_VERSION"));

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Snappy,
    Gzip,
    Zstd,
}

/// Why rows were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A row does not fit the types that were found: the rows are not those that were looked at.
    #[error("a value of column '{column}' is of another type than the values that were there before")]
    Changed { column: String },
    #[error(transparent)]
    Rows(#[from] MalformedRows),
    #[error("writing Parquet failed: {0}")]
    Parquet(#[from] ParquetError),
}

/// Turns rows into bytes of a file.
pub struct RowWriter {
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
    cells: Vec<Cells>,
    count: u64,
}

/// The cells of one column of the rows at hand.
enum Cells {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Json(StringBuilder),
}

impl RowWriter {
    /// A writer for rows with these columns, of the types that were found by looking at all of the rows.
    pub fn new(names: &[String], types: &[ColumnType], compression: Compression) -> Result<Self, WriteError> {
        let fields: Vec<Field> = names.iter().zip(types).map(|(name, kind)| field(name, *kind)).collect();
        let schema = Arc::new(Schema::new(fields));
        let codec = match compression {
            Compression::Snappy => Codec::SNAPPY,
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        };
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_created_by(CREATED_BY.to_owned())
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        Ok(RowWriter { writer, schema, cells: types.iter().map(|kind| Cells::new(*kind)).collect(), count: 0 })
    }

    /// Take the next rows, each followed by LF; returns the next bytes of the file, often none.
    pub fn rows(&mut self, rows: &[u8]) -> Result<Vec<u8>, WriteError> {
        let columns = self.cells.len();
        let (cells, schema) = (&mut self.cells, &self.schema);
        let count = rows::cells(rows, columns, |index, value| {
            // What is beyond the last column makes the row malformed.
            if cells.get_mut(index).is_none_or(|cells| cells.push(value)) {
                return Ok(());
            }
            let column = schema.fields().get(index).map_or_else(String::new, |field| field.name().clone());
            Err(WriteError::Changed { column })
        })?;
        self.count += count;
        let arrays = self.cells.iter_mut().map(Cells::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(ParquetError::from)?;
        self.writer.write(&batch)?;
        if self.writer.memory_size() >= GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// The last bytes of the file.
    pub fn finish(&mut self) -> Result<Vec<u8>, WriteError> {
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Rows taken so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn field(name: &str, kind: ColumnType) -> Field {
    match kind {
        ColumnType::Boolean => Field::new(name, DataType::Boolean, true),
        ColumnType::Integer => Field::new(name, DataType::Int64, true),
        ColumnType::Double => Field::new(name, DataType::Float64, true),
        ColumnType::Text => Field::new(name, DataType::Utf8, true),
        ColumnType::Json => Field::new(name, DataType::Utf8, true).with_extension_type(Json::default()),
    }
}

impl Cells {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Cells::Boolean(BooleanBuilder::new()),
            ColumnType::Integer => Cells::Integer(Int64Builder::new()),
            ColumnType::Double => Cells::Double(Float64Builder::new()),
            ColumnType::Text => Cells::Text(StringBuilder::new()),
            ColumnType::Json => Cells::Json(StringBuilder::new()),
        }
    }

    /// Append a JSON value; false if it is of another type.
    fn push(&mut self, value: &str) -> bool {
        if value == "null" {
            match self {
                Cells::Boolean(cells) => cells.append_null(),
                Cells::Integer(cells) => cells.append_null(),
                Cells::Double(cells) => cells.append_null(),
                Cells::Text(cells) | Cells::Json(cells) => cells.append_null(),
            }
            return true;
        }
        match self {
            Cells::Boolean(cells) => value.parse().map(|value| cells.append_value(value)).is_ok(),
            Cells::Integer(cells) => integer(value).map(|value| cells.append_value(value)).is_some(),
            Cells::Double(cells) => exact::double(value).map(|value| cells.append_value(value)).is_some(),
            Cells::Text(cells) => push_text(cells, value),
            Cells::Json(cells) => {
                cells.append_value(value);
                true
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Cells::Boolean(cells) => Arc::new(cells.finish()),
            Cells::Integer(cells) => Arc::new(cells.finish()),
            Cells::Double(cells) => Arc::new(cells.finish()),
            Cells::Text(cells) | Cells::Json(cells) => Arc::new(cells.finish()),
        }
    }
}

fn push_text(cells: &mut StringBuilder, value: &str) -> bool {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    match inside {
        Some(inside) if !inside.contains('\\') => cells.append_value(inside),
        Some(_) => match serde_json::from_str::<String>(value) {
            Ok(text) => cells.append_value(text),
            Err(_) => return false,
        },
        None => return false,
    }
    true
}
