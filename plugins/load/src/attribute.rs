//! The types of attributes in tables created with `attributes`, and the error messages for values that do not fit.

/// Attributes that the host sets. Values for them in the input are ignored.
pub const SYSTEM_ATTRIBUTES: [&str; 2] = ["__createdtime__", "__updatedtime__"];

/// The type of an attribute, named as in the Operations API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// No type or `Any`: accepts every value.
    Any,
    String,
    Id,
    Int,
    Long,
    Float,
    Boolean,
    Date,
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

/// A value that does not fit the type of its attribute. `value` is shown as written; strings keep their quotes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("Invalid value for attribute {attribute}: {value}, expecting {expecting}")]
    Type { attribute: String, value: String, expecting: &'static str },
    #[error("Value {value} in property {attribute} must be a boolean")]
    Boolean { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be a string")]
    String { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be a string, or an array of strings")]
    Id { attribute: String, value: String },
    #[error("Value {value} in property {attribute} must be an integer (from {least} to {most})")]
    Range { attribute: String, value: String, least: i64, most: i64 },
}

impl ValueError {
    pub fn attribute(&self) -> &str {
        match self {
            ValueError::Type { attribute, .. }
            | ValueError::Boolean { attribute, .. }
            | ValueError::String { attribute, .. }
            | ValueError::Id { attribute, .. }
            | ValueError::Range { attribute, .. } => attribute,
        }
    }
}
