//! The members of a JSON object, each kept as text. Numbers keep their digits, and a large member is parsed at most
//! once, by the code that needs it.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Maximum number of top-level members. No operation needs a tenth of this.
pub const MAX_MEMBERS: usize = 1000;
/// Maximum length of a member name in bytes. No operation has a longer parameter name.
const MAX_NAME_BYTES: usize = 1000;

/// The members of an object, in order. A name may occur more than once.
#[derive(Debug, Clone)]
pub struct Members {
    body: Bytes,
    members: Vec<Member>,
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    range: Range<usize>,
}

/// Why a text has no members.
#[derive(Debug)]
pub enum NotMembers {
    /// The text is not valid JSON.
    Syntax(serde_json::Error),
    /// The value is an array.
    Array,
    /// The value is a string, number, boolean or null.
    Scalar,
    /// The object has more than [`MAX_MEMBERS`] members.
    TooMany,
}

enum Shape {
    Object(Vec<Member>),
    Array,
    Scalar,
}

impl Members {
    /// Parses an object. `body` must be UTF-8.
    pub fn parse(body: Bytes) -> Result<Self, NotMembers> {
        // The caller has checked that the body is UTF-8. Otherwise it is treated as empty.
        let text = std::str::from_utf8(&body).unwrap_or_default();
        match shape_of(text).map_err(NotMembers::Syntax)? {
            Shape::Object(members) if members.len() > MAX_MEMBERS => Err(NotMembers::TooMany),
            Shape::Object(members) => Ok(Members { body, members }),
            Shape::Array => Err(NotMembers::Array),
            Shape::Scalar => Err(NotMembers::Scalar),
        }
    }

    /// Returns whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the size of the whole object in bytes.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// Returns whether there is a member with this name.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// Returns the text of a member. If the name occurs twice, the last one wins.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.iter().rev().find(|member| member.name == name).map(|member| self.text_of(member))
    }

    /// Iterates over all members in order, as (name, text).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|member| (member.name.as_str(), self.text_of(member)))
    }

    /// Returns a part of a member's text without copying it.
    pub fn share(&self, part: &str) -> Bytes {
        self.body.slice_ref(part.as_bytes())
    }

    fn text_of(&self, member: &Member) -> &str {
        self.body.get(member.range.clone()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

fn shape_of(text: &str) -> Result<Shape, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let shape = deserializer.deserialize_any(TopLevel { text })?;
    deserializer.end()?;
    Ok(shape)
}

/// Returns the byte range of `part`, which must be a slice of `text`.
pub fn position(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

struct TopLevel<'t> {
    text: &'t str,
}

impl<'t> Visitor<'t> for TopLevel<'t> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value::<&'t RawValue>()?.get();
            // One member more than allowed is enough to reject the object. The rest is only checked for syntax.
            if members.len() <= MAX_MEMBERS {
                members.push(Member { name, range: position(self.text, value) });
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

/// Deserializes a member name. Checks the length before copying it.
struct Name;

impl<'t> DeserializeSeed<'t> for Name {
    type Value = String;

    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        if name.len() > MAX_NAME_BYTES {
            let bytes = name.len();
            return Err(E::custom(format!("a property's name has {bytes} bytes; the maximum is {MAX_NAME_BYTES}")));
        }
        Ok(name.to_owned())
    }
}
