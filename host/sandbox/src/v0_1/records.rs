//! Interface `records`: tables, batches, queries.

use wasmtime::component::Resource;

use super::imported::records::{Attribute, Host, HostCursor, RowShape as Shape, TableDescription, Tally};
use super::{Answer, answer, types};
use crate::capabilities::Cursor;
use crate::guest::{Guest, acting, within};
use jobhost_model::{RowShape, Timestamp};

impl Host for Guest {
    async fn describe(&mut self, table: types::TableName) -> Answer<TableDescription> {
        answer(self.may_act().and_then(|may| {
            let record_bytes = u32::try_from(may.record_bytes()).unwrap_or(u32::MAX);
            let table = may.describe(&table.into())?;
            let attribute = |attribute: &jobhost_model::Attribute| Attribute {
                name: attribute.name.clone(),
                type_: attribute.attribute_type.map(Into::into),
            };
            let attributes = table.attributes.iter().map(attribute).collect();
            Ok(TableDescription { primary_key: table.primary_key.clone(), attributes, record_bytes })
        }))
    }

    async fn declare(&mut self, table: types::TableName, action: types::Action, attributes: Vec<String>) -> Answer<()> {
        answer(self.may_act().and_then(|may| may.declare(&table.into(), action.into(), &attributes)))
    }

    async fn write(
        &mut self,
        table: types::TableName,
        action: types::Action,
        batch: Vec<u8>,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<()> {
        let (limit, bytes) = (self.host_call(), batch.len());
        answer(match acting(&mut self.capabilities, &self.usage) {
            Ok(may) => {
                self.usage.taken(bytes);
                let table = table.into();
                within(limit, "records.write", may.write(&table, action.into(), batch, checkpoint)).await?
            }
            Err(error) => Err(error),
        })
    }

    async fn query(&mut self, query: u32, shape: Shape) -> Answer<Resource<Box<dyn Cursor>>> {
        let shape = match shape {
            Shape::Objects => RowShape::Objects,
            Shape::Arrays => RowShape::Arrays,
        };
        let limit = self.host_call();
        let opened = match self.may_act() {
            Ok(may) => within(limit, "records.query", may.query(query, shape)).await?,
            Err(error) => Err(error),
        };
        match opened {
            Ok(cursor) => Ok(Ok(self.table.push(cursor)?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn delete_before(
        &mut self,
        table: types::TableName,
        created_before: u64,
        limit: u32,
        checkpoint: Option<Vec<u8>>,
    ) -> Answer<u64> {
        let created_before = Timestamp(created_before.saturating_mul(1000));
        let (time, table) = (self.host_call(), table.into());
        answer(match self.may_act() {
            Ok(may) => {
                let deletion = may.delete_before(&table, created_before, limit, checkpoint);
                within(time, "records.delete-before", deletion).await?
            }
            Err(error) => Err(error),
        })
    }

    async fn flush(&mut self) -> Answer<Tally> {
        let limit = self.host_call();
        let flushed = match self.may_act() {
            Ok(may) => within(limit, "records.flush", may.flush()).await?,
            Err(error) => Err(error),
        };
        answer(flushed.map(|tally| Tally {
            received: tally.received,
            written: tally.written,
            skipped: tally.skipped,
            deleted: tally.deleted,
        }))
    }
}

impl HostCursor for Guest {
    async fn columns(&mut self, cursor: Resource<Box<dyn Cursor>>) -> wasmtime::Result<Vec<String>> {
        Ok(self.table.get(&cursor)?.columns().to_vec())
    }

    async fn next(&mut self, cursor: Resource<Box<dyn Cursor>>) -> Answer<Vec<u8>> {
        let limit = self.host_call();
        let cursor = self.table.get_mut(&cursor)?;
        answer(match acting(&mut self.capabilities, &self.usage) {
            Ok(_) => {
                let rows = within(limit, "cursor.next", cursor.next()).await?;
                rows.inspect(|rows| self.usage.given(rows.len()))
            }
            Err(error) => Err(error),
        })
    }

    async fn drop(&mut self, cursor: Resource<Box<dyn Cursor>>) -> wasmtime::Result<()> {
        self.table.delete(cursor)?;
        Ok(())
    }
}
