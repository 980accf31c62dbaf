//! Converts SQL literals to JSON, without an SQL engine.

use sqlparser::ast::{Expr, UnaryOperator, Value};

/// Returns the JSON text of a literal, or `None` if the expression has to be evaluated.
pub(super) fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => of_value(&value.value),
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => {
                of_value(&value.value).map(|number| format!("-{number}"))
            }
            _ => None,
        },
        _ if is_undefined(expr) => Some("null".to_owned()),
        _ => None,
    }
}

/// Returns whether the expression is `undefined`, which JavaScript clients send for a missing value.
pub(super) fn is_undefined(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value == "undefined")
}

fn of_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::SingleQuotedString(text) => serde_json::to_string(text).ok(),
        // Kept as written if it is valid JSON; forms that only SQL has are evaluated.
        Value::Number(text, false) => serde_json::from_str::<serde_json::Number>(text).is_ok().then(|| text.clone()),
        _ => None,
    }
}
