//! The interface between a load and its host.

use jobhost_batch::MAX_RECORD_BYTES;

use crate::attribute::AttributeType;

/// Maximum number of bytes of a rejected record that are shown.
const SHOWN_BYTES: usize = 1024;

/// The host of a load: one table, and one source that can be opened repeatedly.
pub trait Host {
    type Error;
    type Input: Input<Error = Self::Error>;

    /// Whether records become visible only when the load has succeeded, so that nothing needs to be checked before the first
    /// one is written.
    fn is_atomic(&self) -> bool;
    /// Returns the table to load into.
    fn describe(&mut self) -> Result<Table, Self::Error>;
    /// Declares the attributes that the records will have. A load may call it several times.
    fn declare(&mut self, attributes: &[String]) -> Result<(), Self::Error>;
    /// Opens the source at a byte offset.
    fn open(&mut self, offset: u64) -> Result<Self::Input, Self::Error>;
    /// Writes a batch of JSON lines, and stores the checkpoint after it.
    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Self::Error>;
    /// Reports how many bytes of the source are done, and the total if it is known.
    fn progress(&mut self, done: u64, total: Option<u64>);
    fn cancelled(&mut self) -> bool;
    fn reject(&mut self, reject: Reject);
    fn warn(&mut self, warning: Warning);
}

/// An opened source.
pub trait Input {
    type Error;

    /// Bytes of the whole source; `None` if only reading tells.
    fn size(&self) -> Option<u64>;
    /// An identifier of the content that changes whenever the content does.
    fn etag(&self) -> &str;
    /// The media type that the source named, with its parameters.
    fn media_type(&self) -> Option<&str> {
        None
    }
    /// The next bytes; none at the end.
    fn read(&mut self) -> Result<Vec<u8>, Self::Error>;
}

/// Opens the source of a [`Host`] repeatedly and independently of it, for formats that do not read from start to end.
pub trait Open {
    type Error;
    type Input: Input<Error = Self::Error>;

    /// Opens the source at a byte offset.
    fn open(&self, offset: u64) -> Result<Self::Input, Self::Error>;
}

/// The table to load into.
#[derive(Debug, Clone)]
pub struct Table {
    pub primary_key: String,
    /// The attributes that have a declared type.
    pub types: Vec<(String, AttributeType)>,
    /// The maximum size of a record in bytes.
    pub record_bytes: usize,
}

impl Table {
    /// A table without declared types, and the default maximum size of a record.
    pub fn untyped(primary_key: &str) -> Self {
        Table { primary_key: primary_key.to_owned(), types: Vec::new(), record_bytes: MAX_RECORD_BYTES }
    }

    /// Returns the type of an attribute, or `Any` if it has none.
    pub fn kind_of(&self, attribute: &str) -> AttributeType {
        let typed = self.types.iter().find(|(name, _)| name == attribute);
        typed.map_or(AttributeType::Any, |(_, kind)| *kind)
    }
}

/// Something that was loaded, but not as a reader of the source would expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A short word for a program.
    pub code: &'static str,
    /// From 1; `None` if no line is concerned.
    pub line: Option<u64>,
    pub message: String,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line number, starting at 1.
    pub line: u64,
    /// Offset in the whole source, starting at 0.
    pub byte_offset: u64,
    pub column: Option<String>,
    /// A short identifier of the problem, for programs.
    pub kind: &'static str,
    /// The start of the record as written in the source; see [`shown`].
    pub raw: String,
    pub reason: String,
}

/// The charset of a media type, `text/csv; charset="x"`, if it has one.
pub(crate) fn charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The start of some input, as text of a bounded size.
pub fn shown(raw: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(raw.get(..SHOWN_BYTES).unwrap_or(raw)).into_owned();
    while text.len() > SHOWN_BYTES {
        text.pop();
    }
    text
}
