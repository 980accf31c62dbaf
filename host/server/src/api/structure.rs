//! Creating and dropping databases, tables and attributes.

use serde_json::{Map, Value};

use super::call::Call;
use super::envelope::Envelope;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::names::{self, Problems};
use super::reply::Reply;
use jobhost_model::table::{CREATED_TIME, MAX_ATTRIBUTES, SYSTEM_DATABASE, UPDATED_TIME};
use jobhost_model::{Attribute, AttributeType, Table, TableName};
use jobhost_search::missing_table;
use jobhost_store::CatalogChange;
use jobhost_store::batch::{FORBIDDEN_CHARACTER, has_forbidden_character, is_impossible_name};

const SYSTEM_IS_OURS: &str =
    "The 'system' database, tables and records are used internally by HarperDB and cannot be updated or removed.";
const MAX_ATTRIBUTE_NAME_BYTES: usize = 250;

/// Returns the database of the request if the role may change its structure.
fn permitted_database(call: &Call<'_>) -> Result<String, ApiError> {
    let database = names::database(call.envelope)?;
    let named = database.as_deref().unwrap_or_default();
    call.user.role.check_structure(call.envelope.operation(), named)?;
    database.map_err(ApiError::bad_request)
}

/// Returns the table of the request if the role may change its database's structure.
fn permitted_table(call: &Call<'_>) -> Result<TableName, ApiError> {
    let database = names::database(call.envelope)?;
    check_permission(call, database.as_deref().unwrap_or_default())?;
    names::only_table_name(call.envelope)
}

fn check_permission(call: &Call<'_>, database: &str) -> Result<(), ApiError> {
    if database == SYSTEM_DATABASE {
        return Err(system_is_ours());
    }
    Ok(call.user.role.check_structure(call.envelope.operation(), database)?)
}

fn system_is_ours() -> ApiError {
    ApiError::new(ErrorCode::PermissionDenied, SYSTEM_IS_OURS)
}

/// Returns the table, or 404 with Harper's message.
pub(super) fn existing_table(call: &Call<'_>, name: &TableName) -> Result<std::sync::Arc<Table>, ApiError> {
    let catalog = call.state.store.catalog();
    catalog.table(name).cloned().ok_or_else(|| ApiError::not_found(missing_table(&catalog, name)))
}

pub(super) async fn create_database(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = permitted_database(call)?;
    if name == SYSTEM_DATABASE || call.state.store.catalog().has_database(&name) {
        return Err(ApiError::bad_request(format!("database '{name}' already exists")));
    }
    call.state.store.change_catalog(CatalogChange::CreateDatabase { name: name.clone() }).await?;
    Ok(Reply::Message(format!("database '{name}' successfully created")))
}

pub(super) async fn drop_database(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = permitted_database(call)?;
    if !call.envelope.has("database") && !call.envelope.has("schema") {
        // Guessing the default database would be dangerous when dropping it.
        return Err(ApiError::bad_request("'database' is required"));
    }
    if name == SYSTEM_DATABASE {
        return Err(system_is_ours());
    }
    if !call.state.store.catalog().has_database(&name) {
        return Err(ApiError::not_found(format!("database '{name}' does not exist")));
    }
    call.state.store.change_catalog(CatalogChange::DropDatabase { name: name.clone() }).await?;
    Ok(Reply::Message(format!("successfully deleted '{name}'")))
}

pub(super) async fn create_table(call: &Call<'_>) -> Result<Reply, ApiError> {
    let database = names::database(call.envelope)?;
    check_permission(call, database.as_deref().unwrap_or_default())?;
    let mut problems = Problems::default();
    let name = names::table_name(call.envelope, &mut problems)?;
    let declared = problems.take(declared_attributes(call.envelope)?).flatten();
    let primary_key = problems.take(primary_key(call.envelope, declared.as_ref())?);
    let (Some(name), Some(primary_key)) = (name, primary_key) else { return Err(problems.into()) };
    problems.none().map_err(ApiError::bad_request)?;
    if call.state.store.catalog().table(&name).is_some() {
        return Err(ApiError::bad_request(format!("Table '{}' already exists in '{}'", name.table, name.database)));
    }
    let schema_defined = declared.is_some();
    let attributes = declared.map(|declared| declared.attributes).unwrap_or_default();
    let change = CatalogChange::CreateTable { name: name.clone(), primary_key, schema_defined, attributes };
    call.state.store.change_catalog(change).await?;
    Ok(Reply::Message(format!("table '{name}' successfully created.")))
}

pub(super) async fn drop_table(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = permitted_table(call)?;
    existing_table(call, &name)?;
    call.state.store.change_catalog(CatalogChange::DropTable { name: name.clone() }).await?;
    Ok(Reply::Message(format!("successfully deleted table '{name}'")))
}

pub(super) async fn create_attribute(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = permitted_table(call)?;
    let attribute = match call.envelope.value("attribute")? {
        None | Some(Value::Null) => return Err(ApiError::bad_request("Attribute name is required")),
        Some(value) => attribute_name("attribute", &value).map_err(ApiError::bad_request)?,
    };
    let mut members = Map::new();
    for member in ["type", "indexed"] {
        if let Some(value) = call.envelope.value(member)? {
            members.insert(member.to_owned(), value);
        }
    }
    let attribute_type = attribute_type(&members, "").map_err(ApiError::bad_request)?;
    let indexed = indexed(&members, "").map_err(ApiError::bad_request)?;
    let table = existing_table(call, &name)?;
    if table.has_attribute(&attribute) {
        return Err(ApiError::bad_request(format!("attribute '{attribute}' already exists in {name}")));
    }
    let attribute = Attribute { name: attribute, attribute_type, indexed };
    let created = format!("attribute '{name}.{}' successfully created.", attribute.name);
    call.state.store.change_catalog(CatalogChange::CreateAttribute { name, attribute }).await?;
    Ok(Reply::Message(created))
}

