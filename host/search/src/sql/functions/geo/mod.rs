//! Geometry: `geoArea`, `geoLength`, `geoDistance`, `geoNear`, `geoContains`, `geoCrosses`, `geoEqual`, `geoDifference`
//! and `geoConvert`.
//!
//! Arguments are GeoJSON, as a value of a record or as text: a geometry, a feature, or a collection of either. Where a
//! point is expected, a bare `[longitude, latitude]` is accepted as well. Measuring something that is not a geometry
//! returns NULL, and relating it returns false. Lengths and areas match turf.js to the last digits, so that clients get
//! the numbers they expect.

mod convert;
mod measure;
mod overlay;
mod read;
mod relate;

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use self::measure::Units;
use self::read::GeoJson;
use super::State;
use super::values::boolean;

/// Maximum number of edge pairs that one call may compare. Takes some tenths of a second.
const MAX_PAIRS: usize = 1 << 24;
/// Maximum number of positions of both geometries together, for operations that compare each edge with every other
/// edge, including those of its own geometry.
const MAX_OVERLAY_POSITIONS: usize = 4000;

/// A call of a function: its arguments, and the state that checks the clock while it runs.
struct Call<'c, 'a> {
    context: &'c Context<'a>,
    state: &'c State,
}

type Function = fn(&Call<'_, '_>) -> Result<Value>;

/// (name, minimum number of arguments, maximum, function).
const FUNCTIONS: &[(&str, c_int, c_int, Function)] = &[
    ("geoarea", 1, 1, area),
    ("geolength", 1, 2, length),
    ("geodistance", 2, 3, distance),
    ("geonear", 3, 4, near),
    ("geocontains", 2, 2, contains),
    ("geocrosses", 2, 2, crosses),
    ("geoequal", 2, 2, equal),
    ("geodifference", 2, 2, difference),
    ("geoconvert", 2, 3, convert::convert),
];

pub(super) fn register(connection: &Connection, state: &Arc<State>, flags: FunctionFlags) -> Result<()> {
    for (name, fewest, most, function) in FUNCTIONS {
        for arguments in *fewest..=*most {
            let state = Arc::clone(state);
            connection.create_scalar_function(*name, arguments, flags, move |context| {
                let call = Call { context, state: &state };
                call.state.worked((0..context.len()).map(|index| call.bytes(index).len()).sum())?;
                function(&call)
            })?;
        }
    }
    Ok(())
}

impl Call<'_, '_> {
    fn raw(&self, index: usize) -> ValueRef<'_> {
        if index < self.context.len() { self.context.get_raw(index) } else { ValueRef::Null }
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.raw(index).as_bytes_or_null().ok().flatten().unwrap_or_default()
    }

    /// Returns the geometry in an argument. SQLite caches it while the argument is the same constant.
    fn geometry(&self, index: usize) -> Result<Arc<Option<GeoJson>>> {
        let place = c_int::try_from(index).unwrap_or(c_int::MAX);
        self.context.get_or_create_aux(place, GeoJson::read)
    }

    /// Returns the unit in an argument; the default is kilometers. Returns `None` for an unknown unit.
    fn units(&self, index: usize) -> Option<Units> {
        match self.raw(index) {
            ValueRef::Null => Some(Units::KILOMETERS),
            ValueRef::Text(b"") => Some(Units::KILOMETERS),
            ValueRef::Text(name) => Units::named(name),
            _ => None,
        }
    }

    /// Charges the comparison of each edge of one geometry with each edge of the other.
    fn compare_pairs(&self, one: &GeoJson, other: &GeoJson) -> Result<()> {
        let (one, other) = (one.positions(), other.positions());
        let pairs = one.saturating_mul(other);
        if pairs > MAX_PAIRS {
            return Err(refused(format!(
                "geometries of {one} and {other} positions are too large to be compared: the product can be at most \
                 {MAX_PAIRS}"
            )));
        }
        self.state.worked(pairs)
    }

    /// Charges the comparison of each edge with every other edge of both geometries.
    fn overlay(&self, one: &GeoJson, other: &GeoJson) -> Result<()> {
        let positions = one.positions().saturating_add(other.positions());
        if positions > MAX_OVERLAY_POSITIONS {
            return Err(refused(format!(
                "geometries of {positions} positions together are too large for this function: it takes at most \
                 {MAX_OVERLAY_POSITIONS}"
            )));
        }
        self.state.worked(positions * positions)?;
        overlay::check_crossings(one, other)
    }
}

