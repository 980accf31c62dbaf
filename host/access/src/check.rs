//! Authorization: checks whether a role may perform an action on tables and attributes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::denial::{AttributeDenial, Denial};
use super::permissions::{AttributePermissions, TablePermissions};
use super::role::Role;
use jobhost_model::table::SYSTEM_DATABASE;
use jobhost_model::{Action, Catalog, Right, Table, TableName};

impl Role {
    /// Checks the rights on several tables. For a super_user, a table that does not exist passes, because it is not a
    /// matter of permission. Nobody may modify the tables of the system database.
    pub fn check_tables(&self, catalog: &Catalog, tables: &[(TableName, Vec<Right>)]) -> Result<(), Denial> {
        let mut denial = Denial::default();
        for (table, rights) in tables {
            let rights: Vec<Right> = Right::ALL.into_iter().filter(|right| rights.contains(right)).collect();
            self.check_rights(catalog, table, &rights, &mut denial);
        }
        denial.into_result()
    }

    /// Checks one right on one table.
    pub fn check_table(&self, catalog: &Catalog, table: &TableName, right: Right) -> Result<(), Denial> {
        let mut denial = Denial::default();
        self.check_rights(catalog, table, &[right], &mut denial);
        denial.into_result()
    }

    fn check_rights(&self, catalog: &Catalog, table: &TableName, rights: &[Right], denial: &mut Denial) {
        if table.database == SYSTEM_DATABASE {
            let missing = rights.iter().copied().filter(|&right| !(self.is_super_user() && right == Right::Read));
            let missing: Vec<_> = missing.collect();
            if !missing.is_empty() {
                denial.table_rights(table, missing);
            }
            return;
        }
        if self.is_super_user() {
            return;
        }
        if !catalog.has_database(&table.database) || !self.permissions.sees_database(&table.database) {
            denial.invalid_schema_items.push(format!("database '{}' does not exist", table.database));
            return;
        }
        let permissions = match catalog.table(table) {
            Some(_) => self.permissions.table(&table.database, &table.table),
            None => None,
        };
        let Some(permissions) = permissions else {
            denial.invalid_schema_items.push(format!("Table '{table}' does not exist"));
            return;
        };
        let missing: Vec<_> = rights.iter().copied().filter(|&right| !permissions.allows(right)).collect();
        if !missing.is_empty() {
            denial.table_rights(table, missing);
        }
    }

    /// Checks whether attributes with these names may be written with this action. If the role lists attributes of the
    /// table, all others are denied, including new ones.
    pub fn check_attributes<'n>(
        &self,
        table: &Table,
        action: Action,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), Denial> {
        self.check_attribute_rights(table, Right::of_action(action), names, &|_| true)
    }

    /// Checks whether attributes with these names may be read. If the role lists attributes of the table, names that do
    /// not exist are denied as well, so that the role cannot tell hidden attributes from missing ones.
    pub fn check_readable<'n>(&self, table: &Table, names: impl IntoIterator<Item = &'n str>) -> Result<(), Denial> {
        self.check_attribute_rights(table, &[Right::Read], names, &|name| table.has_attribute(name))
    }

    fn check_attribute_rights<'n>(
        &self,
        table: &Table,
        rights: &[Right],
        names: impl IntoIterator<Item = &'n str>,
        possible: &dyn Fn(&str) -> bool,
    ) -> Result<(), Denial> {
        let Some(permissions) = self.restrictions(table) else { return Ok(()) };
        let mut denial = Denial::default();
        let mut missing: Vec<AttributeDenial> = Vec::new();
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                continue;
            }
            let granted = permissions.attribute(name, name == table.primary_key);
            let lacking: Vec<_> = rights.iter().copied().filter(|&right| !granted.allows(right)).collect();
            if !granted.any() || !possible(name) {
                denial.missing_attribute(&table.name, name);
            } else if !lacking.is_empty() {
                missing.push(AttributeDenial { attribute_name: name.to_owned(), required_permissions: lacking });
            }
        }
        if !missing.is_empty() {
            denial.attribute_rights(&table.name, missing);
        }
        denial.into_result()
    }

    /// Returns the role's rights on one attribute of a table.
    pub fn attribute_permissions(&self, table: &Table, name: &str) -> AttributePermissions {
        match self.restrictions(table) {
            Some(permissions) => permissions.attribute(name, name == table.primary_key),
            None => AttributePermissions { read: true, insert: true, update: true },
        }
    }

    /// Returns whether the role may access only some attributes of the table.
    pub fn restricts_attributes(&self, table: &Table) -> bool {
        self.restrictions(table).is_some()
    }

    fn restrictions(&self, table: &Table) -> Option<Cow<'_, TablePermissions>> {
        if self.is_super_user() {
            return None;
        }
        // `check_table` rejects tables that the role cannot see. If it was not called, deny every attribute.
        let permissions = self.permissions.table(&table.name.database, &table.name.table);
        match permissions {
            Some(permissions) if permissions.attributes.is_empty() => None,
            Some(permissions) => Some(permissions),
            None => Some(Cow::Owned(TablePermissions {
                attributes: [(String::new(), AttributePermissions::default())].into(),
                ..TablePermissions::default()
            })),
        }
    }

    /// Returns whether the role can see that the table exists.
    pub fn sees_table(&self, table: &TableName) -> bool {
        self.is_super_user() || self.permissions.table(&table.database, &table.table).is_some()
    }

    /// Returns whether the role can see that the database exists.
    pub fn sees_database(&self, database: &str) -> bool {
        self.is_super_user() || self.permissions.sees_database(database)
    }

    /// Checks whether the role may create and drop databases, tables and attributes.
    pub fn check_structure(&self, operation: &str, database: &str) -> Result<(), Denial> {
        if self.is_super_user() || self.permissions.structure_of(database) {
            return Ok(());
        }
        if self.permissions.structure == super::permissions::StructureRight::None {
            return Err(Denial::super_user_only(operation));
        }
        Err(Denial::sentence(format!("User does not have access to perform '{operation}' against schema '{database}'")))
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
