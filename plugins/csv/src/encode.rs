//! A CSV record as one JSON object, and the check that it can be one.

mod check;

use std::ops::Range;

use jobhost_batch::{BLOCK, Block, JsonBuffer, JsonWriter, MAX_GROWTH, MAX_NUMBER_BYTES, MAX_RECORD_BYTES};
use jobhost_load::{AttributeType, KeyError, SYSTEM_ATTRIBUTES, json_text};

use crate::cast;
use crate::column;
use crate::columns::CellOptions;
use crate::error::Problem;
use crate::header::Header;
use crate::key::{self, Key};
use crate::record::{Cell, Record, unescape_into};

/// Bytes that blocks may read beyond a cell.
const PADDING: [u8; 16] = [0; 16];

/// How records are encoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct EncodeOptions {
    /// Cells that are a JSON object or array become one; else they stay text.
    pub parse_json: bool,
    /// A record without a primary key is an error with this sentence. `None`: the host gives it a key.
    pub key_required: Option<&'static str>,
}

/// Encodes the records under one header.
#[derive(Debug)]
pub struct RecordEncoder {
    columns: Vec<Column>,
    /// `,"name":` of every column, one after the other, then padding.
    prefixes: Vec<u8>,
    key: Option<usize>,
    /// Indexes of the columns without a name.
    unnamed: Vec<usize>,
    cells: CellOptions,
    /// Whether `cells` differs from the default.
    has_cell_options: bool,
    options: EncodeOptions,
    /// Columns whose cells can be invalid because of their type.
    fallible: Vec<usize>,
    /// An unescaped cell, then padding.
    unescaped: Vec<u8>,
    /// Where `check` encodes to.
    trial: JsonBuffer,
    max_record_bytes: usize,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: AttributeType,
    role: Role,
    prefix: Range<usize>,
    /// The prefix again, if it fits.
    short_prefix: Option<Block>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Key,
    /// Set by the host.
    System,
    /// Without a name.
    LeftOut,
}

impl RecordEncoder {
    /// `kind_of` tells the type of a column by its name.
    pub fn new(
        header: &Header,
        primary_key: &str,
        kind_of: impl Fn(&str) -> AttributeType,
        options: EncodeOptions,
        cells: &CellOptions,
    ) -> Self {
        let mut prefixes = JsonBuffer::default();
        let columns: Vec<Column> = header
            .names()
            .iter()
            .map(|name| {
                let start = prefixes.len();
                prefixes.byte(b',');
                prefixes.string(name);
                prefixes.byte(b':');
                let role = match name.as_str() {
                    "" => Role::LeftOut,
                    name if name == primary_key => Role::Key,
                    name if SYSTEM_ATTRIBUTES.contains(&name) => Role::System,
                    _ => Role::Plain,
                };
                let prefix = start..prefixes.len();
                let short_prefix = (prefix.len() <= BLOCK).then(|| Block::at(prefixes.as_bytes(), start));
                Column { name: name.clone(), kind: kind_of(name), role, prefix, short_prefix }
            })
            .collect();
        let has_cell_options = *cells != CellOptions::default();
        let is_fallible = |column: &Column| match column.role {
            Role::System | Role::LeftOut => false,
            Role::Plain | Role::Key => column::can_fail(column.kind),
        };
        let fallible = columns.iter().enumerate().filter(|(_, column)| is_fallible(column)).map(|(index, _)| index);
        let fallible = fallible.collect();
        prefixes.raw(&PADDING);
        RecordEncoder {
            key: columns.iter().position(|column| column.role == Role::Key),
            unnamed: header.unnamed().to_vec(),
            cells: cells.clone(),
            has_cell_options,
            fallible,
            columns,
            prefixes: prefixes.as_bytes().to_vec(),
            options,
            unescaped: Vec::new(),
            trial: JsonBuffer::default(),
            max_record_bytes: MAX_RECORD_BYTES,
        }
    }

    /// Sets the maximum size of a record as JSON.
    pub(crate) fn with_max_record_bytes(mut self, limit: usize) -> Self {
        self.max_record_bytes = limit;
        self
    }

