//! Finds the values of wanted attributes in the JSON text of a record, in one pass and without a tree.

use std::collections::HashMap;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where a value is in the text of its record; `None` if the record does not have it.
pub(super) type Span = Option<(u32, u32)>;

/// The wanted attributes, each with a slot.
#[derive(Debug, Default)]
pub(super) struct Fields {
    names: Vec<String>,
    slots: HashMap<String, usize>,
}

impl Fields {
    /// The slot of an attribute, which is wanted from now on.
    pub fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.names.len();
        self.names.push(name.to_owned());
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    /// Fills `spans`, one for each slot.
    pub fn find(&self, json: &str, spans: &mut Vec<Span>) -> Result<(), serde_json::Error> {
        spans.clear();
        spans.resize(self.names.len(), None);
        if self.names.is_empty() {
            return Ok(());
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        deserializer.deserialize_map(Finder { fields: self, json, spans })
    }

    /// Records tend to have their attributes in the same order, so the slot after the last one found is tried first.
    fn lookup(&self, name: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|candidate| candidate == name) {
            return Some(expected);
        }
        self.slots.get(name).copied()
    }
}

struct Finder<'a, 'r> {
    fields: &'a Fields,
    json: &'r str,
    spans: &'a mut Vec<Span>,
}

impl<'r> Visitor<'r> for Finder<'_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
        let mut expected = 0;
        while let Some(slot) = map.next_key_seed(Slot { fields: self.fields, expected })? {
            let Some(slot) = slot else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            expected = slot + 1;
            let value = map.next_value::<&'r RawValue>()?.get();
            let start = (value.as_ptr() as usize).wrapping_sub(self.json.as_ptr() as usize);
            let span = u32::try_from(start).ok().zip(u32::try_from(start.saturating_add(value.len())).ok());
            if let Some(place) = self.spans.get_mut(slot) {
                *place = span;
            }
        }
        Ok(())
    }
}

struct Slot<'a> {
    fields: &'a Fields,
    expected: usize,
}

impl<'r> DeserializeSeed<'r> for Slot<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Slot<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name of an attribute")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.fields.lookup(name, self.expected))
    }
}
