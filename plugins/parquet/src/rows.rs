//! Rows as the host gives them: JSON arrays, one a line. They are taken apart, not parsed.

use serde::de::IgnoredAny;

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

/// Where the JSON value ends that the text begins with. Not by `RawValue`: with that feature a JSON object of a certain key
/// would be taken for something else wherever JSON is read.
fn value_end(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}
