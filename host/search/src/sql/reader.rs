//! Reads the records of one table for one SQLite cursor: all of them in order of arrival, or those with one key.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::Result;
use rusqlite::types::ValueRef;

use super::state::State;
use super::values::Stored;
use crate::query::{Fields, Span, value_at};
use jobhost_model::Timestamp;
use jobhost_model::key::Key;
use jobhost_model::table::{CREATED_TIME, TableName, UPDATED_TIME};
use jobhost_store::{RecordPage, ScanPosition};

/// The last bit in SQLite's mask of used columns stands for all columns from this one on.
const LAST_MASK_BIT: usize = 63;
/// Maximum size, in bytes, of a table whose only page is kept between scans. The inner table of a join is read
/// repeatedly.
const WHOLE_TABLE_BYTES: usize = 256 << 10;

/// A table as a statement sees it.
#[derive(Debug)]
pub(super) struct Source {
    name: TableName,
    primary_key: String,
    columns: Vec<String>,
    key_column: Option<usize>,
    /// Number of records, if known.
    records: Option<usize>,
}

impl Source {
    pub fn new(name: TableName, primary_key: &str, columns: Vec<String>) -> Self {
        let key_column = columns.iter().position(|column| column == primary_key);
        Source { name, primary_key: primary_key.to_owned(), columns, key_column, records: None }
    }

    /// Counts the records if the table is small, so that SQLite can choose the join order.
    pub fn count_if_small(&mut self, state: &State) -> Result<()> {
        let mut position = ScanPosition::Start;
        let page = state.page(&self.name, &mut position)?;
        if page.is_empty() || is_whole(&self.name, &page, position, state)? {
            self.records = Some(page.len());
        }
        Ok(())
    }

    pub fn records(&self) -> Option<usize> {
        self.records
    }

    pub fn name(&self) -> &TableName {
        &self.name
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn key_column(&self) -> Option<usize> {
        self.key_column
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Unused,
    Slot(usize),
    Created,
    Updated,
}

/// A scan or lookup that can be restarted, like that of the inner table of a join.
pub(super) struct Reader {
    source: Arc<Source>,
    state: Arc<State>,
    mask: Option<u64>,
    fields: Fields,
    places: Vec<Place>,
    page: RecordPage,
    /// The current record: its index in the page, and the start of its text.
    at: usize,
    start: usize,
    position: ScanPosition,
    /// Whether more pages may follow.
    more: bool,
    /// Whether the current page is the whole table.
    whole: bool,
    /// Whether any value has to be looked up in the text of records.
    finds: bool,
    spans: Vec<Span>,
    /// Finds the key of a record. SQLite identifies rows by it, but rarely needs it.
    key: RefCell<(Fields, Vec<Span>)>,
}

impl Reader {
    pub fn new(source: Arc<Source>, state: Arc<State>) -> Self {
        Reader {
            source,
            state,
            mask: None,
            fields: Fields::default(),
            places: Vec::new(),
            page: RecordPage::default(),
            at: 0,
            start: 0,
            position: ScanPosition::Start,
            more: false,
            whole: false,
            finds: false,
            spans: Vec::new(),
            key: RefCell::default(),
        }
    }

    /// Restricts lookups to the columns of the mask.
    pub fn use_columns(&mut self, mask: u64) {
        if self.mask == Some(mask) {
            return;
        }
        self.mask = Some(mask);
        self.fields = Fields::default();
        self.places.clear();
        for (number, name) in self.source.columns.iter().enumerate() {
            let used = mask & (1 << number.min(LAST_MASK_BIT)) != 0;
            self.places.push(match name.as_str() {
                _ if !used => Place::Unused,
                CREATED_TIME => Place::Created,
                UPDATED_TIME => Place::Updated,
                name => Place::Slot(self.fields.slot(name)),
            });
        }
        self.finds = self.places.iter().any(|place| matches!(place, Place::Slot(_)));
    }

    pub fn begin_scan(&mut self) -> Result<()> {
        if self.whole {
            self.rewind();
            return self.find();
        }
        self.position = ScanPosition::Start;
        self.more = true;
        self.next_page()?;
        self.whole = self.more && is_whole(&self.source.name, &self.page, self.position, &self.state)?;
        self.more &= !self.whole;
        Ok(())
    }

    /// Starts a lookup. A value that cannot be a key matches no record.
    pub fn begin_key(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.whole = false;
        self.more = false;
        let key = match value {
            ValueRef::Integer(integer) => Key::number(integer as f64).ok(),
            ValueRef::Real(real) => Key::number(real).ok(),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| Key::string(text).ok()),
            ValueRef::Null | ValueRef::Blob(_) => None,
        };
        self.page = match key {
            Some(key) => self.state.fetch(&self.source.name, key)?,
            None => RecordPage::default(),
        };
        self.rewind();
        self.find()
    }

    fn rewind(&mut self) {
        self.at = 0;
        self.start = 0;
    }

    fn next_page(&mut self) -> Result<()> {
        self.page = self.state.page(&self.source.name, &mut self.position)?;
        self.more = !self.page.is_empty();
        self.rewind();
        self.find()
    }

    pub fn next(&mut self) -> Result<()> {
        if let Some(&(end, ..)) = self.page.records.get(self.at) {
            self.start = end;
            self.at += 1;
        }
        if self.at < self.page.len() {
            return self.find();
        }
        if self.more { self.next_page() } else { Ok(()) }
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.page.len()
    }

    /// Looks up the used columns of the current record.
    fn find(&mut self) -> Result<()> {
        if !self.finds || self.is_at_end() {
            return Ok(());
        }
        let text = self.page.text.get(self.start..).unwrap_or_default();
        match self.fields.find(text, &mut self.spans) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.state.damaged(error)),
        }
    }

    /// Passes the value of a column of the current record to `give`. The column after the last one is the primary key.
    pub fn column<T>(&self, number: usize, give: impl FnOnce(ValueRef<'_>) -> T) -> T {
        let Some(&(_, created, updated)) = self.page.records.get(self.at) else { return give(ValueRef::Null) };
        let text = self.page.text.get(self.start..).unwrap_or_default();
        match self.places.get(number) {
            Some(Place::Slot(slot)) => give(stored_at(text, &self.spans, *slot).as_sqlite()),
            Some(Place::Created) => give(millis(created)),
            Some(Place::Updated) => give(millis(updated)),
            Some(Place::Unused) => give(ValueRef::Null),
            None => {
                let Ok(mut key) = self.key.try_borrow_mut() else { return give(ValueRef::Null) };
                let (fields, spans) = &mut *key;
                let slot = fields.slot(&self.source.primary_key);
                let found = fields.find(text, spans).map(|_| stored_at(text, spans, slot));
                give(found.unwrap_or(Stored::Null).as_sqlite())
            }
        }
    }
}

fn stored_at<'r>(text: &'r [u8], spans: &[Span], slot: usize) -> Stored<'r> {
    value_at(text, spans, slot).map_or(Stored::Null, Stored::read)
}

fn millis(time: Timestamp) -> ValueRef<'static> {
    match i64::try_from(time.as_millis()) {
        Ok(millis) if time.0.is_multiple_of(1000) => ValueRef::Integer(millis),
        _ => ValueRef::Real(time.as_millis_f64()),
    }
}

/// Returns whether the first page is the whole table and small enough to be kept for the next scan.
fn is_whole(table: &TableName, first: &RecordPage, behind: ScanPosition, state: &State) -> Result<bool> {
    let mut position = behind;
    Ok(first.text.len() < WHOLE_TABLE_BYTES && state.page(table, &mut position)?.is_empty())
}