pub(super) async fn drop_attribute(call: &Call<'_>) -> Result<Reply, ApiError> {
    let name = permitted_table(call)?;
    let attribute = match call.envelope.value("attribute")? {
        None => return Err(ApiError::bad_request("'attribute' is required")),
        Some(value) => attribute_name("attribute", &value).map_err(ApiError::bad_request)?,
    };
    let table = existing_table(call, &name)?;
    if attribute == table.primary_key {
        return Err(ApiError::bad_request("You cannot drop a hash attribute"));
    }
    if attribute == CREATED_TIME || attribute == UPDATED_TIME {
        return Err(ApiError::bad_request(format!("cannot drop internal timestamp attribute: {attribute}")));
    }
    let dropped = format!("successfully deleted attribute '{attribute}'");
    // Dropping an attribute that does not exist succeeds, as clients expect.
    if table.has_attribute(&attribute) {
        call.state.store.change_catalog(CatalogChange::DropAttribute { name, attribute }).await?;
    }
    Ok(Reply::Message(dropped))
}

/// The `attributes` of `create_table`.
struct Declared {
    attributes: Vec<Attribute>,
    /// The attribute declared as the primary key.
    primary_key: Option<String>,
}

fn declared_attributes(envelope: &Envelope) -> Result<Result<Option<Declared>, String>, ApiError> {
    Ok(match envelope.value("attributes")? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => declare(&items).map(Some),
        Some(_) => Err("'attributes' must be an array".to_owned()),
    })
}

fn declare(items: &[Value]) -> Result<Declared, String> {
    if items.len() > MAX_ATTRIBUTES {
        return Err(format!("'attributes' must contain at most {MAX_ATTRIBUTES} items"));
    }
    let mut declared = Declared { attributes: Vec::with_capacity(items.len()), primary_key: None };
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let path = format!("attributes[{number}]");
        let item = item.as_object().ok_or_else(|| format!("'{path}' must be of type object"))?;
        let name =
            item.get("name").or_else(|| item.get("attribute")).ok_or_else(|| format!("'{path}.name' is required"))?;
        let name = attribute_name(&format!("{path}.name"), name)?;
        let path = format!("{path}.");
        let attribute_type = attribute_type(item, &path)?;
        let indexed = item.contains_key("indexed") && indexed(item, &path)?;
        if !seen.insert(name.clone()) {
            return Err(format!("'attributes' contains '{name}' twice"));
        }
        match item.get("is_primary_key") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if declared.primary_key.is_some() => {
                return Err("'attributes' must contain one primary key only".to_owned());
            }
            Some(Value::Bool(true)) => declared.primary_key = Some(name.clone()),
            Some(_) => return Err(format!("'{path}is_primary_key' must be a boolean")),
        }
        if name != CREATED_TIME && name != UPDATED_TIME {
            declared.attributes.push(Attribute { name, attribute_type, indexed });
        }
    }
    Ok(declared)
}

fn primary_key(envelope: &Envelope, declared: Option<&Declared>) -> Result<Result<String, String>, ApiError> {
    let marked = declared.and_then(|declared| declared.primary_key.clone());
    let named = match envelope.first_of(&["primary_key", "hash_attribute"])? {
        None => None,
        Some((label, Value::Null)) => return Ok(Err(format!("'{label}' must be a string"))),
        Some((label, value)) => match names::check_name(label, &value) {
            Ok(name) => Some(name),
            // Harper's message about invalid characters names the older synonym, whichever was sent.
            Err(sentence) if sentence.contains("names cannot") => {
                return Ok(Err(sentence.replace(label, "hash_attribute")));
            }
            Err(sentence) => return Ok(Err(sentence)),
        },
    };
    Ok(match (named, marked) {
        (None, None) => Err("'primary_key' is required".to_owned()),
        (Some(named), Some(marked)) if named != marked => {
            Err(format!("'primary_key' is '{named}', but 'attributes' marks '{marked}' as the primary key"))
        }
        (Some(name), _) | (None, Some(name)) if name == CREATED_TIME || name == UPDATED_TIME => {
            Err(format!("'primary_key' cannot be '{name}', which the host sets itself"))
        }
        (Some(name), _) | (None, Some(name)) => Ok(name),
    })
}

fn attribute_name(label: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(name) if is_impossible_name(name) => {
            Err(format!("Invalid attribute name: '{}'", name.escape_debug()))
        }
        Value::String(name) if has_forbidden_character(name) => Err(FORBIDDEN_CHARACTER.to_owned()),
        Value::String(name) if name.len() > MAX_ATTRIBUTE_NAME_BYTES => {
            Err(format!("'{label}' must have at most {MAX_ATTRIBUTE_NAME_BYTES} bytes"))
        }
        Value::String(name) => Ok(name.clone()),
        _ => Err(format!("'{label}' must be a string")),
    }
}

fn attribute_type(item: &Map<String, Value>, path: &str) -> Result<Option<AttributeType>, String> {
    match item.get("type") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(|_| {
            format!("'{path}type' must be one of [Any, String, ID, Int, Long, Float, Boolean, Date, BigInt]")
        }),
    }
}

fn indexed(item: &Map<String, Value>, path: &str) -> Result<bool, String> {
    match item.get("indexed") {
        None => Ok(true),
        Some(Value::Bool(indexed)) => Ok(*indexed),
        Some(_) => Err(format!("'{path}indexed' must be a boolean")),
    }
}
