//! The declared types of attributes. Their names are Harper's.

use serde::{Deserialize, Serialize};

/// The declared type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeType {
    /// Any JSON.
    Any,
    /// A string.
    String,
    /// A string, or an array of strings.
    #[serde(rename = "ID")]
    Id,
    /// A whole number of 32 bits.
    Int,
    /// A whole number that a double holds exactly.
    Long,
    /// A number.
    Float,
    /// true or false.
    Boolean,
    /// A date.
    Date,
    /// A whole number of any size.
    BigInt,
}

impl AttributeType {
    /// Returns the name that the Operations API uses.
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::Any => "Any",
            AttributeType::String => "String",
            AttributeType::Id => "ID",
            AttributeType::Int => "Int",
            AttributeType::Long => "Long",
            AttributeType::Float => "Float",
            AttributeType::Boolean => "Boolean",
            AttributeType::Date => "Date",
            AttributeType::BigInt => "BigInt",
        }
    }

    /// Returns the minimum and maximum of an integer type, or `None` for all other types.
    pub fn integer_bounds(self) -> Option<(i64, i64)> {
        match self {
            AttributeType::Int => Some((-2_147_483_648, 2_147_483_647)),
            AttributeType::Long => Some((-9_007_199_254_740_992, 9_007_199_254_740_992)),
            _ => None,
        }
    }
}
