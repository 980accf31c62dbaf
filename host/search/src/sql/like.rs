//! LIKE in time proportional to the length of the text. SQLite's own LIKE tries the pattern at each position of the
//! text, which takes minutes for a long pattern and a long text and cannot be interrupted.
//!
//! The results are SQLite's: `%` matches any text, `_` matches one character, the letters a to z match A to Z, and a
//! text ends at its first NUL.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use memchr::memmem;

/// Maximum length of a pattern in bytes, as in SQLite.
pub(super) const MAX_PATTERN_BYTES: usize = 1000;
const WORD_BITS: usize = u64::BITS as usize;

/// Up to this length, trying the pattern at each position is faster than preparing a search for its parts.
const SHORT_TEXT_BYTES: usize = 256;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    escape: Option<char>,
    items: Vec<Item>,
    /// Whether the pattern ends with an escape that nothing follows. Such a pattern matches no text.
    never: bool,
    /// The parts between the `%`. A single part means that the pattern has no `%` and must match the whole text.
    parts: OnceLock<Vec<Part>>,
}

/// An element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Text,
    Any,
    Character(char),
}

#[derive(Debug)]
struct Part {
    items: Vec<Item>,
    search: Search,
}

/// How to find a part in a lower-case text.
#[derive(Debug)]
enum Search {
    Text(Box<memmem::Finder<'static>>),
    /// For a part that contains `_`.
    Mask(Mask),
}

impl Pattern {
    pub fn new(pattern: &str, escape: Option<char>) -> Self {
        let mut items = Vec::new();
        let mut never = false;
        let mut characters = until_nul(pattern).chars();
        while let Some(character) = characters.next() {
            items.push(if Some(character) == escape {
                let Some(escaped) = characters.next() else {
                    never = true;
                    break;
                };
                Item::Character(escaped.to_ascii_lowercase())
            } else {
                match character {
                    '%' => Item::Text,
                    '_' => Item::Any,
                    other => Item::Character(other.to_ascii_lowercase()),
                }
            });
        }
        Pattern { escape, items, never, parts: OnceLock::new() }
    }

    pub fn escape(&self) -> Option<char> {
        self.escape
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        if self.never {
            return false;
        }
        if text.len() <= SHORT_TEXT_BYTES
            && let Ok(text) = std::str::from_utf8(text)
        {
            return self.matches_short(text);
        }
        self.matches_long(until_nul(&String::from_utf8_lossy(text)))
    }

    /// Tries each position after a `%` in turn. A mismatch backtracks to the last `%` only.
    fn matches_short(&self, text: &str) -> bool {
        let next = |rest: &mut std::str::Chars<'_>| rest.next().filter(|character| *character != '\0');
        let (mut items, mut rest) = (self.items.as_slice(), text.chars());
        let mut back = None;
        loop {
            match items.split_first() {
                Some((Item::Text, [])) => return true,
                Some((Item::Text, behind)) => {
                    items = behind;
                    back = Some((behind, rest.clone()));
                    continue;
                }
                Some((item, behind)) => match next(&mut rest) {
                    // Starting later leaves even less text.
                    None => return false,
                    Some(character) if item.fits(character) => {
                        items = behind;
                        continue;
                    }
                    Some(_) => {}
                },
                None if next(&mut rest).is_none() => return true,
                None => {}
            }
            let Some((behind, from)) = &mut back else { return false };
            if next(from).is_none() {
                return false;
            }
            items = behind;
            rest = from.clone();
        }
    }

    fn matches_long(&self, text: &str) -> bool {
        let parts = self.parts.get_or_init(|| {
            self.items.split(|item| *item == Item::Text).map(|items| Part::new(items.to_vec())).collect()
        });
        let (first, middle, last) = match parts.as_slice() {
            [] => return false,
            [whole] => return whole.strip_from(text).is_some_and(str::is_empty),
            [first, middle @ .., last] => (first, middle, last),
        };
        // The first match of a part is always the best one, because it leaves the most text to the parts after it.
        let Some(rest) = first.strip_from(text).and_then(|rest| last.strip_from_end(rest)) else { return false };
        if middle.is_empty() {
            return true;
        }
        let small: Cow<'_, str> = if rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
            rest.to_ascii_lowercase().into()
        } else {
            rest.into()
        };
        middle.iter().try_fold(small.as_ref(), |rest, part| part.after_first_in(rest)).is_some()
    }
}

/// SQLite ends texts at a NUL.
fn until_nul(text: &str) -> &str {
    memchr::memchr(0, text.as_bytes()).and_then(|end| text.get(..end)).unwrap_or(text)
}

impl Part {
    fn new(items: Vec<Item>) -> Self {
        let text: Option<String> = items
            .iter()
            .map(|item| match item {
                Item::Text | Item::Any => None,
                Item::Character(character) => Some(*character),
            })
            .collect();
        let search = match text {
            Some(text) => Search::Text(Box::new(memmem::Finder::new(text.as_bytes()).into_owned())),
            None => Search::Mask(Mask::new(&items)),
        };
        Part { items, search }
    }

