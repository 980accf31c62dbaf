//! The options of a request for columns and cells: their values, JSON Schema and error messages. Without them, the first
//! record names the columns, and the type of a cell is detected.

use std::collections::{BTreeMap, HashSet};

use jobhost_load::{AttributeType, shown_value as shown};
use serde_json::{Map, Value, json};

const MAX_COLUMNS: usize = 10_000;
const MAX_NULL_VALUES: usize = 32;
const MAX_NULL_VALUE_BYTES: usize = 256;
/// The types that a request can name.
const TYPES: [(&str, AttributeType); 8] = [
    ("String", AttributeType::String),
    ("Int", AttributeType::Int),
    ("Long", AttributeType::Long),
    ("Float", AttributeType::Float),
    ("Boolean", AttributeType::Boolean),
    ("Date", AttributeType::Date),
    ("BigInt", AttributeType::BigInt),
    ("Any", AttributeType::Any),
];

/// Where the names of the columns come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HeaderSource {
    /// The first record.
    #[default]
    FirstRecord,
    /// The text has no header: the columns are `column1`, `column2` and so on.
    Numbered,
    /// The text has no header: the request names the columns.
    Given(Vec<String>),
}

/// Names, selection and types of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    pub header: HeaderSource,
    /// The columns to load, each with its attribute. `None`: all columns, under their own names.
    pub selected: Option<Vec<(String, String)>>,
    pub types: Types,
    pub cells: CellOptions,
}

/// The types of the attributes. A type that the request names takes precedence over that of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Types {
    /// The type of each cell is detected, unless the table declares one.
    #[default]
    Auto,
    /// Each cell is text, unless the table declares a type.
    Text,
    /// Each cell is a JSON text, and an empty one is null.
    Json,
    Named(BTreeMap<String, AttributeType>),
}

/// How cells are interpreted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellOptions {
    /// Removes white space around unquoted cells.
    pub trim: bool,
    /// The unquoted cells that are null. `None`: `null`, `NULL`, `undefined` and `NaN`, quoted or not, as in Harper.
    pub null_values: Option<Vec<Vec<u8>>>,
    /// A quoted cell is text, and an unquoted empty cell is null.
    pub quoted_text: bool,
    /// Each cell is a JSON text.
    pub json: bool,
}

impl Types {
    /// The type of an attribute whose table declares `declared`.
    pub(crate) fn kind_of(&self, attribute: &str, declared: AttributeType) -> AttributeType {
        match self {
            Types::Auto | Types::Json => declared,
            Types::Text if declared == AttributeType::Any => AttributeType::String,
            Types::Text => declared,
            Types::Named(types) => types.get(attribute).copied().unwrap_or(declared),
        }
    }
}

impl Columns {
    /// Parses the options of a request. Returns one message for each invalid field.
    pub(crate) fn of<'v>(get: impl Fn(&str) -> Option<&'v Value>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut columns = Columns::default();
        let mut take = |outcome: Result<(), String>| problems.extend(outcome.err());
        take(header(get("header")).map(|header| columns.header = header));
        take(selected(get("columns")).map(|selected| columns.selected = selected));
        take(types(get("types")).map(|types| columns.types = types));
        take(flag("trim", get("trim")).map(|trim| columns.cells.trim = trim));
        take(flag("quoted_text", get("quoted_text")).map(|quoted| columns.cells.quoted_text = quoted));
        take(null_values(get("null_values")).map(|values| columns.cells.null_values = values));
        columns.cells.json = columns.types == Types::Json;
        if problems.is_empty() { Ok(columns) } else { Err(problems) }
    }
}

/// The fields as JSON Schema.
pub(crate) fn schema() -> Vec<(&'static str, Value, bool)> {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let names = TYPES.map(|(name, _)| name);
    vec![
        (
            "header",
            json!({ "anyOf": [{ "type": ["boolean", "null"] }, texts], "default": true,
                "description": "Whether the first record names the columns; or the names of the columns." }),
            false,
        ),
        (
            "columns",
            json!({ "anyOf": [{ "type": "null" }, texts,
                { "type": "object", "additionalProperties": { "type": "string" } }],
                "description": "The columns to load; an object maps columns to attributes." }),
            false,
        ),
        (
            "types",
            json!({ "anyOf": [{ "enum": ["auto", "text", "json", null] },
                { "type": "object", "additionalProperties": { "enum": names } }], "default": "auto",
                "description": "The types of attributes; json: every cell is a JSON text." }),
            false,
        ),
        (
            "trim",
            json!({ "type": ["boolean", "null"], "default": false,
                "description": "Whether white space around unquoted cells is removed." }),
            false,
        ),
        (
            "null_values",
            json!({ "anyOf": [{ "type": "null" }, texts], "default": null,
                "description": "The unquoted cells that are null; default: null, NULL, undefined and NaN, quoted or not." }),
            false,
        ),
        (
            "quoted_text",
            json!({ "type": ["boolean", "null"], "default": false,
                "description": "Whether quoted cells are text, and unquoted empty ones null." }),
            false,
        ),
    ]
}

fn header(value: Option<&Value>) -> Result<HeaderSource, String> {
    let wrong = |value: &Value| {
        format!("'header' must be true, false or an array of different names of columns, not {}", shown(value))
    };
    match value {
        None | Some(Value::Null | Value::Bool(true)) => Ok(HeaderSource::FirstRecord),
        Some(Value::Bool(false)) => Ok(HeaderSource::Numbered),
        Some(value) => {
            let names = texts(value)
                .filter(|names| !names.is_empty() && all_differ(names.iter()))
                .ok_or_else(|| wrong(value))?;
            Ok(HeaderSource::Given(names))
        }
    }
}

