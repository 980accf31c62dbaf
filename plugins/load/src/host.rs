//! What a load needs of the world around it.

use crate::attribute::AttributeType;

/// The most bytes of a rejected record that are repeated.
const SHOWN_BYTES: usize = 1024;

/// The world: one table, one source that can be opened again and again.
pub trait Host {
    type Error;
    type Input: Input<Error = Self::Error>;

    /// The table that is loaded.
    fn describe(&mut self) -> Result<Table, Self::Error>;
    /// Say which attributes the records will have, perhaps in several calls.
    fn declare(&mut self, attributes: &[String]) -> Result<(), Self::Error>;
    /// Open the source at a byte.
    fn open(&mut self, offset: u64) -> Result<Self::Input, Self::Error>;
    /// Hand over a batch of JSON lines and the state after it.
    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Self::Error>;
    /// Bytes of the source that were dealt with, and how many there are, where that is known.
    fn progress(&mut self, done: u64, total: Option<u64>);
    fn cancelled(&mut self) -> bool;
    fn reject(&mut self, reject: Reject);
    fn warn(&mut self, warning: Warning);
}

/// An open source.
pub trait Input {
    type Error;

    /// Bytes of the whole source; `None` if only reading tells.
    fn size(&self) -> Option<u64>;
    /// Changes when the content changes.
    fn etag(&self) -> &str;
    /// The media type that the source named, with its parameters.
    fn media_type(&self) -> Option<&str> {
        None
    }
    /// The next bytes; none at the end.
    fn read(&mut self) -> Result<Vec<u8>, Self::Error>;
}

/// Opens the source of a [`Host`], again and again and from wherever it is kept: for a format that does not read from the
/// start to the end.
pub trait Open {
    type Error;
    type Input: Input<Error = Self::Error>;

    /// Open the source at a byte.
    fn open(&self, offset: u64) -> Result<Self::Input, Self::Error>;
}

/// The table that is loaded.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub primary_key: String,
    /// Attributes that have a type.
    pub types: Vec<(String, AttributeType)>,
}

impl Table {
    /// The type of an attribute; `Any` for one that has none.
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
    /// From 1.
    pub line: u64,
    /// From 0, in the whole source.
    pub byte_offset: u64,
    pub column: Option<String>,
    /// A short word for a program.
    pub kind: &'static str,
    /// The start of the record as it stands in the source; see [`shown`].
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
