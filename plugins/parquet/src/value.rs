//! Writes values as JSON. Numbers keep all their digits, decimals and times become text, bytes become base64. NaN and
//! infinity become null, as in JavaScript.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, Field, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jobhost_batch::JsonBuffer;
use jobhost_load::json_text;

use crate::columns::Meaning;
use crate::time::{self, PerSecond};

/// One column of a batch of rows, written cell by cell.
pub(crate) struct Cells<'a> {
    array: &'a ArrayRef,
    form: Form<'a>,
    scratch: String,
}

/// How to write the cells. Nested types contain the cells of all rows one after the other.
enum Form<'a> {
    Null,
    Boolean,
    Integer(fn(&ArrayRef, usize, &mut JsonBuffer)),
    Float16,
    Float32,
    Float64,
    Text,
    Json,
    Bytes,
    FixedBytes,
    Uuid,
    Date,
    /// The function that formats a cell, and whether the text is quoted.
    Decimal(fn(&ArrayRef, usize) -> String, bool),
    Time(fn(&ArrayRef, usize) -> i64, PerSecond),
    Instant(fn(&ArrayRef, usize) -> i64, PerSecond, bool),
    List(Box<Cells<'a>>),
    Map(Box<Cells<'a>>, Box<Cells<'a>>),
    Struct(Vec<(Vec<u8>, Cells<'a>)>),
}

impl<'a> Cells<'a> {
    /// Error: the type, if it cannot be written.
    pub(crate) fn new(array: &'a ArrayRef, field: &Field, decimals_as_numbers: bool) -> Result<Self, String> {
        let form = form(array, field, decimals_as_numbers)?;
        Ok(Cells { array, form, scratch: String::new() })
    }

    /// Writes the cell of a row. Error: the problem with the value.
    pub(crate) fn write(&mut self, row: usize, json: &mut JsonBuffer) -> Result<(), String> {
        let array = self.array;
        if array.is_null(row) {
            json.null();
            return Ok(());
        }
        match &mut self.form {
            Form::Null => json.null(),
            Form::Boolean => json.boolean(array.as_boolean().value(row)),
            Form::Integer(write) => write(array, row, json),
            Form::Float16 => float32(array.as_primitive::<Float16Type>().value(row).to_f32(), json),
            Form::Float32 => float32(array.as_primitive::<Float32Type>().value(row), json),
            Form::Float64 => json.number(array.as_primitive::<Float64Type>().value(row)),
            Form::Text => json.string(array.as_string::<i32>().value(row)),
            Form::Json => return write_json(array.as_string::<i32>().value(row), json),
            Form::Bytes => base64(array.as_binary::<i32>().value(row), &mut self.scratch, json),
            Form::FixedBytes => base64(array.as_fixed_size_binary().value(row), &mut self.scratch, json),
            Form::Uuid => write_uuid(array.as_fixed_size_binary().value(row), json),
            Form::Decimal(text, true) => json.string(&text(array, row)),
            Form::Decimal(text, false) => json.raw(text(array, row).as_bytes()),
            Form::Date => {
                let days = array.as_primitive::<Date32Type>().value(row);
                return timely(&mut self.scratch, json, |text| time::date(days, text));
            }
            Form::Time(value, unit) => {
                let (value, unit) = (value(array, row), *unit);
                return timely(&mut self.scratch, json, |text| time::time(value, unit, text));
            }
            Form::Instant(value, unit, is_utc) => {
                let (value, unit, is_utc) = (value(array, row), *unit, *is_utc);
                return timely(&mut self.scratch, json, |text| time::timestamp(value, unit, is_utc, text));
            }
            Form::List(items) => {
                let (from, to) = bounds(array.as_list::<i32>().value_offsets(), row);
                json.byte(b'[');
                for item in from..to {
                    separate(item > from, json);
                    items.write(item, json)?;
                }
                json.byte(b']');
            }
            Form::Map(keys, values) => {
                let (from, to) = bounds(array.as_map().value_offsets(), row);
                json.byte(b'{');
                for entry in from..to {
                    separate(entry > from, json);
                    write_key(keys, entry, json)?;
                    json.byte(b':');
                    values.write(entry, json)?;
                }
                json.byte(b'}');
            }
            Form::Struct(members) => {
                json.byte(b'{');
                for (index, (name, cells)) in members.iter_mut().enumerate() {
                    separate(index > 0, json);
                    json.raw(name);
                    cells.write(row, json)?;
                }
                json.byte(b'}');
            }
        }
        Ok(())
    }
}

/// Returns a name with its colon, as written in an object.
pub(crate) fn quoted_name(name: &str) -> Vec<u8> {
    let mut json = JsonBuffer::default();
    json.string(name);
    json.byte(b':');
    json.as_bytes().to_vec()
}

fn form<'a>(array: &'a ArrayRef, field: &Field, decimals_as_numbers: bool) -> Result<Form<'a>, String> {
    let nested = |array: &'a ArrayRef, field: &Field| Cells::new(array, field, false).map(Box::new);
    Ok(match array.data_type() {
        DataType::Null => Form::Null,
        DataType::Boolean => Form::Boolean,
        DataType::Int8 => Form::Integer(integer::<Int8Type>),
        DataType::Int16 => Form::Integer(integer::<Int16Type>),
        DataType::Int32 => Form::Integer(integer::<Int32Type>),
        DataType::Int64 => Form::Integer(integer::<Int64Type>),
        DataType::UInt8 => Form::Integer(integer::<UInt8Type>),
        DataType::UInt16 => Form::Integer(integer::<UInt16Type>),
        DataType::UInt32 => Form::Integer(integer::<UInt32Type>),
        DataType::UInt64 => Form::Integer(integer::<UInt64Type>),
        DataType::Float16 => Form::Float16,
        DataType::Float32 => Form::Float32,
        DataType::Float64 => Form::Float64,
        DataType::Utf8 if Meaning::of(field) == Meaning::Json => Form::Json,
        DataType::Utf8 => Form::Text,
        DataType::Binary => Form::Bytes,
        DataType::FixedSizeBinary(16) if Meaning::of(field) == Meaning::Uuid => Form::Uuid,
        DataType::FixedSizeBinary(_) => Form::FixedBytes,
        DataType::Date32 => Form::Date,
        DataType::Decimal128(..) => Form::Decimal(
            |array, row| array.as_primitive::<Decimal128Type>().value_as_string(row),
            !decimals_as_numbers,
        ),
        DataType::Decimal256(..) => Form::Decimal(
            |array, row| array.as_primitive::<Decimal256Type>().value_as_string(row),
            !decimals_as_numbers,
        ),
        DataType::Time32(TimeUnit::Second) => Form::Time(narrow::<Time32SecondType>, PerSecond(1)),
        DataType::Time32(_) => Form::Time(narrow::<Time32MillisecondType>, PerSecond(1_000)),
        DataType::Time64(TimeUnit::Microsecond) => Form::Time(wide::<Time64MicrosecondType>, PerSecond(1_000_000)),
        DataType::Time64(_) => Form::Time(wide::<Time64NanosecondType>, PerSecond(1_000_000_000)),
        DataType::Timestamp(unit, zone) => {
            let is_utc = zone.is_some();
            match unit {
                TimeUnit::Second => Form::Instant(wide::<TimestampSecondType>, PerSecond(1), is_utc),
                TimeUnit::Millisecond => Form::Instant(wide::<TimestampMillisecondType>, PerSecond(1_000), is_utc),
                TimeUnit::Microsecond => Form::Instant(wide::<TimestampMicrosecondType>, PerSecond(1_000_000), is_utc),
                TimeUnit::Nanosecond => {
                    Form::Instant(wide::<TimestampNanosecondType>, PerSecond(1_000_000_000), is_utc)
                }
            }
        }
        DataType::List(item) => Form::List(nested(array.as_list::<i32>().values(), item)?),
        DataType::Map(entry, _) => {
            let DataType::Struct(fields) = entry.data_type() else { return Err(entry.data_type().to_string()) };
            let [key, value] = &fields[..] else { return Err(entry.data_type().to_string()) };
            let map = array.as_map();
            Form::Map(nested(map.keys(), key)?, nested(map.values(), value)?)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let member = |(array, field): (&'a ArrayRef, &std::sync::Arc<Field>)| {
                Ok::<_, String>((quoted_name(field.name()), Cells::new(array, field, false)?))
            };
            Form::Struct(columns.map(member).collect::<Result<_, _>>()?)
        }
        other => return Err(other.to_string()),
    })
}

