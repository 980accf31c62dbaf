//! The options of a load.

use jobhost_load::Encoding;

/// How the input arranges its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One array of objects.
    Array,
    /// One object per line. Blank lines are skipped.
    Lines,
    /// Objects with or without white space between them: a single object, or one object per line.
    Objects,
    /// `Array` or `Objects`, depending on the first byte that is not white space.
    Detect,
}

/// Options of a load.
#[derive(Debug, Clone)]
pub struct Options {
    pub shape: Shape,
    /// The error message for a record without a primary key. With `None`, the host generates a key.
    pub key_required: Option<&'static str>,
    /// The attributes to load; `None`: all.
    pub columns: Option<Vec<String>>,
    /// `None`: by byte order mark or media type, otherwise UTF-8.
    pub encoding: Option<&'static Encoding>,
}

impl Options {
    /// All attributes, keys generated where there are none, and the encoding that the source names.
    pub const fn new(shape: Shape) -> Self {
        Options { shape, key_required: None, columns: None, encoding: None }
    }
}
