//! Parses GeoJSON leniently, as turf.js does: rings need not be closed, and a null coordinate counts as 0 in
//! measurements.

use rusqlite::types::ValueRef;
use serde_json::Value;

/// Maximum size of a geometry's JSON in bytes. Parsed, it takes about thirty times as much.
const MAX_BYTES: usize = 1 << 20;

/// (longitude, latitude).
pub(super) type Position = [f64; 2];

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Geometry {
    Points {
        many: bool,
        points: Vec<Position>,
    },
    Lines {
        many: bool,
        lines: Vec<Vec<Position>>,
    },
    /// Each polygon is an outer ring followed by its holes.
    Polygons {
        many: bool,
        polygons: Vec<Vec<Vec<Position>>>,
    },
}

/// A parsed GeoJSON argument.
#[derive(Debug, Default)]
pub(super) struct GeoJson {
    pub geometries: Vec<Geometry>,
    properties: Option<Value>,
    /// A position that is not part of a geometry.
    bare: Option<Position>,
    /// Whether it is a collection. A collection is measured as a whole, but has no relations.
    collection: bool,
    has_null: bool,
}

impl GeoJson {
    /// Parses a value. Returns `None` if it is not GeoJSON, and an error if it is too large.
    pub fn read(value: ValueRef<'_>) -> Result<Option<GeoJson>, String> {
        let (ValueRef::Text(json) | ValueRef::Blob(json)) = value else { return Ok(None) };
        if !matches!(json.first(), Some(b'{' | b'[')) {
            return Ok(None);
        }
        if json.len() > MAX_BYTES {
            return Err(format!("a geometry has {} bytes of JSON; the maximum is {MAX_BYTES}", json.len()));
        }
        let Ok(json) = serde_json::from_slice::<Value>(json) else { return Ok(None) };
        let mut read = GeoJson::default();
        let found = match &json {
            Value::Array(_) => {
                read.bare = read.position_of(&json);
                read.bare.map(|_| ())
            }
            _ => read.add(&json),
        };
        Ok(found.map(|()| read))
    }

    /// Returns the position of a point, given as a bare position, a geometry or a feature.
    pub fn position(&self) -> Option<Position> {
        match self.geometries.as_slice() {
            [] => self.bare,
            [Geometry::Points { many: false, points }] if !self.collection => points.first().copied(),
            _ => None,
        }
    }

    pub fn properties(&self) -> Value {
        self.properties.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    /// Returns whether it is a single geometry whose coordinates are all numbers safe to compute with.
    pub fn can_be_related(&self) -> bool {
        const LARGEST: f64 = 1e6;
        let is_small = |position: &Position| position.iter().all(|number| number.abs() <= LARGEST);
        self.single().is_some_and(|geometry| geometry.parts().flatten().all(is_small)) && !self.has_null
    }

    pub fn single(&self) -> Option<&Geometry> {
        match self.geometries.as_slice() {
            [geometry] if !self.collection => Some(geometry),
            _ => None,
        }
    }

    pub fn is_points(&self) -> bool {
        matches!(self.single(), Some(Geometry::Points { .. }))
    }

    pub fn positions(&self) -> usize {
        self.geometries.iter().flat_map(Geometry::parts).map(<[Position]>::len).sum()
    }

    fn add(&mut self, json: &Value) -> Option<()> {
        let coordinates = json.get("coordinates");
        let geometry = match json.get("type")?.as_str()? {
            "Feature" => {
                self.properties = json.get("properties").filter(|properties| !properties.is_null()).cloned();
                return self.add(json.get("geometry")?);
            }
            "FeatureCollection" => return self.add_all(json.get("features")?),
            "GeometryCollection" => return self.add_all(json.get("geometries")?),
            "Point" => Geometry::Points { many: false, points: vec![self.position_of(coordinates?)?] },
            "MultiPoint" => Geometry::Points { many: true, points: self.positions_of(coordinates?)? },
            "LineString" => Geometry::Lines { many: false, lines: vec![self.positions_of(coordinates?)?] },
            "MultiLineString" => Geometry::Lines { many: true, lines: self.lists_of(coordinates?)? },
            "Polygon" => Geometry::Polygons { many: false, polygons: vec![self.lists_of(coordinates?)?] },
            "MultiPolygon" => {
                let polygons = coordinates?.as_array()?.iter().map(|rings| self.lists_of(rings));
                Geometry::Polygons { many: true, polygons: polygons.collect::<Option<_>>()? }
            }
            _ => return None,
        };
        self.geometries.push(geometry);
        Some(())
    }

    fn add_all(&mut self, members: &Value) -> Option<()> {
        self.collection = true;
        members.as_array()?.iter().try_for_each(|member| self.add(member))
    }

    fn lists_of(&mut self, json: &Value) -> Option<Vec<Vec<Position>>> {
        json.as_array()?.iter().map(|list| self.positions_of(list)).collect()
    }

    fn positions_of(&mut self, json: &Value) -> Option<Vec<Position>> {
        json.as_array()?.iter().map(|position| self.position_of(position)).collect()
    }

    /// Reads a position. Further numbers, such as a height, are ignored.
    fn position_of(&mut self, json: &Value) -> Option<Position> {
        let [longitude, latitude, ..] = json.as_array()?.as_slice() else { return None };
        Some([self.number_of(longitude)?, self.number_of(latitude)?])
    }

    fn number_of(&mut self, json: &Value) -> Option<f64> {
        self.has_null |= json.is_null();
        if json.is_null() { Some(0.0) } else { json.as_f64() }
    }
}

impl Geometry {
    /// Iterates over all positions, in the lists that contain them.
    pub fn parts(&self) -> Box<dyn Iterator<Item = &[Position]> + '_> {
        match self {
            Geometry::Points { points, .. } => Box::new(std::iter::once(points.as_slice())),
            Geometry::Lines { lines, .. } => Box::new(lines.iter().map(Vec::as_slice)),
            Geometry::Polygons { polygons, .. } => Box::new(polygons.iter().flatten().map(Vec::as_slice)),
        }
    }
}
