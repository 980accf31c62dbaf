//! The permissions of a role as types. `validate` checks what a client sent, and clients get it back unchanged. All
//! decisions are based on these types.

use jobhost_model::Right;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The rights on one attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttributePermissions {
    pub read: bool,
    pub insert: bool,
    pub update: bool,
}

impl AttributePermissions {
    pub fn allows(self, right: Right) -> bool {
        match right {
            Right::Read => self.read,
            Right::Insert => self.insert,
            Right::Update => self.update,
            Right::Delete => false,
        }
    }

    pub fn any(self) -> bool {
        self.read || self.insert || self.update
    }
}

/// The rights on one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablePermissions {
    pub read: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    /// Rights by attribute. If empty, there are no restrictions; otherwise attributes that are not listed are denied.
    pub attributes: BTreeMap<String, AttributePermissions>,
}

impl TablePermissions {
    pub fn allows(&self, right: Right) -> bool {
        match right {
            Right::Read => self.read,
            Right::Insert => self.insert,
            Right::Update => self.update,
            Right::Delete => self.delete,
        }
    }

    /// Returns whether the role has any right on the table. Without one, the table does not exist for the role.
    pub fn visible(&self) -> bool {
        Right::ALL.iter().any(|&right| self.allows(right))
    }

    /// Returns the rights on an attribute. A primary key that is not listed has every right that any listed attribute
    /// has, because the listed ones could not be used without it.
    pub fn attribute(&self, name: &str, is_primary_key: bool) -> AttributePermissions {
        if self.attributes.is_empty() {
            return AttributePermissions { read: true, insert: true, update: true };
        }
        match self.attributes.get(name) {
            Some(permissions) => *permissions,
            None if is_primary_key => {
                let any = |right| self.attributes.values().any(|permissions| permissions.allows(right));
                AttributePermissions { read: any(Right::Read), insert: any(Right::Insert), update: any(Right::Update) }
            }
            None => AttributePermissions::default(),
        }
    }

    fn full() -> Self {
        TablePermissions { read: true, insert: true, update: true, delete: true, attributes: BTreeMap::new() }
    }
}

/// Where a role may create and drop databases, tables and attributes without being a super_user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StructureRight {
    #[default]
    None,
    AllDatabases,
    Databases(BTreeSet<String>),
}

/// All permissions of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    pub super_user: bool,
    pub structure: StructureRight,
    pub databases: BTreeMap<String, BTreeMap<String, TablePermissions>>,
}

impl Permissions {
    /// Parses a permission object that `validate` has accepted. Anything unexpected grants nothing.
    pub fn parse(permission: &Map<String, Value>) -> Self {
        let mut permissions = Permissions::default();
        for (key, value) in permission {
            match key.as_str() {
                "super_user" => permissions.super_user = value == &Value::Bool(true),
                "cluster_user" => {}
                "structure_user" => permissions.structure = parse_structure(value),
                database => {
                    let tables = value.get("tables").and_then(Value::as_object);
                    let tables = tables.into_iter().flatten().map(|(name, table)| (name.clone(), parse_table(table)));
                    permissions.databases.insert(database.to_owned(), tables.collect());
                }
            }
        }
        permissions
    }

    pub fn structure_of(&self, database: &str) -> bool {
        match &self.structure {
            StructureRight::None => false,
            StructureRight::AllDatabases => true,
            StructureRight::Databases(databases) => databases.contains(database),
        }
    }

    /// Returns the rights on a table, whether it exists or not, or `None` if the role cannot see it.
    pub fn table(&self, database: &str, table: &str) -> Option<Cow<'_, TablePermissions>> {
        if self.structure_of(database) {
            return Some(Cow::Owned(TablePermissions::full()));
        }
        let listed = self.databases.get(database)?.get(table);
        listed.filter(|permissions| permissions.visible()).map(Cow::Borrowed)
    }

    /// Returns whether the role can see anything in the database.
    pub fn sees_database(&self, database: &str) -> bool {
        self.structure_of(database)
            || self.databases.get(database).is_some_and(|tables| tables.values().any(TablePermissions::visible))
    }
}

fn parse_structure(value: &Value) -> StructureRight {
    match value {
        Value::Bool(true) => StructureRight::AllDatabases,
        Value::Array(names) => {
            StructureRight::Databases(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => StructureRight::None,
    }
}

fn parse_table(table: &Value) -> TablePermissions {
    let granted = |object: &Value, right: Right| object.get(right.name()) == Some(&Value::Bool(true));
    let listed = table.get("attribute_permissions").and_then(Value::as_array);
    let attributes = listed.into_iter().flatten().filter_map(|item| {
        let name = item.get("attribute_name")?.as_str()?;
        let permissions = AttributePermissions {
            read: granted(item, Right::Read),
            insert: granted(item, Right::Insert),
            update: granted(item, Right::Update),
        };
        Some((name.to_owned(), permissions))
    });
    TablePermissions {
        read: granted(table, Right::Read),
        insert: granted(table, Right::Insert),
        update: granted(table, Right::Update),
        delete: granted(table, Right::Delete),
        attributes: attributes.collect(),
    }
}
