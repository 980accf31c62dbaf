//! CSV whose cells are JSON texts, so that no value loses its type: strings have their JSON quotes inside the quotes of CSV.
//! Null is an empty cell. The header is as in any other CSV.

use super::csv::header;
use super::malformed::Malformed;

/// Writes CSV of JSON cells.
#[derive(Debug)]
pub(super) struct JsonCellWriter {
    /// What to write before the next row: at first the header.
    before: Vec<u8>,
    text: Vec<u8>,
}

impl JsonCellWriter {
    pub(super) fn new(columns: &[String]) -> Self {
        JsonCellWriter { before: header(columns), text: Vec::new() }
    }

    /// Converts rows, which are JSON arrays, each followed by LF. The LF of the last row is written before the next one.
    pub(super) fn rows(&mut self, rows: &[u8]) -> Result<(u64, &[u8]), Malformed> {
        self.text.clear();
        let mut count = 0;
        for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
            self.text.extend_from_slice(&self.before);
            self.before = vec![b'\n'];
            let cells = row.strip_prefix(b"[").and_then(|row| row.strip_suffix(b"]")).ok_or(Malformed)?;
            write_cells(cells, &mut self.text);
            count += 1;
        }
        Ok((count, &self.text))
    }
}

fn write_cells(cells: &[u8], text: &mut Vec<u8>) {
    let mut rest = cells;
    loop {
        let end = end_of_value(rest);
        let (cell, others) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        match cell.first() {
            Some(b'n') => {}
            Some(b'"' | b'{' | b'[') => {
                text.push(b'"');
                for &byte in cell {
                    text.push(byte);
                    if byte == b'"' {
                        text.push(byte);
                    }
                }
                text.push(b'"');
            }
            _ => text.extend_from_slice(cell),
        }
        match others.split_first() {
            Some((_, others)) => {
                text.push(b',');
                rest = others;
            }
            None => return,
        }
    }
}

/// The position of the comma after the first value, or of the end.
fn end_of_value(cells: &[u8]) -> usize {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0usize);
    let ends = |byte: &u8| {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return false;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => return depth == 0,
            _ => {}
        }
        false
    };
    cells.iter().position(ends).unwrap_or(cells.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_a_json_text() {
        let mut writer = JsonCellWriter::new(&["id".to_owned(), "a \"b\"".to_owned()]);
        let rows = b"[1,\"x, \\\"y\\\\\"]\n[2,{\"a\":[1,\"]\"]}]\n";
        let (count, text) = writer.rows(rows).unwrap();
        let expected = "\"id\",\"a \"\"b\"\"\"\n1,\"\"\"x, \\\"\"y\\\\\"\"\"\n2,\"{\"\"a\"\":[1,\"\"]\"\"]}\"";
        assert_eq!((count, std::str::from_utf8(text).unwrap()), (2, expected));
        let (count, text) = writer.rows(b"[null,true]\n").unwrap();
        assert_eq!((count, text), (1, b"\n,true".as_slice()));
        assert!(writer.rows(b"{}\n").is_err());
    }
}
