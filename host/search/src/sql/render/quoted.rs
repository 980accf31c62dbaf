//! Comparisons of a column with a quoted literal. The string may stand for a number, true or false: as in Harper, `id =
//! '1'` finds records whose `id` is `1` or `"1"`.
//!
//! A number without quotes also finds strings that spell it, so that keys loaded as strings are found. This applies
//! only to `=`, `<>`, `IN`, `CASE` and `NULLIF` between a column and a literal, and to `IN` with a subquery; elsewhere
//! nothing tells which of the two is meant. The result is an `IN` of literals, so the primary key is still looked up.

use std::borrow::Cow;

use sqlparser::ast::{Expr, Query, Value};

use super::{Rendered, Renderer};
use crate::sql::values::{FALSE, TRUE, spells_number};

impl Renderer {
    /// Renders `=`, or `<>` if `negated`.
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

    /// Renders NULLIF of a column as the comparison that it stands for.
    pub(super) fn null_if(&mut self, column: &Expr, literal: &Expr) -> Rendered {
        self.push("CASE WHEN ");
        self.equality(column, literal, false)?;
        self.push(" THEN NULL ELSE ");
        self.value(column)?;
        self.push(" END");
        Ok(())
    }

    /// Renders a subquery whose values are also found by their other spelling: numbers as text, and texts as numbers.
    pub(super) fn with_other_spellings(&mut self, query: &Query) -> Rendered {
        self.push("WITH __listed(value) AS (");
        self.query(query)?;
        self.push(
            ") SELECT value FROM __listed \
             UNION ALL SELECT other_spelling(value) FROM __listed WHERE other_spelling(value) IS NOT NULL",
        );
        Ok(())
    }

    /// Renders a literal and its other meaning, if it has one.
    pub(super) fn with_other_meaning(&mut self, literal: &Expr) -> Rendered {
        self.value(literal)?;
        if let Some(other) = other_meaning(literal) {
            self.push(", ");
            self.push(&other);
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

/// Returns the SQLite literal for the contents of the quotes, or the quoted form of a number.
fn other_meaning(expr: &Expr) -> Option<Cow<'_, str>> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => match text.as_str() {
            "true" => Some(TRUE.literal.into()),
            "false" => Some(FALSE.literal.into()),
            _ => spells_number(text).then_some(text.into()),
        },
        Value::Number(digits, _) => spells_number(digits).then(|| format!("'{digits}'").into()),
        _ => None,
    }
}
