//! Sentences about a statement that is refused, which several steps of its way say.

use super::SqlError;

/// SELECTs that UNION, INTERSECT and EXCEPT may join.
pub(super) const MAX_COMPOUND: usize = 100;
/// Parentheses, subqueries and the like within each other.
pub(super) const MAX_PARSER_DEPTH: usize = 100;
/// What a sentence shows of the text.
const MAX_PLACE_CHARS: usize = 40;
/// What follows an unknown attribute that the statement has in double quotes.
pub(crate) const MEANT_AS_TEXT: &str = "'; if it is meant as text, write it in single quotes: ";

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
