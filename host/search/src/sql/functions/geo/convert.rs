//! Converts geometry to GeoJSON.

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};
use serde_json::{Value as Json, json};

use super::read::{Geometry, Position};
use super::{Call, refused};

/// Converts coordinates, a type and optional properties. With properties, the result is a feature.
pub(super) fn convert(call: &Call<'_, '_>) -> Result<Value> {
    let (ValueRef::Text(coordinates) | ValueRef::Blob(coordinates)) = call.raw(0) else {
        return Err(refused("geoConvert needs coordinates"));
    };
    let kind = std::str::from_utf8(call.bytes(1)).unwrap_or_default();
    let Some((_, kind, depth, fewest)) = KINDS.iter().find(|(name, ..)| *name == kind) else {
        let names: Vec<_> = KINDS.iter().map(|(name, ..)| *name).collect();
        return Err(refused(format!("'{kind}' is not a geometry type of geoConvert: use one of {}", names.join(", "))));
    };
    let invalid = || refused(format!("the coordinates are not those of a {kind}"));
    let coordinates: Json = serde_json::from_slice(coordinates).map_err(|_| invalid())?;
    if !is_nested(&coordinates, *depth, *fewest) {
        return Err(invalid());
    }
    let properties = match call.raw(2) {
        ValueRef::Null => json!({}),
        ValueRef::Integer(integer) => json!(integer),
        ValueRef::Real(real) => json!(real),
        ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Blob(json) => serde_json::from_slice(json).unwrap_or_default(),
    };
    Ok(feature_of(kind, coordinates, properties))
}

/// (name for geoConvert, GeoJSON type, nesting depth of the positions, minimum number of positions per list). With a
/// minimum of four, the first and the last position must be equal.
const KINDS: &[(&str, &str, usize, usize)] = &[
    ("point", "Point", 0, 0),
    ("lineString", "LineString", 1, 2),
    ("multiLineString", "MultiLineString", 2, 0),
    ("multiPoint", "MultiPoint", 1, 0),
    ("multiPolygon", "MultiPolygon", 3, 0),
    ("polygon", "Polygon", 2, 4),
];

fn is_nested(json: &Json, depth: usize, fewest: usize) -> bool {
    let Some(items) = json.as_array() else { return false };
    match depth {
        0 => items.len() >= 2 && items.iter().take(2).all(Json::is_number),
        1 => {
            let closed = fewest < 4 || items.first() == items.last();
            items.len() >= fewest && closed && items.iter().all(|item| is_nested(item, 0, 0))
        }
        _ => items.iter().all(|item| is_nested(item, depth - 1, fewest)),
    }
}

pub(super) fn feature(geometry: &Geometry, properties: Json) -> Value {
    let position = |[x, y]: &Position| json!([number(*x), number(*y)]);
    let list = |line: &Vec<Position>| line.iter().map(position).collect::<Json>();
    let lists = |rings: &Vec<Vec<Position>>| rings.iter().map(list).collect::<Json>();
    let (kind, many, mut parts): (_, _, Vec<Json>) = match geometry {
        Geometry::Points { many, points } => ("Point", many, points.iter().map(position).collect()),
        Geometry::Lines { many, lines } => ("LineString", many, lines.iter().map(list).collect()),
        Geometry::Polygons { many, polygons } => ("Polygon", many, polygons.iter().map(lists).collect()),
    };
    if *many {
        return feature_of(&format!("Multi{kind}"), Json::Array(parts), properties);
    }
    feature_of(kind, parts.pop().unwrap_or_default(), properties)
}

/// Writes integers without a fraction, as JavaScript does.
fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}

fn feature_of(kind: &str, coordinates: Json, properties: Json) -> Value {
    let feature = json!({
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    });
    Value::Blob(feature.to_string().into_bytes())
}
