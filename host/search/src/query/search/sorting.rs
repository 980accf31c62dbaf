//! Sorts the rows of a search.

use super::super::output::Output;
use super::super::projection::{Row, Source};
use super::super::sort::{SortKey, Sorter};
use super::super::value::Stored;
use super::super::{QueryError, fields::Span};
use super::{Input, Plan, Search, Unread, stored};
use jobhost_model::key::{encode_number, encode_string};
use jobhost_store::{RecordStore, ScanOrder};

/// Maximum size, in bytes, of rows that are sorted although the client did not request an order. For larger results,
/// returning the first rows early is more useful.
const SORTED_UNASKED_BYTES: usize = 8 << 20;

/// Why rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Asked,
    /// By the first condition, or by key alone, if there are only few rows.
    Unasked,
    /// By the first condition, and a limit or an offset applies to this order.
    Counted,
}

/// How rows are sorted.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// `None`: by key alone.
    pub by: Option<Source>,
    pub descending: bool,
    pub wish: Wish,
    /// Where the primary key is. Decides between equal values.
    pub key: Source,
}

impl Search {
    /// Reads all matching records and replaces the input with the sorted rows.
    pub(super) async fn sort(&mut self, store: &dyn RecordStore) -> Result<(), QueryError> {
        let Some(Order { by, descending, wish, key }) = self.plan.sort else { return Ok(()) };
        let keep = self.remaining.saturating_add(self.offset);
        let charge = self.limits.account.as_ref().map(|account| account.memory(0)).transpose()?;
        let most = match wish {
            Wish::Asked | Wish::Counted => self.limits.sort_bytes,
            Wish::Unasked => self.limits.sort_bytes.min(SORTED_UNASKED_BYTES),
        };
        let mut sorter = Sorter::new(descending, keep, most, charge);
        let mut text = Vec::new();
        while let Some(page) = self.page(store).await? {
            let mut unread = Unread { page, ..Unread::default() };
            while let Some(row) = unread.next() {
                if !self.plan.examine(row)? {
                    continue;
                }
                let Plan { projection, spans, .. } = &mut self.plan;
                let value = by.map_or(SortKey::Null, |source| SortKey::of(&stored(row, spans, source)));
                let offered = sorter.offer(value, encoded_key(row, spans, key), || {
                    text.clear();
                    let mut out = Output::new(&mut text);
                    projection.write(row, spans, &mut out);
                    out.finish();
                    text.as_slice().into()
                });
                let Err(error) = offered else { continue };
                let dispensable = match (wish, &error) {
                    (Wish::Asked, _) => false,
                    (Wish::Unasked, _) => true,
                    // Later pages must have the same order as the first one.
                    (Wish::Counted, error) => matches!(error, QueryError::TooLarge(_)) && self.offset == 0,
                };
                return match &mut self.input {
                    Input::Scan(table, cursor) if dispensable => {
                        self.plan.sort = None;
                        *cursor = store.scan(table, ScanOrder::Key).await?;
                        Ok(())
                    }
                    _ if wish == Wish::Counted => Err(with_advice(error)),
                    _ => Err(error),
                };
            }
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        self.input = Input::Sorted(Box::new(sorter.into_sorted().skip(offset)));
        Ok(())
    }
}

fn with_advice(error: QueryError) -> QueryError {
    match error {
        QueryError::TooLarge(sentence) => QueryError::TooLarge(format!(
            "{sentence}. Without 'sort' rows are counted in the order of the first condition; with a 'sort' by the primary \
             key nothing needs to be sorted"
        )),
        other => other,
    }
}

/// The primary key in the form in which keys compare. Every stored record has one.
fn encoded_key(row: Row<'_>, spans: &[Span], source: Source) -> Box<[u8]> {
    let mut encoded = Vec::new();
    match stored(row, spans, source) {
        Stored::Text(text) => encode_string(text.as_bytes(), &mut encoded),
        Stored::Number(number, _) => encode_number(number.as_float(), &mut encoded),
        _ => {}
    }
    encoded.into()
}
