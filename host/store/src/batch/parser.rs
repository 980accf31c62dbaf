//! Parses the text of a batch in one pass. This is the hottest path of a load.

use super::names::{self, Names, Role};
use super::rules::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name, name_too_long};
use super::scan::{self, Kind, Malformed, Scanner};
use super::{Batch, BatchError, BatchLimits, NAME_BYTES, Record, fixed_limit, invalid, limit, members};
use crate::key_source::KeySource;
use jobhost_json_text::typed::check;
use jobhost_model::AttributeType;
use jobhost_model::key::Key;
use jobhost_model::table::{Action, MAX_ATTRIBUTES, Table};

pub(super) struct Parser<'a> {
    pub(super) scanner: Scanner<'a>,
    pub(super) table: &'a Table,
    pub(super) action: Action,
    pub(super) limits: &'a BatchLimits,
    pub(super) keys: &'a KeySource,
    /// Indexes of the records whose key was generated.
    pub(super) generated: Vec<u32>,
    pub(super) depth: u32,
    pub(super) names: Names,
    pub(super) batch: Batch,
    /// Number of the current record, counted from 1.
    pub(super) number: u32,
}

/// What the parser learned about a record.
#[derive(Default)]
pub(super) struct Findings {
    /// Start, end and kind of the key's value. If the key occurs twice, the last one wins.
    pub(super) key: Option<(usize, usize, Kind)>,
    pub(super) key_type: Option<AttributeType>,
    pub(super) must_rewrite: bool,
}

impl Parser<'_> {
    pub(super) fn run(&mut self) -> Result<(), BatchError> {
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
        if u64::from(self.number) > self.limits.records.value() {
            let message = format!("a batch holds more than the limit of {} records", self.limits.records.value());
            return Err(limit(&self.limits.records, u64::from(self.number), 0, message));
        }
        let findings = self.members(start)?;
        let end = self.scanner.at;
        if (end - start) as u64 > self.limits.record_bytes.value() {
            let (bytes, most, number) = (end - start, self.limits.record_bytes.value(), self.number);
            let message = format!("record {number} has {bytes} bytes, more than the limit of {most} bytes");
            return Err(limit(&self.limits.record_bytes, bytes as u64, number as usize, message));
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
            return Err(fixed_limit(self.number as usize, message));
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
                check(declared, self.names.name(number), kind.json_type(), text)
                    .map_err(|error| invalid(self.number as usize, error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Reads a name that differs from the previous record's name at this position, and its colon.
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
        // An escaped name has to be rewritten in every record, so it must take this path every time.
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
        if name.len() > NAME_BYTES {
            return Err(fixed_limit(record, name_too_long(name, NAME_BYTES)));
        }
        if has_forbidden_character(name) && !self.table.has_attribute(name) {
            return Err(invalid(record, FORBIDDEN_CHARACTER));
        }
        if self.names.len() > MAX_ATTRIBUTES {
            let message = format!("a batch has more than the limit of {MAX_ATTRIBUTES} attributes");
            return Err(fixed_limit(record, message));
        }
        Ok(())
    }

    #[inline(never)]
    fn rewrite(&mut self, start: usize, end: usize, generated: Option<Key>) -> Result<(), BatchError> {
        let record = self.scanner.text.get(start..end).unwrap_or_default();
        let key_name = members::quoted(&self.table.primary_key);
        let first = generated.map(|key| [key_name.as_slice(), b":", key.to_json().to_string().as_bytes()].concat());
        let [created, updated] = names::system_names();
        let mut without = vec![created.as_slice(), updated.as_slice()];
        // The primary key is kept even if it has the name of a system attribute.
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
            let most = self.limits.depth.value();
            let message = format!("record {record} of the batch is nested deeper than the limit of {most} levels");
            return limit(&self.limits.depth, None, record, message);
        }
        let column = malformed.at.saturating_sub(start) + 1;
        invalid(record, format!("record {record} of the batch is not valid JSON: {} at byte {column}", malformed.why))
    }
}
