//! The difference of two polygons.

use geo::{BooleanOps, Coord, LineString, MultiPolygon};

use super::read::{GeoJson, Geometry, Position};
use super::refused;
use super::relate::multi_polygon;

/// Maximum number of crossing edges. Each crossing becomes a position while the polygons are overlaid.
const MAX_CROSSINGS: usize = 100_000;
/// The library computes on a 32-bit grid. Positions closer than this fraction of the extent are treated as equal.
const GRID: f64 = 1.0 / (1_u64 << 28) as f64;

/// Returns the polygons of a geometry that contains nothing else.
pub(super) fn polygons(json: &GeoJson) -> Option<MultiPolygon<f64>> {
    match json.single() {
        Some(Geometry::Polygons { polygons, .. }) if json.can_be_related() => Some(multi_polygon(polygons)),
        _ => None,
    }
}

/// Rejects geometries with so many crossing edges that the overlay would take too much memory.
pub(super) fn check_crossings(one: &GeoJson, other: &GeoJson) -> rusqlite::Result<()> {
    let parts = [one, other].into_iter().filter_map(GeoJson::single).flat_map(Geometry::parts);
    let edges: Vec<(&Position, &Position)> = parts.flat_map(|part| part.iter().zip(part.iter().skip(1))).collect();
    let mut crossings = 0_usize;
    for (number, edge) in edges.iter().enumerate() {
        let later = edges.iter().skip(number + 1);
        crossings += later.filter(|other| may_cross(edge, other)).count();
        if crossings > MAX_CROSSINGS {
            return Err(refused(format!(
                "the edges of the geometries cross each other more than {MAX_CROSSINGS} times; simplify them first"
            )));
        }
    }
    Ok(())
}

/// Returns whether each edge has its ends on both sides of the other, or on it.
fn may_cross((a, b): &(&Position, &Position), (c, d): &(&Position, &Position)) -> bool {
    let side = |from: &Position, to: &Position, at: &Position| {
        (to[0] - from[0]) * (at[1] - from[1]) - (to[1] - from[1]) * (at[0] - from[0])
    };
    side(a, b, c) * side(a, b, d) <= 0.0 && side(c, d, a) * side(c, d, b) <= 0.0
}

/// Returns the difference, or `None` if nothing is left.
pub(super) fn difference(from: &MultiPolygon<f64>, taken: &MultiPolygon<f64>) -> Option<Geometry> {
    let left = from.difference(taken);
    if left.0.is_empty() {
        return None;
    }
    let known = Known::of([from, taken]);
    let rings = |polygon: &geo::Polygon<f64>| {
        let outer = ring(polygon.exterior(), &known, true);
        std::iter::once(outer).chain(polygon.interiors().iter().map(|hole| ring(hole, &known, false))).collect()
    };
    let polygons: Vec<_> = left.0.iter().map(rings).collect();
    Some(Geometry::Polygons { many: polygons.len() > 1, polygons })
}

/// The input positions, ordered by longitude. A computed position that is close to one of them is replaced by it.
struct Known {
    sorted: Vec<Position>,
    tolerance: f64,
}

impl Known {
    fn of(polygons: [&MultiPolygon<f64>; 2]) -> Self {
        let rings = polygons.into_iter().flatten().flat_map(|polygon| {
            std::iter::once(polygon.exterior()).chain(polygon.interiors()).flat_map(|ring| ring.0.iter())
        });
        let mut sorted: Vec<Position> = rings.map(|at| [at.x, at.y]).collect();
        sorted.sort_unstable_by(|one, other| one[0].total_cmp(&other[0]));
        let largest = |axis: fn(&Position) -> f64| {
            let (least, most) = sorted
                .iter()
                .map(axis)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| (least.min(at), most.max(at)));
            most - least
        };
        let tolerance = largest(|at| at[0]).max(largest(|at| at[1])) * GRID;
        Known { sorted, tolerance }
    }

    fn nearest(&self, at: Coord<f64>) -> Position {
        let first = self.sorted.partition_point(|known| known[0] < at.x - self.tolerance);
        let near = self.sorted.iter().skip(first).take_while(|known| known[0] <= at.x + self.tolerance);
        let off = |known: &&Position| (known[0] - at.x).abs().max((known[1] - at.y).abs());
        near.filter(|known| off(known) <= self.tolerance)
            .min_by(|one, other| off(one).total_cmp(&off(other)))
            .map_or([at.x, at.y], |known| *known)
    }
}

/// Returns a closed ring that starts at its westernmost position. Outer rings run counterclockwise, holes clockwise.
fn ring(line: &LineString<f64>, known: &Known, outer: bool) -> Vec<Position> {
    let mut ring: Vec<Position> = line.0.iter().map(|at| known.nearest(*at)).collect();
    ring.dedup();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let steps = ring.iter().zip(ring.iter().cycle().skip(1));
    let doubled: f64 = steps.map(|(from, to)| from[0] * to[1] - to[0] * from[1]).sum();
    if (doubled > 0.0) != outer {
        ring.reverse();
    }
    let start = ring
        .iter()
        .enumerate()
        .min_by(|(_, one), (_, other)| one[0].total_cmp(&other[0]).then(one[1].total_cmp(&other[1])));
    let start = start.map_or(0, |(number, _)| number);
    ring.rotate_left(start);
    ring.extend(ring.first().copied());
    ring
}
