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

/// Number of records that a search with a limit examines in order of key before it reads all of them in order of arrival.
/// If one record in a few hundred matches, they contain enough rows for a typical page.
const EXAMINED_BY_KEY: u64 = 10_000;

/// Why rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Asked,
    /// By the first condition, or by key alone, if there are only few rows.
    Unasked,
    /// By the first condition, and a limit or an offset applies to this order.
    Counted,
    /// By key alone, and a limit or an offset applies to this order. The first records in order of key may be enough.
    CountedByKey,
}

impl Wish {
    /// The order in which a scan starts.
    pub fn first_order(self) -> ScanOrder {
        if self == Wish::CountedByKey { ScanOrder::Key } else { ScanOrder::Arrival }
    }
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

/// The outcome of collecting rows.
enum Collected {
    /// All rows of the result.
    Rows(Sorter),
    /// There are too many rows to sort.
    TooMany(QueryError),
    /// The records that may be examined in order of key do not contain enough rows.
    Undecided,
}

impl Search {
    /// Reads all matching records and replaces the input with the sorted rows.
    pub(super) async fn sort(&mut self, store: &dyn RecordStore) -> Result<(), QueryError> {
        let Some(order) = self.plan.sort else { return Ok(()) };
        let mut collected = self.collect(store, order, order.wish.first_order()).await?;
        if let (Collected::Undecided, Input::Scan(table, cursor)) = (&collected, &mut self.input) {
            *cursor = store.scan(table, ScanOrder::Arrival).await?;
            collected = self.collect(store, order, ScanOrder::Arrival).await?;
        }
        let error = match collected {
            Collected::Rows(sorter) => {
                let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
                self.input = Input::Sorted(Box::new(sorter.into_sorted().skip(offset)));
                return Ok(());
            }
            Collected::TooMany(error) => error,
            Collected::Undecided => return Ok(()),
        };
        let dispensable = match order.wish {
            Wish::Asked => false,
            Wish::Unasked | Wish::CountedByKey => true,
            // Later pages must have the same order as the first one.
            Wish::Counted => matches!(error, QueryError::TooLarge(_)) && self.offset == 0,
        };
        match &mut self.input {
            Input::Scan(table, cursor) if dispensable => {
                self.plan.sort = None;
                *cursor = store.scan(table, ScanOrder::Key).await?;
                Ok(())
            }
            _ if order.wish == Wish::Counted => Err(with_advice(error)),
            _ => Err(error),
        }
    }

    /// Collects the rows of a scan in this order. A scan in order of key ends when it has found enough rows or examined
    /// [`EXAMINED_BY_KEY`] records.
    async fn collect(
        &mut self,
        store: &dyn RecordStore,
        Order { by, descending, wish, key }: Order,
        order: ScanOrder,
    ) -> Result<Collected, QueryError> {
        let keep = self.remaining.saturating_add(self.offset);
        let charge = self.limits.account.as_ref().map(|account| account.memory(0)).transpose()?;
        let most = match wish {
            Wish::Asked | Wish::Counted | Wish::CountedByKey => self.limits.sort_bytes,
            Wish::Unasked => self.limits.sort_bytes.min(SORTED_UNASKED_BYTES),
        };
        let mut sorter = Sorter::new(descending, keep, most, charge);
        let mut text = Vec::new();
        let (mut examined, mut found) = (0, 0);
        while let Some(page) = self.page(store).await? {
            let mut unread = Unread { page, ..Unread::default() };
            while let Some(row) = unread.next() {
                examined += 1;
                if !self.plan.examine(row)? {
                    continue;
                }
                found += 1;
                let Plan { projection, spans, .. } = &mut self.plan;
                let value = by.map_or(SortKey::Null, |source| SortKey::of(&stored(row, spans, source)));
                let offered = sorter.offer(value, encoded_key(row, spans, key), || {
                    text.clear();
                    let mut out = Output::new(&mut text);
                    projection.write(row, spans, &mut out);
                    out.finish();
                    text.as_slice().into()
                });
                if let Err(error) = offered {
                    return Ok(Collected::TooMany(error));
                }
                if order == ScanOrder::Key && found == keep {
                    return Ok(Collected::Rows(sorter));
                }
            }
            if order == ScanOrder::Key && examined >= EXAMINED_BY_KEY {
                return Ok(Collected::Undecided);
            }
        }
        Ok(Collected::Rows(sorter))
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
