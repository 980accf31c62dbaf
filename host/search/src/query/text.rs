//! Walks over JSON text that is known to be well-formed, because it was checked before it was stored: finds where values
//! end and nothing else. Reads bytes beyond the value where there are some, never beyond the slice, and gives `None` if
//! a damaged text ends too early.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks the bytes equal to `byte`. The lowest mark is correct; a borrow may set false marks above it.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    let zeros = word ^ (ONES * byte as u64);
    zeros.wrapping_sub(ONES) & !zeros & HIGH
}

/// Marks white space and control characters, with the same caveat as `equal`.
#[inline(always)]
fn blank(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x21) & !word & HIGH
}

/// Returns the offset, within the next 16 bytes, of the first byte that `special` marks, or 16 if there is none.
/// Returns `None` near the end of the text.
#[inline(always)]
fn find_16(text: &[u8], at: usize, special: impl Fn(u64) -> u64) -> Option<usize> {
    let chunk = u128::from_le_bytes(*text.get(at..)?.first_chunk::<16>()?);
    let (low, high) = (special(chunk as u64), special((chunk >> 64) as u64));
    let bits = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() };
    Some((bits / 8) as usize)
}

/// Returns the position of the next byte that is not white space.
#[inline(always)]
pub(super) fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    // One comparison in the usual case without white space.
    while text.get(at).is_some_and(|byte| *byte <= b' ') {
        at += 1;
    }
    at
}

/// Returns the position after the value that starts at `at`.
#[inline(always)]
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'"' => string_end(text, at + 1),
        b'{' | b'[' => container_end(text, at + 1),
        _ => Some(scalar_end(text, at + 1)),
    }
}

/// Returns the position after the closing quote of the string whose first character is at `at`.
#[inline(always)]
pub(super) fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(found) = find_16(text, at, |word| equal(word, b'"') | equal(word, b'\\')) {
        at += found;
        if found == 16 {
            continue;
        }
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the position after the number or literal that continues at `at`.
#[inline(always)]
fn scalar_end(text: &[u8], mut at: usize) -> usize {
    let special = |word| equal(word, b',') | equal(word, b'}') | equal(word, b']') | blank(word);
    while let Some(found) = find_16(text, at, special) {
        at += found;
        if found < 16 {
            return at;
        }
    }
    while text.get(at).is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | 0..=b' ')) {
        at += 1;
    }
    at
}

/// Returns the position after the object or array whose first token is at `at`.
#[inline(never)]
fn container_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut open = 1_u32;
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'"' => at = string_end(text, at)?,
            b'{' | b'[' => open += 1,
            b'}' | b']' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
}

/// Returns the parts of a value that are no white space between its tokens.
pub(crate) fn each_compact_part(value: &[u8], mut part: impl FnMut(&[u8])) {
    let (mut from, mut at) = (0, 0);
    while let Some(byte) = value.get(at) {
        match byte {
            b'"' => at = string_end(value, at + 1).unwrap_or(value.len()),
            0..=b' ' => {
                part(value.get(from..at).unwrap_or_default());
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    part(value.get(from..).unwrap_or_default());
}
