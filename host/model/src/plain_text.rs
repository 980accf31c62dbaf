//! Makes untrusted text safe to display: no terminal commands, no forged lines, no changes of text direction.

use std::borrow::Cow;

/// Returns whether a character is unsafe: a control character, a line or paragraph separator, or one that reorders
/// text.
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

/// Converts text to a single line. Replaces each unsafe character with a space.
pub fn one_line(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe)
}

/// Like [`one_line`], but keeps line breaks and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    replaced(text, |character| is_unsafe(character) && !matches!(character, '\n' | '\t'))
}

fn replaced(text: &str, replace: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&replace) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| if replace(character) { ' ' } else { character }).collect())
}

/// Escapes text for a log or a terminal. Each unsafe character becomes `\uXXXX`, which a JSON parser decodes to the
/// same character.
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

/// Returns the start of a text, at most `max_bytes` long and cut at a character boundary.
pub fn truncated(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_commands_and_direction_changes_are_removed() {
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
