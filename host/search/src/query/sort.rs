//! Sorts results in limited memory: with a limit, only rows that can still be in the result are kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::QueryError;
use super::value::{Number, Stored};
use jobhost_budget::Charge;

/// The order of a result. Values of different types are ordered null, boolean, number, string, others. Rows with equal
/// values are ordered by primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub attribute: String,
    pub descending: bool,
}

#[derive(Debug, Clone)]
pub(super) enum SortKey {
    Null,
    Boolean(bool),
    Number(Number),
    Text(Box<str>),
    Other,
}

impl SortKey {
    pub fn of(value: &Stored<'_>) -> Self {
        match value {
            Stored::Null => SortKey::Null,
            Stored::Boolean(boolean) => SortKey::Boolean(*boolean),
            Stored::Number(number, _) => SortKey::Number(*number),
            Stored::Text(text) => SortKey::Text(text.as_ref().into()),
            Stored::Array(_) | Stored::Object => SortKey::Other,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            SortKey::Null => 0,
            SortKey::Boolean(_) => 1,
            SortKey::Number(_) => 2,
            SortKey::Text(_) => 3,
            SortKey::Other => 4,
        }
    }

    fn compare(&self, other: &SortKey) -> Ordering {
        match (self, other) {
            (SortKey::Boolean(one), SortKey::Boolean(other)) => one.cmp(other),
            (SortKey::Number(one), SortKey::Number(other)) => one.compare(*other),
            (SortKey::Text(one), SortKey::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

#[derive(Debug)]
struct Row {
    key: SortKey,
    descending: bool,
    /// The encoded primary key. Decides between equal values.
    primary_key: Box<[u8]>,
    text: Box<[u8]>,
}

impl Row {
    fn bytes(&self) -> usize {
        let key = match &self.key {
            SortKey::Text(text) => text.len(),
            _ => 0,
        };
        size_of::<Row>() + key + self.primary_key.len() + self.text.len()
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = self.key.compare(&other.key);
        let by_key = if self.descending { by_key.reverse() } else { by_key };
        by_key.then_with(|| self.primary_key.cmp(&other.primary_key))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Row {}

/// Accepts rows in any order and returns the first ones sorted.
#[derive(Debug)]
pub(super) struct Sorter {
    descending: bool,
    /// Maximum number of rows to keep: limit plus offset.
    keep: u64,
    most_bytes: usize,
    bytes: usize,
    /// A heap with the last row in sort order on top.
    rows: BinaryHeap<Row>,
    /// Charge for the rows, which grows in steps.
    charge: Option<Charge>,
}

/// Memory charged in advance, in bytes.
const CHARGED_AHEAD: u64 = 1 << 20;

impl Sorter {
    /// `charge` grows with the rows kept.
    pub fn new(descending: bool, keep: u64, most_bytes: usize, charge: Option<Charge>) -> Self {
        Sorter { descending, keep, most_bytes, bytes: 0, rows: BinaryHeap::new(), charge }
    }

    /// Offers a row. `text` is called only if the row is kept. The row is kept even if this returns an error.
    pub fn offer(
        &mut self,
        key: SortKey,
        primary_key: Box<[u8]>,
        text: impl FnOnce() -> Box<[u8]>,
    ) -> Result<(), QueryError> {
        let mut row = Row { key, descending: self.descending, primary_key, text: Box::default() };
        let full = self.rows.len() as u64 >= self.keep;
        if full && self.rows.peek().is_none_or(|last| *last < row) {
            return Ok(());
        }
        if full && let Some(last) = self.rows.pop() {
            self.bytes -= last.bytes();
        }
        row.text = text();
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.bytes > self.most_bytes {
            return Err(QueryError::TooLarge(format!(
                "Sorting this result needs more than {} bytes of memory; set a smaller 'limit', ask for fewer attributes or narrow the conditions",
                self.most_bytes
            )));
        }
        let bytes = self.bytes as u64;
        if let Some(charge) = &mut self.charge
            && bytes > charge.amount()
        {
            charge.grow_to(bytes.saturating_add(CHARGED_AHEAD))?;
        }
        Ok(())
    }

    /// Returns the rows sorted. The charge is held until the last row is dropped.
    pub fn into_sorted(self) -> impl Iterator<Item = Box<[u8]>> + Send {
        let Sorter { rows, charge, .. } = self;
        rows.into_sorted_vec().into_iter().map(move |row| {
            let _held = &charge;
            row.text
        })
    }
}
