//! Estimates the memory that a JSON text takes as a tree of values. That can be a hundred times the size of the text,
//! so it is charged before the tree is built.

use serde_json::Value;

/// An array item. The capacity of a growing list is up to twice its length.
const ITEM: u64 = 2 * size_of::<Value>() as u64;
/// The first allocation of an array.
const ARRAY: u64 = 4 * size_of::<Value>() as u64 + 32;
/// The first allocations of an object: entries and index.
const OBJECT: u64 = 8 * size_of::<Value>() as u64;
/// An object member with its index entry. The capacity is up to twice the length, as for items.
const MEMBER: u64 = 2 * (size_of::<Value>() as u64 + 48);
/// The allocation of a string, excluding its bytes.
const STRING: u64 = 32;

/// Returns an upper bound of the memory in bytes, in one pass over the text. For invalid JSON, it covers the valid
/// beginning.
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

/// Returns the position after the closing quote.
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
    fn brackets_inside_strings_are_not_counted_as_structure() {
        let plain = tree_bytes(r#"{"a":"xxxxxxxx"}"#);
        assert_eq!(tree_bytes(r#"{"a":"[[[{,:,["}"#), plain);
        assert_eq!(tree_bytes(r#"{"a":"\"[[\"[["}"#), plain);
        assert!(tree_bytes(r#"{"a":[]}"#) > plain);
        // Texts that end inside a string or inside an escape.
        assert!(tree_bytes("\"abc") > 0 && tree_bytes("\"abc\\") > 0);
    }
}
