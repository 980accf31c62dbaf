//! Functions that SQLite lacks, or that it implements in time proportional to the product of its arguments' lengths.

mod comparisons;
mod dates;
mod geo;
mod regexp;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use serde_json::value::RawValue;

use super::like::{self, MAX_PATTERN_BYTES, Pattern};
use super::state::State;
use super::values::{self, Stored, boolean, truth};

pub(super) fn register(connection: &Connection, state: &Arc<State>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    // The displayed value of a condition.
    connection.create_scalar_function("boolean", 1, flags, |context| {
        Ok(truth(context.get_raw(0)).map(|is_true| ToSqlOutput::Borrowed(ValueRef::Blob(boolean(is_true)))))
    })?;
    // The truth of a value in a condition.
    connection.create_scalar_function("truth", 1, flags, |context| Ok(truth(context.get_raw(0))))?;
    connection.create_scalar_function("modulo", 2, flags, |context| {
        let (left, right) = (number(context, 0), number(context, 1));
        Ok(match (left, right) {
            (Some(_), Some(0.0)) => None,
            (Some(left), Some(right)) => Some(left % right),
            _ => None,
        })
    })?;
    connection.create_scalar_function("power", 2, flags, |context| {
        Ok(number(context, 0).zip(number(context, 1)).map(|(base, exponent)| base.powf(exponent)))
    })?;
    // Each call returns another number.
    let changing = flags.difference(FunctionFlags::SQLITE_DETERMINISTIC);
    connection.create_scalar_function("random_part", 0, changing, |_| Ok(rand::random::<f64>()))?;
    for (name, function) in REAL_FUNCTIONS {
        connection.create_scalar_function(*name, 1, flags, move |context| Ok(number(context, 0).map(function)))?;
    }
    // SQLite checks the clock only between its instructions, and each call of these functions is a single instruction.
    let watched = |name: &str, arguments: c_int, function: Function| {
        let state = Arc::clone(state);
        connection.create_scalar_function(name, arguments, flags, move |context| {
            let bytes = (0..context.len()).filter_map(|index| context.get_raw(index).as_bytes_or_null().ok().flatten());
            state.worked(bytes.map(<[u8]>::len).sum())?;
            function(context)
        })
    };
    watched("like", 2, is_like)?;
    watched("like", 3, is_like)?;
    watched("instr", 2, instr)?;
    watched("replace", 3, replace)?;
    watched("regexp", 2, regexp::regexp)?;
    watched("json_extract", 2, json_extract)?;
    // These cover Unicode; SQLite's own cover only ASCII.
    watched("upper", 1, |context| changed_case(context, str::to_uppercase))?;
    watched("lower", 1, |context| changed_case(context, str::to_lowercase))?;
    comparisons::register(connection, flags)?;
    dates::register(connection, state, flags)?;
    geo::register(connection, state, flags)
}

type Function = fn(&mut Context<'_>) -> Result<Value>;

/// SQLite includes these functions only if it is built with them.
type OfOne = fn(f64) -> f64;
const REAL_FUNCTIONS: &[(&str, OfOne)] = &[
    ("ceil", f64::ceil),
    ("floor", f64::floor),
    ("sqrt", f64::sqrt),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log10", f64::log10),
];

fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match context.get_raw(index) {
        ValueRef::Integer(integer) => Some(integer as f64),
        ValueRef::Real(real) => Some(real),
        _ => None,
    }
}

fn changed_case(context: &Context<'_>, change: impl Fn(&str) -> String) -> Result<Value> {
    Ok(text(context, 0)?.map_or(Value::Null, |text| Value::Text(change(&text))))
}

/// Returns an argument as text, a number by its digits; `None` for NULL.
fn text(context: &Context<'_>, index: usize) -> Result<Option<String>> {
    let text = match context.get_raw(index) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    };
    Ok(Some(text))
}

