//! Parses the conditions of a request into a typed filter.

use serde_json::{Map, Value};

use super::QueryError;
use super::filter::{Condition, Filter, Test};
use super::value::Scalar;

/// Maximum number of conditions in one request, over all groups.
pub const MAX_CONDITIONS: usize = 1000;
/// Maximum nesting of groups.
pub const MAX_CONDITION_DEPTH: usize = 16;

fn invalid<T>(sentence: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Invalid(sentence.into()))
}

impl Filter {
    /// Parses the `conditions` and `operator` of a request.
    pub fn from_conditions(conditions: Option<&Value>, operator: Option<&Value>) -> Result<Self, QueryError> {
        let mut count = 0;
        group(conditions, operator, "", MAX_CONDITION_DEPTH, &mut count)
    }

    /// Parses the `attribute` and `value` of `search_by_value`. A `*` at the start or the end of the value, or at both,
    /// matches anything.
    pub fn from_value(attribute: String, value: &Value) -> Result<Self, QueryError> {
        let test = match value {
            Value::String(text) if text == "*" => return Ok(Filter::everything()),
            Value::String(text) => match (text.strip_prefix('*'), text.strip_suffix('*')) {
                (Some(rest), Some(_)) => Test::Contains(rest.strip_suffix('*').unwrap_or_default().to_owned()),
                (Some(end), None) => Test::EndsWith(end.to_owned()),
                (None, Some(start)) => Test::StartsWith(start.to_owned()),
                (None, None) => Test::Equals(Scalar::Text(text.clone())),
            },
            other => match Scalar::from_json(other) {
                Some(scalar) => Test::Equals(scalar),
                None => return invalid("'value' must be a string, number, boolean or null"),
            },
        };
        Ok(Filter::Condition(Condition { attribute, test }))
    }
}

fn group(
    conditions: Option<&Value>,
    operator: Option<&Value>,
    path: &str,
    depth: usize,
    count: &mut usize,
) -> Result<Filter, QueryError> {
    let conditions = match conditions {
        None => return invalid(format!("'{path}conditions' is required")),
        Some(Value::Array(conditions)) if conditions.is_empty() => {
            return invalid(format!("'{path}conditions' must contain at least 1 items"));
        }
        Some(Value::Array(conditions)) => conditions,
        Some(_) => return invalid(format!("'{path}conditions' must be an array")),
    };
    let Some(depth) = depth.checked_sub(1) else {
        return invalid(format!("'{path}conditions' is nested deeper than {MAX_CONDITION_DEPTH} groups"));
    };
    let any = match operator {
        None => false,
        Some(Value::String(operator)) if operator.eq_ignore_ascii_case("and") => false,
        Some(Value::String(operator)) if operator.eq_ignore_ascii_case("or") => true,
        Some(_) => return invalid(format!("'{path}operator' must be one of [and, or]")),
    };
    let mut parts = Vec::with_capacity(conditions.len().min(MAX_CONDITIONS));
    for (number, item) in conditions.iter().enumerate() {
        *count += 1;
        if *count > MAX_CONDITIONS {
            return invalid(format!("'conditions' must contain at most {MAX_CONDITIONS} items, groups included"));
        }
        let item_path = format!("{path}conditions[{number}]");
        let Some(item) = item.as_object() else { return invalid(format!("'{item_path}' must be of type object")) };
        parts.push(match item.get("conditions") {
            Some(inner) => group(Some(inner), item.get("operator"), &format!("{item_path}."), depth, count)?,
            None => Filter::Condition(condition(item, &item_path)?),
        });
    }
    Ok(if any { Filter::Any(parts) } else { Filter::All(parts) })
}

fn condition(item: &Map<String, Value>, path: &str) -> Result<Condition, QueryError> {
    let attribute = match item.get("attribute").or_else(|| item.get("search_attribute")) {
        None | Some(Value::Null) => return invalid(format!("'{path}.attribute' is required")),
        Some(Value::String(attribute)) => attribute.clone(),
        Some(_) => return invalid(format!("'{path}.attribute' must be a string")),
    };
    let comparator = match item.get("comparator").or_else(|| item.get("search_type")) {
        None | Some(Value::Null) => "equals",
        Some(Value::String(comparator)) => comparator,
        Some(_) => return invalid(format!("'{path}.comparator' must be a string")),
    };
    // Checked before the value, as in Harper: this error is more useful than one about the value.
    let make = test_named(comparator)?;
    let Some(value) = item.get("value").or_else(|| item.get("search_value")) else {
        return invalid(format!("'{path}.value' is required"));
    };
    Ok(Condition { attribute, test: make(value, path)? })
}

type MakeTest = fn(&Value, &str) -> Result<Test, QueryError>;

fn test_named(comparator: &str) -> Result<MakeTest, QueryError> {
    Ok(match comparator {
        "equals" | "equal" | "eq" => |value, path| any_scalar(value, path).map(Test::Equals),
        "not_equal" | "notEqual" | "ne" | "!=" => |value, path| any_scalar(value, path).map(Test::NotEqual),
        "contains" | "ct" => |value, path| text(value, path).map(Test::Contains),
        "starts_with" | "startsWith" | "sw" => |value, path| text(value, path).map(Test::StartsWith),
        "ends_with" | "endsWith" | "ew" => |value, path| text(value, path).map(Test::EndsWith),
        "greater_than" | "greaterThan" | "gt" | ">" => |value, path| bound(value, path).map(Test::GreaterThan),
        "greater_than_equal" | "greaterThanEqual" | "ge" | ">=" => {
            |value, path| bound(value, path).map(Test::GreaterThanEqual)
        }
        "less_than" | "lessThan" | "lt" | "<" => |value, path| bound(value, path).map(Test::LessThan),
        "less_than_equal" | "lessThanEqual" | "le" | "<=" => |value, path| bound(value, path).map(Test::LessThanEqual),
        "between" | "..." => between,
        unknown => return invalid(format!("Unknown query comparator \"{unknown}\"")),
    })
}

fn any_scalar(value: &Value, path: &str) -> Result<Scalar, QueryError> {
    match Scalar::from_json(value) {
        Some(scalar) => Ok(scalar),
        None => invalid(format!("'{path}.value' must be a string, number, boolean or null")),
    }
}

fn bound(value: &Value, path: &str) -> Result<Scalar, QueryError> {
    match Scalar::from_json(value) {
        Some(scalar @ (Scalar::Number(_) | Scalar::Text(_))) => Ok(scalar),
        _ => invalid(format!("'{path}.value' must be one of [string, number]")),
    }
}

fn text(value: &Value, path: &str) -> Result<String, QueryError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => invalid(format!("'{path}.value' must be one of [string, number]")),
    }
}

fn between(value: &Value, path: &str) -> Result<Test, QueryError> {
    match value.as_array().map(Vec::as_slice) {
        Some([low, high]) => Ok(Test::Between(bound(low, path)?, bound(high, path)?)),
        Some(_) => invalid(format!("'{path}.value' must contain 2 items")),
        None => invalid(format!("'{path}.value' must be an array")),
    }
}
