//! The text of an export. Pure: from rows as the contract gives them to the bytes of the file, chunk by chunk, with no
//! more memory than a few chunks take.

mod csv;
mod json;
mod lines;
pub mod malformed;
pub mod writer;

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array of objects, on one line.
    Json,
    /// An object a line.
    JsonLines,
    /// A header and a line a row.
    Csv,
}

impl Format {
    /// The format with this name, which is also the extension of its files.
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

    /// Its name in a sentence.
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
