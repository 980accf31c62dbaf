//! Reading the rows of a query of the plan, chunk by chunk.

use crate::bindings::jobhost::plugin::records;
use crate::{Error, RowShape};

/// An open query: the records as they were when it was opened.
#[derive(Debug)]
pub struct Query {
    cursor: records::Cursor,
    columns: Vec<String>,
}

impl Query {
    /// Open the query with this index in the plan.
    pub fn open(index: u32, shape: RowShape) -> Result<Self, Error> {
        let cursor = records::query(index, shape)?;
        let columns = cursor.columns();
        Ok(Query { cursor, columns })
    }

    /// The names of the columns, in the order of the elements of a row.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next rows as JSON, each followed by LF, some 256 KiB of them; an empty chunk is the end. A row contains no LF:
    /// JSON writes those in strings as `\n`.
    pub fn rows(&mut self) -> Result<Vec<u8>, Error> {
        self.cursor.next()
    }
}