fn refused(sentence: impl Into<String>) -> Error {
    Error::UserFunctionError(sentence.into().into())
}

fn real(number: Option<f64>) -> Value {
    number.filter(|number| number.is_finite()).map_or(Value::Null, Value::Real)
}

fn truth(is_true: bool) -> Value {
    Value::Blob(boolean(is_true).to_vec())
}

fn area(call: &Call<'_, '_>) -> Result<Value> {
    Ok(real(call.geometry(0)?.as_ref().as_ref().and_then(measure::area)))
}

fn length(call: &Call<'_, '_>) -> Result<Value> {
    let geometry = call.geometry(0)?;
    let length =
        geometry.as_ref().as_ref().zip(call.units(1)).and_then(|(geometry, units)| measure::length(geometry, units));
    Ok(real(length))
}

fn distance_between(call: &Call<'_, '_>, units: usize) -> Result<Option<f64>> {
    let (one, other) = (call.geometry(0)?, call.geometry(1)?);
    let position = |geometry: &Option<GeoJson>| geometry.as_ref().and_then(GeoJson::position);
    let (Some(one), Some(other), Some(units)) = (position(&one), position(&other), call.units(units)) else {
        return Ok(None);
    };
    Ok(Some(measure::distance(one, other, units)))
}

fn distance(call: &Call<'_, '_>) -> Result<Value> {
    distance_between(call, 2).map(real)
}

fn near(call: &Call<'_, '_>) -> Result<Value> {
    if matches!(call.raw(0), ValueRef::Null) || matches!(call.raw(1), ValueRef::Null) {
        return Ok(truth(false));
    }
    let most = match call.raw(2) {
        ValueRef::Integer(most) => Some(most as f64),
        ValueRef::Real(most) => Some(most),
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()),
        ValueRef::Null => return Err(refused("geoNear needs a distance")),
        ValueRef::Blob(_) => None,
    };
    let most = most.ok_or_else(|| refused("the distance of geoNear must be a number"))?;
    Ok(truth(distance_between(call, 3)?.is_some_and(|distance| distance <= most)))
}

fn contains(call: &Call<'_, '_>) -> Result<Value> {
    related(call, |one, other| {
        if other.is_points() {
            call.compare_pairs(one, other)?
        } else {
            call.overlay(one, other)?
        }
        Ok(relate::contains(one, other))
    })
}

fn crosses(call: &Call<'_, '_>) -> Result<Value> {
    related(call, |one, other| {
        call.compare_pairs(one, other)?;
        Ok(relate::crosses(one, other))
    })
}

fn equal(call: &Call<'_, '_>) -> Result<Value> {
    related(call, |one, other| Ok(relate::equal(one, other)))
}

/// Evaluates a relation. Returns false if an argument is not a geometry or has a null coordinate.
fn related(call: &Call<'_, '_>, relation: impl FnOnce(&GeoJson, &GeoJson) -> Result<bool>) -> Result<Value> {
    let (one, other) = (call.geometry(0)?, call.geometry(1)?);
    let (Some(one), Some(other)) = (one.as_ref(), other.as_ref()) else { return Ok(truth(false)) };
    if !one.can_be_related() || !other.can_be_related() {
        return Ok(truth(false));
    }
    relation(one, other).map(truth)
}

fn difference(call: &Call<'_, '_>) -> Result<Value> {
    let (one, other) = (call.geometry(0)?, call.geometry(1)?);
    let (Some(one), Some(other)) = (one.as_ref(), other.as_ref()) else { return Ok(Value::Null) };
    let (Some(from), Some(taken)) = (overlay::polygons(one), overlay::polygons(other)) else { return Ok(Value::Null) };
    call.overlay(one, other)?;
    Ok(overlay::difference(&from, &taken).map_or(Value::Null, |left| convert::feature(&left, one.properties())))
}

#[cfg(test)]
mod tests;
