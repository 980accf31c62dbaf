//! The members of a record's text: reading and rewriting them, and merging two records.
//!
//! Names in stored records are canonical: they contain no unnecessary escapes, and no name occurs twice. So names are
//! compared as bytes. Values are copied and never parsed, so numbers keep their digits.

use std::collections::HashMap;

use super::scan::{Malformed, Scanner};

/// Nesting limit, higher than that of any accepted record.
const ANY_DEPTH: u32 = 128;
/// From this number of members on, a hash table is faster than a linear search.
const MANY: usize = 24;

/// One member: its name with quotes and its value, both as written in the text.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The name, with quotes.
    pub name: &'a [u8],
    /// The value, without surrounding white space.
    pub value: &'a [u8],
    name_escaped: bool,
}

/// Lists the members of a text that is a single JSON object.
pub fn members<'a>(text: &'a [u8], out: &mut Vec<Member<'a>>) -> Result<(), Damaged> {
    out.clear();
    read(text, out).map_err(|malformed| Damaged { at: malformed.at })
}

/// A stored text is not a valid record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object: byte {at}")]
pub struct Damaged {
    at: usize,
}

fn read<'a>(text: &'a [u8], out: &mut Vec<Member<'a>>) -> Result<(), Malformed> {
    let mut scanner = Scanner::new(text);
    let slice = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    scanner.skip_blanks();
    if scanner.byte() != b'{' {
        return scanner.malformed("expected `{`");
    }
    scanner.at += 1;
    scanner.skip_blanks();
    if scanner.byte() == b'}' {
        return Ok(());
    }
    loop {
        let name_at = scanner.at;
        if scanner.byte() != b'"' {
            return scanner.malformed("expected a name");
        }
        scanner.at += 1;
        let name_escaped = scanner.string()?;
        let name = slice(name_at, scanner.at);
        scanner.skip_blanks();
        if scanner.byte() != b':' {
            return scanner.malformed("expected `:`");
        }
        scanner.at += 1;
        scanner.skip_blanks();
        let value_at = scanner.at;
        scanner.value(ANY_DEPTH)?;
        out.push(Member { name, value: slice(value_at, scanner.at), name_escaped });
        scanner.skip_blanks();
        match scanner.byte() {
            b',' => scanner.at += 1,
            b'}' => return Ok(()),
            _ => return scanner.malformed("expected `,` or `}`"),
        }
        scanner.skip_blanks();
    }
}

/// A list of members with unique names.
#[derive(Default)]
struct Unique<'a> {
    members: Vec<(std::borrow::Cow<'a, [u8]>, &'a [u8])>,
    places: HashMap<Vec<u8>, usize>,
}

impl<'a> Unique<'a> {
    /// Sets the value of a name. An existing name keeps its position. `hint` is its likely position.
    fn set(&mut self, name: std::borrow::Cow<'a, [u8]>, value: &'a [u8], hint: usize) {
        if let Some((there, old)) = self.members.get_mut(hint)
            && *there == name
        {
            *old = value;
            return;
        }
        let place = if self.members.len() < MANY {
            self.members.iter().position(|(there, _)| *there == name)
        } else {
            if self.places.is_empty() {
                self.places =
                    self.members.iter().enumerate().map(|(place, (name, _))| (name.to_vec(), place)).collect();
            }
            self.places.get(name.as_ref()).copied()
        };
        match place.and_then(|place| self.members.get_mut(place)) {
            Some((_, old)) => *old = value,
            None => {
                if !self.places.is_empty() {
                    self.places.insert(name.to_vec(), self.members.len());
                }
                self.members.push((name, value));
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if out.last() != Some(&b'{') && !self.members.is_empty() {
            out.push(b',');
        }
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
    }
}

fn canonical<'a>(member: &Member<'a>) -> std::borrow::Cow<'a, [u8]> {
    if !member.name_escaped {
        return member.name.into();
    }
    // Cannot fail for a name that the scanner accepted. If it did, the unmodified name would still be correct.
    let decoded = serde_json::from_slice::<String>(member.name).and_then(|name| serde_json::to_vec(&name));
    decoded.map_or(member.name.into(), Into::into)
}

