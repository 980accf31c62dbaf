//! Makes untrusted text safe to show: no terminal commands, no forged lines, no change of text direction.

use std::borrow::Cow;

/// Control characters, line and paragraph separators, and what reorders text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{206a}'..='\u{206f}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// One line: a blank stands for each character that is not plain.
pub fn one_line(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe)
}

/// As [`one_line`], but line breaks and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    replaced(text, |character| is_unsafe(character) && !matches!(character, '\n' | '\t'))
}

fn replaced(text: &str, replace: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&replace) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| if replace(character) { ' ' } else { character }).collect())
}

/// What a log or a terminal gets: each character that is not plain as `\uXXXX`, which JSON reads as that character again.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The start of a text, cut at a character boundary.
pub fn truncated(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_or_reorders_text_is_left() {
        for character in
            ['\n', '\r', '\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}']
        {
            assert_eq!(one_line(&format!("a{character}b")), "a b", "{character:?}");
            let escaped = escaped(&format!("a{character}b")).into_owned();
            assert!(!escaped.contains(is_unsafe), "{escaped}");
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            assert_eq!(read, format!("a{character}b"));
        }
        assert!(matches!(one_line("größer 🐕 נא"), Cow::Borrowed(_)));
        assert_eq!(lines("a\n\tb\u{1b}c"), "a\n\tb c");
    }
}
