//! Dates: `NOW`, `DATE`, `DATE_ADD`, `DATE_SUB`, `DATE_DIFF`, `DATE_FORMAT`, `EXTRACT`, `OFFSET_UTC` and the other
//! functions of the current time.
//!
//! A date is a number of milliseconds since 1970, or a text with a day and a time. Without an offset it is in UTC,
//! whatever the server's own zone. The current time is the same for the whole statement. For an argument that is not a
//! date, the functions return NULL.

mod format;
mod parse;
mod units;

use std::ffi::c_int;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Local, Utc};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use self::units::Unit;
use super::State;

/// The default format of a date.
const FULL: &str = "YYYY-MM-DDTHH:mm:ss.SSSZZ";
const FULL_TO_SECONDS: &str = "YYYY-MM-DDTHH:mm:ssZ";
/// Maximum length of a format in bytes.
const MAX_FORMAT_BYTES: usize = 1000;
/// Dates reach this many milliseconds before and after 1970.
const MAX_MILLIS: f64 = 8.64e15;

type Function = fn(&Context<'_>, DateTime<Utc>) -> Result<Option<Value>>;

/// (name in SQLite, minimum number of arguments, maximum, function).
const FUNCTIONS: &[(&str, c_int, c_int, Function)] = &[
    ("now_millis", 0, 0, |_, now| Ok(Some(Value::Integer(now.timestamp_millis())))),
    ("now_date", 0, 0, |_, now| formatted(&now, "YYYY-MM-DD")),
    ("now_time", 0, 0, |_, now| formatted(&now, "HH:mm:ss.SSS")),
    ("now_server", 0, 0, |_, now| formatted(&now.with_timezone(&Local), FULL)),
    ("full_date", 0, 1, full_date),
    ("date_format", 1, 2, date_format),
    ("date_part", 2, 2, date_part),
    ("date_add", 2, 3, |context, _| moved(context, 1.0)),
    ("date_sub", 2, 3, |context, _| moved(context, -1.0)),
    ("date_diff", 2, 3, date_diff),
    ("offset_utc", 2, 2, offset_utc),
];

pub(super) fn register(connection: &Connection, state: &Arc<State>, flags: FunctionFlags) -> Result<()> {
    for (name, fewest, most, function) in FUNCTIONS {
        for arguments in *fewest..=*most {
            let now = state.now();
            connection.create_scalar_function(*name, arguments, flags, move |context| {
                Ok(function(context, now)?.unwrap_or(Value::Null))
            })?;
        }
    }
    Ok(())
}

fn raw<'c>(context: &'c Context<'_>, index: usize) -> ValueRef<'c> {
    if index < context.len() { context.get_raw(index) } else { ValueRef::Null }
}

fn text<'c>(context: &'c Context<'_>, index: usize) -> Option<&'c str> {
    match raw(context, index) {
        ValueRef::Text(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn date(context: &Context<'_>, index: usize) -> Option<DateTime<Utc>> {
    let millis = match raw(context, index) {
        ValueRef::Integer(millis) => millis,
        ValueRef::Real(millis) if millis.abs() <= MAX_MILLIS => millis as i64,
        ValueRef::Text(text) => return parse::date(std::str::from_utf8(text).ok()?),
        ValueRef::Real(_) | ValueRef::Null | ValueRef::Blob(_) => return None,
    };
    DateTime::from_timestamp_millis(millis)
}

fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match raw(context, index) {
        ValueRef::Integer(integer) => Some(integer as f64),
        ValueRef::Real(real) => Some(real),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).ok()?.trim().parse().ok().filter(|real: &f64| real.is_finite())
        }
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// Returns the unit in an argument; the default is milliseconds.
fn unit(context: &Context<'_>, index: usize) -> Result<Unit> {
    match raw(context, index) {
        ValueRef::Null => Ok(Unit::Milliseconds),
        _ => {
            let name = text(context, index).unwrap_or_default();
            Unit::named(name).ok_or_else(|| {
                refused(format!(
                    "'{}' is no unit of time: use years, quarters, months, weeks, days, hours, minutes, seconds or \
                     milliseconds",
                    crate::sql::sentences::shortened(name)
                ))
            })
        }
    }
}

fn refused(sentence: String) -> Error {
    Error::UserFunctionError(sentence.into())
}

#[allow(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
fn formatted<Z: chrono::TimeZone>(date: &DateTime<Z>, pattern: &str) -> Result<Option<Value>> {
    Ok(Some(Value::Text(format::format(&date.fixed_offset(), pattern))))
}

fn full_date(context: &Context<'_>, now: DateTime<Utc>) -> Result<Option<Value>> {
    let date = if context.is_empty() { Some(now) } else { date(context, 0) };
    date.map_or(Ok(None), |date| formatted(&date, FULL))
}

fn date_format(context: &Context<'_>, _: DateTime<Utc>) -> Result<Option<Value>> {
    let pattern = text(context, 1).unwrap_or(FULL_TO_SECONDS);
    if pattern.len() > MAX_FORMAT_BYTES {
        return Err(refused(format!("the format of DATE_FORMAT has more than {MAX_FORMAT_BYTES} bytes")));
    }
    date(context, 0).map_or(Ok(None), |date| formatted(&date, pattern))
}

/// `date_part(date, 'year')`.
fn date_part(context: &Context<'_>, _: DateTime<Utc>) -> Result<Option<Value>> {
    let pattern = match text(context, 1).unwrap_or_default().to_ascii_lowercase().as_str() {
        "year" => "YYYY",
        "month" => "MM",
        "day" => "DD",
        "hour" => "HH",
        "minute" => "mm",
        "second" => "ss",
        "millisecond" => "SSS",
        _ => return Ok(None),
    };
    date(context, 0).map_or(Ok(None), |date| formatted(&date, pattern))
}

fn moved(context: &Context<'_>, sign: f64) -> Result<Option<Value>> {
    let unit = unit(context, 2)?;
    let moved = date(context, 0).zip(number(context, 1)).and_then(|(date, count)| unit.add(date, sign * count));
    Ok(moved.map(|date| Value::Integer(date.timestamp_millis())))
}

/// `DATE_DIFF(one, other, unit)`: returns `one` minus `other` in the unit.
fn date_diff(context: &Context<'_>, _: DateTime<Utc>) -> Result<Option<Value>> {
    let unit = unit(context, 2)?;
    let dates = date(context, 0).zip(date(context, 1));
    Ok(dates.and_then(|(one, other)| unit.between(one, other)).map(Value::Real))
}

/// An offset below 16 is in hours, a larger one in minutes. As text it has the form `-06:00`.
fn offset_utc(context: &Context<'_>, _: DateTime<Utc>) -> Result<Option<Value>> {
    let Some(date) = date(context, 0) else { return Ok(None) };
    let minutes = match raw(context, 1) {
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(parse::offset_minutes),
        ValueRef::Null => Some(0),
        _ => number(context, 1).map(|offset| (if offset.abs() < 16.0 { offset * 60.0 } else { offset }) as i32),
    };
    let offset = minutes.and_then(|minutes| FixedOffset::east_opt(minutes.checked_mul(60)?));
    offset.map_or(Ok(None), |offset| formatted(&date.with_timezone(&offset), FULL))
}

#[cfg(test)]
mod tests;
