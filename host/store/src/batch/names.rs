//! The attribute names of a batch: each gets a small number, found without hashing where records look alike.

use std::collections::HashMap;

use super::members::quoted;
use jobhost_model::attributes::AttributeType;
use jobhost_model::table::{CREATED_TIME, Table, UPDATED_TIME};

/// What the host has to do about an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Typed(AttributeType),
    /// Holds the primary key, of this type if the table declares one.
    Key(Option<AttributeType>),
    /// `__createdtime__`, `__updatedtime__`: the host's own, ignored in what comes from outside.
    System,
}

#[derive(Debug)]
struct Name {
    name: String,
    role: Role,
    /// Number of the record in which it stood last, counted from 1.
    last_seen: u32,
}

/// Names are known by their quoted canonical form.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<Name>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// What stood at each position of the record before.
    layout: Vec<Expected>,
}

/// A name with its quotes and colon, and its number.
#[derive(Debug)]
struct Expected {
    raw: Box<[u8]>,
    number: u32,
    /// The first 16 bytes of it as one word, and which of them it has.
    word: u128,
    mask: u128,
}

const WORD_BYTES: usize = size_of::<u128>();

impl Expected {
    fn new(quoted_name: &[u8], number: u32) -> Self {
        let raw: Box<[u8]> = [quoted_name, b":"].concat().into();
        let mut word = [0; WORD_BYTES];
        let mut mask = [0; WORD_BYTES];
        for ((byte, has), from) in word.iter_mut().zip(&mut mask).zip(raw.iter()) {
            *byte = *from;
            *has = 0xff;
        }
        Expected { raw, number, word: u128::from_le_bytes(word), mask: u128::from_le_bytes(mask) }
    }

    #[inline(always)]
    fn begins(&self, text: &[u8]) -> bool {
        match text.first_chunk::<WORD_BYTES>() {
            Some(chunk) if self.raw.len() <= WORD_BYTES => u128::from_le_bytes(*chunk) & self.mask == self.word,
            _ => text.starts_with(&self.raw),
        }
    }
}

/// One member's attribute, in one record.
pub(super) struct Seen {
    pub role: Role,
    /// It stood in this record before.
    pub again: bool,
}

impl Names {
    /// If the text goes on with the name that the record before had at this position, and a colon: its number, and the
    /// length of both.
    #[inline(always)]
    pub(super) fn expected(&self, position: usize, rest: &[u8]) -> Option<(u32, usize)> {
        let expected = self.layout.get(position)?;
        expected.begins(rest).then_some((expected.number, expected.raw.len()))
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The number of a name, new or not. `quoted_name` is canonical.
    pub(super) fn number(&mut self, quoted_name: &[u8], name: impl FnOnce() -> String, table: &Table) -> u32 {
        if let Some(number) = self.numbers.get(quoted_name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name = name();
        let role = role(&name, table);
        self.numbers.insert(quoted_name.into(), number);
        self.names.push(Name { name, role, last_seen: 0 });
        number
    }

    /// Remember for the next record what stands at this position.
    pub(super) fn expect(&mut self, position: usize, quoted_name: &[u8], number: u32) {
        let length = self.layout.len();
        match self.layout.get_mut(position) {
            Some(place) if place.number == number => {}
            Some(place) => *place = Expected::new(quoted_name, number),
            None if position == length => self.layout.push(Expected::new(quoted_name, number)),
            None => {}
        }
    }

    #[inline(always)]
    pub(super) fn see(&mut self, number: u32, record: u32) -> Seen {
        match self.names.get_mut(number as usize) {
            Some(name) => {
                let again = name.last_seen == record;
                name.last_seen = record;
                Seen { role: name.role, again }
            }
            None => Seen { role: Role::Plain, again: false },
        }
    }

    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| &name.name)
    }

    /// All names in the order in which they appeared: those of the records, and the system's.
    pub(super) fn into_attributes(self) -> (Vec<String>, Vec<String>) {
        let (system, own): (Vec<_>, Vec<_>) = self.names.into_iter().partition(|name| name.role == Role::System);
        let names = |of: Vec<Name>| of.into_iter().map(|name| name.name).collect();
        (names(own), names(system))
    }
}

fn role(name: &str, table: &Table) -> Role {
    let declared = table.attribute(name).and_then(|attribute| attribute.attribute_type);
    if name == table.primary_key {
        Role::Key(declared)
    } else if name == CREATED_TIME || name == UPDATED_TIME {
        Role::System
    } else {
        match declared {
            None | Some(AttributeType::Any) => Role::Plain,
            Some(declared) => Role::Typed(declared),
        }
    }
}

/// The names that are dropped from every record, quoted.
pub(super) fn system_names() -> [Vec<u8>; 2] {
    [quoted(CREATED_TIME), quoted(UPDATED_TIME)]
}
