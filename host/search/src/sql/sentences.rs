//! Error messages about a statement that more than one step of its processing needs.

use super::SqlError;

/// Maximum number of SELECTs that UNION, INTERSECT and EXCEPT join.
pub(super) const MAX_COMPOUND: usize = 100;
/// Maximum nesting depth of parentheses, subqueries and similar constructs.
pub(super) const MAX_PARSER_DEPTH: usize = 100;
/// Maximum length of the statement text that a message quotes.
const MAX_PLACE_CHARS: usize = 40;

pub(super) fn too_complex() -> SqlError {
    SqlError::Invalid(format!(
        "'sql' is nested too deeply or has too many terms in one expression: at most {MAX_PARSER_DEPTH} levels of \
         parentheses, {MAX_COMPOUND} UNIONs and some hundred terms; use IN (…) for long lists"
    ))
}

/// Harper's sentence.
pub(super) fn bad_sql(place: &str) -> SqlError {
    SqlError::Invalid(format!(
        "Invalid SQL at: {}. Please ensure your SQL is valid. Try adding backticks to reserved words and schema table \
         references.",
        shortened(place)
    ))
}

/// One line of at most `MAX_PLACE_CHARS`.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_PLACE_CHARS) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
