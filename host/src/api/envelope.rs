//! The body of a request: checked JSON, of which only the top level is taken apart. Members keep their text, so that a
//! number keeps its digits and a large member is parsed once, by the one who wants it.

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::json;

const NO_OPERATION: &str = "Request body must include an 'operation' property.";
/// Members at the top level; no operation takes a tenth of this.
const MAX_MEMBERS: usize = 1000;

/// A request: an object that names an operation.
#[derive(Debug)]
pub(super) struct Envelope {
    body: Bytes,
    members: Vec<Member>,
    operation: String,
}

#[derive(Debug)]
struct Member {
    name: String,
    start: usize,
    end: usize,
}

enum Shape {
    Object(Vec<Member>),
    Array,
    /// A string, number, boolean or null.
    Scalar,
}

impl Envelope {
    pub fn parse(body: Bytes) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Err(ApiError::bad_request("Body cannot be empty when content-type is set to 'application/json'"));
        }
        let text = std::str::from_utf8(&body).map_err(|error| {
            let offset = error.valid_up_to();
            let (line, column) = position(&body, offset);
            ApiError::bad_request(format!(
                "Request body is not UTF-8 at line {line}, column {column} (byte offset {offset})"
            ))
        })?;
        let shape = shape_of(text).map_err(|error| syntax_error(&body, &error))?;
        let members = match shape {
            Shape::Object(members) if members.is_empty() => return Err(ApiError::bad_body(NO_OPERATION)),
            Shape::Object(members) if members.len() > MAX_MEMBERS => {
                return Err(ApiError::bad_request(format!("Request body must have at most {MAX_MEMBERS} properties")));
            }
            Shape::Object(members) => members,
            Shape::Array => return Err(ApiError::bad_request(NO_OPERATION)),
            Shape::Scalar => return Err(ApiError::bad_body(NO_OPERATION)),
        };
        let mut envelope = Envelope { body, members, operation: String::new() };
        envelope.operation = match envelope.value("operation")? {
            None | Some(Value::Null) => return Err(ApiError::bad_request(NO_OPERATION)),
            Some(Value::String(name)) if name.is_empty() => return Err(ApiError::bad_request(NO_OPERATION)),
            Some(Value::String(name)) => name,
            Some(_) => return Err(ApiError::bad_request("'operation' must be a string")),
        };
        Ok(envelope)
    }

    pub fn operation(&self) -> &str {
        &self.operation
    }

    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// The JSON text of a member. Where a name stands twice, the last one counts.
    pub fn text(&self, name: &str) -> Option<&str> {
        let member = self.members.iter().rev().find(|member| member.name == name)?;
        std::str::from_utf8(self.body.get(member.start..member.end)?).ok()
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// A member as a value; `None` if it is absent.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        json::value(text)
            .map(Some)
            .map_err(|error| ApiError::bad_request(format!("'{name}' cannot be read: {}", reason(&error))))
    }

    /// The first of several synonyms that is there, with its name.
    pub fn first_of<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, Value)>, ApiError> {
        for name in names {
            if let Some(value) = self.value(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// All members as values. The body's memory is released when this returns.
    pub fn into_map(self) -> Result<Map<String, Value>, ApiError> {
        self.to_map()
    }

    /// All members as values.
    pub fn to_map(&self) -> Result<Map<String, Value>, ApiError> {
        let mut map = Map::new();
        for member in &self.members {
            let value = self.value(&member.name)?.unwrap_or_default();
            map.insert(member.name.clone(), value);
        }
        Ok(map)
    }
}

fn shape_of(text: &str) -> Result<Shape, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let shape = deserializer.deserialize_any(TopLevel { text })?;
    deserializer.end()?;
    Ok(shape)
}

struct TopLevel<'t> {
    text: &'t str,
}

impl<'t> Visitor<'t> for TopLevel<'t> {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<&'t RawValue>()?.get();
            // One more than allowed is enough to refuse; the rest is only checked for its syntax.
            if members.len() <= MAX_MEMBERS {
                let start = (value.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
                members.push(Member { name, start, end: start.saturating_add(value.len()) });
            }
        }
        Ok(Shape::Object(members))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Shape, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Array)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
}

fn syntax_error(body: &[u8], error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column().max(1));
    let line_start = match line.checked_sub(2) {
        None => 0,
        Some(earlier) => memchr::memchr_iter(b'\n', body).nth(earlier).map_or(body.len(), |newline| newline + 1),
    };
    let offset = line_start + column - 1;
    ApiError::bad_request(format!(
        "Request body is not valid JSON: {} at line {line}, column {column} (byte offset {offset})",
        reason(error)
    ))
}

/// What the parser found, without the position that it appends.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn position(body: &[u8], offset: usize) -> (usize, usize) {
    let before = body.get(..offset).unwrap_or(body);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    (memchr::memchr_iter(b'\n', before).count() + 1, offset - line_start + 1)
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
