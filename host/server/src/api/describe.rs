//! Descriptions of databases and tables, restricted to what the role can see.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::aside::aside_if_large;
use super::call::Call;
use super::error::ApiError;
use super::names;
use super::reply::Reply;
use super::structure::existing_table;
use jobhost_access::{Denial, Role};
use jobhost_model::table::{CREATED_TIME, SYSTEM_DATABASE, Table, UPDATED_TIME};

pub(super) async fn all(call: &Call<'_>) -> Result<Reply, ApiError> {
    let catalog = call.state.store.catalog();
    let size = call.state.store.size().await?;
    let mut databases = Map::new();
    for (name, tables) in &catalog.databases {
        if name != SYSTEM_DATABASE && call.user.role.sees_database(name) {
            let tables = describe_tables(call, tables.values(), size).await?;
            databases.insert(name.clone(), Value::Object(tables));
        }
    }
    Reply::json(&databases)
}

pub(super) async fn database(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = names::database(call.envelope)?;
    if let Ok(name) = &name
        && !call.user.role.sees_database(name)
    {
        return Err(Denial::invalid_item(format!("database '{name}' does not exist")).into());
    }
    let name = name.map_err(ApiError::bad_request)?;
    let catalog = call.state.store.catalog();
    let tables =
        catalog.databases.get(&name).ok_or_else(|| ApiError::not_found(format!("database '{name}' does not exist")))?;
    let size = call.state.store.size().await?;
    Reply::json(&describe_tables(call, tables.values(), size).await?)
}

pub(super) async fn table(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = names::only_table_name(call.envelope)?;
    if !call.user.role.sees_table(&name) {
        return Err(Denial::invalid_item(format!("Table '{name}' does not exist")).into());
    }
    let table = existing_table(call, &name)?;
    let size = call.state.store.size().await?;
    let (described, bytes) = (describe(call, &table, size).await?, table.attributes.len() * 64);
    aside_if_large(call.state, call.account, bytes, move || Reply::json(&described)).await?
}

async fn describe_tables<'t>(
    call: &Call<'_>,
    tables: impl Iterator<Item = &'t Arc<Table>> + Send,
    size: u64,
) -> Result<Map<String, Value>, ApiError> {
    let mut described = Map::new();
    for table in tables {
        if call.user.role.sees_table(&table.name) {
            described.insert(table.name.table.clone(), describe(call, table, size).await?);
        }
    }
    Ok(described)
}

async fn describe(call: &Call<'_>, table: &Arc<Table>, size: u64) -> Result<Value, ApiError> {
    let statistics = call.state.store.statistics(&table.name).await?;
    let number = table.attributes.len();
    call.held.grow((number as u64).saturating_mul(ATTRIBUTE_BYTES))?;
    let (role, described) = (Arc::clone(&call.user.role), Arc::clone(table));
    let attributes =
        aside_if_large(call.state, call.account, number * 64, move || attributes(&role, &described)).await?;
    let mut description = json!({
        "schema": table.name.database,
        "name": table.name.table,
        "hash_attribute": table.primary_key,
        "audit": false,
        "schema_defined": table.schema_defined,
        "attributes": attributes,
        "db_size": size,
        "record_count": statistics.record_count,
        "table_size": statistics.table_size,
        "db_audit_size": 0,
    });
    if let (Some(time), Some(members)) = (statistics.last_updated, description.as_object_mut()) {
        members.insert("last_updated_record".to_owned(), time.to_json_millis());
    }
    Ok(description)
}

/// The memory that an attribute's description takes, as values and as text.
const ATTRIBUTE_BYTES: u64 = 2048;

/// The attributes in order: the key, then the host's times where the schema does not define them, then the rest in
/// order of discovery.
fn attributes(role: &Role, table: &Table) -> Vec<Value> {
    let times: &[&str] = if table.schema_defined { &[] } else { &[CREATED_TIME, UPDATED_TIME] };
    let key = std::iter::once((table.primary_key.as_str(), true));
    let times = times.iter().map(|name| (*name, false));
    let others = table.attributes.iter().map(|attribute| (attribute.name.as_str(), false));
    let all = key.chain(times).chain(others.filter(|(name, _)| *name != table.primary_key));
    let visible = all.filter(|(name, _)| role.attribute_permissions(table, name).any());
    visible.map(|(name, is_key)| describe_attribute(table, name, is_key)).collect()
}

fn describe_attribute(table: &Table, name: &str, is_key: bool) -> Value {
    let known = table.attribute(name);
    let mut described = Map::new();
    described.insert("attribute".to_owned(), name.into());
    if let Some(attribute_type) = known.and_then(|attribute| attribute.attribute_type) {
        described.insert("type".to_owned(), json!(attribute_type));
    }
    // Every table indexes the host's times, also where they are not among its attributes.
    if !is_key && known.is_none_or(|attribute| attribute.indexed) {
        described.insert("indexed".to_owned(), true.into());
    }
    if is_key {
        described.insert("is_primary_key".to_owned(), true.into());
    }
    Value::Object(described)
}
