//! Rules for attribute names, with Harper's error messages.

/// Names that no attribute may have. JavaScript clients cannot distinguish some of them from an absent name, and SQL
/// engines end a name at a NUL.
pub fn is_impossible_name(name: &str) -> bool {
    matches!(name, "" | "undefined" | "null") || name.contains('\0')
}

/// Returns whether a name contains a character that Harper forbids in new attributes. Existing attributes with such a
/// name may still be used.
pub fn has_forbidden_character(name: &str) -> bool {
    name.contains(['`', '/'])
}

/// Harper's message for a name with a forbidden character.
pub const FORBIDDEN_CHARACTER: &str = "Attribute names cannot include backticks or forward slashes";

/// Harper's message for a name that is too long.
pub fn name_too_long(name: &str, most: usize) -> String {
    let shown: String = name.chars().take(MAX_SHOWN_NAME_CHARACTERS).collect();
    let dots = if shown.len() < name.len() { "…" } else { "" };
    format!(
        "transaction aborted due to attribute name {shown}{dots} being too long. \
         Attribute names cannot be longer than {most} bytes."
    )
}

/// Harper repeats the whole name in its message, but a name can be as long as a request.
const MAX_SHOWN_NAME_CHARACTERS: usize = 1000;
