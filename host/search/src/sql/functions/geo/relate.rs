//! Relations between two geometries, in the plane of longitude and latitude.

use geo::{Contains, Intersects, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, Relate};

use super::read::{GeoJson, Geometry, Position};

/// Precision of equality, as a factor: six decimal places, a tenth of a meter.
const EQUAL_DIGITS: f64 = 1e6;

/// Returns whether `other` lies completely inside `one`, and not only on its border.
pub(super) fn contains(one: &GeoJson, other: &GeoJson) -> bool {
    let (Some(one), Some(other)) = (one.single(), other.single()) else { return false };
    let outer = shape(one);
    match other {
        Geometry::Points { points, .. } => {
            !points.is_empty() && points.iter().all(|[x, y]| outer.contains(&Point::new(*x, *y)))
        }
        _ => outer.relate(&shape(other)).is_contains(),
    }
}

/// Returns whether the two have a point in common.
pub(super) fn crosses(one: &GeoJson, other: &GeoJson) -> bool {
    one.single().zip(other.single()).is_some_and(|(one, other)| shape(one).intersects(&shape(other)))
}

/// Returns whether the two have the same kind and the same positions. The starting point of a ring and the direction of
/// a line do not matter.
pub(super) fn equal(one: &GeoJson, other: &GeoJson) -> bool {
    one.single().zip(other.single()).is_some_and(|(one, other)| canonical(one) == canonical(other))
}

fn shape(geometry: &Geometry) -> geo::Geometry<f64> {
    match geometry {
        Geometry::Points { points, .. } => {
            MultiPoint::new(points.iter().map(|[x, y]| Point::new(*x, *y)).collect()).into()
        }
        Geometry::Lines { lines, .. } => {
            let lines = MultiLineString::new(lines.iter().map(|line| line_string(line)).collect());
            // A collection of one line has the same border as the line, which is simpler to compute with.
            match <[LineString<f64>; 1]>::try_from(lines.0) {
                Ok([line]) => line.into(),
                Err(lines) => MultiLineString::new(lines).into(),
            }
        }
        Geometry::Polygons { polygons, .. } => multi_polygon(polygons).into(),
    }
}

pub(super) fn multi_polygon(polygons: &[Vec<Vec<Position>>]) -> MultiPolygon<f64> {
    let polygon = |rings: &Vec<Vec<Position>>| {
        let mut rings = rings.iter().map(|ring| line_string(ring));
        let outer = rings.next().unwrap_or_else(LineString::empty);
        Polygon::new(outer, rings.collect())
    };
    MultiPolygon::new(polygons.iter().map(polygon).collect())
}

fn line_string(line: &[Position]) -> LineString<f64> {
    line.iter().map(|[x, y]| (*x, *y)).collect()
}

type Rounded = (i64, i64);

/// Returns kind and parts in an order that does not depend on how they were written.
fn canonical(geometry: &Geometry) -> (u8, bool, Vec<Vec<Vec<Rounded>>>) {
    let sorted = |mut parts: Vec<Vec<Rounded>>| {
        parts.sort_unstable();
        parts
    };
    match geometry {
        Geometry::Points { many, points } => {
            let mut points: Vec<Rounded> = points.iter().map(rounded).collect();
            points.sort_unstable();
            (0, *many, vec![vec![points]])
        }
        Geometry::Lines { many, lines } => {
            let line = |line: &Vec<Position>| {
                let line = without_repeats(line);
                let back: Vec<_> = line.iter().rev().copied().collect();
                line.min(back)
            };
            (1, *many, vec![sorted(lines.iter().map(line).collect())])
        }
        Geometry::Polygons { many, polygons } => {
            let polygon = |rings: &Vec<Vec<Position>>| {
                let mut rings = rings.iter().map(|ring| canonical_ring(ring));
                let outer = rings.next().unwrap_or_default();
                let mut all = vec![outer];
                all.extend(sorted(rings.collect()));
                all
            };
            let mut polygons: Vec<_> = polygons.iter().map(polygon).collect();
            polygons.sort_unstable();
            (2, *many, polygons)
        }
    }
}

fn rounded([x, y]: &Position) -> Rounded {
    ((x * EQUAL_DIGITS).round() as i64, (y * EQUAL_DIGITS).round() as i64)
}

fn without_repeats(line: &[Position]) -> Vec<Rounded> {
    let mut line: Vec<Rounded> = line.iter().map(rounded).collect();
    line.dedup();
    line
}

fn canonical_ring(ring: &[Position]) -> Vec<Rounded> {
    let mut ring = without_repeats(ring);
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let back: Vec<_> = ring.iter().rev().copied().collect();
    least_rotation(ring).min(least_rotation(back))
}

/// Returns the lexicographically least rotation, in linear time: two candidates are compared, and the worse one skips
/// everything they had in common.
fn least_rotation(mut ring: Vec<Rounded>) -> Vec<Rounded> {
    let length = ring.len();
    let (mut best, mut next, mut common) = (0, 1, 0);
    while best < length && next < length && common < length {
        let at = |start: usize| ring.get((start + common) % length);
        match at(best).cmp(&at(next)) {
            std::cmp::Ordering::Equal => {
                common += 1;
                continue;
            }
            std::cmp::Ordering::Greater => best += common + 1,
            std::cmp::Ordering::Less => next += common + 1,
        }
        if best == next {
            next += 1;
        }
        common = 0;
    }
    if length > 0 {
        ring.rotate_left(best.min(next) % length);
    }
    ring
}
