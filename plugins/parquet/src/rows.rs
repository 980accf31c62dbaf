//! Splits rows from the host, JSON arrays one per line, into cells without parsing them.

use serde::de::IgnoredAny;

/// The rows are not JSON arrays of the right length, one per line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host gave rows that are no JSON arrays of one element a column, one a line")]
pub struct MalformedRows;

/// Calls `take` with each cell of each row and the number of its column.
pub(crate) fn cells<E: From<MalformedRows>>(
    rows: &[u8],
    columns: usize,
    mut take: impl FnMut(usize, &str) -> Result<(), E>,
) -> Result<u64, E> {
    let text = std::str::from_utf8(rows).map_err(|_| MalformedRows)?;
    let mut count = 0;
    for row in text.split_terminator('\n') {
        let mut rest = row.strip_prefix('[').ok_or(MalformedRows)?;
        for column in 0..columns {
            let end = value_end(rest).ok_or(MalformedRows)?;
            let (value, behind) = rest.split_at_checked(end).ok_or(MalformedRows)?;
            take(column, value)?;
            rest = if column + 1 < columns { behind.strip_prefix(',').ok_or(MalformedRows)? } else { behind };
        }
        if rest != "]" {
            return Err(MalformedRows.into());
        }
        count += 1;
    }
    Ok(count)
}

/// Returns where the JSON value at the start of the text ends. `RawValue` is no option: the feature that provides it
/// changes how a JSON object with a certain key is parsed, everywhere in the program.
fn value_end(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}
