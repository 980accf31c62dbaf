//! Assigns a small number to the name of each attribute. Records of the same shape are looked up without hashing.

use std::collections::{HashMap, HashSet};

use jobhost_load::{AttributeType, SYSTEM_ATTRIBUTES, Table};

use crate::error::Problem;

/// Maximum number of names, and maximum bytes of one name: what `records.declare` accepts.
const MAX_ATTRIBUTES: usize = 10_000;
const MAX_NAME_BYTES: usize = 250;
/// Number of characters of a long name that a message quotes.
const QUOTED_CHARACTERS: usize = 40;

/// How to handle an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Typed(AttributeType),
    /// The primary key.
    Key(AttributeType),
    /// The value in the input is ignored, because the host sets it or the request does not select it.
    LeftOut,
}

/// A name, and its usual spelling in the input.
#[derive(Debug)]
struct Attribute {
    name: String,
    role: Role,
    /// The canonical spelling, with quotes and a colon.
    raw: Box<[u8]>,
    /// The first 16 bytes of `raw` as one word, and a mask of the bytes that `raw` has.
    word: u128,
    mask: u128,
}

const WORD_BYTES: usize = size_of::<u128>();

/// All names found so far.
#[derive(Debug)]
pub(crate) struct Attributes {
    table: Table,
    /// The attributes to load; `None`: all.
    selected: Option<HashSet<String>>,
    all: Vec<Attribute>,
    /// The numbers by name, without escapes.
    numbers: HashMap<Box<[u8]>, u32>,
    /// The number of the attribute that followed last time: the first entry is for the start of a record, the others
    /// are for each attribute.
    followers: Vec<u32>,
    /// How many names `untold` has returned.
    told: usize,
}

/// A position in a record: the attribute before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct After(usize);

impl After {
    pub(crate) const START: After = After(0);

    #[inline(always)]
    pub(crate) fn attribute(number: u32) -> Self {
        After(number as usize + 1)
    }
}

impl Attribute {
    fn new(name: String, role: Role) -> Self {
        // Serializing a string cannot fail.
        let quoted = serde_json::to_vec(&name).unwrap_or_default();
        let raw: Box<[u8]> = [quoted.as_slice(), b":"].concat().into();
        let mut word = [0; WORD_BYTES];
        let mut mask = [0; WORD_BYTES];
        for ((byte, has), from) in word.iter_mut().zip(&mut mask).zip(raw.iter()) {
            *byte = *from;
            *has = 0xff;
        }
        Attribute { name, role, raw, word: u128::from_le_bytes(word), mask: u128::from_le_bytes(mask) }
    }

    #[inline(always)]
    fn begins(&self, text: &[u8]) -> bool {
        match text.first_chunk::<WORD_BYTES>() {
            Some(chunk) if self.raw.len() <= WORD_BYTES => u128::from_le_bytes(*chunk) & self.mask == self.word,
            _ => text.starts_with(&self.raw),
        }
    }
}

impl Attributes {
    pub(crate) fn new(table: Table, selected: Option<Vec<String>>) -> Self {
        let selected = selected.map(HashSet::from_iter);
        Attributes { table, selected, all: Vec::new(), numbers: HashMap::new(), followers: vec![0], told: 0 }
    }

    pub(crate) fn primary_key(&self) -> &str {
        &self.table.primary_key
    }

    /// If the text continues with the name that followed here last time and a colon, returns its role, its number, and
    /// the length of name and colon.
    #[inline(always)]
    pub(crate) fn expected(&self, after: After, rest: &[u8]) -> Option<(Role, u32, usize)> {
        let number = *self.followers.get(after.0)?;
        let attribute = self.all.get(number as usize)?;
        attribute.begins(rest).then_some((attribute.role, number, attribute.raw.len()))
    }

    /// Returns the role and number of the attribute with this name, which may be new. `quoted_name` is the name as
    /// written in the text.
    #[inline(never)]
    pub(crate) fn find(&mut self, after: After, quoted_name: &[u8], escaped: bool) -> Result<(Role, u32), Problem> {
        let inside = quoted_name.get(1..quoted_name.len().saturating_sub(1)).unwrap_or_default();
        let number = match escaped {
            true => {
                let name = serde_json::from_slice::<String>(quoted_name).unwrap_or_default();
                match self.numbers.get(name.as_bytes()) {
                    Some(number) => *number,
                    None => self.add(name)?,
                }
            }
            false => match self.numbers.get(inside) {
                Some(number) => *number,
                None => self.add(String::from_utf8_lossy(inside).into_owned())?,
            },
        };
        if let Some(follower) = self.followers.get_mut(after.0) {
            *follower = number;
        }
        Ok((self.all.get(number as usize).map_or(Role::Plain, |attribute| attribute.role), number))
    }

    fn add(&mut self, name: String) -> Result<u32, Problem> {
        if matches!(name.as_str(), "" | "null" | "undefined") {
            return Err(Problem::Name(name));
        }
        if name.len() > MAX_NAME_BYTES {
            let start = name.chars().take(QUOTED_CHARACTERS).collect();
            return Err(Problem::NameTooLong { start, bytes: name.len(), limit: MAX_NAME_BYTES });
        }
        if self.all.len() >= MAX_ATTRIBUTES {
            return Err(Problem::TooManyAttributes { limit: MAX_ATTRIBUTES });
        }
        let number = self.all.len() as u32;
        let role = match self.table.kind_of(&name) {
            _ if self.selected.as_ref().is_some_and(|selected| !selected.contains(&name)) => Role::LeftOut,
            kind if name == self.table.primary_key => Role::Key(kind),
            _ if SYSTEM_ATTRIBUTES.contains(&name.as_str()) => Role::LeftOut,
            AttributeType::Any => Role::Plain,
            kind => Role::Typed(kind),
        };
        self.numbers.insert(name.as_bytes().into(), number);
        self.all.push(Attribute::new(name, role));
        // What follows a new attribute is not known yet, so guess that it is the attribute with the next number.
        self.followers.push(number + 1);
        Ok(number)
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        self.all.get(number as usize).map_or("", |attribute| &attribute.name)
    }

    /// Returns the names found since the last call in order of appearance, without the host's attributes.
    pub(crate) fn untold(&mut self) -> Vec<String> {
        let new = self.all.get(self.told..).unwrap_or_default();
        let names =
            new.iter().filter(|attribute| attribute.role != Role::LeftOut).map(|attribute| attribute.name.clone());
        let names = names.collect();
        self.told = self.all.len();
        names
    }
}
