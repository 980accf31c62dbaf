//! Reads one record: its members, the rules for names, key and values, and its text for the host.

use std::ops::Range;

use jobhost_batch::{JsonBuffer, JsonWriter};
use jobhost_json_text::typed::check;
use jobhost_load::{AttributeType, KeyError, MAX_KEY_BYTES, Table, ValueError, json_text};

use crate::attributes::{After, Attributes, Role};
use crate::error::Problem;
use crate::scan::{BLOCK, Kind, Malformed, Scanner};

/// Maximum nesting of a record, which is the first level itself: the limit of the contract.
pub(crate) const MAX_DEPTH: usize = 32;

/// Why a record was not read.
#[derive(Debug)]
pub(crate) enum Stop {
    Malformed(Malformed),
    Problem(Box<Problem>),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Stop::Malformed(malformed)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Problem(Box::new(problem))
    }
}

impl From<ValueError> for Stop {
    fn from(error: ValueError) -> Self {
        Problem::from(error).into()
    }
}

/// Reads records one after the other and keeps the members of the last one.
#[derive(Debug)]
pub(crate) struct Records {
    attributes: Attributes,
    /// The error message for a record without a primary key, if one is required.
    key_required: Option<&'static str>,
    /// Members of the last record. Only the first `count` are valid.
    members: Vec<Member>,
    count: usize,
    /// Whether the last record can be written unchanged.
    verbatim: bool,
    /// The attribute whose value could not be read.
    unfinished: Option<u32>,
}

/// A member, as ranges in the text of its record.
#[derive(Debug, Clone, Copy, Default)]
struct Member {
    name: usize,
    name_end: usize,
    value: usize,
    value_end: usize,
    form: Form,
}

/// How to write a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    AsItStands,
    /// A string that may contain a JSON object or array.
    MaybeJson,
    /// Without the white space between its tokens.
    Spaced,
    /// Do not write it.
    LeftOut,
}

/// The value of the primary key.
#[derive(Debug, Clone)]
struct Key {
    declared: AttributeType,
    kind: Kind,
    value: Range<usize>,
}

impl Records {
    pub(crate) fn new(table: Table, key_required: Option<&'static str>, selected: Option<Vec<String>>) -> Self {
        let attributes = Attributes::new(table, selected);
        Records { attributes, key_required, members: Vec::new(), count: 0, verbatim: false, unfinished: None }
    }

    /// If the problem is invalid JSON, returns the attribute whose value contains it.
    pub(crate) fn unfinished(&self, problem: &Problem) -> Option<&str> {
        let number = self.unfinished.filter(|_| problem.kind() == "syntax")?;
        Some(self.attributes.name(number))
    }

    /// Returns the names found since the last call.
    pub(crate) fn new_attributes(&mut self) -> Vec<String> {
        self.attributes.untold()
    }

