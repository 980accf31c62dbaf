//! `search_by_id`, `search_by_value` and `search_by_conditions`: from the request to a query, and what the role may see
//! of the result.

use serde_json::Value;

use super::dispatch::Call;
use super::error::ApiError;
use super::names::{self, Problems};
use super::reply::Reply;
use super::rows;
use super::structure::existing_table;
use super::write::keys;
use crate::access::Right;
use crate::records::query::{Filter, Query, Search, SearchLimits, Separator, Sort, selectable_attributes};
use crate::records::{Table, TableName};

/// Attributes that one request may ask for.
const MAX_SELECTED: usize = 10_000;

pub(super) async fn by_id(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Problems::default();
    let name = permitted_table(call, &mut problems)?;
    let keys = keys(call, &mut problems)?;
    if !call.envelope.has("get_attributes") {
        problems.add("'get_attributes' is required");
    }
    let attributes = problems.take(selection(call)?);
    let (Some(name), Some(keys), Some(attributes)) = (name, keys, attributes) else {
        return Err(problems.into_error());
    };
    problems.into_result()?;
    let keys = keys.into_iter().map(|(key, _)| key).collect();
    answer(call, &name, Query { keys: Some(keys), attributes, ..Query::everything() }).await
}

pub(super) async fn by_value(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Problems::default();
    let name = permitted_table(call, &mut problems)?;
    let attribute = match call.envelope.first_of(&["attribute", "search_attribute"])? {
        None => problems.take(Err("'attribute' is required".to_owned())),
        Some((_, Value::String(attribute))) => Some(attribute),
        Some(_) => problems.take(Err("'attribute' must be a string".to_owned())),
    };
    let value = match call.envelope.first_of(&["value", "search_value"])? {
        None => problems.take(Err("'value' is required".to_owned())),
        Some((_, value)) => Some(value),
    };
    let attributes = problems.take(selection(call)?);
    let page = problems.take(page(call)?);
    let descending = problems.take(flag(call, "desc")?).unwrap_or_default()
        || problems.take(flag(call, "reverse")?).unwrap_or_default();
    let sort = problems.take(sort(call)?).flatten();
    let (Some(name), Some(attribute), Some(value), Some(attributes), Some((limit, offset))) =
        (name, attribute, value, attributes, page)
    else {
        return Err(problems.into_error());
    };
    problems.into_result()?;
    let sort = sort.or_else(|| descending.then(|| Sort { attribute: attribute.clone(), descending: true }));
    // Named here because a value of `*` leaves no condition that would name it.
    let filter = Filter::from_value(attribute.clone(), &value)?;
    let table = existing_table(call, &name)?;
    if !table.has_attribute(&attribute) {
        return Err(ApiError::bad_request(format!("unknown attribute '{attribute}'")));
    }
    call.user.role.check_readable(&table, [attribute.as_str()])?;
    answer(call, &name, Query { filter, keys: None, attributes, sort, limit, offset }).await
}

pub(super) async fn by_conditions(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut problems = Problems::default();
    let name = permitted_table(call, &mut problems)?;
    let attributes = problems.take(selection(call)?);
    let page = problems.take(page(call)?);
    let sort = problems.take(sort(call)?);
    let conditions = call.envelope.value::<Value>("conditions")?;
    let operator = call.envelope.value::<Value>("operator")?;
    let filter = problems
        .take(Filter::from_conditions(conditions.as_ref(), operator.as_ref()).map_err(|error| error.to_string()));
    let (Some(name), Some(attributes), Some((limit, offset)), Some(sort), Some(filter)) =
        (name, attributes, page, sort, filter)
    else {
        return Err(problems.into_error());
    };
    problems.into_result()?;
    answer(call, &name, Query { filter, keys: None, attributes, sort, limit, offset }).await
}

fn permitted_table(call: &Call<'_>, problems: &mut Problems) -> Result<Option<TableName>, ApiError> {
    let name = names::table_name(call.envelope, problems)?;
    if let Some(name) = &name {
        call.user.role.check_table(&call.state.store.catalogue(), name, Right::Read)?;
    }
    Ok(name)
}

async fn answer(call: &Call<'_>, name: &TableName, mut query: Query) -> Result<Reply, ApiError> {
    let table = existing_table(call, name)?;
    query.check_attributes(&table)?;
    restrict(call, &table, &mut query)?;
    let store = std::sync::Arc::clone(&call.state.store);
    let search = Search::open(store.as_ref(), &table, query, Separator::Comma, SearchLimits::default()).await?;
    rows::answer(store, search).await
}

