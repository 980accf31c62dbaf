//! Splits a request for a job operation into the part that the plugin sees and the inline source, which is never
//! parsed into a value. Everything but the source is limited and charged before it is parsed.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::SubmitError;
use jobhost_budget::{Account, Held};
use jobhost_model::json::{self, Members};

/// Maximum size of a request for the guest, without its inline source.
pub(super) const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// Replaces the inline source in the request.
const INLINE_HANDLE: &str = "\"(inline source)\"";
/// The request is held three times: as values, as text for the plugin, and as the payload.
const COPIES: u64 = 3;

/// A client's request.
pub struct JobRequest {
    pub members: Members,
    /// The account that further memory is charged to.
    pub account: Account,
    /// The memory already charged for the request.
    pub held: Held,
}

/// A request split from its inline source.
pub(super) struct Parted {
    pub request: Map<String, Value>,
    /// A JSON string with its quotes, sharing the body's memory.
    pub inline: Option<Bytes>,
}

impl JobRequest {
    /// `inline_source` is the pointer to a field. If the field is not a string, it stays in the request and `plan`
    /// rejects it.
    pub(super) fn part(&self, inline_source: Option<&str>) -> Result<Parted, SubmitError> {
        let inline = inline_source.and_then(|pointer| self.inline(pointer));
        let all: usize = self.members.iter().map(|(name, text)| name.len() + text.len()).sum();
        let size = all - inline.map_or(0, str::len);
        check_size(size)?;
        let mut request = Map::new();
        for (name, text) in self.members.iter() {
            let text = match inline {
                Some(inline) => without(text, inline),
                None => Cow::Borrowed(text),
            };
            self.held.grow(json::tree_bytes(&text).saturating_mul(COPIES))?;
            let value = json::value(&text)
                .map_err(|error| SubmitError::Refused(format!("'{name}' cannot be read: {}", reason(&error))))?;
            request.insert(name.to_owned(), value);
        }
        Ok(Parted { request, inline: inline.map(|inline| self.members.share(inline)) })
    }

    fn inline(&self, pointer: &str) -> Option<&str> {
        let mut tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
        let mut text = self.members.text(&tokens.next()?)?;
        for token in tokens {
            text = serde_json::Deserializer::from_str(text).deserialize_map(Find { name: &token }).ok()??;
        }
        text.starts_with('"').then_some(text)
    }
}

pub(super) fn check_size(size: usize) -> Result<(), SubmitError> {
    if size <= MAX_REQUEST_BYTES {
        return Ok(());
    }
    Err(SubmitError::Refused(format!(
        "The request has {size} bytes besides its data; the limit is {MAX_REQUEST_BYTES}. Send less, or put it in a file."
    )))
}

/// Returns the text with `part` replaced by the handle, if `part` is a slice of it.
fn without<'t>(text: &'t str, part: &str) -> Cow<'t, str> {
    let place = json::position(text, part);
    match (text.get(..place.start), text.get(place.end..)) {
        // Only the last member with a name counts, and `part` may be a slice of an earlier one.
        (Some(before), Some(after)) if text.get(place.clone()).is_some_and(|there| std::ptr::eq(there, part)) => {
            Cow::Owned([before, INLINE_HANDLE, after].concat())
        }
        _ => Cow::Borrowed(text),
    }
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").and_then(|end| text.get(..end)).unwrap_or(&text).to_owned()
}

/// Finds the text of an object's member; of the last one if the name is repeated.
struct Find<'n> {
    name: &'n str,
}

impl<'t> Visitor<'t> for Find<'_> {
    type Value = Option<&'t str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'t, str>>()? {
            let value = map.next_value::<&'t RawValue>()?;
            if name == self.name {
                found = Some(value.get());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use jobhost_budget::{Budgets, Owner};

    fn parted(body: &str, pointer: Option<&str>) -> Result<(Value, Option<String>), SubmitError> {
        let account = Budgets::ample().of(Owner::user("u"));
        let held = account.held(0).unwrap();
        let members = Members::parse(Bytes::from(body.to_owned())).unwrap();
        let parted = JobRequest { members, account, held }.part(pointer)?;
        let inline = parted.inline.map(|inline| String::from_utf8(inline.to_vec()).unwrap());
        Ok((Value::Object(parted.request), inline))
    }

    #[test]
    fn the_inline_source_is_taken_out_wherever_it_stands() {
        let handle = "(inline source)";
        let (request, inline) = parted(r#"{"operation": "o", "data": "a\nb"}"#, Some("/data")).unwrap();
        assert_eq!(request, json!({"operation": "o", "data": handle}));
        assert_eq!(inline.as_deref(), Some(r#""a\nb""#));
        let (request, inline) = parted(r#"{"a": {"x": 1, "b/c": "text", "y": [2]}}"#, Some("/a/b~1c")).unwrap();
        assert_eq!(request, json!({"a": {"x": 1, "b/c": handle, "y": [2]}}));
        assert_eq!(inline.as_deref(), Some("\"text\""));
        // The last one counts.
        let (request, inline) = parted(r#"{"data": "one", "data": "two"}"#, Some("/data")).unwrap();
        assert_eq!((request, inline.as_deref()), (json!({"data": handle}), Some("\"two\"")));
    }

    #[test]
    fn a_source_that_is_not_a_string_stays() {
        for body in [r#"{"data": 5}"#, r#"{"data": {"a": "x"}}"#, r#"{"other": "x"}"#, r#"{"data": null}"#] {
            let (request, inline) = parted(body, Some("/data")).unwrap();
            assert_eq!((request, inline), (serde_json::from_str::<Value>(body).unwrap(), None));
        }
        assert_eq!(parted(r#"{"data": "x"}"#, None).unwrap().1, None);
    }

    #[test]
    fn everything_but_the_source_is_limited_before_it_is_parsed() {
        let much = "[0],".repeat(MAX_REQUEST_BYTES / 4);
        let body = format!(r#"{{"data": "x", "x": [{much}0]}}"#);
        let refused = parted(&body, Some("/data")).unwrap_err().to_string();
        assert!(refused.contains("bytes besides its data; the limit is 1048576"), "{refused}");
        let data = "x".repeat(2 * MAX_REQUEST_BYTES);
        assert!(parted(&format!(r#"{{"data": "{data}"}}"#), Some("/data")).is_ok());
        assert!(parted(&format!(r#"{{"data": "{data}"}}"#), None).is_err());
    }
}
