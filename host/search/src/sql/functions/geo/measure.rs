//! Lengths and areas on a sphere, with the formulas and the order of operations of turf.js. Geodesy libraries are more
//! precise, but clients compare the results with stored numbers. Sine and cosine come from `libm`, which shares its
//! origin (fdlibm) with JavaScript engines; those of the platform differ in the last digit.

use std::f64::consts::PI;

use libm::{atan2, cos, sin};

use super::read::{GeoJson, Geometry, Position};

/// In meters, for lengths.
const EARTH_RADIUS: f64 = 6_371_008.8;
/// In meters, for areas.
const EQUATOR_RADIUS: f64 = 6_378_137.0;

/// A unit of length, as the number of units per radian.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units(f64);

impl Units {
    pub const KILOMETERS: Units = Units(EARTH_RADIUS / 1000.0);

    pub fn named(name: &[u8]) -> Option<Units> {
        Some(match name {
            b"kilometers" | b"kilometres" => Units::KILOMETERS,
            b"meters" | b"metres" => Units(EARTH_RADIUS),
            b"centimeters" | b"centimetres" => Units(EARTH_RADIUS * 100.0),
            b"millimeters" | b"millimetres" => Units(EARTH_RADIUS * 1000.0),
            b"miles" => Units(EARTH_RADIUS / 1609.344),
            b"nauticalmiles" => Units(EARTH_RADIUS / 1852.0),
            b"yards" => Units(EARTH_RADIUS * 1.0936),
            b"feet" => Units(EARTH_RADIUS * 3.280_84),
            b"inches" => Units(EARTH_RADIUS * 39.37),
            b"degrees" => Units(EARTH_RADIUS / 111_325.0),
            b"radians" => Units(1.0),
            _ => return None,
        })
    }
}

pub(super) fn distance([from_x, from_y]: Position, [to_x, to_y]: Position, units: Units) -> f64 {
    let radians = |degrees: f64| (degrees % 360.0) * PI / 180.0;
    let half_height = sin(radians(to_y - from_y) / 2.0);
    let half_width = sin(radians(to_x - from_x) / 2.0);
    let chord = half_height * half_height + half_width * half_width * cos(radians(from_y)) * cos(radians(to_y));
    2.0 * atan2(chord.sqrt(), (1.0 - chord).sqrt()) * units.0
}

/// Returns the length of lines and of the rings of polygons; `None` for points.
pub(super) fn length(json: &GeoJson, units: Units) -> Option<f64> {
    if json.geometries.is_empty() {
        return None;
    }
    let lines = json.geometries.iter().filter(|geometry| !matches!(geometry, Geometry::Points { .. }));
    let steps = lines.flat_map(Geometry::parts).flat_map(|line| line.iter().zip(line.iter().skip(1)));
    Some(steps.fold(0.0, |sum, (from, to)| sum + distance(*from, *to, units)))
}

/// Returns the area in square meters; `None` for points and lines.
pub(super) fn area(json: &GeoJson) -> Option<f64> {
    if json.geometries.is_empty() {
        return None;
    }
    let polygons = json.geometries.iter().filter_map(|geometry| match geometry {
        Geometry::Polygons { polygons, .. } => Some(polygons),
        _ => None,
    });
    let areas = polygons.flatten().map(|rings| {
        let mut rings = rings.iter().map(|ring| ring_area(ring).abs());
        let outer = rings.next().unwrap_or(0.0);
        rings.fold(outer, |left, hole| left - hole)
    });
    Some(areas.fold(0.0, |sum, area| sum + area))
}

fn ring_area(ring: &[Position]) -> f64 {
    if ring.len() < 3 {
        return 0.0;
    }
    let radians = |degrees: f64| degrees * PI / 180.0;
    let following = |by: usize| ring.iter().cycle().skip(by);
    let corners = ring.iter().zip(following(1)).zip(following(2));
    let total = corners.fold(0.0, |total, ((before, at), behind)| {
        total + (radians(behind[0]) - radians(before[0])) * sin(radians(at[1]))
    });
    total * EQUATOR_RADIUS * EQUATOR_RADIUS / 2.0
}
