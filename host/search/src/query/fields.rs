//! Finds the values of wanted attributes in the JSON text of a record, in one pass and without building a tree.
//!
//! Records of a table tend to have the same attributes in the same order. So each name remembers which name followed it
//! last time. As long as that repeats, a name costs one comparison of bytes. This is the hottest path of an export.

use std::collections::HashMap;

use super::text::{skip_blanks, string_end, value_end};
use jobhost_model::table::MAX_ATTRIBUTES;

/// Start and end of a value, relative to the start of its record. No value starts at 0.
pub(crate) type Span = (u32, u32);

pub(super) const ABSENT: Span = (0, 0);

/// A stored text is not a valid record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object: byte {at}")]
pub(crate) struct Damaged {
    at: usize,
}

/// The wanted attributes, each with a slot, and the names seen in records.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    slots: usize,
    names: Vec<Name>,
    by_text: HashMap<Box<[u8]>, usize>,
    /// The name that records start with.
    first: usize,
}

/// A name that is wanted or was seen.
#[derive(Debug)]
struct Name {
    /// The name with quotes and colon.
    label: Label,
    /// The slot; `UNWANTED` for names that are not wanted.
    slot: usize,
    /// The name that followed it last time.
    next: usize,
}

const UNWANTED: usize = usize::MAX;
const UNKNOWN: usize = usize::MAX;
/// Maximum number of names to remember: those of a table, and as many that it no longer has.
const MAX_NAMES: usize = 2 * MAX_ATTRIBUTES;

impl Fields {
    /// Returns the slot of an attribute and marks it as wanted.
    pub fn slot(&mut self, name: &str) -> usize {
        let quoted = serde_json::to_vec(name).unwrap_or_default();
        let number = match self.by_text.get(quoted.as_slice()) {
            Some(number) => *number,
            None => self.add(&quoted),
        };
        let Some(name) = self.names.get_mut(number) else { return UNWANTED };
        if name.slot == UNWANTED {
            name.slot = self.slots;
            self.slots += 1;
        }
        name.slot
    }

    fn add(&mut self, quoted: &[u8]) -> usize {
        let number = self.names.len();
        self.names.push(Name { label: Label::new(quoted), slot: UNWANTED, next: number + 1 });
        self.by_text.insert(quoted.into(), number);
        number
    }

    /// Fills `spans`, one for each slot, from the record at the beginning of `text`, which may go on behind it. Where a
    /// name stands twice, the last one counts. Returns the length of the record.
    pub fn find(&mut self, text: &[u8], spans: &mut Vec<Span>) -> Result<usize, Damaged> {
        if spans.len() == self.slots {
            spans.fill(ABSENT);
        } else {
            *spans = vec![ABSENT; self.slots];
        }
        let mut at = skip_blanks(text, 0);
        if text.get(at) != Some(&b'{') {
            return Err(Damaged { at });
        }
        at = skip_blanks(text, at + 1);
        if text.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let mut before = UNKNOWN;
        let mut number = self.first;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let (slot, next) = match self.names.get(number) {
                Some(name) if name.label.begins(rest) => {
                    at += name.label.bytes.len();
                    (name.slot, name.next)
                }
                _ => {
                    (number, at) = self.other_name(text, at, before).ok_or(Damaged { at })?;
                    self.names.get(number).map_or((UNWANTED, UNKNOWN), |name| (name.slot, name.next))
                }
            };
            let start = skip_blanks(text, at);
            let end = value_end(text, start).ok_or(Damaged { at: start })?;
            if let Some(span) = spans.get_mut(slot) {
                // The casts do not truncate: records are far smaller than 4 GiB.
                *span = (start as u32, end as u32);
            }
            at = skip_blanks(text, end);
            match text.get(at) {
                Some(b',') => at = skip_blanks(text, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(Damaged { at }),
            }
            before = number;
            number = next;
        }
    }

    /// Looks up a name that was not expected here. Returns its number (`UNKNOWN` if there are too many names) and the
    /// position after its colon.
    #[inline(never)]
    fn other_name(&mut self, text: &[u8], at: usize, before: usize) -> Option<(usize, usize)> {
        if text.get(at) != Some(&b'"') {
            return None;
        }
        let end = string_end(text, at + 1)?;
        let raw = text.get(at..end)?;
        let colon = skip_blanks(text, end);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let number = if raw.contains(&b'\\') {
            let name: String = serde_json::from_slice(raw).ok()?;
            self.number(&serde_json::to_vec(&name).ok()?)
        } else {
            self.number(raw)
        };
        match self.names.get_mut(before) {
            Some(name) => name.next = number,
            None if before == UNKNOWN => self.first = number,
            None => {}
        }
        Some((number, colon + 1))
    }

    fn number(&mut self, quoted: &[u8]) -> usize {
        match self.by_text.get(quoted) {
            Some(number) => *number,
            None if self.names.len() < MAX_NAMES => self.add(quoted),
            None => UNKNOWN,
        }
    }
}

/// A name with its quotes and colon, as it appears in records, prepared for comparison.
#[derive(Debug)]
struct Label {
    bytes: Box<[u8]>,
    /// The first 16 bytes, and a mask of those that exist.
    head: u128,
    mask: u128,
}

impl Label {
    fn new(quoted: &[u8]) -> Self {
        let bytes: Box<[u8]> = [quoted, b":"].concat().into();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for ((byte, head), mask) in bytes.iter().zip(&mut head).zip(&mut mask) {
            *head = *byte;
            *mask = 0xff;
        }
        Label { bytes, head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask) }
    }

    /// Returns whether `text` starts with the label.
    #[inline(always)]
    fn begins(&self, text: &[u8]) -> bool {
        match text.first_chunk::<16>() {
            Some(chunk) => {
                u128::from_le_bytes(*chunk) & self.mask == self.head
                    && (self.bytes.len() <= 16 || text.starts_with(&self.bytes))
            }
            None => text.starts_with(&self.bytes),
        }
    }
}
