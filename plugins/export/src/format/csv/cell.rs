//! The parts of a row that CSV writes differently from JSON: escapes in strings, and objects and arrays.

use super::room::Room;

/// Maximum number of bytes that one byte of a row becomes: the quotes around `{}`.
pub(super) const MAX_GROWTH: usize = 2;

/// Write the character that the escape at `at` stands for; returns where the string goes on.
#[inline(never)]
pub(super) fn unescape(rows: &[u8], at: usize, room: &mut Room) -> Option<usize> {
    let byte = match *rows.get(at + 1)? {
        b'"' => {
            room.byte(b'"');
            b'"'
        }
        byte @ (b'\\' | b'/') => byte,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'u' => return unicode(rows, at, room),
        _ => return None,
    };
    room.byte(byte);
    Some(at + 2)
}

fn unicode(rows: &[u8], at: usize, room: &mut Room) -> Option<usize> {
    let first = unit(rows, at)?;
    let second = match first {
        0xd800..0xdc00 => unit(rows, at + 6).filter(|unit| (0xdc00..0xe000).contains(unit)),
        _ => None,
    };
    let (code, end) = match second {
        Some(second) => (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), at + 12),
        None => (first, at + 6),
    };
    // An unpaired surrogate is not a character.
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    if character == '"' {
        room.byte(b'"');
    }
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        room.byte(byte);
    }
    Some(end)
}

/// Returns the UTF-16 unit of the escape at `at` if it has the form `\u0041`.
fn unit(rows: &[u8], at: usize) -> Option<u32> {
    let digits = rows.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Write the object or array at `at` as a quoted cell; returns where the row goes on.
#[inline(never)]
pub(super) fn quote_json(rows: &[u8], at: usize, room: &mut Room) -> Option<usize> {
    room.byte(b'"');
    let (mut from, mut position, mut depth, mut string) = (at, at, 0usize, false);
    loop {
        let byte = *rows.get(position)?;
        position += 1;
        match byte {
            b'"' => {
                // Doubles the quote: it is copied with the text before it, and again with the text after it.
                room.copy(rows, from, position);
                from = position - 1;
                string = !string;
            }
            b'\\' if string => {
                if rows.get(position) == Some(&b'"') {
                    room.copy(rows, from, position + 1);
                    from = position;
                }
                position += 1;
            }
            b'[' | b'{' if !string => depth += 1,
            b']' | b'}' if !string => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b'\n' => return None,
            _ => {}
        }
    }
    room.copy(rows, from, position);
    room.byte(b'"');
    Some(position)
}
