//! Conditions on records, and their evaluation.

use std::cmp::Ordering;

use serde_json::value::RawValue;

use super::value::{Scalar, Stored};
use jobhost_model::key::Key;

/// The test of a condition.
///
/// Comparisons are strict about types: a number is never equal to, above or below a string. For an array, one matching
/// element is enough. A missing attribute counts as null.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Equals(Scalar),
    /// Also matches values of other types. Compared with null, matches every attribute that exists.
    NotEqual(Scalar),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    GreaterThan(Scalar),
    GreaterThanEqual(Scalar),
    LessThan(Scalar),
    LessThanEqual(Scalar),
    /// Both ends are inclusive.
    Between(Scalar, Scalar),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub attribute: String,
    pub test: Test,
}

/// A combination of conditions.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    Condition(Condition),
    /// Matches if all match. An empty list matches every record.
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

impl Filter {
    pub fn everything() -> Self {
        Filter::All(Vec::new())
    }

    pub fn each_attribute<'f>(&'f self, visit: &mut dyn FnMut(&'f str)) {
        match self {
            Filter::Condition(condition) => visit(&condition.attribute),
            Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| part.each_attribute(visit)),
        }
    }

    /// Returns the only key that a matching record can have, if the filter determines it.
    pub fn pinned_key(&self, primary_key: &str) -> Option<Key> {
        match self {
            Filter::Condition(Condition { attribute, test: Test::Equals(value) }) if attribute == primary_key => {
                match value {
                    Scalar::Number(super::Number::Integer(integer)) => Key::number(*integer as f64).ok(),
                    Scalar::Number(super::Number::Float(float)) => Key::number(*float).ok(),
                    Scalar::Text(text) => Key::string(text.as_str()).ok(),
                    Scalar::Null | Scalar::Boolean(_) => None,
                }
            }
            Filter::All(parts) => parts.iter().find_map(|part| part.pinned_key(primary_key)),
            Filter::Condition(_) | Filter::Any(_) => None,
        }
    }

    /// The attribute in whose order a search comes that asks for none: that of the condition which Harper looks up in an
    /// index, the narrowest by its kind, and of these the first. `None` if that is the order of key.
    pub fn order(&self, primary_key: &str) -> Option<&str> {
        let Filter::All(parts) = self else { return None };
        let conditions: Option<Vec<&Condition>> = parts
            .iter()
            .map(|part| match part {
                Filter::Condition(condition) => Some(condition),
                Filter::All(_) | Filter::Any(_) => None,
            })
            .collect();
        let first = conditions?.into_iter().min_by_key(|condition| condition.test.breadth())?;
        // Records with equal values are ordered by key.
        let by_value = !matches!(first.test, Test::Equals(_)) && first.attribute != primary_key;
        by_value.then_some(first.attribute.as_str())
    }

    /// Returns whether a record matches. `value_of` returns the value of the attribute at a position in the order of
    /// `each_attribute`, which is the order of evaluation. `next` counts the positions.
    pub(super) fn matches<'r>(&self, next: &mut usize, value_of: &dyn Fn(usize) -> Stored<'r>) -> bool {
        match self {
            Filter::Condition(condition) => {
                let position = *next;
                *next += 1;
                condition.test.matches(&value_of(position))
            }
            Filter::All(parts) => {
                let mut all = true;
                for part in parts {
                    if all {
                        all = part.matches(next, value_of);
                    } else {
                        part.skip(next);
                    }
                }
                all
            }
            Filter::Any(parts) => {
                let mut any = false;
                for part in parts {
                    if any {
                        part.skip(next);
                    } else {
                        any = part.matches(next, value_of);
                    }
                }
                any
            }
        }
    }

    fn skip(&self, next: &mut usize) {
        self.each_attribute(&mut |_| *next += 1);
    }
}

impl Test {
    /// Estimates how many records the condition lets through, relative to others.
    fn breadth(&self) -> u8 {
        match self {
            Test::Equals(_) => 0,
            Test::StartsWith(_) => 1,
            Test::Between(_, _) => 2,
            Test::GreaterThan(_) | Test::GreaterThanEqual(_) | Test::LessThan(_) | Test::LessThanEqual(_) => 3,
            Test::NotEqual(_) | Test::Contains(_) | Test::EndsWith(_) => 4,
        }
    }

    pub(super) fn matches(&self, value: &Stored<'_>) -> bool {
        match value {
            Stored::Array(json) => match self {
                Test::NotEqual(_) => true,
                _ => {
                    let elements: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                    elements.iter().any(|element| match Stored::read(Some(element.get())) {
                        Stored::Array(_) | Stored::Object => false,
                        scalar => self.matches_scalar(&scalar),
                    })
                }
            },
            Stored::Object => matches!(self, Test::NotEqual(_)),
            scalar => self.matches_scalar(scalar),
        }
    }

    fn matches_scalar(&self, value: &Stored<'_>) -> bool {
        let is = |wanted: &[Ordering], bound: &Scalar| {
            *bound != Scalar::Null && value.compare(bound).is_some_and(|found| wanted.contains(&found))
        };
        match self {
            Test::Equals(wanted) => value.compare(wanted) == Some(Ordering::Equal),
            Test::NotEqual(unwanted) => value.compare(unwanted) != Some(Ordering::Equal),
            Test::Contains(part) => value.as_text().is_some_and(|text| text.contains(part.as_str())),
            Test::EndsWith(end) => value.as_text().is_some_and(|text| text.ends_with(end.as_str())),
            Test::StartsWith(start) => match value {
                Stored::Text(text) => text.starts_with(start.as_str()),
                _ => false,
            },
            Test::GreaterThan(bound) => is(&[Ordering::Greater], bound),
            Test::GreaterThanEqual(bound) => is(&[Ordering::Greater, Ordering::Equal], bound),
            Test::LessThan(bound) => is(&[Ordering::Less], bound),
            Test::LessThanEqual(bound) => is(&[Ordering::Less, Ordering::Equal], bound),
            Test::Between(low, high) => {
                is(&[Ordering::Greater, Ordering::Equal], low) && is(&[Ordering::Less, Ordering::Equal], high)
            }
        }
    }
}