    /// Reads the object at the scanner's position and moves the scanner past it. For an incomplete object, reports only
    /// problems that more input cannot change.
    #[inline(always)]
    pub(crate) fn read(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Stop> {
        let mut after = After::START;
        let mut key = None;
        let mut plain = true;
        self.count = 0;
        self.unfinished = None;
        scanner.blanks = false;
        scanner.at += 1;
        scanner.skip_blanks();
        if scanner.byte() == b'}' {
            scanner.at += 1;
        } else {
            loop {
                let name = scanner.at;
                let rest = scanner.text.get(name..).unwrap_or_default();
                let (role, number, name_end) = match self.attributes.expected(after, rest) {
                    Some((role, number, length)) => {
                        scanner.at += length;
                        scanner.skip_blanks();
                        (role, number, name + length - 1)
                    }
                    None => self.other_name(scanner, after)?,
                };
                after = After::attribute(number);
                let value = scanner.at;
                let outer_blanks = std::mem::replace(&mut scanner.blanks, false);
                let kind = match scanner.value(MAX_DEPTH as u32 - 1) {
                    Ok(kind) => kind,
                    Err(malformed) => return Err(self.stopped_in(number, malformed)),
                };
                let mut member = Member { name, name_end, value, value_end: scanner.at, form: Form::AsItStands };
                if scanner.blanks {
                    member.form = Form::Spaced;
                }
                scanner.blanks |= outer_blanks;
                scanner.skip_blanks();
                let next = scanner.byte();
                if next != b',' && next != b'}' {
                    return Err(self.stopped_in(number, scanner.malformed("`,` or `}`")));
                }
                scanner.at += 1;
                if role == Role::Plain {
                    let begins = scanner.text.get(value + 1).copied().unwrap_or(0);
                    if matches!(kind, Kind::String { .. }) && matches!(begins, b'{' | b'[' | b'\\') {
                        member.form = Form::MaybeJson;
                        plain = false;
                    }
                } else {
                    plain &= self.special(scanner.text, role, number, kind, &mut member, &mut key)?;
                }
                self.push(member);
                if next == b'}' {
                    break;
                }
                scanner.skip_blanks();
            }
        }
        self.verbatim = plain && !scanner.blanks;
        self.check_key(scanner.text, key)
    }

    #[cold]
    fn stopped_in(&mut self, attribute: u32, malformed: Malformed) -> Stop {
        self.unfinished = Some(attribute);
        malformed.into()
    }

    /// Handles a name other than the one that followed here last time.
    #[inline(never)]
    fn other_name(&mut self, scanner: &mut Scanner<'_>, after: After) -> Result<(Role, u32, usize), Stop> {
        let name = scanner.at;
        let (end, escaped) = scanner.name()?;
        let (role, number) = self.attributes.find(after, scanner.text.get(name..end).unwrap_or_default(), escaped)?;
        Ok((role, number, end))
    }

    /// Handles the value of an attribute that is not plain. Returns true if the record can still be written unchanged.
    #[inline(never)]
    fn special(
        &self,
        text: &[u8],
        role: Role,
        number: u32,
        kind: Kind,
        member: &mut Member,
        key: &mut Option<Key>,
    ) -> Result<bool, Stop> {
        match role {
            Role::Plain => {}
            Role::LeftOut => {
                member.form = Form::LeftOut;
                return Ok(false);
            }
            Role::Key(declared) => *key = Some(Key { declared, kind, value: member.value..member.value_end }),
            Role::Typed(declared) => {
                let value = text.get(member.value..member.value_end).unwrap_or_default();
                check(declared, self.attributes.name(number), kind.json_type(), value)?;
            }
        }
        Ok(true)
    }

    /// Stores a member. The list grows as needed and never shrinks.
    #[inline(always)]
    fn push(&mut self, member: Member) {
        match self.members.get_mut(self.count) {
            Some(place) => *place = member,
            None => self.members.push(member),
        }
        self.count += 1;
    }

    #[inline(always)]
    fn check_key(&self, text: &[u8], key: Option<Key>) -> Result<(), Stop> {
        match key {
            Some(Key { declared: AttributeType::Any, kind: Kind::Number, .. }) => Ok(()),
            Some(key) => self.check_unusual_key(text, &key),
            None => self.no_key(),
        }
    }

    #[inline(never)]
    fn check_unusual_key(&self, text: &[u8], key: &Key) -> Result<(), Stop> {
        let value = text.get(key.value.clone()).unwrap_or_default();
        let wrong = match key.kind {
            Kind::Null => return self.no_key(),
            Kind::Number => None,
            Kind::True | Kind::False => Some(KeyError::Type("boolean")),
            Kind::Array => Some(KeyError::Type("array")),
            Kind::Object => Some(KeyError::Type("object")),
            Kind::String { escaped } => {
                let bytes = match escaped {
                    true => serde_json::from_slice::<String>(value).unwrap_or_default().len(),
                    false => value.len().saturating_sub(2),
                };
                (bytes > MAX_KEY_BYTES).then_some(KeyError::TooLong(bytes))
            }
        };
        if let Some(error) = wrong {
            return Err(self.key_problem(error));
        }
        Ok(check(key.declared, self.attributes.primary_key(), key.kind.json_type(), value)?)
    }

    #[inline]
    fn no_key(&self) -> Result<(), Stop> {
        match self.key_required {
            Some(sentence) => Err(self.key_problem(KeyError::Missing(sentence))),
            None => Ok(()),
        }
    }

    #[cold]
    fn key_problem(&self, error: KeyError) -> Stop {
        Problem::Key { attribute: self.attributes.primary_key().to_owned(), error }.into()
    }

    /// Appends the last record, at `record` in `text`, as one line without white space between tokens. The output is
    /// never longer than the record.
    #[inline]
    pub(crate) fn write(&self, text: &[u8], record: Range<usize>, json: &mut JsonBuffer) {
        let mut writer = json.room(record.len() + BLOCK);
        if self.verbatim {
            writer.raw(text, record);
        } else {
            self.write_members(text, &mut writer);
        }
        let written = writer.position();
        json.commit(written);
    }

    fn write_members(&self, text: &[u8], json: &mut JsonWriter<'_>) {
        let start = json.position();
        for member in self.members.get(..self.count).unwrap_or_default() {
            if member.form == Form::LeftOut {
                continue;
            }
            json.byte(b',');
            json.raw(text, member.name..member.name_end);
            json.byte(b':');
            let value = member.value..member.value_end;
            match member.form {
                Form::AsItStands | Form::LeftOut => json.raw(text, value),
                Form::MaybeJson => json.outline(|json| write_text(json, text, value)),
                Form::Spaced => json.outline(|json| {
                    json_text::write_compact(json, text.get(value).unwrap_or_default());
                }),
            }
        }
        match json.position() == start {
            true => json.byte(b'{'),
            false => json.replace(start, b'{'),
        }
        json.byte(b'}');
    }
}

/// Writes a string as the JSON object or array that it contains, or unchanged.
fn write_text(json: &mut JsonWriter<'_>, text: &[u8], value: Range<usize>) {
    let string = text.get(value.clone()).unwrap_or_default();
    let is_json = serde_json::from_slice::<String>(string)
        .is_ok_and(|inside| json_text::looks_like_json(inside.as_bytes()) && json_text::write(json, inside.as_bytes()));
    if !is_json {
        json.raw(text, value);
    }
}
