//! Validates an `add_role` or `alter_role` request and reports all errors at once, in Harper's wording and format.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use jobhost_model::{Catalog, Right, Table, TableName};

const REQUEST_KEYS: [&str; 5] = ["operation", "role", "id", "permission", "access"];
const ATTRIBUTE_PERMISSIONS: &str = "attribute_permissions";
const ATTRIBUTE_NAME: &str = "attribute_name";
/// Maximum number of reported errors.
const MAX_ERRORS: usize = 200;

/// All errors in a role: general ones, and by `database_table`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RoleErrors {
    pub main_permissions: Vec<String>,
    pub schema_permissions: BTreeMap<String, Vec<String>>,
}

impl RoleErrors {
    pub fn is_empty(&self) -> bool {
        self.main_permissions.is_empty() && self.schema_permissions.is_empty()
    }

    fn main(&mut self, sentence: impl Into<String>) {
        if self.main_permissions.len() < MAX_ERRORS {
            self.main_permissions.push(sentence.into());
        }
    }

    fn table(&mut self, table: &TableName, sentence: impl Into<String>) {
        if self.schema_permissions.len() < MAX_ERRORS {
            let sentences = self.schema_permissions.entry(format!("{}_{}", table.database, table.table)).or_default();
            if sentences.len() < MAX_ERRORS {
                sentences.push(sentence.into());
            }
        }
    }
}

/// A validated request to add or alter a role.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleRequest {
    pub id: Option<String>,
    pub role: Option<String>,
    pub permission: Map<String, Value>,
}

impl RoleRequest {
    /// Validates an `add_role` request. Requires `role` and `permission`.
    pub fn to_add(request: &Map<String, Value>, catalog: &Catalog) -> Result<Self, RoleErrors> {
        RoleRequest::check(request, catalog, "role")
    }

    /// Validates an `alter_role` request. Requires `id` and `permission`.
    pub fn to_alter(request: &Map<String, Value>, catalog: &Catalog) -> Result<Self, RoleErrors> {
        RoleRequest::check(request, catalog, "id")
    }

    fn check(request: &Map<String, Value>, catalog: &Catalog, required: &str) -> Result<Self, RoleErrors> {
        let mut errors = RoleErrors::default();
        let unknown: Vec<_> =
            request.keys().map(String::as_str).filter(|key| !REQUEST_KEYS.contains(key)).take(MAX_ERRORS).collect();
        if !unknown.is_empty() {
            let keys = if unknown.len() > 1 { "keys" } else { "key" };
            errors.main(format!("Invalid {keys} in JSON body - '{}'", unknown.join("', '")));
        }
        let role = check_name(request, "role", "Role", required == "role", &mut errors);
        let id = check_name(request, "id", "Id", required == "id", &mut errors);
        let permission = match request.get("permission") {
            None | Some(Value::Null) => {
                errors.main("Permission can't be blank");
                Map::new()
            }
            Some(Value::Object(permission)) => {
                check_permission(permission, catalog, &mut errors);
                permission.clone()
            }
            Some(_) => {
                errors.main("Permission must be an object");
                Map::new()
            }
        };
        if errors.is_empty() { Ok(RoleRequest { id, role, permission }) } else { Err(errors) }
    }
}

fn check_name(
    request: &Map<String, Value>,
    key: &str,
    label: &str,
    required: bool,
    errors: &mut RoleErrors,
) -> Option<String> {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    match request.get(key) {
        None | Some(Value::Null) if !required => None,
        None | Some(Value::Null) => {
            errors.main(format!("{label} can't be blank"));
            None
        }
        Some(Value::String(name)) if name.is_empty() => {
            errors.main(format!("{label} can't be blank"));
            None
        }
        Some(Value::String(name)) if name.chars().all(word) && name.len() <= 250 => Some(name.clone()),
        Some(_) => {
            errors.main(format!("{label} is invalid"));
            None
        }
    }
}

fn check_permission(permission: &Map<String, Value>, catalog: &Catalog, errors: &mut RoleErrors) {
    if permission.get("super_user") == Some(&Value::Bool(true)) && permission.len() > 1 {
        errors.main("Roles with 'super_user' set to true cannot have other permissions set.");
    }
    for (key, value) in permission {
        match key.as_str() {
            "super_user" | "cluster_user" => {
                if !value.is_boolean() {
                    errors.main(format!("Value for '{key}' permission must be a boolean"));
                }
            }
            "structure_user" => check_structure(value, catalog, errors),
            database => check_database(database, value, catalog, errors),
        }
    }
}

