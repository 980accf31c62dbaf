//! The text formats of an export. Pure: converts rows from the contract into the bytes of the file, chunk by chunk, and
//! holds only a few chunks in memory.

mod csv;
mod json;
mod json_cells;
mod lines;
pub mod malformed;
pub mod writer;

/// The format of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A single array of objects, on one line.
    Json,
    /// One object per line.
    JsonLines,
    /// A header, and one line per row.
    Csv,
}

impl Format {
    /// Returns the format with this name, which is also the extension of its files.
    pub fn named(name: &str) -> Option<Self> {
        [Format::Json, Format::JsonLines, Format::Csv].into_iter().find(|format| format.extension() == name)
    }

    pub fn extension(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::JsonLines => "jsonl",
            Format::Csv => "csv",
        }
    }

    /// Returns the name for use in messages.
    pub fn word(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::JsonLines => "JSONL",
            Format::Csv => "CSV",
        }
    }
}

#[cfg(test)]
mod tests;
