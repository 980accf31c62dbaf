//! A running search: rows come out as JSON text, a page at a time.

use super::fields::{Fields, Span};
use super::filter::Filter;
use super::projection::{Projection, Source, selectable_attributes, value_at};
use super::sort::{SortKey, Sorter};
use super::value::{Number, Stored};
use super::{Query, QueryError};
use crate::records::key::Key;
use crate::records::store::{RecordCursor, RecordPage, RecordView, ScanOrder, Store, StoreError, StoreErrorKind};
use crate::records::table::{Table, TableName};

/// Keys looked up in one call to the store.
const KEYS_A_FETCH: usize = 1000;
/// Text of sorted rows given out at once.
const PAGE_BYTES: usize = 256 * 1024;

/// What a search may take.
#[derive(Debug, Clone, Copy)]
pub struct SearchLimits {
    /// Memory for rows that wait to be sorted.
    pub sort_bytes: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        SearchLimits { sort_bytes: 64 << 20 }
    }
}

/// What stands between two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    Comma,
    NewLine,
}

enum Input {
    Scan(Box<dyn RecordCursor>),
    Keys(TableName, std::vec::IntoIter<Key>),
    Sorted(Box<dyn Iterator<Item = Box<[u8]>> + Send>),
    Done,
}

/// The compiled form of a query.
struct Plan {
    fields: Fields,
    filter: Filter,
    /// Where the filter's conditions find their values, in order of evaluation.
    operands: Vec<Source>,
    projection: Projection,
    sort: Option<(Source, bool)>,
}

/// A search that has begun. Rows are separated, also across pages; there is none before the first or after the last.
pub struct Search {
    input: Input,
    plan: Plan,
    separator: u8,
    limits: SearchLimits,
    /// Rows still to be left out, and rows still to be given.
    offset: u64,
    remaining: u64,
    given: u64,
    spans: Vec<Span>,
}

impl Search {
    /// The query must name only attributes of the table (`Query::check_attributes`); others read as null.
    pub async fn open(
        store: &dyn Store,
        table: &Table,
        query: Query,
        separator: Separator,
        limits: SearchLimits,
    ) -> Result<Self, QueryError> {
        let keys = match (query.keys, query.filter.pinned_key(&table.primary_key)) {
            (Some(keys), _) => Some(keys),
            (None, Some(key)) => Some(vec![key]),
            (None, None) => None,
        };
        let input = match keys {
            Some(keys) => Input::Keys(table.name.clone(), keys.into_iter()),
            None => Input::Scan(store.scan(&table.name, ScanOrder::Key).await?),
        };
        // A scan is in order of the primary key already.
        let sort = query.sort.filter(|sort| sort.descending || sort.attribute != table.primary_key);

        let mut fields = Fields::default();
        let projection = match &query.attributes {
            Some(names) => Projection::new(names.iter().map(String::as_str), &mut fields),
            None => Projection::new(selectable_attributes(table), &mut fields),
        };
        let mut operands = Vec::new();
        query.filter.each_attribute(&mut |name| operands.push(Source::of(name, &mut fields)));
        let sort = sort.map(|sort| (Source::of(&sort.attribute, &mut fields), sort.descending));
        Ok(Search {
            input,
            plan: Plan { fields, filter: query.filter, operands, projection, sort },
            separator: match separator {
                Separator::Comma => b',',
                Separator::NewLine => b'\n',
            },
            limits,
            offset: query.offset,
            remaining: query.limit.unwrap_or(u64::MAX),
            given: 0,
            spans: Vec::new(),
        })
    }

    /// Rows given so far.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Appends the next rows to `out`, perhaps none; false at the end.
    pub async fn next(&mut self, store: &dyn Store, out: &mut Vec<u8>) -> Result<bool, QueryError> {
        if self.plan.sort.is_some() && !matches!(self.input, Input::Sorted(_) | Input::Done) {
            self.sort(store).await?;
        }
        if self.remaining == 0 {
            self.input = Input::Done;
        }
        if let Input::Sorted(rows) = &mut self.input {
            let end = out.len() + PAGE_BYTES;
            while out.len() < end {
                let Some(row) = rows.next() else { return Ok(false) };
                if self.given > 0 {
                    out.push(self.separator);
                }
                out.extend_from_slice(&row);
                self.given += 1;
            }
            return Ok(true);
        }
        let Some(page) = self.page(store).await? else { return Ok(false) };
        self.write_page(&page, out)?;
        Ok(true)
    }

    async fn page(&mut self, store: &dyn Store) -> Result<Option<RecordPage>, QueryError> {
        match &mut self.input {
            Input::Scan(cursor) => Ok(cursor.next().await?),
            Input::Keys(table, keys) => {
                let some: Vec<Key> = keys.by_ref().take(KEYS_A_FETCH).collect();
                if some.is_empty() { Ok(None) } else { Ok(Some(store.fetch(table, &some).await?)) }
            }
            Input::Sorted(_) | Input::Done => Ok(None),
        }
    }

    fn write_page(&mut self, page: &RecordPage, out: &mut Vec<u8>) -> Result<(), QueryError> {
        for record in page.iter() {
            if self.remaining == 0 {
                return Ok(());
            }
            self.plan.fields.find(record.json, &mut self.spans).map_err(damaged)?;
            if !self.plan.matches(record, &self.spans) {
                continue;
            }
            if self.offset > 0 {
                self.offset -= 1;
                continue;
            }
            if self.given > 0 {
                out.push(self.separator);
            }
            self.plan.projection.write(record, &self.spans, out);
            self.given += 1;
            self.remaining -= 1;
        }
        Ok(())
    }

    /// Reads everything that matches and turns the input into the sorted rows.
    async fn sort(&mut self, store: &dyn Store) -> Result<(), QueryError> {
        let Some((source, descending)) = self.plan.sort else { return Ok(()) };
        let keep = self.remaining.saturating_add(self.offset);
        let mut sorter = Sorter::new(descending, keep, self.limits.sort_bytes);
        while let Some(page) = self.page(store).await? {
            for record in page.iter() {
                self.plan.fields.find(record.json, &mut self.spans).map_err(damaged)?;
                if self.plan.matches(record, &self.spans) {
                    let key = SortKey::of(&stored(record, &self.spans, source));
                    sorter.offer(key, || {
                        let mut text = Vec::new();
                        self.plan.projection.write(record, &self.spans, &mut text);
                        text
                    })?;
                }
            }
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        self.input = Input::Sorted(Box::new(sorter.into_sorted().skip(offset)));
        Ok(())
    }
}

impl Plan {
    fn matches(&self, record: RecordView<'_>, spans: &[Span]) -> bool {
        self.filter.matches(&mut 0, &|position| match self.operands.get(position) {
            Some(source) => stored(record, spans, *source),
            None => Stored::Null,
        })
    }
}

fn stored<'r>(record: RecordView<'r>, spans: &[Span], source: Source) -> Stored<'r> {
    match source {
        Source::Slot(slot) => Stored::read(value_at(record.json, spans, slot)),
        Source::Created => Stored::Number(Number::Float(record.created.as_millis_f64()), ""),
        Source::Updated => Stored::Number(Number::Float(record.updated.as_millis_f64()), ""),
    }
}

fn damaged(error: serde_json::Error) -> QueryError {
    QueryError::Store(StoreError::caused_by(StoreErrorKind::Unavailable, "A stored record cannot be read", error))
}
