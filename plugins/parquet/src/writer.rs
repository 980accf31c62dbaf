//! Writes rows as a Parquet file, one row group at a time.

use std::sync::Arc;

use parquet::basic::{Compression as Codec, GzipLevel, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::exact;
use crate::infer::{ColumnType, integer};
use crate::rows::{self, MalformedRows};

/// A row group is written when its rows reach this size as JSON, or this number.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
const GROUP_ROWS: usize = 200_000;
const CREATED_BY: &str = concat!("jobhost ", env!("CARGO_PKG_VERSION"));

/// The compression of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Snappy,
    Gzip,
    Zstd,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A row does not fit the inferred types: the rows are not those from which the types were inferred.
    #[error("a value of column '{column}' is of another type than the values that were there before")]
    Changed { column: String },
    #[error(transparent)]
    Rows(#[from] MalformedRows),
    #[error("writing Parquet failed: {0}")]
    Parquet(#[from] ParquetError),
}

/// Converts rows into the bytes of a file. It does not use Arrow, whose writer would make the component several times
/// larger.
pub struct RowWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    names: Vec<String>,
    /// The rows of the next row group.
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
    count: u64,
}

/// One column of the next row group.
struct Column {
    cells: Cells,
    /// For each row: 1 for a value, 0 for null.
    levels: Vec<i16>,
}

enum Cells {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
    Json(Vec<ByteArray>),
}

impl RowWriter {
    /// Creates a writer for rows with these columns. The types must have been inferred from the same rows.
    pub fn new(names: &[String], types: &[ColumnType], compression: Compression) -> Result<Self, WriteError> {
        let fields = names.iter().zip(types).map(|(name, kind)| field(name, *kind)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
        let codec = match compression {
            Compression::Snappy => Codec::SNAPPY,
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        };
        let properties =
            WriterProperties::builder().set_compression(codec).set_created_by(CREATED_BY.to_owned()).build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        let columns = types.iter().map(|kind| Column::new(*kind)).collect();
        Ok(RowWriter { writer, names: names.to_vec(), columns, rows: 0, bytes: 0, count: 0 })
    }

    /// Takes the next rows, each followed by LF. Returns the next bytes of the file, often none.
    pub fn rows(&mut self, rows: &[u8]) -> Result<Vec<u8>, WriteError> {
        let (columns, names) = (&mut self.columns, &self.names);
        let count = rows::cells(rows, names.len(), |index, value| {
            // An element past the last column makes the row malformed.
            if columns.get_mut(index).is_none_or(|column| column.push(value)) {
                return Ok(());
            }
            Err(WriteError::Changed { column: names.get(index).cloned().unwrap_or_default() })
        })?;
        self.count += count;
        self.rows = self.rows.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        self.bytes += rows.len();
        if self.bytes >= GROUP_BYTES || self.rows >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Returns the last bytes of the file.
    pub fn finish(&mut self) -> Result<Vec<u8>, WriteError> {
        self.write_group()?;
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Returns the number of rows so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn write_group(&mut self) -> Result<(), WriteError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(writer) = group.next_column()? else { break };
            column.write(writer)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

fn field(name: &str, kind: ColumnType) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match kind {
        ColumnType::Boolean => (Physical::BOOLEAN, None),
        ColumnType::Integer => (Physical::INT64, None),
        ColumnType::Double => (Physical::DOUBLE, None),
        ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    let column = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(column.with_logical_type(logical).build()?))
}

impl Column {
    fn new(kind: ColumnType) -> Self {
        let cells = match kind {
            ColumnType::Boolean => Cells::Boolean(Vec::new()),
            ColumnType::Integer => Cells::Integer(Vec::new()),
            ColumnType::Double => Cells::Double(Vec::new()),
            ColumnType::Text => Cells::Text(Vec::new()),
            ColumnType::Json => Cells::Json(Vec::new()),
        };
        Column { cells, levels: Vec::new() }
    }

    /// Appends a JSON value. Returns false if it has another type.
    fn push(&mut self, value: &str) -> bool {
        let is_there = value != "null";
        self.levels.push(i16::from(is_there));
        if !is_there {
            return true;
        }
        match &mut self.cells {
            Cells::Boolean(cells) => value.parse().map(|value| cells.push(value)).is_ok(),
            Cells::Integer(cells) => integer(value).map(|value| cells.push(value)).is_some(),
            Cells::Double(cells) => exact::double(value).map(|value| cells.push(value)).is_some(),
            Cells::Text(cells) => text(value).map(|text| cells.push(text)).is_some(),
            Cells::Json(cells) => {
                cells.push(value.into());
                true
            }
        }
    }

    /// Writes all cells and clears them.
    fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match &mut self.cells {
            Cells::Boolean(cells) => write_cells::<BoolType>(writer, cells, &self.levels)?,
            Cells::Integer(cells) => write_cells::<Int64Type>(writer, cells, &self.levels)?,
            Cells::Double(cells) => write_cells::<DoubleType>(writer, cells, &self.levels)?,
            Cells::Text(cells) | Cells::Json(cells) => write_cells::<ByteArrayType>(writer, cells, &self.levels)?,
        }
        self.levels.clear();
        Ok(())
    }
}

fn write_cells<T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    cells: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(cells, Some(levels), None)?;
    cells.clear();
    writer.close()
}

/// Returns the content of a JSON string.
fn text(value: &str) -> Option<ByteArray> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(inside.into());
    }
    serde_json::from_str::<String>(value).ok().map(|text| text.into_bytes().into())
}