fn check_structure(value: &Value, catalog: &Catalog, errors: &mut RoleErrors) {
    match value {
        Value::Bool(_) => {}
        Value::Array(names) => {
            for name in names {
                match name.as_str() {
                    Some(name) if catalog.has_database(name) => {}
                    Some(name) => errors.main(format!("database '{name}' does not exist")),
                    None => errors.main(format!("database '{name}' does not exist")),
                }
            }
        }
        _ => errors.main("Value for 'structure_user' permission must be a boolean or Array"),
    }
}

fn check_database(database: &str, value: &Value, catalog: &Catalog, errors: &mut RoleErrors) {
    let Some(tables) = catalog.databases.get(database) else {
        errors.main(format!("database '{database}' does not exist"));
        return;
    };
    let permissions = match (value, value.get("tables")) {
        (Value::Object(_), None) => return,
        (Value::Object(_), Some(Value::Object(permissions))) => permissions,
        (Value::Object(_), Some(_)) => {
            errors.main(format!("Value for 'tables' of database '{database}' must be an object"));
            return;
        }
        _ => {
            errors.main(format!("Permission for database '{database}' must be an object"));
            return;
        }
    };
    for (name, permission) in permissions {
        match tables.get(name) {
            None => errors.main(format!("Table '{database}.{name}' does not exist")),
            Some(table) => check_table(table, permission, errors),
        }
    }
}

fn check_table(table: &Table, permission: &Value, errors: &mut RoleErrors) {
    let Some(permission) = permission.as_object() else {
        errors.table(&table.name, "Table permission must be an object");
        return;
    };
    for key in permission.keys() {
        if key != ATTRIBUTE_PERMISSIONS && !Right::ALL.iter().any(|right| right.name() == key) {
            errors.table(&table.name, format!("Invalid table permission key value '{key}'"));
        }
    }
    for right in Right::ALL {
        let shown = right.name().to_uppercase();
        match permission.get(right.name()) {
            None | Some(Value::Null) => errors.table(&table.name, format!("Missing table {shown} permission")),
            Some(Value::Bool(_)) => {}
            Some(_) => errors.table(&table.name, format!("Table {shown} permission must be a boolean")),
        }
    }
    match permission.get(ATTRIBUTE_PERMISSIONS) {
        None => errors.table(&table.name, "Missing 'attribute_permissions' array"),
        Some(Value::Null) => {}
        Some(Value::Array(attributes)) => check_attributes(table, permission, attributes, errors),
        Some(_) => errors.table(&table.name, "Value for 'attribute_permissions' must be an array"),
    }
}

fn check_attributes(table: &Table, permission: &Map<String, Value>, attributes: &[Value], errors: &mut RoleErrors) {
    let mut granted_to_any = [false; Right::OF_ATTRIBUTES.len()];
    for attribute in attributes {
        let Some(attribute) = attribute.as_object() else {
            errors.table(&table.name, "Items of 'attribute_permissions' must be objects");
            continue;
        };
        for key in attribute.keys() {
            if key != ATTRIBUTE_NAME && !Right::ALL.iter().any(|right| right.name() == key) {
                errors.table(&table.name, format!("Invalid attribute permission key value '{key}'"));
            }
        }
        let name = match attribute.get(ATTRIBUTE_NAME) {
            Some(Value::String(name)) => name,
            None | Some(Value::Null) => {
                let sentence = "Permission object in 'attribute_permission' missing an 'attribute_name'";
                errors.table(&table.name, sentence);
                continue;
            }
            Some(other) => {
                errors.table(&table.name, format!("Invalid attribute '{other}' in 'attribute_permissions'"));
                continue;
            }
        };
        if !table.has_attribute(name) {
            errors.table(&table.name, format!("Invalid attribute '{name}' in 'attribute_permissions'"));
            continue;
        }
        for (right, granted) in Right::OF_ATTRIBUTES.into_iter().zip(&mut granted_to_any) {
            let shown = right.name().to_uppercase();
            match attribute.get(right.name()) {
                None | Some(Value::Null) => {
                    errors.table(&table.name, format!("{shown} attribute permission missing for '{name}'"));
                }
                Some(Value::Bool(value)) => *granted |= value,
                Some(_) => {
                    errors.table(&table.name, format!("{shown} attribute permission for '{name}' must be a boolean"))
                }
            }
        }
    }
    let refused = |right: Right| permission.get(right.name()) == Some(&Value::Bool(false));
    if Right::OF_ATTRIBUTES.into_iter().zip(granted_to_any).any(|(right, granted)| granted && refused(right)) {
        errors.table(
            &table.name,
            format!(
                "You have a conflict with TABLE permissions for '{}' being false and ATTRIBUTE permissions being true",
                table.name
            ),
        );
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
