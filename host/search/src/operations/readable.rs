//! The attributes of a table that a role may read.

use crate::query::selectable_attributes;
use jobhost_access::Role;
use jobhost_model::Table;

/// What `*` shows to a role.
pub(super) fn readable(role: &Role, table: &Table) -> Vec<String> {
    let all = selectable_attributes(table).into_iter();
    all.filter(|name| role.attribute_permissions(table, name).read).map(str::to_owned).collect()
}
