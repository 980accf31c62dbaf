//! A running search: returns rows as JSON text, a page at a time.
//!
//! A search that must look at every record reads them in the order in which they arrived, and sorts what it finds: in order
//! of key, each record of a large table would be read from another place on the disk. If too many rows are found to sort, and
//! the client did not ask for an order, the search starts again in order of key. With a limit or an offset, the search
//! examines the first records in order of key before that, because they may be enough.

mod sorting;

use self::sorting::{Order, Wish};
use super::fields::{Damaged, Fields, Span};
use super::filter::Filter;
use super::output::Output;
use super::projection::{Projection, Row, Source, selectable_attributes, value_at};
use super::sort::Sort;
use super::value::{Number, Stored};
use super::{Query, QueryError};
use jobhost_budget::Account;
use jobhost_model::RowShape;
use jobhost_model::key::Key;
use jobhost_model::table::{Table, TableName};
use jobhost_store::{RecordCursor, RecordPage, RecordStore, ScanOrder, StoreError, StoreErrorKind};

/// Number of keys looked up by one call to the store.
const KEYS_A_FETCH: usize = 1000;
/// Target size of a page of rows in bytes. A single row may be larger.
const PAGE_BYTES: usize = 256 * 1024;

/// The limits of a search.
#[derive(Debug, Clone)]
pub struct SearchLimits {
    /// Maximum memory, in bytes, for sorting rows.
    pub sort_bytes: usize,
    /// The account that they are charged to; `None`: not charged.
    pub account: Option<Account>,
}

impl Default for SearchLimits {
    fn default() -> Self {
        SearchLimits { sort_bytes: 64 << 20, account: None }
    }
}

/// The separator between two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// A comma. Values are written as they are stored.
    Comma,
    /// A line feed. Values are written without insignificant white space.
    NewLine,
}

impl Separator {
    fn byte(self) -> u8 {
        match self {
            Separator::Comma => b',',
            Separator::NewLine => b'\n',
        }
    }
}

/// How rows are written, and in which order they are returned if the query does not request one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFormat {
    pub shape: RowShape,
    pub separator: Separator,
    /// The order of a search that does not request one. With a limit or an offset, `ScanOrder::Arrival` is ignored and
    /// rows are in key order. `ScanOrder::Key`, used for responses to clients, means as in Harper: by the value of the
    /// first condition, if there is one, and then by key ([`Filter::order`](super::Filter::order)).
    pub order: ScanOrder,
}

type SortedRows = Box<dyn Iterator<Item = Box<[u8]>> + Send>;

enum Input {
    Scan(TableName, Box<dyn RecordCursor>),
    Keys(TableName, std::vec::IntoIter<Key>),
    Sorted(SortedRows),
    Done,
}

/// A compiled query.
struct Plan {
    /// Whether the filter matches every record.
    everything: bool,
    filter: Filter,
    /// Where the filter's conditions find their values, in order of evaluation.
    operands: Vec<Source>,
    sort: Option<Order>,
    fields: Fields,
    projection: Projection,
    spans: Vec<Span>,
}

/// A page of records and the position of the next unread one.
#[derive(Default)]
struct Unread {
    page: RecordPage,
    record: usize,
    start: usize,
}

/// A running search. Rows are separated, also across pages; there is no separator before the first row or after the
/// last.
pub struct Search {
    columns: Vec<String>,
    input: Input,
    unread: Unread,
    plan: Plan,
    separator: Separator,
    limits: SearchLimits,
    /// Rows still to skip (`offset`) and to return (`remaining`).
    offset: u64,
    remaining: u64,
    given: u64,
}

impl Search {
    /// Starts a search. The query must name only attributes of the table (`Query::check_attributes`); others read as
    /// null.
    pub async fn open(
        store: &dyn RecordStore,
        table: &Table,
        query: Query,
        format: RowFormat,
        limits: SearchLimits,
    ) -> Result<Self, QueryError> {
        let keys = match (query.keys, query.filter.pinned_key(&table.primary_key)) {
            (Some(keys), _) => Some(keys),
            (None, Some(key)) => Some(vec![key]),
            (None, None) => None,
        };
        let paged = query.limit.is_some() || query.offset > 0;
        let free = query.sort.is_none() && !paged;
        let everything = query.filter == Filter::everything();
        // A scan in order of key needs no sorting, but reads each record from another place.
        let wish = if paged { Wish::CountedByKey } else { Wish::Unasked };
        let by_key = (!everything).then_some((None, false, wish));
        let sort = match query.sort {
            // Rows are returned in the order of the keys.
            _ if keys.is_some() => None,
            Some(sort) if !sort.descending && sort.attribute == table.primary_key => by_key,
            Some(Sort { attribute, descending }) => Some((Some(attribute), descending, Wish::Asked)),
            None if format.order == ScanOrder::Key => match query.filter.order(&table.primary_key) {
                Some(attribute) => {
                    Some((Some(attribute.to_owned()), false, if paged { Wish::Counted } else { Wish::Unasked }))
                }
                None => by_key,
            },
            None if paged => by_key,
            None => None,
        };
        let order = match (free, &sort) {
            (_, Some((.., wish))) => wish.first_order(),
            (true, None) => format.order,
            (false, None) => ScanOrder::Key,
        };
        let input = match keys {
            Some(keys) => Input::Keys(table.name.clone(), keys.into_iter()),
            None => Input::Scan(table.name.clone(), store.scan(&table.name, order).await?),
        };

        let all = || selectable_attributes(table).into_iter().map(str::to_owned).collect();
        let columns: Vec<String> = query.attributes.unwrap_or_else(all);
        let mut fields = Fields::default();
        let projection = Projection::new(&columns, format.shape, format.separator, &mut fields);
        let mut operands = Vec::new();
        query.filter.each_attribute(&mut |name| operands.push(Source::of(name, &mut fields)));
        let sort = sort.map(|(attribute, descending, wish)| {
            let by = attribute.map(|attribute| Source::of(&attribute, &mut fields));
            Order { by, descending, wish, key: Source::of(&table.primary_key, &mut fields) }
        });
        Ok(Search {
            columns,
            input,
            unread: Unread::default(),
            plan: Plan { everything, filter: query.filter, operands, sort, fields, projection, spans: Vec::new() },
            separator: format.separator,
            limits,
            offset: query.offset,
            remaining: query.limit.unwrap_or(u64::MAX),
            given: 0,
        })
    }

