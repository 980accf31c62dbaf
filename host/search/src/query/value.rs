//! Values as conditions compare them, read from JSON text.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

/// A number. Integers are exact.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// Parses a JSON number.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Number::Integer(integer.into()));
        }
        if let Ok(integer) = text.parse::<i128>() {
            return Some(Number::Integer(integer));
        }
        text.parse().ok().map(Number::Float)
    }

    pub(super) fn as_float(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }

    pub fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(one), Number::Integer(other)) => one.cmp(&other),
            // JSON has no NaN, so two numbers always compare.
            _ => self.as_float().partial_cmp(&other.as_float()).unwrap_or(Ordering::Equal),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

/// A value that a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
}

impl Scalar {
    /// Converts a JSON value. Returns `None` for arrays and objects.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Scalar::Null),
            Value::Bool(boolean) => Some(Scalar::Boolean(*boolean)),
            Value::Number(number) => Number::parse(&number.to_string()).map(Scalar::Number),
            Value::String(text) => Some(Scalar::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The value of an attribute in a record.
#[derive(Debug, Clone)]
pub(super) enum Stored<'r> {
    /// Null or missing. Clients see null for both.
    Null,
    Boolean(bool),
    /// A number, with its digits as stored.
    Number(Number, &'r str),
    Text(Cow<'r, str>),
    Array(&'r str),
    Object,
}

impl<'r> Stored<'r> {
    pub fn read(json: Option<&'r str>) -> Self {
        let Some(json) = json else { return Stored::Null };
        match json.as_bytes().first() {
            Some(b'"') => text_of(json).map_or(Stored::Null, Stored::Text),
            Some(b't') => Stored::Boolean(true),
            Some(b'f') => Stored::Boolean(false),
            Some(b'[') => Stored::Array(json),
            Some(b'{') => Stored::Object,
            Some(b'-' | b'0'..=b'9') => Number::parse(json).map_or(Stored::Null, |number| Stored::Number(number, json)),
            _ => Stored::Null,
        }
    }

    /// Compares with a value of the same type. Returns `None` if the types differ.
    pub fn compare(&self, other: &Scalar) -> Option<Ordering> {
        match (self, other) {
            (Stored::Null, Scalar::Null) => Some(Ordering::Equal),
            (Stored::Boolean(one), Scalar::Boolean(other)) => Some(one.cmp(other)),
            (Stored::Number(one, _), Scalar::Number(other)) => Some(one.compare(*other)),
            (Stored::Text(one), Scalar::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
            _ => None,
        }
    }

    /// Returns the text that `contains` and `ends_with` search: a string, or a number or boolean as written.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Stored::Text(text) => Some(text),
            Stored::Number(_, digits) => Some(digits),
            Stored::Boolean(true) => Some("true"),
            Stored::Boolean(false) => Some("false"),
            Stored::Null | Stored::Array(_) | Stored::Object => None,
        }
    }
}

/// Returns the content of a JSON string, borrowed unless it has escapes.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.get(1..json.len().checked_sub(1)?)?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}
