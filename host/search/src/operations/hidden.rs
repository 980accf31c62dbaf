//! Errors about names that a user may not read, worded so that they reveal nothing: a hidden attribute, a missing one,
//! and an attribute of a table without read permission are reported in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::readable::readable;
use crate::query::QueryError;
use crate::sql::{self, SqlStatement, VisibleTable};
use jobhost_access::{Denial, Role};
use jobhost_model::{Catalog, Right, Table, TableName};

/// Maximum number of unknown names to resolve. Each requires preparing the statement again. Beyond that, the original
/// error is returned, which says only that an attribute is unknown.
const MAX_ATTEMPTS: usize = 64;

/// A name that no attribute can have.
const PLACEHOLDER: &str = "undefined";

/// Returns the denial for a statement that would be valid if every name in it existed, or `None` if the statement is
/// invalid for another reason.
pub(super) fn hidden_attributes(statement: &SqlStatement, role: &Role, catalog: &Catalog) -> Option<Denial> {
    let mut seen: Vec<Seen> = statement.tables().iter().map(|name| Seen::new(name, role, catalog)).collect();
    if seen.iter().all(|table| table.sight == Sight::Whole) {
        return None;
    }
    let reads = reads_of(statement, &mut seen)?;
    let mut denied = Denial::default();
    // The caller has already reported the tables that cannot be read at all.
    for Seen { visible: VisibleTable { table, .. }, sight } in &seen {
        if *sight == Sight::Attributes
            && let Some(names) = reads.get(&table.name)
            && let Err(denial) =
                role.check_readable(table, names.iter().map(String::as_str).filter(|name| *name != PLACEHOLDER))
        {
            denied.add(denial);
        }
    }
    (!denied.is_empty()).then_some(denied)
}

/// How much of a table the role can see.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    Whole,
    Attributes,
    Nothing,
}

/// A table with the columns that the role can see, plus those that the statement is assumed to refer to.
struct Seen {
    visible: VisibleTable,
    sight: Sight,
}

impl Seen {
    fn new(name: &TableName, role: &Role, catalog: &Catalog) -> Self {
        let (visible, sight) = match catalog.table(name) {
            Some(table) if role.check_table(catalog, name, Right::Read).is_ok() => {
                if role.restricts_attributes(table) {
                    let columns = readable(role, table);
                    (VisibleTable { table: Arc::clone(table), columns }, Sight::Attributes)
                } else {
                    (VisibleTable::whole(Arc::clone(table)), Sight::Whole)
                }
            }
            // A missing table and a hidden one are treated the same.
            _ => (VisibleTable { table: Arc::new(nothing_known(name)), columns: Vec::new() }, Sight::Nothing),
        };
        Seen { visible, sight }
    }

    /// Returns the table with at least one column, because SQLite rejects `t.*` of a table without columns.
    fn for_sqlite(&self) -> VisibleTable {
        let mut visible = self.visible.clone();
        if visible.columns.is_empty() {
            visible.columns.push(PLACEHOLDER.to_owned());
        }
        visible
    }

    /// Adds a column. Returns false if the table is fully visible or has the column already.
    fn pretend(&mut self, name: &str) -> bool {
        let columns = &mut self.visible.columns;
        let new = self.sight != Sight::Whole && !columns.iter().any(|column| column == name);
        if new {
            columns.push(name.to_owned());
        }
        new
    }
}

fn nothing_known(name: &TableName) -> Table {
    let (name, primary_key) = (name.clone(), String::new());
    Table { name, id: 0, primary_key, schema_defined: false, attributes: Vec::new().into() }
}

/// Returns what the statement would read. Each unknown name is assumed to exist in every table that may hide it, so the
/// result does not depend on what really exists.
fn reads_of(statement: &SqlStatement, seen: &mut [Seen]) -> Option<BTreeMap<TableName, BTreeSet<String>>> {
    for _ in 0..MAX_ATTEMPTS {
        let visible: Vec<VisibleTable> = seen.iter().map(Seen::for_sqlite).collect();
        let sentence = match sql::prepare(statement, &visible) {
            Ok(checked) => return Some(checked.reads),
            Err(QueryError::Invalid(sentence)) => sentence,
            Err(_) => return None,
        };
        let changed = match (unknown_in(&sentence), ambiguous_in(&sentence)) {
            (Some(name), _) => seen.iter_mut().filter_map(|table| table.pretend(name).then_some(())).count() > 0,
            (None, Some(name)) => keep_first(seen, name),
            (None, None) => false,
        };
        if !changed {
            return None;
        }
    }
    None
}

/// Resolves a name that was assumed to exist in several tables: keeps it in the first one only.
fn keep_first(seen: &mut [Seen], name: &str) -> bool {
    let has = |table: &Seen| table.visible.columns.iter().any(|column| column == name);
    let known = seen.iter().position(|table| table.sight == Sight::Whole && has(table));
    let first = known.or_else(|| seen.iter().position(has));
    let mut changed = false;
    for (number, table) in seen.iter_mut().enumerate() {
        if Some(number) != first && table.sight != Sight::Whole && has(table) {
            table.visible.columns.retain(|column| column != name);
            changed = true;
        }
    }
    changed
}

fn unknown_in(sentence: &str) -> Option<&str> {
    sentence.strip_prefix("unknown attribute '")?.strip_suffix('\'')
}

fn ambiguous_in(sentence: &str) -> Option<&str> {
    let (name, _) = sentence.strip_prefix("attribute '")?.rsplit_once("' is in more than one table")?;
    Some(name)
}