    /// Returns the names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the number of rows returned so far.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Appends the next rows to `out`: at most about 256 KiB, possibly none. Returns false at the end.
    pub async fn next(&mut self, store: &dyn RecordStore, out: &mut Vec<u8>) -> Result<bool, QueryError> {
        if self.remaining == 0 {
            self.input = Input::Done;
            self.unread = Unread::default();
        }
        if self.plan.sort.is_some() && !matches!(self.input, Input::Sorted(_) | Input::Done) {
            self.sort(store).await?;
        }
        if self.plan.everything && self.plan.sort.is_none() {
            self.skip_offset().await?;
        }
        if let Input::Sorted(rows) = &mut self.input {
            let end = out.len() + PAGE_BYTES;
            while out.len() < end {
                let Some(row) = rows.next() else { return Ok(false) };
                if self.given > 0 {
                    out.push(self.separator.byte());
                }
                out.extend_from_slice(&row);
                self.given += 1;
            }
            return Ok(true);
        }
        if self.unread.is_empty() {
            match self.page(store).await? {
                Some(page) => self.unread = Unread { page, ..Unread::default() },
                None => return Ok(false),
            }
        }
        self.write_page(out)?;
        Ok(true)
    }

    /// Skips the rows before the offset without reading them, as far as the store supports it.
    async fn skip_offset(&mut self) -> Result<(), QueryError> {
        while let Input::Scan(_, cursor) = &mut self.input
            && self.offset > 0
        {
            match cursor.skip(self.offset).await? {
                0 => break,
                skipped => self.offset = self.offset.saturating_sub(skipped),
            }
        }
        Ok(())
    }

    async fn page(&mut self, store: &dyn RecordStore) -> Result<Option<RecordPage>, QueryError> {
        match &mut self.input {
            Input::Scan(_, cursor) => Ok(cursor.next().await?),
            Input::Keys(table, keys) => {
                let some: Vec<Key> = keys.by_ref().take(KEYS_A_FETCH).collect();
                if some.is_empty() { Ok(None) } else { Ok(Some(store.fetch(table, &some).await?)) }
            }
            Input::Sorted(_) | Input::Done => Ok(None),
        }
    }

    /// Writes rows of the current page until enough is written or the page is exhausted.
    fn write_page(&mut self, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let end = out.len() + PAGE_BYTES;
        let mut out = Output::new(out);
        while out.len() < end && self.remaining > 0 {
            let Some(row) = self.unread.next() else { break };
            if !self.plan.examine(row)? {
                continue;
            }
            if self.offset > 0 {
                self.offset -= 1;
                continue;
            }
            if self.given > 0 {
                out.append(1, |room| room.byte(self.separator.byte()));
            }
            self.plan.projection.write(row, &self.plan.spans, &mut out);
            self.given += 1;
            self.remaining -= 1;
        }
        out.finish();
        Ok(())
    }
}

impl Unread {
    fn is_empty(&self) -> bool {
        self.record >= self.page.records.len()
    }

    /// Returns the next record, with the rest of the page after it.
    #[inline(always)]
    fn next(&mut self) -> Option<Row<'_>> {
        let &(end, created, updated) = self.page.records.get(self.record)?;
        let start = std::mem::replace(&mut self.start, end);
        self.record += 1;
        let text = self.page.text.get(start..).unwrap_or_default();
        Some(Row { text, length: end.saturating_sub(start), created, updated })
    }
}

impl Plan {
    /// Finds the values of a record. Returns whether the record matches.
    #[inline(always)]
    fn examine(&mut self, row: Row<'_>) -> Result<bool, QueryError> {
        self.fields.find(row.text, &mut self.spans).map_err(damaged)?;
        if self.everything {
            return Ok(true);
        }
        Ok(self.filter.matches(&mut 0, &|position| match self.operands.get(position) {
            Some(source) => stored(row, &self.spans, *source),
            None => Stored::Null,
        }))
    }
}

fn stored<'r>(row: Row<'r>, spans: &[Span], source: Source) -> Stored<'r> {
    match source {
        Source::Slot(slot) => Stored::read(value_at(row.text, spans, slot)),
        Source::Created => Stored::Number(Number::Float(row.created.as_millis_f64()), ""),
        Source::Updated => Stored::Number(Number::Float(row.updated.as_millis_f64()), ""),
    }
}

fn damaged(error: Damaged) -> QueryError {
    QueryError::Store(StoreError::caused_by(StoreErrorKind::Unavailable, "A stored record cannot be read", error))
}
