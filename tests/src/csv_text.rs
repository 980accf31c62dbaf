//! Writes CSV for tests that read it back through the host.

/// Writes records as CSV, and quotes a cell only if necessary.
pub fn csv(header: &[&str], records: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = line(header.iter().copied());
    for record in records {
        text.push_str(&line(record.iter().map(String::as_str)));
    }
    text
}

/// Rows `id,name,n` with ids from 1, for loads whose size matters and whose content does not.
pub fn numbered(rows: u64) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("id,name,n\n");
    for id in 1..=rows {
        let _ = writeln!(text, "{id},name number {id},{}", id * 7 % 1000);
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    format!("{}\n", cells.join(","))
}

fn cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r', '\t', ';', '|']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
