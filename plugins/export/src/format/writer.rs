//! A writer of rows for each format.

use super::Format;
use super::csv::CsvWriter;
use super::json::JsonWriter;
use super::json_cells::JsonCellWriter;
use super::lines::LinesWriter;
use super::malformed::Malformed;

/// Converts chunks of rows into the bytes of the file.
#[derive(Debug)]
pub struct RowWriter {
    kind: Kind,
    count: u64,
}

#[derive(Debug)]
enum Kind {
    Json(JsonWriter),
    Lines(LinesWriter),
    Csv(CsvWriter),
    JsonCells(JsonCellWriter),
}

impl RowWriter {
    /// Creates a writer for rows with these columns. CSV expects rows as arrays, the other formats as objects.
    pub fn new(format: Format, columns: &[String]) -> Self {
        let kind = match format {
            Format::Json => Kind::Json(JsonWriter::new()),
            Format::JsonLines => Kind::Lines(LinesWriter::default()),
            Format::Csv => Kind::Csv(CsvWriter::new(columns)),
        };
        RowWriter { kind, count: 0 }
    }

    /// Creates a writer of CSV whose cells are JSON texts.
    pub fn json_cells(columns: &[String]) -> Self {
        RowWriter { kind: Kind::JsonCells(JsonCellWriter::new(columns)), count: 0 }
    }

    /// Take the next rows, each followed by LF; returns the next bytes of the file.
    pub fn rows(&mut self, rows: Vec<u8>) -> Result<&[u8], Malformed> {
        if rows.last() != Some(&b'\n') {
            return Err(Malformed);
        }
        let (count, bytes) = match &mut self.kind {
            Kind::Json(writer) => writer.rows(rows),
            Kind::Lines(writer) => writer.rows(rows),
            Kind::Csv(writer) => writer.rows(&rows)?,
            Kind::JsonCells(writer) => writer.rows(&rows)?,
        };
        self.count += count;
        Ok(bytes)
    }

    /// Returns the last bytes of the file.
    pub fn finish(&mut self) -> &[u8] {
        match &mut self.kind {
            Kind::Json(writer) => writer.finish(),
            // These formats write separators together with the row that follows.
            Kind::Lines(_) | Kind::Csv(_) | Kind::JsonCells(_) => &[],
        }
    }

    /// Returns the number of rows so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}