fn separate(needed: bool, json: &mut JsonBuffer) {
    if needed {
        json.byte(b',');
    }
}

fn bounds(offsets: &[i32], row: usize) -> (usize, usize) {
    let at = |index: usize| offsets.get(index).map_or(0, |offset| usize::try_from(*offset).unwrap_or(0));
    (at(row), at(row + 1))
}

fn integer<T: ArrowPrimitiveType<Native: itoa::Integer>>(array: &ArrayRef, row: usize, json: &mut JsonBuffer) {
    let value = array.as_primitive::<T>().value(row);
    json.raw(itoa::Buffer::new().format(value).as_bytes());
}

fn narrow<T: ArrowPrimitiveType<Native = i32>>(array: &ArrayRef, row: usize) -> i64 {
    PrimitiveArray::<T>::value(array.as_primitive(), row).into()
}

fn wide<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, row: usize) -> i64 {
    PrimitiveArray::<T>::value(array.as_primitive(), row)
}

/// Writes the shortest digits that identify this number among all 32-bit floats.
fn float32(value: f32, json: &mut JsonBuffer) {
    if value.is_finite() && value != 0.0 {
        json.raw(ryu_js::Buffer::new().format_finite(value).as_bytes());
    } else {
        json.number(value.into());
    }
}

fn base64(bytes: &[u8], scratch: &mut String, json: &mut JsonBuffer) {
    scratch.clear();
    STANDARD.encode_string(bytes, scratch);
    json.string(scratch);
}

fn write_uuid(bytes: &[u8], json: &mut JsonBuffer) {
    json.byte(b'"');
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            json.byte(b'-');
        }
        json.raw(format!("{byte:02x}").as_bytes());
    }
    json.byte(b'"');
}

fn timely(
    text: &mut String,
    json: &mut JsonBuffer,
    write: impl FnOnce(&mut String) -> Option<()>,
) -> Result<(), String> {
    text.clear();
    write(text).ok_or_else(|| "the date or time is out of range".to_owned())?;
    json.string(text);
    Ok(())
}

/// Writes text that is marked as JSON.
fn write_json(text: &str, json: &mut JsonBuffer) -> Result<(), String> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(format!("the value is not JSON, though the column says so: {error}"));
    }
    let mut room = json.room(text.len());
    json_text::write_compact(&mut room, text.as_bytes());
    let written = room.position();
    json.commit(written);
    Ok(())
}

/// Writes the key of a map as the name of a member.
fn write_key(keys: &mut Cells<'_>, entry: usize, json: &mut JsonBuffer) -> Result<(), String> {
    if matches!(keys.form, Form::Text) {
        return keys.write(entry, json);
    }
    let mut key = JsonBuffer::default();
    keys.write(entry, &mut key)?;
    let text = String::from_utf8_lossy(key.as_bytes()).into_owned();
    if text.starts_with('"') {
        json.raw(text.as_bytes())
    } else {
        json.string(&text)
    }
    Ok(())
}
