//! The body of a request: validated JSON of which only the top level is parsed. Members keep their text, so that
//! numbers keep their digits and a large member is parsed at most once, by the code that needs it.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use jobhost_budget::Held;
use jobhost_model::json::{self, MAX_MEMBERS, Members, NotMembers};

const NO_OPERATION: &str = "Request body must include an 'operation' property.";
/// Smaller members are covered by the initial charge of every request.
const SMALL_BYTES: usize = 256;
/// Maximum size of a member that is parsed as a whole. The attributes of the widest table fit.
const MAX_VALUE_BYTES: usize = 8 << 20;

/// A request: an object that names an operation.
#[derive(Debug)]
pub(super) struct Envelope {
    members: Members,
    operation: String,
    /// Charged with the parsed members; `None` until the client is authenticated.
    held: Option<Held>,
}

impl Envelope {
    /// `held` is charged with the memory for parsing. It is present if the body was so large that the client was
    /// authenticated first.
    pub fn parse(body: Bytes, held: Option<Held>) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Err(ApiError::bad_request("Body cannot be empty when content-type is set to 'application/json'"));
        }
        std::str::from_utf8(&body).map_err(|error| {
            let offset = error.valid_up_to();
            let (line, column) = position(&body, offset);
            ApiError::bad_request(format!(
                "Request body is not UTF-8 at line {line}, column {column} (byte offset {offset})"
            ))
        })?;
        // The parser keeps one byte for each open bracket, in a vector that doubles.
        let nesting = 2 * memchr::memchr2_iter(b'[', b'{', &body).count() as u64;
        if let Some(held) = &held {
            held.grow(nesting)?;
        }
        let members = Members::parse(body.clone()).map_err(|error| match error {
            NotMembers::Syntax(error) => syntax_error(&body, &error),
            NotMembers::TooMany => {
                ApiError::bad_request(format!("Request body must have at most {MAX_MEMBERS} properties"))
            }
            NotMembers::Array => ApiError::bad_request(NO_OPERATION),
            NotMembers::Scalar => ApiError::bad_body(NO_OPERATION),
        })?;
        if let Some(held) = &held {
            held.shrink_to(held.amount().saturating_sub(nesting));
        }
        if members.is_empty() {
            return Err(ApiError::bad_body(NO_OPERATION));
        }
        let mut envelope = Envelope { members, operation: String::new(), held };
        envelope.operation = match envelope.value("operation")? {
            None | Some(Value::Null) => return Err(ApiError::bad_request(NO_OPERATION)),
            Some(Value::String(name)) if name.is_empty() => return Err(ApiError::bad_request(NO_OPERATION)),
            Some(Value::String(name)) => name,
            Some(_) => return Err(ApiError::bad_request("'operation' must be a string")),
        };
        Ok(envelope)
    }

    /// Charges members parsed from now on to `held`.
    pub fn charge(&mut self, held: Held) {
        self.held = Some(held);
    }

    pub fn operation(&self) -> &str {
        &self.operation
    }

    pub fn size(&self) -> usize {
        self.members.size()
    }

    /// The JSON text of a member. If a name is repeated, the last one counts.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.text(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.has(name)
    }

    /// Parses a member; returns `None` if it is absent. The memory for the value is charged first. Parsing runs on the
    /// thread that answers, so large members are rejected; an operation that accepts them takes the text and parses it
    /// on a computing thread.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.len() > MAX_VALUE_BYTES {
            let bytes = text.len();
            return Err(ApiError::bad_request(format!("'{name}' has {bytes} bytes; it may have {MAX_VALUE_BYTES}")));
        }
        match &self.held {
            Some(held) if text.len() > SMALL_BYTES => charged_value(name, text.as_bytes(), 1, held).map(Some),
            _ => value_of(name, text).map(Some),
        }
    }

    /// Returns the first of several synonyms that is present, with its name.
    pub fn first_of<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, Value)>, ApiError> {
        for name in names {
            if let Some(value) = self.value(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// Returns a part of a member's text that shares the body's memory.
    pub fn share(&self, part: &str) -> Bytes {
        self.members.share(part)
    }

    pub fn into_members(self) -> Members {
        self.members
    }

    /// Parses all members.
    pub fn to_map(&self) -> Result<Map<String, Value>, ApiError> {
        let mut map = Map::new();
        for (name, _) in self.members.iter() {
            map.insert(name.to_owned(), self.value(name)?.unwrap_or_default());
        }
        Ok(map)
    }
}

/// Parses a member's text and charges `copies` times the memory of the value.
pub(super) fn charged_value(name: &str, text: &[u8], copies: u64, held: &Held) -> Result<Value, ApiError> {
    // The whole body was checked to be UTF-8.
    let text = std::str::from_utf8(text).unwrap_or_default();
    held.grow(json::tree_bytes(text).saturating_mul(copies))?;
    value_of(name, text)
}

fn value_of(name: &str, text: &str) -> Result<Value, ApiError> {
    json::value(text).map_err(|error| ApiError::bad_request(format!("'{name}' cannot be read: {}", reason(&error))))
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

/// The parser's message without the position that it appends.
pub(super) fn reason(error: &serde_json::Error) -> String {
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
