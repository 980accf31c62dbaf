//! Literals of SQL as JSON, without an engine.

use sqlparser::ast::{Expr, UnaryOperator, Value};

/// The JSON text of a literal; `None` if something has to be computed, or cannot be.
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

/// What a client written in JavaScript sends for a value that is not there.
pub(super) fn is_undefined(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value == "undefined")
}

fn of_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::SingleQuotedString(text) => serde_json::to_string(text).ok(),
        // As it is written if JSON knows it; forms that only SQL has are computed.
        Value::Number(text, false) => serde_json::from_str::<serde_json::Number>(text).is_ok().then(|| text.clone()),
        _ => None,
    }
}
