//! What JavaScript takes for a number, and which texts can be copied because JavaScript would print them just so.

use jobhost_batch::Block;

/// Decimal digits that every double holds exactly and prints back unchanged.
pub(crate) const SAFE_DIGITS: usize = 15;

/// True if `text` is a decimal number in the very form in which JavaScript prints it, so that it can be copied: `0`,
/// `-7`, `1.5`. False says nothing.
#[inline]
pub(crate) fn is_canonical(text: &[u8]) -> bool {
    // 15 digits, a sign, a point.
    if text.len() > SAFE_DIGITS + 2 {
        return false;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut point = None;
    for (index, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point.is_none() => point = Some(index),
            _ => return false,
        }
    }
    match point {
        None => match digits {
            [b'0'] => text.len() == 1,
            [b'1'..=b'9', ..] => digits.len() <= SAFE_DIGITS,
            _ => false,
        },
        Some(point) => is_canonical_fraction(digits, point),
    }
}

/// A text of 1 to 16 bytes: its minus sign and what follows it.
struct Signed {
    /// 1 if there is a minus sign.
    negative: usize,
    /// Number of bytes after the sign.
    count: usize,
    /// A mask of those that are not digits.
    others: u32,
}

impl Signed {
    /// `block` begins with the text.
    #[inline(always)]
    fn of(text: &[u8], block: Block) -> Self {
        let negative = usize::from(byte(text, 0) == b'-');
        let count = text.len() - negative;
        let others = !(block.digits(text.len()) >> negative) & ((1u32 << count) - 1);
        Signed { negative, count, others }
    }

    /// The number of digits before the point, if one point is all that is no digit.
    #[inline(always)]
    fn point(&self, text: &[u8]) -> Option<usize> {
        let point = self.others.trailing_zeros() as usize;
        let is_alone = self.others & self.others.wrapping_sub(1) == 0;
        (is_alone && byte(text, self.negative + point) == b'.').then_some(point)
    }
}

#[inline(always)]
fn byte(text: &[u8], index: usize) -> u8 {
    text.get(index).copied().unwrap_or(0)
}

/// `is_canonical` for a text of 1 to 16 bytes, which `block` begins with, without a loop. It may return false for some that are
/// canonical.
#[inline(always)]
pub(crate) fn is_canonical_block(text: &[u8], block: Block) -> bool {
    let signed = Signed::of(text, block);
    let Signed { negative, count, others } = signed;
    let first = byte(text, negative);
    if others == 0 {
        return count <= SAFE_DIGITS && (first != b'0' || text.len() == 1) && count > 0;
    }
    let Some(point) = signed.point(text) else { return false };
    // A zero before the point must be alone; then few zeros may follow it. At the end there must be none.
    let whole = if first == b'0' { point == 1 && count <= 7 } else { point > 0 };
    whole && point + 1 < count && byte(text, text.len() - 1) != b'0' && count <= SAFE_DIGITS + 1
}

/// Whether a text of 1 to 16 bytes, which `block` begins with, is a whole number of at most `most_digits` digits as JavaScript
/// prints it.
#[inline(always)]
pub(crate) fn is_canonical_integer(text: &[u8], block: Block, most_digits: usize) -> bool {
    let Signed { negative, count, others } = Signed::of(text, block);
    others == 0 && (1..=most_digits).contains(&count) && (byte(text, negative) != b'0' || text.len() == 1)
}

/// Whether a text of 1 to 16 bytes, which `block` begins with, consists of digits, at most one point between them, and perhaps a
/// minus sign before them.
#[inline(always)]
pub(crate) fn is_decimal(text: &[u8], block: Block) -> bool {
    let signed = Signed::of(text, block);
    match signed.others {
        0 => signed.count > 0,
        _ => signed.point(text).is_some_and(|point| point > 0 && point + 1 < signed.count),
    }
}

fn is_canonical_fraction(digits: &[u8], point: usize) -> bool {
    let (whole, fraction) = match digits.split_at_checked(point) {
        Some((whole, [b'.', fraction @ ..])) => (whole, fraction),
        _ => return false,
    };
    if digits.len() > SAFE_DIGITS + 1 || matches!(fraction, [] | [.., b'0']) {
        return false;
    }
    match whole {
        // Below 0.000001 JavaScript prints an exponent.
        [b'0'] => !fraction.starts_with(b"000000"),
        [b'1'..=b'9', ..] => true,
        _ => false,
    }
}

