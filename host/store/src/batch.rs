//! Batches: newline-delimited JSON from a guest or from `insert`, checked and with its keys lifted.
//!
//! What comes out can be stored as it is: every record is one well-formed JSON object with the primary key in it, no name
//! twice, no system attributes. Nothing here may trust a size that the text claims, and nothing here knows the store.
//!
//! This is the hottest path of a load. A record that needs no change stays where it is in the buffer that came in; keys go
//! to one arena; a name that stands where it stood in the record before is recognised by one comparison of bytes.

pub mod members;
mod names;
mod rules;
mod scan;
mod typed;

use bytes::Bytes;

pub use self::rules::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name, name_too_long};

use self::names::{Names, Role};
use self::scan::{Kind, Malformed, Scanner};
use super::key_source::KeySource;
use jobhost_model::key::{self, Key, KeyError};
use jobhost_model::table::{Action, AttributeType, MAX_ATTRIBUTES, Table};

/// How much a batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    pub bytes: usize,
    pub records: usize,
    pub record_bytes: usize,
    /// Levels of nesting, the record itself being the first. More than 100 counts as 100.
    pub depth: u32,
    pub name_bytes: usize,
}

impl Default for BatchLimits {
    /// What the contract with plugins says (`wit/`, `records.write` and `records.declare`).
    fn default() -> Self {
        BatchLimits { bytes: 1 << 20, records: 16_384, record_bytes: 256 << 10, depth: 32, name_bytes: 250 }
    }
}

/// What kind of thing is wrong with a batch, for a caller to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchErrorKind {
    /// Not JSON, not a record, an impossible name, key or value.
    Invalid,
    /// One of the limits was reached.
    Limit(Exceeded),
}

/// A limit that a batch exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub bound: BatchBound,
    pub limit: usize,
    /// `None` where reading stopped before that could be known.
    pub reached: Option<usize>,
}

/// Which of [`BatchLimits`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchBound {
    Bytes,
    Records,
    RecordBytes,
    Depth,
    /// One that cannot be configured.
    Fixed,
}

/// Why a batch was refused; nothing of it is stored. The sentence is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BatchError {
    pub kind: BatchErrorKind,
    /// Number of the record, counted from 1; 0 if no single one is to blame.
    pub record: usize,
    pub message: String,
}

/// Checked records of one table.
#[derive(Debug, Default)]
pub struct Batch {
    table: u32,
    text: Bytes,
    /// The texts of records that could not stay as they were.
    rewritten: Vec<u8>,
    records: Vec<Record>,
    /// Binary forms of the keys, one after another.
    keys: Vec<u8>,
    attributes: Vec<String>,
    system_attributes: Vec<String>,
    generated: Option<Generated>,
    text_bytes: usize,
}

/// Which records came without a key and have one that was generated. Their texts begin with it.
#[derive(Debug)]
pub struct Generated {
    /// Their places in the batch, ascending.
    pub records: Vec<u32>,
    /// Of further keys, where one is taken.
    pub source: KeySource,
}

/// Where the parts of a record are. A key begins where the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Record {
    start: u32,
    end: u32,
    key_end: u32,
    rewritten: bool,
}

