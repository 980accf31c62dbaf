//! What a role denies, as a response body in Harper's format.

use std::fmt;

use serde::Serialize;

use jobhost_model::{Right, TableName};

const SENTENCE: &str = "This operation is not authorized due to role restrictions and/or invalid database items";

/// An attribute with the rights that the role lacks on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeDenial {
    pub attribute_name: String,
    pub required_permissions: Vec<Right>,
}

/// A table with the rights that the role lacks on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableDenial {
    pub schema: String,
    pub table: String,
    pub required_table_permissions: Vec<Right>,
    pub required_attribute_permissions: Vec<AttributeDenial>,
}

/// An entry of `unauthorized_access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Unauthorized {
    Sentence(String),
    Table(TableDenial),
}

/// The body of a 403 response. Serializes to `{"error", "unauthorized_access", "invalid_schema_items"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    error: &'static str,
    pub unauthorized_access: Vec<Unauthorized>,
    /// Objects that do not exist for the role. Hidden and missing ones get the same message.
    pub invalid_schema_items: Vec<String>,
}

impl Default for Denial {
    fn default() -> Self {
        Denial { error: SENTENCE, unauthorized_access: Vec::new(), invalid_schema_items: Vec::new() }
    }
}

impl Denial {
    pub fn super_user_only(operation: &str) -> Self {
        Denial::sentence(format!("Operation '{operation}' is restricted to 'super_user' roles"))
    }

    pub fn sentence(sentence: String) -> Self {
        Denial { unauthorized_access: vec![Unauthorized::Sentence(sentence)], ..Denial::default() }
    }

    pub fn invalid_item(sentence: String) -> Self {
        Denial { invalid_schema_items: vec![sentence], ..Denial::default() }
    }

    pub(super) fn table_rights(&mut self, table: &TableName, missing: Vec<Right>) {
        self.unauthorized_access.push(Unauthorized::Table(TableDenial {
            schema: table.database.clone(),
            table: table.table.clone(),
            required_table_permissions: missing,
            required_attribute_permissions: Vec::new(),
        }));
    }

    pub(super) fn attribute_rights(&mut self, table: &TableName, missing: Vec<AttributeDenial>) {
        self.unauthorized_access.push(Unauthorized::Table(TableDenial {
            schema: table.database.clone(),
            table: table.table.clone(),
            required_table_permissions: Vec::new(),
            required_attribute_permissions: missing,
        }));
    }

    /// Adds an attribute on which the role has no rights. The message is the same as for a missing attribute.
    pub(super) fn missing_attribute(&mut self, table: &TableName, name: &str) {
        self.invalid_schema_items.push(format!("Attribute '{name}' does not exist on '{table}'"));
    }

    /// Adds the entries of another denial.
    pub fn add(&mut self, other: Denial) {
        self.unauthorized_access.extend(other.unauthorized_access);
        self.invalid_schema_items.extend(other.invalid_schema_items);
    }

    pub fn is_empty(&self) -> bool {
        self.unauthorized_access.is_empty() && self.invalid_schema_items.is_empty()
    }

    /// Returns `Ok` if nothing was denied.
    pub(super) fn into_result(self) -> Result<(), Denial> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error)
    }
}

impl std::error::Error for Denial {}
