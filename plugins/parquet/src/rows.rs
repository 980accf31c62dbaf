//! Rows as the host gives them: JSON arrays, one a line. They are taken apart, not parsed.

use std::fmt;

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Rows that are no JSON arrays of the right length, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host gave rows that are no JSON arrays of one element a column, one a line")]
pub struct MalformedRows;

/// Give each cell of each row to `take`, with the number of its column.
pub(crate) fn cells<E: From<MalformedRows>>(
    rows: &[u8],
    columns: usize,
    mut take: impl FnMut(usize, &str) -> Result<(), E>,
) -> Result<u64, E> {
    let text = std::str::from_utf8(rows).map_err(|_| MalformedRows)?;
    let mut count = 0;
    for row in text.split_terminator('\n') {
        let mut result = Ok(());
        let mut reader = serde_json::Deserializer::from_str(row);
        let seen = reader.deserialize_seq(Cells { take: &mut take, result: &mut result });
        result?;
        if seen.ok() != Some(columns) || reader.end().is_err() {
            return Err(MalformedRows.into());
        }
        count += 1;
    }
    Ok(count)
}

struct Cells<'a, F, E> {
    take: &'a mut F,
    result: &'a mut Result<(), E>,
}

impl<'de, F: FnMut(usize, &str) -> Result<(), E>, E> Visitor<'de> for Cells<'_, F, E> {
    /// How many there are.
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if self.result.is_ok() {
                *self.result = (self.take)(count, element.get());
            }
            count += 1;
        }
        Ok(count)
    }
}
