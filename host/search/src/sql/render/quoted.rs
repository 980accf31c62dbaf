//! A string that is compared with a column may mean a number, true or false: `id = '1'` finds the records whose `id` is `1`
//! or `"1"`, as Harper does. So both are looked for.
//!
//! Only `=`, `<>` and `IN` between a column and a literal: nothing else says which of the two is meant. What is rendered is an
//! `IN` of literals, so that the primary key is still looked up.

use sqlparser::ast::{Expr, Value};

use super::{Rendered, Renderer};
use crate::sql::values::{FALSE, TRUE};

/// Digits up to which a double is exactly what is written.
const EXACT_DIGITS: usize = 15;

impl Renderer {
    /// `=`, or `<>` if it is negated.
    pub(super) fn equality(&mut self, left: &Expr, right: &Expr, negated: bool) -> Rendered {
        let (column, literal) = if is_column(right) { (right, left) } else { (left, right) };
        if !is_column(column) || other_meaning(literal).is_none() {
            return self.infix(left, if negated { " <> " } else { " = " }, right);
        }
        self.value(column)?;
        self.push(if negated { " NOT IN (" } else { " IN (" });
        self.with_other_meaning(literal)?;
        self.push(")");
        Ok(())
    }

    /// A literal, and what else it may mean.
    pub(super) fn with_other_meaning(&mut self, literal: &Expr) -> Rendered {
        self.value(literal)?;
        if let Some(other) = other_meaning(literal) {
            self.push(", ");
            self.push(other);
        }
        Ok(())
    }
}

pub(super) fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_column(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}

/// The literal of SQLite for what is in the quotes.
fn other_meaning(expr: &Expr) -> Option<&str> {
    let Expr::Value(value) = expr else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    match text.as_str() {
        "true" => Some(TRUE.literal),
        "false" => Some(FALSE.literal),
        _ => is_number(text).then_some(text),
    }
}

/// Digits, maybe with a sign and a fraction. What begins with a zero is a code, not a number.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let exact = text.parse::<i64>().is_ok() || unsigned.len() <= EXACT_DIGITS;
    are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0')) && exact
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_those_that_are_written_like_numbers() {
        for number in ["0", "7", "-7", "987654321", "9223372036854775807", "0.5", "12.50"] {
            assert!(is_number(number), "{number}");
        }
        for other in
            ["", "-", "007", "011", "+7", "1e3", ".5", "5.", "1 ", "0x1", "9223372036854775808", "1.2.3", "--1"]
        {
            assert!(!is_number(other), "{other}");
        }
    }
}