/// Leaves in the query only what the role may read. What the client named and may not read is refused; of `*`, what it may
/// not read is left out.
fn restrict(call: &Call<'_>, table: &Table, query: &mut Query) -> Result<(), ApiError> {
    let role = &call.user.role;
    if !role.restricts_attributes(table) {
        return Ok(());
    }
    let mut named: Vec<&str> = query.attributes.iter().flatten().map(String::as_str).collect();
    query.filter.each_attribute(&mut |attribute| named.push(attribute));
    named.extend(query.sort.iter().map(|sort| sort.attribute.as_str()));
    role.check_readable(table, named)?;
    if query.attributes.is_none() {
        let all = selectable_attributes(table).into_iter();
        let readable = all.filter(|name| role.attribute_permissions(table, name).read);
        query.attributes = Some(readable.map(str::to_owned).collect());
    }
    Ok(())
}

/// `get_attributes`: `None` for everything.
fn selection(call: &Call<'_>) -> Result<Result<Option<Vec<String>>, String>, ApiError> {
    let Some(value) = call.envelope.value::<Value>("get_attributes")? else { return Ok(Ok(None)) };
    let Value::Array(items) = value else { return Ok(Err("'get_attributes' must be an array".to_owned())) };
    if items.is_empty() {
        return Ok(Err("'get_attributes' must contain at least 1 items".to_owned()));
    }
    if items.len() > MAX_SELECTED {
        return Ok(Err(format!("'get_attributes' must contain at most {MAX_SELECTED} items")));
    }
    let mut names = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    for item in items {
        match item {
            Value::String(name) if name == "*" => return Ok(Ok(None)),
            Value::String(name) => {
                if seen.insert(name.clone()) {
                    names.push(name);
                }
            }
            _ => return Ok(Err("'get_attributes' must be strings".to_owned())),
        }
    }
    Ok(Ok(Some(names)))
}

/// `limit` and `offset`.
fn page(call: &Call<'_>) -> Result<Result<(Option<u64>, u64), String>, ApiError> {
    let limit = match call.envelope.value::<Value>("limit")? {
        None => None,
        Some(value) => match whole_number("limit", &value, 1) {
            Ok(limit) => Some(limit),
            Err(sentence) => return Ok(Err(sentence)),
        },
    };
    let offset = match call.envelope.value::<Value>("offset")? {
        None => Ok(0),
        Some(value) => whole_number("offset", &value, 0),
    };
    Ok(offset.map(|offset| (limit, offset)))
}

fn whole_number(label: &str, value: &Value, least: u64) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        None => Err(format!("'{label}' must be a number")),
        Some(number) if number.fract() != 0.0 => Err(format!("'{label}' must be an integer")),
        Some(number) if number < least as f64 => Err(format!("'{label}' must be greater than or equal to {least}")),
        // Saturates, and nobody has more rows than that.
        Some(number) => Ok(number as u64),
    }
}

fn flag(call: &Call<'_>, label: &str) -> Result<Result<bool, String>, ApiError> {
    Ok(match call.envelope.value::<Value>(label)? {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => Err(format!("'{label}' must be a boolean")),
    })
}

fn sort(call: &Call<'_>) -> Result<Result<Option<Sort>, String>, ApiError> {
    let sort = match call.envelope.value::<Value>("sort")? {
        None | Some(Value::Null) => return Ok(Ok(None)),
        Some(Value::Object(sort)) => sort,
        Some(_) => return Ok(Err("'sort' must be of type object".to_owned())),
    };
    let attribute = match sort.get("attribute") {
        None => return Ok(Err("'sort.attribute' is required".to_owned())),
        Some(Value::String(attribute)) => attribute.clone(),
        Some(_) => return Ok(Err("'sort.attribute' must be a string".to_owned())),
    };
    let descending = match sort.get("descending") {
        None => false,
        Some(Value::Bool(descending)) => *descending,
        Some(_) => return Ok(Err("'sort.descending' must be a boolean".to_owned())),
    };
    if sort.get("next").is_some_and(|next| !next.is_null()) {
        return Ok(Err("'sort.next' is not supported: sort by one attribute".to_owned()));
    }
    Ok(Ok(Some(Sort { attribute, descending })))
}
