//! Estimates the memory that a JSON text takes as a tree of values, up to a hundred times its size, so that it can be
//! charged before the tree is built.

use serde_json::Value;

/// An item of an array: its place, of which a growing list has up to twice as many as are filled.
const ITEM: u64 = 2 * size_of::<Value>() as u64;
/// The first allocation of an array.
const ARRAY: u64 = 4 * size_of::<Value>() as u64 + 32;
/// The first allocations of an object: entries and their index.
const OBJECT: u64 = 8 * size_of::<Value>() as u64;
/// A member's entry and its place in the index, as for an item.
const MEMBER: u64 = 2 * (size_of::<Value>() as u64 + 48);
/// The allocation of a string, besides its bytes.
const STRING: u64 = 32;

/// At most so many bytes, in one pass over the text. What is no JSON costs what its beginning would.
pub fn tree_bytes(text: &str) -> u64 {
    let text = text.as_bytes();
    let mut bytes = ITEM;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        bytes += match byte {
            b'[' => ARRAY,
            b'{' => OBJECT,
            b',' => ITEM,
            b':' => MEMBER,
            b'"' => {
                let start = at;
                at = string_end(text, at);
                STRING + (at - start) as u64
            }
            _ => 0,
        };
    }
    bytes
}

/// Behind the closing quote.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return text.len(),
            Some(found) if rest.get(found) == Some(&b'"') => return at + found + 1,
            Some(found) => at += found + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_in_strings_costs_nothing_more() {
        let plain = tree_bytes(r#"{"a":"xxxxxxxx"}"#);
        assert_eq!(tree_bytes(r#"{"a":"[[[{,:,["}"#), plain);
        assert_eq!(tree_bytes(r#"{"a":"\"[[\"[["}"#), plain);
        assert!(tree_bytes(r#"{"a":[]}"#) > plain);
        // A text that ends within a string, or within an escape.
        assert!(tree_bytes("\"abc") > 0 && tree_bytes("\"abc\\") > 0);
    }
}
