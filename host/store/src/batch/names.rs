//! The attribute names of a batch. Each gets a small number, which is found without hashing if records have the same
//! layout.

use std::collections::HashMap;

use super::members::quoted;
use jobhost_model::AttributeType;
use jobhost_model::table::{CREATED_TIME, Table, UPDATED_TIME};

/// How the host treats an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Typed(AttributeType),
    /// The primary key, with its declared type if there is one.
    Key(Option<AttributeType>),
    /// `__createdtime__` and `__updatedtime__`: set by the host, ignored in input.
    System,
}

#[derive(Debug)]
struct Name {
    name: String,
    role: Role,
    /// Number of the last record that contained the name, counted from 1.
    last_seen: u32,
}

/// All names seen so far, by their canonical form with quotes.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<Name>,
    numbers: HashMap<Box<[u8]>, u32>,
    /// The name at each position of the previous record.
    layout: Vec<Expected>,
}

/// A name with its quotes and colon, and its number.
#[derive(Debug)]
struct Expected {
    raw: Box<[u8]>,
    number: u32,
    /// The first 16 bytes of `raw` as one integer, and a mask of the bytes that exist.
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

/// An attribute of a record.
pub(super) struct Seen {
    pub role: Role,
    /// The name occurred earlier in the same record.
    pub again: bool,
}

impl Names {
    /// If `rest` starts with the name and colon that the previous record had at this position, returns the name's
    /// number and the length of both.
    #[inline(always)]
    pub(super) fn expected(&self, position: usize, rest: &[u8]) -> Option<(u32, usize)> {
        let expected = self.layout.get(position)?;
        expected.begins(rest).then_some((expected.number, expected.raw.len()))
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns the number of a name and adds the name if it is new. `quoted_name` must be canonical.
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

    /// Remembers the name at this position for the next record.
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

    /// Returns all names in order of first appearance: those of the records, and the system attributes.
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

/// The names that are removed from every record, with quotes.
pub(super) fn system_names() -> [Vec<u8>; 2] {
    [quoted(CREATED_TIME), quoted(UPDATED_TIME)]
}