    /// The attributes that records will have.
    pub fn attributes(&self) -> Vec<String> {
        let written = self.columns.iter().filter(|column| !matches!(column.role, Role::System | Role::LeftOut));
        written.map(|column| column.name.clone()).collect()
    }

    /// The number of cells a record may have.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The name of a column.
    pub fn column_name(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(|column| column.name.as_str())
    }

    /// The position of the primary key among the columns.
    pub fn key_column(&self) -> Option<usize> {
        self.key
    }

    /// Indexes of the columns without a name.
    pub fn unnamed(&self) -> &[usize] {
        &self.unnamed
    }

    /// Append the record as a JSON object. Cells beyond the header are left out; columns without a cell are absent.
    #[inline]
    pub fn encode(&mut self, record: &Record<'_>, json: &mut JsonBuffer) -> Result<(), Problem> {
        let room = json.room(self.most_bytes(record));
        let (size, has_key) = match self.has_cell_options {
            false => self.encode_cells::<false>(record, room)?,
            true => self.encode_cells::<true>(record, room)?,
        };
        self.require(has_key)?;
        if size > self.max_record_bytes || !json.commit(size) {
            let (line, offset) = (record.line(), record.offset());
            return Err(Problem::RecordTooLarge { line, offset, size, limit: self.max_record_bytes });
        }
        Ok(())
    }

    /// The most bytes that the record can become.
    #[inline]
    fn most_bytes(&self, record: &Record<'_>) -> usize {
        record.raw().len() * MAX_GROWTH + self.prefixes.len() + self.columns.len() * MAX_NUMBER_BYTES + 2
    }

    /// Write the object; gives its size, and whether it has a key. What is rare is `outline`d, which keeps the writer in
    /// registers for what is not.
    #[inline]
    fn encode_cells<const OPTIONS: bool>(
        &mut self,
        record: &Record<'_>,
        mut json: JsonWriter<'_>,
    ) -> Result<(usize, bool), Problem> {
        let mut has_key = false;
        for (column, cell) in self.columns.iter().zip(record.cells()) {
            let before = json.position();
            if matches!(column.role, Role::System | Role::LeftOut) {
                continue;
            }
            match column.short_prefix {
                Some(block) => json.block(block, column.prefix.len()),
                None => json.raw(&self.prefixes, column.prefix.clone()),
            }
            let (source, mut range) = source_of(cell, &mut self.unescaped);
            let mut kind = column.kind;
            if OPTIONS {
                match meaning(cell.is_quoted(), source, range, &self.cells) {
                    Meaning::Null if column.role == Role::Key => {
                        json.rewind(before);
                        continue;
                    }
                    Meaning::Null => {
                        json.outline(|json| json.null());
                        continue;
                    }
                    Meaning::Text(text) => {
                        range = text;
                        kind = if kind == AttributeType::Any { AttributeType::String } else { kind };
                    }
                    Meaning::Json(text) => {
                        let is_key = column.role == Role::Key;
                        let written = json.outline(|json| write_json(json, column, source, text))?;
                        if !written {
                            json.rewind(before);
                        }
                        has_key |= is_key && written;
                        continue;
                    }
                    Meaning::Number(number) if kind == AttributeType::Any => {
                        json.outline(|json| json.raw(source, number));
                        has_key |= column.role == Role::Key;
                        continue;
                    }
                    Meaning::Number(cell) | Meaning::Cell(cell) => range = cell,
                }
            }
            if column.role == Role::Plain {
                column::write(kind, &mut json, &column.name, source, range, self.options.parse_json)?;
            } else if key::is_plain(source, range.clone(), kind) {
                json.raw(source, range);
                has_key = true;
            } else {
                has_key = json.outline(|json| write_key(json, column, kind, source, range))?;
                if !has_key {
                    json.rewind(before);
                }
            }
        }
        if json.position() == 0 {
            json.byte(b'{');
        } else {
            json.replace(0, b'{');
        }
        json.byte(b'}');
        Ok((json.position(), has_key))
    }
}

