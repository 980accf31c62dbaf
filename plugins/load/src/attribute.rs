//! The types of attributes in tables created with `attributes`, and the attributes that the host sets.

pub use jobhost_json_text::{AttributeType, ValueError};

/// Attributes that the host sets. Values for them in the input are ignored.
pub const SYSTEM_ATTRIBUTES: [&str; 2] = ["__createdtime__", "__updatedtime__"];
