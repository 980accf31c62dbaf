//! Implements `jobhost_load::Host` with the functions of the contract.

use jobhost_load::{Host, Input, Open, Reject, Table, Warning};
use jobhost_plugin::log::Level;
use jobhost_plugin::progress::Unit;
use jobhost_plugin::{Action, AttributeType, Error, Source, TableName, log, progress, records, rejects, warnings};

use crate::request::Asked;

/// Index of the plan's only source.
const SOURCE: u32 = 0;

/// The host of a load: the plan's table and its only source.
#[derive(Debug)]
pub struct GuestHost {
    table: TableName,
    action: Action,
    is_atomic: bool,
    last_reject: Option<Reject>,
}

impl GuestHost {
    pub fn new(table: TableName, asked: Asked) -> Self {
        GuestHost { table, action: asked.run(), is_atomic: asked.is_atomic(), last_reject: None }
    }

    /// Returns the rejected record that was reported last.
    pub fn last_reject(&self) -> Option<&Reject> {
        self.last_reject.as_ref()
    }
}

impl Host for GuestHost {
    type Error = Error;
    type Input = SourceInput;

    fn is_atomic(&self) -> bool {
        self.is_atomic
    }

    fn describe(&mut self) -> Result<Table, Error> {
        described(&self.table)
    }

    fn declare(&mut self, attributes: &[String]) -> Result<(), Error> {
        records::declare(&self.table, self.action, attributes)
    }

    fn open(&mut self, offset: u64) -> Result<SourceInput, Error> {
        Ok(SourceInput(Source::open(SOURCE, offset)?))
    }

    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Error> {
        records::write(&self.table, self.action, batch, Some(checkpoint))
    }

    fn progress(&mut self, done: u64, total: Option<u64>) {
        progress::report(done, total, Unit::Bytes);
    }

    fn cancelled(&mut self) -> bool {
        progress::cancelled()
    }

    fn reject(&mut self, reject: Reject) {
        self.last_reject = Some(reject.clone());
        // Sentences of Harper's send the reader to the log.
        log::write(Level::Error, &format!("line {}, byte {}: {}", reject.line, reject.byte_offset, reject.reason));
        rejects::report(&rejects::Reject {
            line: reject.line,
            byte_offset: reject.byte_offset,
            column: reject.column,
            kind: reject.kind.to_owned(),
            raw: reject.raw,
            reason: reject.reason,
        });
    }

    fn warn(&mut self, warning: Warning) {
        warnings::report(&warnings::Warning {
            code: warning.code.to_owned(),
            line: warning.line,
            message: warning.message,
        });
    }
}

/// Describes a table of the plan.
pub fn described(table: &TableName) -> Result<Table, Error> {
    let description = records::describe(table)?;
    let typed = description.attributes.into_iter();
    Ok(Table {
        primary_key: description.primary_key,
        record_bytes: usize::try_from(description.record_bytes).unwrap_or(usize::MAX),
        types: typed
            .filter_map(|attribute| attribute.type_.map(|kind| (attribute.name, attribute_type(kind))))
            .collect(),
    })
}

/// The plan's only source, for formats that read it at several positions.
#[derive(Debug, Clone, Copy)]
pub struct GuestSource;

impl Open for GuestSource {
    type Error = Error;
    type Input = SourceInput;

    fn open(&self, offset: u64) -> Result<SourceInput, Error> {
        Ok(SourceInput(Source::open(SOURCE, offset)?))
    }
}

#[derive(Debug)]
pub struct SourceInput(Source);

impl Input for SourceInput {
    type Error = Error;

    fn size(&self) -> Option<u64> {
        self.0.info().size
    }

    fn etag(&self) -> &str {
        &self.0.info().etag
    }

    fn media_type(&self) -> Option<&str> {
        self.0.info().media_type.as_deref()
    }

    fn read(&mut self) -> Result<Vec<u8>, Error> {
        self.0.chunk()
    }
}

fn attribute_type(kind: AttributeType) -> jobhost_load::AttributeType {
    use jobhost_load::AttributeType as Type;
    match kind {
        AttributeType::Any => Type::Any,
        AttributeType::String => Type::String,
        AttributeType::Id => Type::Id,
        AttributeType::Int => Type::Int,
        AttributeType::Long => Type::Long,
        AttributeType::Float => Type::Float,
        AttributeType::Boolean => Type::Boolean,
        AttributeType::Date => Type::Date,
        AttributeType::BigInt => Type::BigInt,
    }
}