/// Appends `text` to `out` with canonical names. If a name occurs twice, the last value wins. Members in `without`
/// (names with quotes) are left out, and `first` (a member as text) goes to the front.
pub(super) fn rewrite(text: &[u8], without: &[&[u8]], first: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Damaged> {
    let mut list = Vec::new();
    members(text, &mut list)?;
    let mut unique = Unique::default();
    for member in &list {
        let name = canonical(member);
        if !without.contains(&name.as_ref()) {
            unique.set(name, member.value, usize::MAX);
        }
    }
    out.push(b'{');
    out.extend_from_slice(first.unwrap_or_default());
    unique.write(out);
    Ok(())
}

/// Merges `new` into `old` and appends the result to `out`. Existing attributes keep their position; new ones come
/// last.
pub fn merge(old: &[u8], new: &[u8], out: &mut Vec<u8>) -> Result<(), Damaged> {
    let mut list = Vec::new();
    members(old, &mut list)?;
    let stored = list.iter().map(|member| (canonical(member), member.value)).collect();
    let mut unique = Unique { members: stored, ..Unique::default() };
    let mut changes = Vec::new();
    members(new, &mut changes)?;
    for (hint, member) in changes.iter().enumerate() {
        unique.set(canonical(member), member.value, hint);
    }
    out.push(b'{');
    unique.write(out);
    Ok(())
}

/// Appends `text` without one attribute to `out`. Returns false and appends nothing if there is no such attribute.
pub fn remove(text: &[u8], attribute: &str, out: &mut Vec<u8>) -> Result<bool, Damaged> {
    let name = quoted(attribute);
    let mut list = Vec::new();
    members(text, &mut list)?;
    if !list.iter().any(|member| member.name == name) {
        return Ok(false);
    }
    rewrite(text, &[&name], None, out)?;
    Ok(true)
}

/// Returns a name as it is written in stored records: with quotes and escapes.
pub fn quoted(name: &str) -> Vec<u8> {
    serde_json::Value::from(name).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(old: &str, new: &str) -> String {
        let mut out = Vec::new();
        merge(old.as_bytes(), new.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn merging_keeps_order_and_digits() {
        assert_eq!(
            merged(r#"{"id":1,"a":1.10,"b":2}"#, r#"{ "id" : 1, "b": 3.00, "c":{"x": 1} }"#),
            r#"{"id":1,"a":1.10,"b":3.00,"c":{"x": 1}}"#
        );
        assert_eq!(merged("{}", r#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(merged(r#"{"a":1}"#, "{}"), r#"{"a":1}"#);
        assert_eq!(merged("{}", "{}"), "{}");
        assert_eq!(merged(r#"{"a":1,"b":2}"#, r#"{"b":3,"a":4}"#), r#"{"a":4,"b":3}"#);
    }

    #[test]
    fn merging_records_with_many_members_updates_each() {
        let object = |factor: usize, order: &dyn Fn(usize) -> usize| {
            let members: Vec<_> = (0..100).map(|i| format!("\"n{}\":{}", order(i), order(i) * factor)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(merged(&object(1, &|i| i), &object(2, &|i| 99 - i)), object(2, &|i| i));
    }

    #[test]
    fn rewriting_drops_replaces_and_adds_members() {
        let rewritten = |text: &str, without: &[&[u8]], first: Option<&str>| {
            let mut out = Vec::new();
            rewrite(text.as_bytes(), without, first.map(str::as_bytes), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(rewritten(r#"{"a":1,"\u0061":2,"b\n":3}"#, &[], None), r#"{"a":2,"b\n":3}"#);
        assert_eq!(rewritten(r#"{"a":1,"b":2}"#, &[b"\"a\""], Some("\"id\":7")), r#"{"id":7,"b":2}"#);
        assert_eq!(rewritten("{}", &[], Some("\"id\":7")), r#"{"id":7}"#);
        assert_eq!(rewritten(r#"{"a":1}"#, &[b"\"a\""], None), "{}");
    }

    #[test]
    fn removing_an_attribute_keeps_the_others() {
        let mut out = Vec::new();
        assert!(!remove(br#"{"a":{"b":1}}"#, "b", &mut out).unwrap());
        assert!(out.is_empty());
        assert!(remove(br#"{"a":1,"b":2,"c":3}"#, "b", &mut out).unwrap());
        assert_eq!(out, br#"{"a":1,"c":3}"#);
        assert!(remove(b"[1]", "b", &mut out).is_err());
    }
}
