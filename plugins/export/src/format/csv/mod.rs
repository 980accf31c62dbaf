//! CSV: a header of quoted names; strings are quoted, numbers and booleans are not, null is empty, objects and arrays
//! are quoted JSON; LF between the rows and none after the last. Without rows there is no header either: the file is
//! empty.
//!
//! A row is a JSON array, and most of it is valid CSV already. The text between its brackets is copied as a whole,
//! except where `scan` finds escapes in strings, nulls, and nested objects and arrays.

mod cell;
mod room;
mod scan;

use super::malformed::Malformed;
use room::Room;
use scan::{BLOCK, Scan};

const NULL: usize = b"null".len();

/// Writes CSV.
#[derive(Debug)]
pub(super) struct CsvWriter {
    /// What to write before the next row: at first the header.
    before: Vec<u8>,
    room: Room,
}

impl CsvWriter {
    pub(super) fn new(columns: &[String]) -> Self {
        CsvWriter { before: header(columns), room: Room::default() }
    }

    pub(super) fn rows(&mut self, rows: &[u8]) -> Result<(u64, &[u8]), Malformed> {
        self.room.clear(self.before.len() + rows.len() * cell::MAX_GROWTH);
        self.room.copy(&self.before, 0, self.before.len());
        let count = translate(rows, &mut self.room).ok_or(Malformed)?;
        self.before = vec![b'\n'];
        // The LF of the last row is written only when another row follows.
        let bytes = self.room.bytes();
        Ok((count, bytes.strip_suffix(b"\n").unwrap_or(bytes)))
    }
}

/// Returns the first line, with its LF.
pub(super) fn header(columns: &[String]) -> Vec<u8> {
    let names: Vec<String> = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    format!("{}\n", names.join(",")).into_bytes()
}

/// Write the rows, each with its LF; returns how many there are, or `None` if they are no JSON arrays, one a line.
fn translate(rows: &[u8], room: &mut Room) -> Option<u64> {
    let mut count = 0;
    // Start of the text to copy next, after the opening bracket.
    let mut from = 1;
    let mut block = 0;
    let mut scan = Scan::default();
    (rows.first() == Some(&b'[')).then_some(())?;
    'blocks: while block < rows.len() {
        let mut events = scan.block(rows, block);
        while events != 0 {
            let at = block + events.trailing_zeros() as usize;
            events &= events - 1;
            // Already handled: the opening bracket of a row, or the second half of a surrogate pair.
            if at < from {
                continue;
            }
            match *rows.get(at)? {
                b'\n' => {
                    let close = at.checked_sub(1).filter(|close| *close >= from && rows.get(*close) == Some(&b']'))?;
                    room.copy(rows, from, close);
                    room.byte(b'\n');
                    from = at + 2;
                    count += 1;
                    (matches!(rows.get(at + 1), None | Some(b'['))).then_some(())?;
                }
                b'n' => {
                    room.copy(rows, from, at);
                    from = at + NULL;
                }
                b'\\' => {
                    room.copy(rows, from, at);
                    from = cell::unescape(rows, at, room)?;
                }
                _ => {
                    room.copy(rows, from, at);
                    from = cell::quote_json(rows, at, room)?;
                    // The rest of this block must be scanned again, starting after the value.
                    scan = Scan::default();
                    block = from;
                    continue 'blocks;
                }
            }
        }
        block += BLOCK;
    }
    // Otherwise the last LF was inside of a string.
    (from == rows.len() + 1).then_some(count)
}

#[cfg(test)]
mod tests;