/// `like(pattern, text)` and `like(pattern, text, escape)`: the functions that SQLite calls for `text LIKE pattern`.
fn is_like(context: &mut Context<'_>) -> Result<Value> {
    let too_long = |pattern: ValueRef<'_>| pattern.as_bytes().is_ok_and(|bytes| bytes.len() > MAX_PATTERN_BYTES);
    if too_long(context.get_raw(0)) {
        let sentence = format!("the pattern of LIKE has more than {MAX_PATTERN_BYTES} bytes");
        return Err(Error::UserFunctionError(sentence.into()));
    }
    let escape = if context.len() > 2 {
        let Some(escape) = text(context, 2)? else { return Ok(Value::Null) };
        let mut characters = escape.chars();
        let (Some(character), None) = (characters.next(), characters.next()) else {
            return Err(Error::UserFunctionError("ESCAPE expression must be a single character".into()));
        };
        Some(character)
    } else {
        None
    };
    let (ValueRef::Text(_) | ValueRef::Blob(_), ValueRef::Text(_) | ValueRef::Blob(_)) =
        (context.get_raw(0), context.get_raw(1))
    else {
        // The renderer passes only texts, so anything else is NULL.
        return Ok(Value::Null);
    };
    let read = |pattern: ValueRef<'_>| {
        let pattern = String::from_utf8_lossy(pattern.as_bytes().unwrap_or_default());
        Ok::<_, Error>(Pattern::new(&pattern, escape))
    };
    // SQLite caches the pattern while the argument is the same, but ignores the escape.
    let mut pattern = context.get_or_create_aux(0, read)?;
    if pattern.escape() != escape {
        pattern = Arc::new(read(context.get_raw(0))?);
    }
    Ok(Value::Integer(pattern.matches(context.get_raw(1).as_bytes().unwrap_or_default()).into()))
}

/// Returns the position of a substring in characters, counted from 1; 0 if there is none.
fn instr(context: &mut Context<'_>) -> Result<Value> {
    let (Some(text), Some(piece)) = (text(context, 0)?, text(context, 1)?) else { return Ok(Value::Null) };
    let found = memchr::memmem::find(text.as_bytes(), piece.as_bytes()).and_then(|at| text.get(..at));
    let place = found.map_or(0, |before| i64::try_from(before.chars().count() + 1).unwrap_or(i64::MAX));
    Ok(Value::Integer(place))
}

fn replace(context: &mut Context<'_>) -> Result<Value> {
    let (Some(text), Some(piece), Some(by)) = (text(context, 0)?, text(context, 1)?, text(context, 2)?) else {
        return Ok(Value::Null);
    };
    if piece.is_empty() {
        return Ok(Value::Text(text));
    }
    let limit = super::MAX_VALUE_BYTES;
    let mut out = String::new();
    let mut rest = text.as_str();
    for at in memchr::memmem::find_iter(text.as_bytes(), piece.as_bytes()) {
        let start = text.len() - rest.len();
        out.push_str(text.get(start..at).unwrap_or_default());
        out.push_str(&by);
        rest = text.get(at + piece.len()..).unwrap_or_default();
        if out.len() > limit {
            return Err(too_big());
        }
    }
    out.push_str(rest);
    if out.len() > limit { Err(too_big()) } else { Ok(Value::Text(out)) }
}

/// Returns the value at a path like `$.a."b c"[0]` of an object or an array; NULL if there is none.
fn json_extract(context: &mut Context<'_>) -> Result<Value> {
    let (ValueRef::Blob(json), ValueRef::Text(path)) = (context.get_raw(0), context.get_raw(1)) else {
        return Ok(Value::Null);
    };
    let path = std::str::from_utf8(path).unwrap_or_default();
    let (Ok(mut json), Some(mut path)) = (serde_json::from_slice::<&RawValue>(json), path.strip_prefix('$')) else {
        return Err(bad_path(path));
    };
    while !path.is_empty() {
        let (step, rest) = step(path).ok_or_else(|| bad_path(path))?;
        let inner = match step {
            Step::Name(name) => {
                let members = serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(json.get()).ok();
                members.and_then(|members| members.get(name).copied())
            }
            Step::Index(index) => {
                serde_json::from_str::<Vec<&RawValue>>(json.get()).ok().and_then(|items| items.get(index).copied())
            }
        };
        let Some(inner) = inner else { return Ok(Value::Null) };
        (json, path) = (inner, rest);
    }
    Ok(match Stored::read(json.get()) {
        Stored::Null => Value::Null,
        Stored::Integer(integer) => Value::Integer(integer),
        Stored::Real(real) => Value::Real(real),
        Stored::Text(text) => Value::Text(text.into_owned()),
        Stored::Json(json) => Value::Blob(json.to_vec()),
    })
}

enum Step<'p> {
    Name(&'p str),
    Index(usize),
}

/// Returns the first step of a path, and the rest.
fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), rest));
    }
    let name = path.strip_prefix('.')?;
    if let Some(quoted) = name.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return Some((Step::Name(name), rest));
    }
    let (name, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
    if name.is_empty() { None } else { Some((Step::Name(name), rest)) }
}

fn bad_path(path: &str) -> Error {
    Error::UserFunctionError(format!("'{path}' is not a path like $.name or $.list[0]").into())
}

fn too_big() -> Error {
    Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_TOOBIG), None)
}