fn selected(value: Option<&Value>) -> Result<Option<Vec<(String, String)>>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let pairs = match value {
        Value::Object(map) => renamed(map),
        other => texts(other).map(|names| names.into_iter().map(|name| (name.clone(), name)).collect()),
    };
    let pairs = pairs.filter(|pairs: &Vec<(String, String)>| {
        !pairs.is_empty() && all_differ(pairs.iter().map(|(_, attribute)| attribute))
    });
    pairs.map(Some).ok_or_else(|| {
        format!(
            "'columns' must be an array of names of columns, or an object of names of columns and different names of \
             attributes, not {}",
            shown(value)
        )
    })
}

fn renamed(map: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    if map.len() > MAX_COLUMNS {
        return None;
    }
    map.iter().map(|(name, attribute)| Some((name.clone(), attribute.as_str()?.to_owned()))).collect()
}

fn types(value: Option<&Value>) -> Result<Types, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Types::Auto) };
    let named = |(attribute, word): (&String, &Value)| {
        let (_, kind) = TYPES.iter().find(|(name, _)| word.as_str() == Some(name))?;
        Some((attribute.clone(), *kind))
    };
    let types = match value {
        Value::String(word) if word == "auto" => Some(Types::Auto),
        Value::String(word) if word == "text" => Some(Types::Text),
        Value::String(word) if word == "json" => Some(Types::Json),
        Value::Object(map) if map.len() <= MAX_COLUMNS => {
            map.iter().map(named).collect::<Option<_>>().map(Types::Named)
        }
        _ => None,
    };
    types.ok_or_else(|| {
        format!(
            "'types' must be \"auto\", \"text\", \"json\" or an object of attributes and types ({}), not {}",
            TYPES.map(|(name, _)| name).join(", "),
            shown(value)
        )
    })
}

fn null_values(value: Option<&Value>) -> Result<Option<Vec<Vec<u8>>>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let fits = |values: &Vec<String>| {
        values.len() <= MAX_NULL_VALUES && values.iter().all(|value| value.len() <= MAX_NULL_VALUE_BYTES)
    };
    let values = texts(value).filter(fits).ok_or_else(|| {
        format!(
            "'null_values' must be an array of at most {MAX_NULL_VALUES} texts of at most {MAX_NULL_VALUE_BYTES} bytes, not {}",
            shown(value)
        )
    })?;
    Ok(Some(values.into_iter().map(String::into_bytes).collect()))
}

fn flag(field: &str, value: Option<&Value>) -> Result<bool, String> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(value) => Err(format!("'{field}' must be true or false, not {}", shown(value))),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array().filter(|items| items.len() <= MAX_COLUMNS)?;
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn all_differ<'n>(mut names: impl Iterator<Item = &'n String>) -> bool {
    let mut seen = HashSet::new();
    names.all(|name| seen.insert(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &Value) -> Result<Columns, Vec<String>> {
        Columns::of(|field| request.get(field))
    }

    #[test]
    fn valid_options_are_parsed() {
        assert_eq!(of(&json!({"header": true, "types": "auto", "columns": null})), Ok(Columns::default()));
        assert_eq!(of(&json!({"header": false})).unwrap().header, HeaderSource::Numbered);
        let columns = of(&json!({"header": ["a", "b"], "columns": {"a": "id"}, "types": {"id": "String"}})).unwrap();
        assert_eq!(columns.header, HeaderSource::Given(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(columns.selected, Some(vec![("a".to_owned(), "id".to_owned())]));
        assert_eq!(columns.types.kind_of("id", AttributeType::Any), AttributeType::String);
        assert_eq!(columns.types.kind_of("b", AttributeType::Any), AttributeType::Any);
        let text = of(&json!({"types": "text"})).unwrap().types;
        assert_eq!(text.kind_of("a", AttributeType::Any), AttributeType::String);
        assert_eq!(text.kind_of("a", AttributeType::Int), AttributeType::Int);
        let cells = of(&json!({"trim": true, "quoted_text": true, "null_values": ["", "NA"]})).unwrap().cells;
        assert_eq!(
            cells,
            CellOptions {
                trim: true,
                quoted_text: true,
                json: false,
                null_values: Some(vec![b"".to_vec(), b"NA".to_vec()])
            }
        );
    }

    #[test]
    fn an_invalid_option_is_reported_with_its_value_and_the_valid_ones() {
        for (request, sentence) in [
            (
                json!({"header": "yes"}),
                "'header' must be true, false or an array of different names of columns, not \"yes\"",
            ),
            (json!({"header": ["a", "a"]}), "not [\"a\",\"a\"]"),
            (json!({"columns": []}), "'columns' must be an array"),
            (json!({"columns": {"a": "x", "b": "x"}}), "different names of attributes"),
            (json!({"types": "Text"}), "'types' must be \"auto\", \"text\", \"json\" or an object"),
            (json!({"types": {"a": "Varchar"}}), "String, Int, Long, Float, Boolean, Date, BigInt, Any"),
            (json!({"trim": 1}), "'trim' must be true or false, not 1"),
            (json!({"null_values": "NA"}), "'null_values' must be an array of at most 32 texts"),
            (json!({"quoted_text": "x"}), "'quoted_text' must be true or false"),
        ] {
            let problems = of(&request).unwrap_err().join(",");
            assert!(problems.contains(sentence), "{request}: {problems}");
        }
    }
}