impl Batch {
    /// Check newline-delimited JSON objects for `table`. Blank lines are skipped. Where a name stands twice in a record,
    /// the last value counts. An absent or null key is generated for `Insert` and `Upsert`: an integer, or a UUID where the
    /// table declares its key a string. The store writes such a record as a new one, with another key if it must.
    pub fn parse(
        text: impl Into<Bytes>,
        table: &Table,
        action: Action,
        limits: &BatchLimits,
        keys: &KeySource,
    ) -> Result<Batch, BatchError> {
        let text: Bytes = text.into();
        if text.len() > limits.bytes.min(u32::MAX as usize / 4) {
            return Err(limit(
                BatchBound::Bytes,
                limits.bytes,
                text.len(),
                0,
                format!("a batch of {} bytes is larger than the limit of {} bytes", text.len(), limits.bytes),
            ));
        }
        if let Err(error) = std::str::from_utf8(&text) {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            return Err(invalid(line, format!("line {line} of the batch is not UTF-8")));
        }
        let mut parser = Parser {
            scanner: Scanner::new(&text),
            table,
            action,
            limits,
            keys,
            generated: Vec::new(),
            depth: limits.depth.clamp(1, 100) - 1,
            names: Names::default(),
            // A record is rarely shorter; what is shorter makes the list grow.
            batch: Batch { records: Vec::with_capacity((text.len() / 64).min(limits.records)), ..Batch::default() },
            number: 0,
        };
        parser.batch.keys.reserve(parser.batch.records.capacity() * 9);
        parser.run()?;
        let Parser { names, mut batch, generated, .. } = parser;
        batch.generated = (!generated.is_empty()).then(|| Generated { records: generated, source: keys.clone() });
        (batch.attributes, batch.system_attributes) = names.into_attributes();
        batch.table = table.id;
        batch.text = text;
        Ok(batch)
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the records' texts.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Bytes of memory that the batch keeps occupied.
    pub fn memory_bytes(&self) -> usize {
        self.text.len()
            + self.rewritten.capacity()
            + self.keys.capacity()
            + self.records.capacity() * size_of::<Record>()
            + self.generated.as_ref().map_or(0, |generated| generated.records.capacity() * size_of::<u32>())
    }

    pub fn generated(&self) -> Option<&Generated> {
        self.generated.as_ref()
    }

    /// The names of all attributes in the batch, in the order in which they appeared, without the system's.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Which of the system's attributes were in the records that came; they are dropped from what is stored.
    pub fn system_attributes(&self) -> &[String] {
        &self.system_attributes
    }

    /// `Table::id` of the table that the batch was checked against.
    pub fn table_id(&self) -> u32 {
        self.table
    }

    /// The records in order: key and JSON text.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &str)> {
        // Both conversions cannot fail: the key was encoded here, the text was checked to be UTF-8.
        self.encoded().filter_map(|(key, text)| Some((Key::decode(key).ok()?, std::str::from_utf8(text).ok()?)))
    }

    /// The records in order: binary key and JSON text.
    pub fn encoded(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut key_start = 0;
        self.records.iter().map(move |record| {
            let from = if record.rewritten { self.rewritten.as_slice() } else { &self.text };
            let text = from.get(record.start as usize..record.end as usize).unwrap_or_default();
            let key = self.keys.get(key_start..record.key_end as usize).unwrap_or_default();
            key_start = record.key_end as usize;
            (key, text)
        })
    }
}

fn invalid(record: usize, message: impl Into<String>) -> BatchError {
    BatchError { kind: BatchErrorKind::Invalid, record, message: message.into() }
}

fn limit(
    bound: BatchBound,
    limit: usize,
    reached: impl Into<Option<usize>>,
    record: usize,
    message: String,
) -> BatchError {
    let exceeded = Exceeded { bound, limit, reached: reached.into() };
    BatchError { kind: BatchErrorKind::Limit(exceeded), record, message }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    table: &'a Table,
    action: Action,
    limits: &'a BatchLimits,
    keys: &'a KeySource,
    /// Places of the records whose key was generated.
    generated: Vec<u32>,
    depth: u32,
    names: Names,
    batch: Batch,
    /// Of the current record, counted from 1.
    number: u32,
}

