//! Less than and greater than. Values of the same type compare as usual. As in Harper, a string compares with a number
//! only if it spells a number, and then by that number. Otherwise values of different types are neither less nor
//! greater. In plain SQLite every string is greater than every number, so `id >= 100` would match all strings.

use std::cmp::Ordering;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use crate::sql::values::spells_number;

pub(super) fn register(connection: &Connection, flags: FunctionFlags) -> Result<()> {
    for (name, holds) in COMPARISONS {
        connection.create_scalar_function(*name, 2, flags, move |context| {
            Ok(compare(context.get_raw(0), context.get_raw(1)).map(holds))
        })?;
    }
    // Like `value >= low AND value <= high`: NULL if neither side decides.
    connection.create_scalar_function("is_between", 3, flags, |context| {
        let [value, low, high] = [0, 1, 2].map(|index| context.get_raw(index));
        let from = compare(value, low).map(|ordering| ordering.is_some_and(Ordering::is_ge));
        let to = compare(value, high).map(|ordering| ordering.is_some_and(Ordering::is_le));
        Ok(match (from, to) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        })
    })?;
    // The text of a number, and the number that a text spells. Any other value has no other spelling.
    connection.create_scalar_function("other_spelling", 1, flags, |context| {
        let value = context.get_raw(0);
        Ok(match (value, number(value)) {
            (ValueRef::Integer(integer), _) => Value::Text(integer.to_string()),
            (ValueRef::Real(real), _) => Value::Text(real.to_string()),
            (ValueRef::Text(_), Some(Number::Integer(integer))) => Value::Integer(integer),
            (ValueRef::Text(_), Some(Number::Real(real))) => Value::Real(real),
            _ => Value::Null,
        })
    })?;
    // The values that SUM and AVG include.
    connection.create_scalar_function("only_number", 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Integer(integer) => Value::Integer(integer),
            ValueRef::Real(real) => Value::Real(real),
            ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => Value::Null,
        })
    })
}

type Holds = fn(Option<Ordering>) -> bool;

const COMPARISONS: &[(&str, Holds)] = &[
    ("is_less", |ordering| ordering.is_some_and(Ordering::is_lt)),
    ("is_at_most", |ordering| ordering.is_some_and(Ordering::is_le)),
    ("is_greater", |ordering| ordering.is_some_and(Ordering::is_gt)),
    ("is_at_least", |ordering| ordering.is_some_and(Ordering::is_ge)),
];

/// Returns `None` if a value is NULL, and `Some(None)` if the values do not compare.
fn compare(left: ValueRef<'_>, right: ValueRef<'_>) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (ValueRef::Null, _) | (_, ValueRef::Null) => return None,
        (ValueRef::Text(left), ValueRef::Text(right)) => Some(left.cmp(right)),
        (ValueRef::Blob(left), ValueRef::Blob(right)) => {
            // Both are JSON: booleans, objects and arrays compare only with their own kind.
            (kind(left) == kind(right)).then(|| left.cmp(right))
        }
        (left, right) => number(left).zip(number(right)).and_then(|(left, right)| left.compare(right)),
    })
}

/// Returns the kind of a JSON text by its first byte; `t` and `f` are both booleans.
fn kind(json: &[u8]) -> u8 {
    match json.first() {
        Some(b't' | b'f') => b'b',
        Some(byte) => *byte,
        None => 0,
    }
}

#[derive(Clone, Copy)]
enum Number {
    Integer(i64),
    Real(f64),
}

fn number(value: ValueRef<'_>) -> Option<Number> {
    match value {
        ValueRef::Integer(integer) => Some(Number::Integer(integer)),
        ValueRef::Real(real) => Some(Number::Real(real)),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).ok().filter(|text| spells_number(text))?;
            text.parse().map(Number::Integer).or_else(|_| text.parse().map(Number::Real)).ok()
        }
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

impl Number {
    fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(&right)),
            (Number::Real(left), Number::Real(right)) => left.partial_cmp(&right),
            (Number::Integer(left), Number::Real(right)) => compare_mixed(left, right),
            (Number::Real(left), Number::Integer(right)) => compare_mixed(right, left).map(Ordering::reverse),
        }
    }
}

/// Compares exactly, also beyond 2^53, where a double cannot represent every integer.
fn compare_mixed(integer: i64, real: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        None
    } else if real >= BEYOND {
        Some(Ordering::Less)
    } else if real < -BEYOND {
        Some(Ordering::Greater)
    } else {
        // In range, so the integer part is exact. The fraction decides between equal integer parts.
        let whole = real.trunc() as i64;
        Some(integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_within_their_type_and_numeric_strings_with_numbers() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        let json = |text: &'static str| ValueRef::Blob(text.as_bytes());
        for (left, right, expected) in [
            (ValueRef::Integer(2), ValueRef::Real(2.5), Some(Some(Ordering::Less))),
            (ValueRef::Integer(i64::MAX), ValueRef::Real(9_223_372_036_854_775_807.0), Some(Some(Ordering::Less))),
            (ValueRef::Real(-2.5), ValueRef::Integer(-2), Some(Some(Ordering::Less))),
            (text("10"), ValueRef::Integer(9), Some(Some(Ordering::Greater))),
            (text("10"), text("9"), Some(Some(Ordering::Less))),
            (text("abc"), ValueRef::Integer(9), Some(None)),
            (text(""), ValueRef::Integer(0), Some(None)),
            (text("007"), ValueRef::Integer(7), Some(None)),
            (json("true"), json("false"), Some(Some(Ordering::Greater))),
            (json("true"), json("[]"), Some(None)),
            (json("true"), ValueRef::Integer(0), Some(None)),
            (ValueRef::Null, ValueRef::Integer(0), None),
        ] {
            assert_eq!(compare(left, right), expected, "{left:?} {right:?}");
            let reversed = expected.map(|ordering| ordering.map(Ordering::reverse));
            assert_eq!(compare(right, left), reversed, "{right:?} {left:?}");
        }
    }
}
