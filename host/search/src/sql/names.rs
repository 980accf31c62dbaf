//! Encodes names for SQLite.
//!
//! SQLite folds the case of ASCII letters in names and reserves some names (`main`, `rowid`, `sqlite_…`). Records do
//! neither. So each name gets a prefix that no reserved name has, and each capital letter gets an escape before it.
//! Names that differ in records then differ for SQLite, too, and two attributes that differ only in case are two
//! columns.

use std::fmt::Write;

const MARK: char = ':';
const ESCAPE: char = '^';

/// Returns the name as SQLite knows it, without quotes.
pub(super) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() + 2);
    encoded.push(MARK);
    for character in name.chars() {
        if character.is_ascii_uppercase() || character == ESCAPE {
            encoded.push(ESCAPE);
        }
        encoded.push(character);
    }
    encoded
}

/// Returns the name of a column as records know it. Names that SQLite generates for unnamed columns are returned
/// unchanged.
pub(super) fn decode(encoded: &str) -> String {
    let Some(marked) = encoded.strip_prefix(MARK) else { return encoded.to_owned() };
    let mut name = String::with_capacity(marked.len());
    let mut characters = marked.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => name.extend(characters.next()),
            _ => name.push(character),
        }
    }
    name
}

/// Appends the encoded name as a quoted identifier.
pub(super) fn push_quoted(out: &mut String, name: &str) {
    let _ = write!(out, "\"{}\"", encode(name).replace('"', "\"\""));
}

/// Decodes the last name of `db.table.column`, as it appears in SQLite's messages.
pub(super) fn decode_last(path: &str) -> String {
    let last = path.rfind(".:").and_then(|dot| path.get(dot + 1..)).unwrap_or(path);
    decode(last)
}

/// Returns whether `encode` produced the name.
pub(super) fn is_encoded(name: &str) -> bool {
    name.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn encoding_round_trips_and_encoded_names_differ_ignoring_case(one: String, other: String) {
            prop_assert_eq!(decode(&encode(&one)), one.clone());
            prop_assert_eq!(encode(&one).eq_ignore_ascii_case(&encode(&other)), one == other);
        }

        #[test]
        fn names_that_differ_only_in_case_stay_distinct(one in "[aA^:]{0,4}", other in "[aA^:]{0,4}") {
            prop_assert_eq!(encode(&one).eq_ignore_ascii_case(&encode(&other)), one == other);
        }
    }
}