/// The value of a cell as a place in a buffer that goes on for a block beyond it.
#[inline]
fn source_of<'a>(cell: Cell<'a>, unescaped: &'a mut Vec<u8>) -> (&'a [u8], Range<usize>) {
    let (source, range) = cell.place();
    if !cell.is_escaped() {
        return (source, range);
    }
    unescaped.clear();
    unescape_into(source.get(range).unwrap_or_default(), cell.quoting(), unescaped);
    let length = unescaped.len();
    unescaped.extend_from_slice(&PADDING);
    (unescaped, 0..length)
}

/// The meaning of a cell under the options.
enum Meaning {
    Null,
    /// Text, unless the column has a type.
    Text(Range<usize>),
    /// A JSON text.
    Json(Range<usize>),
    /// A JSON number, copied unchanged.
    Number(Range<usize>),
    /// The type is detected.
    Cell(Range<usize>),
}

fn meaning(is_quoted: bool, source: &[u8], range: Range<usize>, options: &CellOptions) -> Meaning {
    let cell = source.get(range.clone()).unwrap_or_default();
    // With `null_values`, no other word is null.
    let is_word_of_null = |cell: &[u8]| options.null_values.is_some() && cast::cast(cell) == cast::Value::Null;
    if is_quoted && options.json {
        return Meaning::Json(range);
    }
    if is_quoted {
        let is_text = options.quoted_text || is_word_of_null(cell);
        return if is_text { Meaning::Text(range) } else { Meaning::Cell(range) };
    }
    let start = if options.trim { range.start + (cell.len() - cell.trim_ascii_start().len()) } else { range.start };
    let cell = if options.trim { cell.trim_ascii() } else { cell };
    let is_null = options.null_values.as_ref().is_some_and(|nulls| nulls.iter().any(|null| null == cell));
    if is_null || ((options.quoted_text || options.json) && cell.is_empty()) {
        return Meaning::Null;
    }
    let range = start..start + cell.len();
    if options.json {
        return Meaning::Json(range);
    }
    if is_word_of_null(cell) {
        return Meaning::Text(range);
    }
    // With `quoted_text`, texts are quoted, so an unquoted cell like 1e21 is a number and not a code.
    let has_exponent = options.quoted_text && memchr::memchr2(b'e', b'E', cell).is_some();
    if has_exponent && serde_json::from_slice::<f64>(cell).is_ok_and(f64::is_finite) {
        return Meaning::Number(range);
    }
    Meaning::Cell(range)
}

/// Writes a cell that is a JSON text. Returns false for a primary key that is null.
fn write_json(json: &mut JsonWriter<'_>, column: &Column, source: &[u8], range: Range<usize>) -> Result<bool, Problem> {
    let cell = source.get(range).unwrap_or_default();
    if column.role == Role::Key && !key::json_key(cell)? {
        return Ok(false);
    }
    match json_text::write(json, cell) {
        true => Ok(true),
        false => Err(column::not_json(&column.name, cell).into()),
    }
}

/// Write the primary key; false if the cell holds none.
fn write_key(
    json: &mut JsonWriter<'_>,
    column: &Column,
    kind: AttributeType,
    source: &[u8],
    range: Range<usize>,
) -> Result<bool, Problem> {
    if !column::can_fail(kind) {
        let found = key::key(source.get(range.clone()).unwrap_or_default(), kind)?;
        key::write(json, found, source, range);
        return Ok(found != Key::Absent);
    }
    let before = json.position();
    column::write(kind, json, &column.name, source, range.clone(), false)?;
    let written = json.since(before);
    let is_null = written == b"null";
    if kind == AttributeType::Boolean && !is_null {
        return Err(KeyError::Type("boolean").into());
    }
    // Two cells with different text must not become one key.
    let cell = source.get(range).unwrap_or_default();
    if !is_null && kind != AttributeType::Date && written != cell {
        let (cell, written) =
            (String::from_utf8_lossy(cell).into_owned(), String::from_utf8_lossy(written).into_owned());
        return Err(KeyError::Spelling { cell, kind: kind.name(), written }.into());
    }
    Ok(!is_null)
}
