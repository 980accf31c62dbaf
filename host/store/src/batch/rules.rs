//! What the name of an attribute can be, in Harper's sentences.

/// Names that no attribute can have: clients written in JavaScript cannot tell some from an absent one, and SQL engines end
/// a name at a NUL.
pub fn is_impossible_name(name: &str) -> bool {
    matches!(name, "" | "undefined" | "null") || name.contains('\0')
}

/// Characters that no new attribute can have in its name, as in Harper. A table that has such an attribute from before may
/// go on using it.
pub fn has_forbidden_character(name: &str) -> bool {
    name.contains(['`', '/'])
}

/// Harper's sentence about them.
pub const FORBIDDEN_CHARACTER: &str = "Attribute names cannot include backticks or forward slashes";

/// Harper's sentence about a name that is too long.
pub fn name_too_long(name: &str, most: usize) -> String {
    let shown: String = name.chars().take(MAX_SHOWN_NAME_CHARACTERS).collect();
    let dots = if shown.len() < name.len() { "…" } else { "" };
    format!(
        "transaction aborted due to attribute name {shown}{dots} being too long. \
         Attribute names cannot be longer than {most} bytes."
    )
}

/// Harper repeats the whole name in its sentence; a name can be as long as a request.
const MAX_SHOWN_NAME_CHARACTERS: usize = 1000;
