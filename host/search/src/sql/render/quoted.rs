//! A string that is compared with a column may mean a number, true or false: `id = '1'` finds the records whose `id` is `1`
//! or `"1"`, as Harper does. So both are looked for.
//!
//! A number without quotes finds the texts that spell it as well, so that keys that were loaded as texts are found.
//! Only `=`, `<>` and `IN` between a column and a literal: nothing else says which of the two is meant. What is rendered is an
//! `IN` of literals, so that the primary key is still looked up.

use std::borrow::Cow;

use sqlparser::ast::{Expr, Value};

use super::{Rendered, Renderer};
use crate::sql::values::{FALSE, TRUE, spells_number};

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

/// The literal of SQLite for what is in the quotes, or for a number in quotes.
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