    /// Returns the text after the part, if the text starts with it.
    fn strip_from<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        self.items.iter().all(|item| rest.next().is_some_and(|character| item.fits(character))).then_some(rest.as_str())
    }

    /// Returns the text before the part, if the text ends with it.
    fn strip_from_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        let mut items = self.items.iter().rev();
        items.all(|item| rest.next_back().is_some_and(|character| item.fits(character))).then_some(rest.as_str())
    }

    /// Returns the text after the first match of the part. The text must be lower case.
    fn after_first_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        match &self.search {
            Search::Text(finder) => text.get(finder.find(text.as_bytes())? + finder.needle().len()..),
            Search::Mask(mask) => mask.after_first_in(text),
        }
    }
}

impl Item {
    fn fits(self, character: char) -> bool {
        match self {
            Item::Text => false,
            Item::Any => true,
            Item::Character(wanted) => character.to_ascii_lowercase() == wanted,
        }
    }
}

/// A part as bit sets, one bit per item. All positions of the text are matched at once, with one step per character.
#[derive(Debug)]
struct Mask {
    words: usize,
    /// The items that each character matches.
    of_character: HashMap<char, Box<[u64]>>,
    of_others: Box<[u64]>,
    /// The bit of the last item, in the last word.
    last: u64,
}

impl Mask {
    /// `items` must not be empty.
    fn new(items: &[Item]) -> Self {
        let words = items.len().div_ceil(WORD_BITS);
        let mut of_others = vec![0_u64; words].into_boxed_slice();
        let set = |bits: &mut [u64], place: usize| {
            if let Some(word) = bits.get_mut(place / WORD_BITS) {
                *word |= 1 << (place % WORD_BITS);
            }
        };
        for (place, _) in items.iter().enumerate().filter(|(_, item)| **item == Item::Any) {
            set(&mut of_others, place);
        }
        let mut of_character: HashMap<char, Box<[u64]>> = HashMap::new();
        for (place, item) in items.iter().enumerate() {
            if let Item::Character(character) = item {
                set(of_character.entry(*character).or_insert_with(|| of_others.clone()), place);
            }
        }
        Mask { words, of_character, of_others, last: 1 << (items.len().saturating_sub(1) % WORD_BITS) }
    }

    fn after_first_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        // Bit n: the items up to the n-th match the text that ends here.
        let mut fitting = vec![0_u64; self.words];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let fits = self.of_character.get(&character).unwrap_or(&self.of_others);
            // The part may start at each character.
            let mut carry = 1;
            for (word, fits) in fitting.iter_mut().zip(fits) {
                let next = *word >> (WORD_BITS - 1);
                *word = (*word << 1 | carry) & fits;
                carry = next;
            }
            if fitting.last().is_some_and(|word| word & self.last != 0) {
                return Some(characters.as_str());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_sqlite(connection: &rusqlite::Connection, text: &str, pattern: &str, escape: Option<char>) -> bool {
        match escape {
            None => connection.query_row("SELECT ?1 LIKE ?2", [text, pattern], |row| row.get(0)).unwrap(),
            Some(escape) => {
                let escape = escape.to_string();
                let sql = "SELECT ?1 LIKE ?2 ESCAPE ?3";
                connection.query_row(sql, [text, pattern, &escape], |row| row.get(0)).unwrap()
            }
        }
    }

    #[test]
    fn results_match_sqlite() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let characters = || prop::sample::select(vec!["a", "A", "b", "é", "É", "%", "_", "!", "\0", "😀", " "]);
        let text = prop::collection::vec(characters(), 0..14).prop_map(|parts| parts.concat());
        let pattern = prop::collection::vec(
            prop_oneof![2 => characters(), 3 => prop::sample::select(vec!["%", "_", "a", "b"])],
            0..9,
        );
        let pattern = pattern.prop_map(|parts| parts.concat());
        let escape = prop::option::of(prop::sample::select(vec!['!', '%', '_', 'a', 'é']));
        proptest!(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() },
            |(text in text, pattern in pattern, escape in escape)| {
            let expected = by_sqlite(&connection, &text, &pattern, escape);
            let compiled = Pattern::new(&pattern, escape);
            let found = compiled.matches(text.as_bytes());
            prop_assert_eq!(found, !compiled.never && compiled.matches_long(until_nul(&text)));
            prop_assert_eq!(found, expected, "{:?} LIKE {:?} ESCAPE {:?}", text, pattern, escape);
        });
    }

    #[test]
    fn long_patterns_with_underscores_are_found() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for length in [1, 62, 63, 64, 65, 127, 128, 129, 300] {
            let pattern: String = (0..length).map(|place| if place % 7 == 3 { '_' } else { 'a' }).collect();
            let fitting = format!("bb{}cc", pattern.replace('_', "é"));
            let wrong = format!("bb{}bcc", pattern.replace('_', "é").split_at(length / 2).0);
            for text in [fitting.as_str(), &wrong, &fitting.replacen("bb", "aaaaa", 1), &wrong.repeat(3)] {
                for pattern in [format!("%{pattern}%"), format!("%{pattern}%{pattern}"), format!("%b{pattern}c%")] {
                    let expected = by_sqlite(&connection, text, &pattern, None);
                    assert_eq!(
                        Pattern::new(&pattern, None).matches(text.as_bytes()),
                        expected,
                        "{text} LIKE {pattern}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_worst_patterns_end_on_the_longest_texts() {
        let text = "a".repeat(crate::sql::MAX_VALUE_BYTES);
        for pattern in
            [format!("%{}b%", "a".repeat(990)), format!("%{}b%", "a_".repeat(490)), "%a_".repeat(300), "_%".repeat(450)]
        {
            Pattern::new(&pattern, None).matches(text.as_bytes());
        }
    }
}
