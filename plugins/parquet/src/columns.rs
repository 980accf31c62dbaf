//! Selects the columns of a file to load, and checks that they can be loaded.

use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_NAME_KEY, ExtensionType, Json, Uuid};
use arrow_schema::{DataType, Field};
use jobhost_load::{AttributeType, SYSTEM_ATTRIBUTES, Table};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Compression;

use crate::error::Problem;

/// How to write a value of a column, beyond what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Plain,
    /// Text that contains JSON.
    Json,
    /// A UUID in 16 bytes.
    Uuid,
}

impl Meaning {
    pub(crate) fn of(field: &Field) -> Self {
        match field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str) {
            Some(name) if name == Json::NAME => Meaning::Json,
            Some(name) if name == Uuid::NAME => Meaning::Uuid,
            _ => Meaning::Plain,
        }
    }
}

/// A column to load.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) field: Arc<Field>,
    /// Decimals are written as numbers, because the attribute is declared as a number.
    pub(crate) decimals_as_numbers: bool,
}

/// The columns to load, in the order of the file.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) all: Vec<Column>,
    pub(crate) mask: ProjectionMask,
    /// For each leaf of the file: whether it is read.
    leaves: Vec<bool>,
}

impl Columns {
    /// Selects the columns with these names, or all except the attributes that the host sets.
    pub(crate) fn choose(
        metadata: &ArrowReaderMetadata,
        wanted: Option<&[String]>,
        table: &Table,
    ) -> Result<Self, Problem> {
        let fields = metadata.schema().fields();
        if let Some(name) = wanted.unwrap_or_default().iter().find(|name| fields.find(name).is_none()) {
            let known = fields.iter().map(|field| field.name().clone()).collect();
            return Err(Problem::NoColumn { name: name.clone(), known });
        }
        let is_wanted = |name: &String| {
            wanted.is_none_or(|wanted| wanted.contains(name)) && !SYSTEM_ATTRIBUTES.contains(&name.as_str())
        };
        let chosen: Vec<(usize, &Arc<Field>)> =
            fields.iter().enumerate().filter(|(_, field)| is_wanted(field.name())).collect();
        let all = chosen.iter().map(|(_, field)| column(field, table)).collect::<Result<_, _>>()?;
        let schema = metadata.parquet_schema();
        let roots: Vec<usize> = chosen.iter().map(|(index, _)| *index).collect();
        let leaves = (0..schema.num_columns()).map(|leaf| roots.contains(&schema.get_column_root_idx(leaf))).collect();
        Ok(Columns { all, mask: ProjectionMask::roots(schema, roots), leaves })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.all.iter().map(|column| column.name.clone()).collect()
    }

    /// Checks that every selected column can be decompressed.
    pub(crate) fn check_compression(&self, metadata: &ArrowReaderMetadata) -> Result<(), Problem> {
        for group in metadata.metadata().row_groups() {
            for (chunk, _) in group.columns().iter().zip(&self.leaves).filter(|(_, is_read)| **is_read) {
                let codec = chunk.compression();
                if matches!(codec, Compression::BROTLI(_) | Compression::LZO) {
                    return Err(Problem::Compression {
                        column: chunk.column_path().string(),
                        codec: codec.to_string().to_lowercase(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Estimates the bytes of a row group in memory from what the file says about their decoded size.
    pub(crate) fn bytes_of(&self, group: &parquet::file::metadata::RowGroupMetaData) -> u64 {
        let read = group.columns().iter().zip(&self.leaves).filter(|(_, is_read)| **is_read);
        let bytes = read.map(|(chunk, _)| {
            let encoded = chunk.uncompressed_size().max(0);
            // A dictionary holds each text once, but the rows repeat it.
            encoded.max(chunk.unencoded_byte_array_data_bytes().unwrap_or(0))
        });
        bytes.fold(0, |sum, bytes| sum.saturating_add(bytes.unsigned_abs()))
    }
}

fn column(field: &Arc<Field>, table: &Table) -> Result<Column, Problem> {
    let name = field.name().clone();
    if let Some(kind) = unsupported(field.data_type()) {
        return Err(Problem::Type { column: name, kind });
    }
    let declared = table.kind_of(&name);
    let decimals_as_numbers =
        matches!(declared, AttributeType::Float | AttributeType::Int | AttributeType::Long | AttributeType::BigInt);
    Ok(Column { name, field: Arc::clone(field), decimals_as_numbers })
}

/// Returns the name of a type that cannot be written as JSON, either `kind` or a type nested in it.
fn unsupported(kind: &DataType) -> Option<String> {
    match kind {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::FixedSizeBinary(_)
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => None,
        DataType::List(field) => unsupported(field.data_type()),
        DataType::Map(field, _) => unsupported(field.data_type()),
        DataType::Struct(fields) => fields.iter().find_map(|field| unsupported(field.data_type())),
        other => Some(other.to_string()),
    }
}
