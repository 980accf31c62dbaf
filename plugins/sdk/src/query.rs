//! Reads the rows of a query in the plan, chunk by chunk.

use crate::bindings::jobhost::plugin::records;
use crate::{Error, RowShape};

/// An open query. It reads the records as they were when it was opened.
#[derive(Debug)]
pub struct Query {
    cursor: records::Cursor,
    columns: Vec<String>,
}

impl Query {
    /// Opens the query with this index in the plan.
    pub fn open(index: u32, shape: RowShape) -> Result<Self, Error> {
        let cursor = records::query(index, shape)?;
        let columns = cursor.columns();
        Ok(Query { cursor, columns })
    }

    /// Returns the names of the columns, in the order of the elements of a row.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the next rows as JSON, about 256 KiB of them, each followed by LF. An empty chunk marks the end. A row
    /// contains no LF, because JSON writes it in strings as `\n`.
    pub fn rows(&mut self) -> Result<Vec<u8>, Error> {
        self.cursor.next()
    }
}