/// True for a number of JSON, without an exponent, that has more digits than every double holds: `208310224003697457`.
pub(crate) fn needs_all_digits(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, fraction) = match memchr::memchr(b'.', unsigned).and_then(|point| unsigned.split_at_checked(point)) {
        Some((whole, fraction)) => (whole, fraction.get(1..).unwrap_or_default()),
        None => (unsigned, &b"0"[..]),
    };
    let are_digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_json = are_digits(whole) && are_digits(fraction) && (whole == b"0" || !whole.starts_with(b"0"));
    let significant = unsigned.iter().filter(|byte| byte.is_ascii_digit()).skip_while(|byte| **byte == b'0').count();
    is_json && significant > SAFE_DIGITS
}

/// `Number(text)` of JavaScript, where it is finite and the text not blank.
pub(crate) fn to_number(text: &[u8]) -> Option<f64> {
    let text = trim(std::str::from_utf8(text).ok()?);
    let number = match text.as_bytes() {
        [b'0', b'x' | b'X', digits @ ..] => radix(digits, 16)?,
        [b'0', b'o' | b'O', digits @ ..] => radix(digits, 8)?,
        [b'0', b'b' | b'B', digits @ ..] => radix(digits, 2)?,
        bytes => {
            // Rust would also take "inf" and "nan".
            let decimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
            if !bytes.iter().all(decimal) {
                return None;
            }
            text.parse().ok()?
        }
    };
    number.is_finite().then_some(number)
}

/// Digits of another base. Rounds once for up to 128 bits; beyond that the last bit may differ from JavaScript.
pub(crate) fn radix(digits: &[u8], base: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    let (mut exact, mut rough) = (Some(0u128), 0f64);
    for byte in digits {
        let digit = char::from(*byte).to_digit(base)?;
        exact = exact.and_then(|value| value.checked_mul(base.into())?.checked_add(digit.into()));
        rough = rough * f64::from(base) + f64::from(digit);
    }
    Some(exact.map_or(rough, |value| value as f64))
}

/// Without the white space that JavaScript skips around a number.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// White space and line ends of JavaScript: not quite Unicode's.
pub(crate) fn is_space(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}'
            | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use jobhost_batch::JsonBuffer;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_texts_are_those_that_print_back_unchanged() {
        for text in ["0", "1", "-7", "12345", "999999999999999", "0.5", "-0.5", "1.25", "0.000001", "123.456"] {
            assert!(is_canonical(text.as_bytes()), "{text}");
        }
        for text in ["", "-", "-0", "007", "00", "+1", "1.", ".5", "1.10", "0.0", "0.0000001", "1e5", "1.2.3", "1-1"] {
            assert!(!is_canonical(text.as_bytes()), "{text}");
        }
        assert!(!is_canonical(b"9007199254740993"));
    }

    #[test]
    fn digits_that_a_double_would_lose_are_told() {
        for text in ["208310224003697457", "-9007199254740993", "0.1234567890123456789", "1234567890.1234567890"] {
            assert!(needs_all_digits(text.as_bytes()), "{text}");
        }
        for text in ["123456789012345", "0.000000000000001", "1e20", "0208310224003697457", "", "-", "1.", "1.2.3"] {
            assert!(!needs_all_digits(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_two_ways_to_tell_agree(text in "-?[0-9.e]{1,14}|-?0?\\.?0{0,7}[0-9]{0,6}") {
            prop_assume!(!text.is_empty() && text.len() <= 16);
            let block = Block::at(text.as_bytes(), 0);
            if is_canonical_block(text.as_bytes(), block) {
                prop_assert!(is_canonical(text.as_bytes()), "{}", text);
            } else if is_canonical(text.as_bytes()) {
                // Only small fractions are left to the slow way.
                prop_assert!(text.trim_start_matches('-').starts_with("0."), "{}", text);
            }
        }

        #[test]
        fn canonical_texts_print_back_unchanged(text in "-?(0|[1-9][0-9]{0,7})(\\.[0-9]{1,7})?") {
            let mut json = JsonBuffer::default();
            json.number(text.parse().unwrap());
            let unchanged = json.as_bytes() == text.as_bytes();
            prop_assert_eq!(is_canonical(text.as_bytes()), unchanged);
        }
    }

    #[test]
    fn numbers_are_javascripts() {
        let cases = [
            (" 5", Some(5.0)),
            ("5 ", Some(5.0)),
            ("\u{a0}5\u{feff}", Some(5.0)),
            ("+1", Some(1.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("0.1e5", Some(10000.0)),
            ("0x1F", Some(31.0)),
            ("0b101", Some(5.0)),
            ("-0x1F", None),
            ("", None),
            (" ", None),
            (".", None),
            ("inf", None),
            ("nan", None),
            ("Infinity", None),
            ("1e999", None),
            ("1_000", None),
            ("1 000", None),
            ("\u{85}5", None),
            ("٣", None),
        ];
        for (text, number) in cases {
            assert_eq!(to_number(text.as_bytes()), number, "{text:?}");
        }
    }
}
