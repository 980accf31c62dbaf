//! The attributes of a table and their types, with look-up by name in constant time.

use std::ops::Deref;
use std::sync::OnceLock;

use jobhost_json_text::AttributeType;
use serde::{Deserialize, Serialize};

/// An attribute of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// `None` for an attribute that was discovered in records or created without a type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute_type: Option<AttributeType>,
    /// As clients are told; every attribute can be searched.
    #[serde(default)]
    pub indexed: bool,
}

/// From this number of attributes on, an index is faster than a linear search.
const MANY: usize = 16;

/// The attributes of a table, in the order in which they were added. Names are unique.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes {
    list: Vec<Attribute>,
    /// Positions in `list`, ordered by attribute name. Built on first use.
    #[serde(skip)]
    by_name: OnceLock<Box<[u32]>>,
}

impl Attributes {
    /// Returns the attribute with this name.
    pub fn named(&self, name: &str) -> Option<&Attribute> {
        if self.list.len() < MANY {
            return self.list.iter().find(|attribute| attribute.name == name);
        }
        let name_at = |place: u32| self.list.get(place as usize).map_or("", |attribute| attribute.name.as_str());
        let by_name = self.by_name.get_or_init(|| {
            let mut places: Vec<u32> = (0..).take(self.list.len()).collect();
            places.sort_by_key(|place| name_at(*place));
            places.into()
        });
        let first = by_name.get(by_name.partition_point(|place| name_at(*place) < name))?;
        self.list.get(*first as usize).filter(|attribute| attribute.name == name)
    }

    /// Appends an attribute.
    pub fn push(&mut self, attribute: Attribute) {
        self.extend([attribute]);
    }

    /// Keeps only the attributes for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&Attribute) -> bool) {
        self.by_name = OnceLock::new();
        self.list.retain(keep);
    }
}

impl Extend<Attribute> for Attributes {
    fn extend<I: IntoIterator<Item = Attribute>>(&mut self, attributes: I) {
        self.by_name = OnceLock::new();
        self.list.extend(attributes);
    }
}

impl From<Vec<Attribute>> for Attributes {
    fn from(list: Vec<Attribute>) -> Self {
        Attributes { list, by_name: OnceLock::new() }
    }
}

impl Deref for Attributes {
    type Target = [Attribute];

    fn deref(&self) -> &[Attribute] {
        &self.list
    }
}

/// Does not copy the index: a clone is usually made to be changed.
impl Clone for Attributes {
    fn clone(&self) -> Self {
        self.list.clone().into()
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Attributes {}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: impl Into<String>) -> Attribute {
        Attribute { name: name.into(), attribute_type: None, indexed: true }
    }

    #[test]
    fn attributes_are_found_by_name_in_short_and_long_lists() {
        for count in [0, 1, MANY - 1, MANY, MANY + 1, 10_000] {
            let mut attributes: Attributes =
                (0..count).map(|number| attribute(format!("a{}", number * 7_919 % 10_007))).collect::<Vec<_>>().into();
            for place in 0..count {
                let wanted = &attributes[place];
                assert!(std::ptr::eq(attributes.named(&wanted.name).unwrap(), wanted), "{count} {place}");
            }
            for absent in ["", "a", "b", "zzz"] {
                assert_eq!(attributes.named(absent), None);
            }
            attributes.push(attribute("b"));
            assert_eq!(attributes.named("b").map(|found| found.name.as_str()), Some("b"));
            attributes.retain(|attribute| attribute.name != "b");
            assert_eq!(attributes.named("b"), None);
            assert_eq!(attributes.len(), count);
        }
    }

    #[test]
    fn attributes_are_serialized_as_a_list() {
        let attributes: Attributes = vec![attribute("id"), attribute("name")].into();
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(json, serde_json::to_string(&*attributes).unwrap());
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
    }
}