/// What was learnt about a record while scanning it.
#[derive(Default)]
struct Findings {
    /// Where its key's value is, and what it is. The last one counts.
    key: Option<(usize, usize, Kind)>,
    key_type: Option<AttributeType>,
    must_rewrite: bool,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), BatchError> {
        loop {
            self.scanner.skip_blanks();
            match self.scanner.byte() {
                b'\n' => self.scanner.at += 1,
                _ if self.scanner.at >= self.scanner.text.len() => return Ok(()),
                _ => self.record()?,
            }
        }
    }

    fn record(&mut self) -> Result<(), BatchError> {
        let start = self.scanner.at;
        self.number += 1;
        if self.number as usize > self.limits.records {
            let most = self.limits.records;
            let message = format!("a batch holds more than the limit of {most} records");
            return Err(limit(BatchBound::Records, most, self.number as usize, 0, message));
        }
        let findings = self.members(start)?;
        let end = self.scanner.at;
        if end - start > self.limits.record_bytes {
            let (bytes, most) = (end - start, self.limits.record_bytes);
            return Err(limit(
                BatchBound::RecordBytes,
                most,
                bytes,
                self.number as usize,
                format!("record {} has {bytes} bytes, more than the limit of {most} bytes", self.number),
            ));
        }
        self.scanner.skip_blanks();
        if self.scanner.byte() != b'\n' && self.scanner.at < self.scanner.text.len() {
            return Err(self.syntax(start, Malformed { at: self.scanner.at, why: "expected the end of the line" }));
        }
        let generated = self.key(&findings)?;
        if findings.must_rewrite || generated.is_some() {
            self.rewrite(start, end, generated)
        } else {
            self.push(start, end, false)
        }
    }

    #[inline(always)]
    fn push(&mut self, start: usize, end: usize, rewritten: bool) -> Result<(), BatchError> {
        self.batch.text_bytes += end - start;
        let (Ok(start), Ok(end), Ok(key_end)) =
            (u32::try_from(start), u32::try_from(end), u32::try_from(self.batch.keys.len()))
        else {
            let message = "a batch is larger than 4 GiB".to_owned();
            return Err(limit(BatchBound::Fixed, u32::MAX as usize, None, self.number as usize, message));
        };
        self.batch.records.push(Record { start, end, key_end, rewritten });
        Ok(())
    }

    #[inline(always)]
    fn members(&mut self, start: usize) -> Result<Findings, BatchError> {
        let mut findings = Findings::default();
        if self.scanner.byte() != b'{' {
            return Err(self.not_an_object(start));
        }
        self.scanner.at += 1;
        self.scanner.skip_blanks();
        if self.scanner.byte() == b'}' {
            self.scanner.at += 1;
            return Ok(findings);
        }
        let mut position = 0;
        loop {
            let rest = self.scanner.text.get(self.scanner.at..).unwrap_or_default();
            let number = match self.names.expected(position, rest) {
                Some((number, length)) => {
                    self.scanner.at += length;
                    number
                }
                None => self.name(start, position, &mut findings)?,
            };
            self.scanner.skip_blanks();
            let value_at = self.scanner.at;
            let kind = match self.scanner.value(self.depth) {
                Ok(kind) => kind,
                Err(malformed) => return Err(self.syntax(start, malformed)),
            };
            let seen = self.names.see(number, self.number);
            if seen.again || seen.role != Role::Plain {
                findings.must_rewrite |= seen.again;
                self.special(number, seen.role, (value_at, self.scanner.at, kind), &mut findings)?;
            }
            position += 1;
            self.scanner.skip_blanks();
            let next = self.scanner.byte();
            if next != b',' {
                if next == b'}' {
                    self.scanner.at += 1;
                    return Ok(findings);
                }
                return Err(self.syntax(start, Malformed { at: self.scanner.at, why: "expected `,` or `}`" }));
            }
            self.scanner.at += 1;
            self.scanner.skip_blanks();
        }
    }

    fn special(
        &mut self,
        number: u32,
        role: Role,
        value: (usize, usize, Kind),
        findings: &mut Findings,
    ) -> Result<(), BatchError> {
        match role {
            Role::Plain => {}
            Role::System => findings.must_rewrite = true,
            Role::Key(declared) => {
                findings.key = Some(value);
                findings.key_type = declared;
            }
            Role::Typed(declared) => {
                let (from, to, kind) = value;
                let text = self.scanner.text.get(from..to).unwrap_or_default();
                typed::check(declared, self.names.name(number), kind, text)
                    .map_err(|message| invalid(self.number as usize, message))?;
            }
        }
        Ok(())
    }

    /// A name that does not stand where it stood before, and its colon.
    #[inline(never)]
    fn name(&mut self, start: usize, position: usize, findings: &mut Findings) -> Result<u32, BatchError> {
        let name_at = self.scanner.at;
        if self.scanner.byte() != b'"' {
            return Err(self.syntax(start, Malformed { at: name_at, why: "expected a member name in quotes" }));
        }
        self.scanner.at += 1;
        let escaped = self.scanner.string().map_err(|malformed| self.syntax(start, malformed))?;
        let raw = self.scanner.text.get(name_at..self.scanner.at).unwrap_or_default();
        self.scanner.skip_blanks();
        if self.scanner.byte() != b':' {
            return Err(self.syntax(start, Malformed { at: self.scanner.at, why: "expected `:`" }));
        }
        self.scanner.at += 1;
        findings.must_rewrite |= escaped;
        let known = self.names.len();
        let decoded = || serde_json::from_slice::<String>(raw).unwrap_or_default();
        let number = if escaped {
            let name = decoded();
            self.names.number(&members::quoted(&name), || name, self.table)
        } else {
            self.names.number(raw, decoded, self.table)
        };
        if self.names.len() > known {
            self.check_new_name(number)?;
        }
        // An escaped name is rewritten each time, so it must come this way each time.
        if !escaped && position < MAX_ATTRIBUTES {
            self.names.expect(position, raw, number);
        }
        Ok(number)
    }

    fn check_new_name(&self, number: u32) -> Result<(), BatchError> {
        let record = self.number as usize;
        let name = self.names.name(number);
        if is_impossible_name(name) {
            return Err(invalid(record, format!("Invalid attribute name: '{}'", name.escape_debug())));
        }
        let most = self.limits.name_bytes;
        if name.len() > most {
            return Err(limit(BatchBound::Fixed, most, name.len(), record, name_too_long(name, most)));
        }
        if has_forbidden_character(name) && !self.table.has_attribute(name) {
            return Err(invalid(record, FORBIDDEN_CHARACTER));
        }
        if self.names.len() > MAX_ATTRIBUTES {
            let message = format!("a batch has more than the limit of {MAX_ATTRIBUTES} attributes");
            return Err(limit(BatchBound::Fixed, MAX_ATTRIBUTES, self.names.len(), record, message));
        }
        Ok(())
    }

    /// Encode the record's key into the arena. A generated key comes back, for the record has to be given it.
    #[inline(always)]
    fn key(&mut self, findings: &Findings) -> Result<Option<Key>, BatchError> {
        let Some((from, to, kind)) = findings.key else {
            return self.generate(findings).map(Some);
        };
        let value = self.scanner.text.get(from..to).unwrap_or_default();
        match kind {
            Kind::Number { plain: true } => {
                key::encode_number(small_integer(value), &mut self.batch.keys);
                self.check_key_type(findings, kind, value).map(|()| None)
            }
            Kind::String { .. } if value == EMPTY_STRING && self.action == Action::Update => Err(self.no_key()),
            Kind::String { escaped: false } if value.len() <= key::MAX_KEY_BYTES => {
                key::encode_string(value.get(1..value.len() - 1).unwrap_or_default(), &mut self.batch.keys);
                self.check_key_type(findings, kind, value).map(|()| None)
            }
            Kind::Null => self.generate(findings).map(Some),
            _ => {
                self.unusual_key(kind, value).map_err(|error| invalid(self.number as usize, error.to_string()))?;
                self.check_key_type(findings, kind, value).map(|()| None)
            }
        }
    }

    #[inline(never)]
    fn unusual_key(&mut self, kind: Kind, value: &[u8]) -> Result<(), KeyError> {
        let key = match kind {
            Kind::Number { .. } => {
                // As `Key::from_json` sees it, to the last bit: a record must be found under the key that a client sends.
                let number =
                    serde_json::from_slice::<serde_json::Number>(value).ok().and_then(|number| number.as_f64());
                Key::number(number.unwrap_or(f64::NAN))?
            }
            Kind::String { .. } => Key::string(serde_json::from_slice::<String>(value).unwrap_or_default())?,
            Kind::Array => return Err(KeyError::Type("array")),
            Kind::Object => return Err(KeyError::Type("object")),
            Kind::True | Kind::False | Kind::Null => return Err(KeyError::Type("boolean")),
        };
        key.encode(&mut self.batch.keys);
        Ok(())
    }

    fn check_key_type(&self, findings: &Findings, kind: Kind, value: &[u8]) -> Result<(), BatchError> {
        match findings.key_type {
            None => Ok(()),
            Some(declared) => typed::check(declared, &self.table.primary_key, kind, value)
                .map_err(|message| invalid(self.number as usize, message)),
        }
    }

    /// An update says which record is meant.
    #[cold]
    fn no_key(&self) -> BatchError {
        invalid(
            self.number as usize,
            "a valid hash attribute must be provided with update record, check log for more info",
        )
    }

    #[inline(never)]
    fn generate(&mut self, findings: &Findings) -> Result<Key, BatchError> {
        if self.action == Action::Update {
            return Err(self.no_key());
        }
        let declared = findings
            .key_type
            .or_else(|| self.table.attribute(&self.table.primary_key).and_then(|attribute| attribute.attribute_type));
        let key = match declared {
            Some(AttributeType::String | AttributeType::ID) => self.keys.uuid(),
            _ => self.keys.number(),
        };
        key.encode(&mut self.batch.keys);
        // Counted from 1.
        self.generated.push(self.number - 1);
        Ok(key)
    }

    #[inline(never)]
    fn rewrite(&mut self, start: usize, end: usize, generated: Option<Key>) -> Result<(), BatchError> {
        let record = self.scanner.text.get(start..end).unwrap_or_default();
        let key_name = members::quoted(&self.table.primary_key);
        let first = generated.map(|key| [key_name.as_slice(), b":", key.to_json().to_string().as_bytes()].concat());
        let [created, updated] = names::system_names();
        let mut without = vec![created.as_slice(), updated.as_slice()];
        // A table whose key has a system attribute's name keeps it.
        without.retain(|name| *name != key_name);
        if first.is_some() {
            without.push(&key_name);
        }
        let from = self.batch.rewritten.len();
        members::rewrite(record, &without, first.as_deref(), &mut self.batch.rewritten)
            .map_err(|error| invalid(self.number as usize, error.to_string()))?;
        self.push(from, self.batch.rewritten.len(), true)
    }

    fn not_an_object(&mut self, start: usize) -> BatchError {
        match self.scanner.value(self.depth) {
            Ok(_) => invalid(self.number as usize, format!("record {} of the batch is not a JSON object", self.number)),
            Err(malformed) => self.syntax(start, malformed),
        }
    }

    fn syntax(&self, start: usize, malformed: Malformed) -> BatchError {
        let record = self.number as usize;
        if malformed.why == scan::TOO_DEEP {
            let most = self.limits.depth;
            return limit(
                BatchBound::Depth,
                most as usize,
                None,
                record,
                format!("record {record} of the batch is nested deeper than the limit of {most} levels"),
            );
        }
        let column = malformed.at.saturating_sub(start) + 1;
        invalid(record, format!("record {record} of the batch is not valid JSON: {} at byte {column}", malformed.why))
    }
}

const EMPTY_STRING: &[u8] = b"\"\"";

/// At most 15 digits, perhaps with a sign.
#[inline(always)]
fn small_integer(text: &[u8]) -> f64 {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let value = digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')));
    if digits.len() < text.len() { -(value as f64) } else { value as f64 }
}

#[cfg(test)]
mod tests;
