//! The load's way to the host: `jobhost_csv::load::Host` over the contract.

use jobhost_csv::ColumnType;
use jobhost_csv::load::{Host, Input, Reject, Table, Tally};
use jobhost_plugin::progress::Unit;
use jobhost_plugin::{Action, AttributeType, Error, Source, TableName, progress, records, rejects};

/// The one source of the plan.
const SOURCE: u32 = 0;

pub(crate) struct GuestHost {
    table: TableName,
    action: Action,
}

impl GuestHost {
    pub(crate) fn new(table: TableName, action: Action) -> Self {
        GuestHost { table, action }
    }
}

impl Host for GuestHost {
    type Error = Error;
    type Input = SourceInput;

    fn describe(&mut self) -> Result<Table, Error> {
        let description = records::describe(&self.table)?;
        let typed = description.attributes.into_iter();
        Ok(Table {
            primary_key: description.primary_key,
            types: typed
                .filter_map(|attribute| attribute.type_.map(|kind| (attribute.name, column_type(kind))))
                .collect(),
        })
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

    fn flush(&mut self) -> Result<Tally, Error> {
        let tally = records::flush()?;
        Ok(Tally { received: tally.received, written: tally.written })
    }

    fn progress(&mut self, done: u64, total: u64) {
        progress::report(done, Some(total), Unit::Bytes);
    }

    fn cancelled(&mut self) -> bool {
        progress::cancelled()
    }

    fn reject(&mut self, reject: Reject) {
        rejects::report(&rejects::Reject {
            line: reject.line,
            byte_offset: reject.byte_offset,
            column: reject.column,
            kind: reject.kind.to_owned(),
            raw: reject.raw,
            reason: reject.reason,
        });
    }
}

pub(crate) struct SourceInput(Source);

impl Input for SourceInput {
    type Error = Error;

    fn size(&self) -> u64 {
        self.0.info().size
    }

    fn etag(&self) -> &str {
        &self.0.info().etag
    }

    fn read(&mut self) -> Result<Vec<u8>, Error> {
        self.0.chunk()
    }
}

fn column_type(kind: AttributeType) -> ColumnType {
    match kind {
        AttributeType::Any => ColumnType::Any,
        AttributeType::String => ColumnType::String,
        AttributeType::Id => ColumnType::Id,
        AttributeType::Int => ColumnType::Int,
        AttributeType::Long => ColumnType::Long,
        AttributeType::Float => ColumnType::Float,
        AttributeType::Boolean => ColumnType::Boolean,
        AttributeType::Date => ColumnType::Date,
        AttributeType::BigInt => ColumnType::BigInt,
    }
}
