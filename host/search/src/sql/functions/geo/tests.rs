//! The expected numbers come from turf.js.

use serde_json::{Value as Json, json};

use super::read::Geometry;
use super::*;

fn read(json: &Json) -> GeoJson {
    GeoJson::read(ValueRef::Text(json.to_string().as_bytes())).unwrap().unwrap_or_else(|| panic!("{json}"))
}

fn polygon(rings: Json) -> Json {
    json!({"type": "Polygon", "coordinates": rings})
}

fn square(west: f64, south: f64, size: f64) -> Json {
    let (east, north) = (west + size, south + size);
    polygon(json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]))
}

fn line(coordinates: Json) -> Json {
    json!({"type": "LineString", "coordinates": coordinates})
}

fn point(x: f64, y: f64) -> Json {
    json!({"type": "Point", "coordinates": [x, y]})
}

#[test]
fn areas_match_turf_js() {
    let denver = json!([[
        [-105.0487835030464, 39.77676227285275],
        [-105.0175466672944, 39.68744341857906],
        [-104.9113967289065, 39.74637288224356],
        [-105.0487835030464, 39.77676227285275]
    ]]);
    let wellington = json!([[
        [174.615474867904, -41.34148585702194],
        [174.8800567396483, -41.31574371071801],
        [174.6896944170223, -41.19759744824616],
        [174.615474867904, -41.34148585702194]
    ]]);
    let open = json!([[[0, 0], [0.123456, 0], [0.123456, 0.123456], [0, 0.123456]]]);
    for (rings, expected) in [(denver, 53950986.64863105), (wellington, 168404308.63474682), (open, 188871526.05092356)]
    {
        assert_eq!(measure::area(&read(&polygon(rings.clone()))), Some(expected));
        let feature = json!({"type": "Feature", "geometry": polygon(rings)});
        let collection = json!({"type": "FeatureCollection", "features": [feature, {"type": "Feature", "geometry": point(1.0, 2.0)}]});
        assert_eq!(measure::area(&read(&collection)), Some(expected));
    }
    assert_eq!(measure::area(&read(&json!([1, 2]))), None);
}

#[test]
fn lengths_and_distances_match_turf_js() {
    let units = |name: &str| Units::named(name.as_bytes()).unwrap();
    let road = line(json!([
        [-104.97963309288025, 39.76163265441438],
        [-104.9823260307312, 39.76365323407955],
        [-104.99193906784058, 39.75616442110704]
    ]));
    assert_eq!(measure::length(&read(&road), Units::KILOMETERS), Some(1.491544504248235));
    let null = line(json!([[-112.8291507578281, 40.88206673094385], [null, null]]));
    assert_eq!(measure::length(&read(&null), units("miles")), Some(7397.000649273201));
    assert_eq!(measure::length(&read(&point(1.0, 2.0)), units("miles")), Some(0.0));
    let position = |json: Json| read(&json).position().unwrap();
    let denver = position(json!([-104.979127, 39.761563]));
    for (other, expected) in [
        (json!([-77.035248, 38.889475]), 1488.6913067538915),
        (json!({"type": "Feature", "geometry": point(-104.990250, 39.739235)}), 1.6520011088478226),
        (json!({"type": "Point", "coordinates": [null, null]}), 7010.231359296063),
        (point(174.776230, -41.286461), 7525.228704326891),
    ] {
        assert_eq!(measure::distance(denver, position(other), units("miles")), expected);
    }
    assert!(Units::named(b"leagues").is_none());
}

#[test]
fn values_that_are_not_geometries_are_rejected() {
    for text in [
        "Somewhere in the shire",
        "{",
        "[1]",
        "[[1,2],[3,4]]",
        "[\"1\",2]",
        "{}",
        "{\"type\":\"LineString\"}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Circle\",\"coordinates\":[1,2]}",
    ] {
        assert!(GeoJson::read(ValueRef::Text(text.as_bytes())).unwrap().is_none(), "{text}");
    }
    let large = format!("[1,2{}]", ",0".repeat(1 << 20));
    assert!(GeoJson::read(ValueRef::Text(large.as_bytes())).unwrap_err().contains("the maximum is 1048576"));
}

#[test]
fn a_geometry_contains_what_lies_inside_it() {
    let outer = square(0.0, 0.0, 10.0);
    let ring = polygon(json!([[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[3, 3], [6, 3], [6, 6], [3, 6], [3, 3]]]));
    for (one, other, expected) in [
        (&outer, point(5.0, 5.0), true),
        (&outer, point(0.0, 5.0), false),
        (&outer, square(1.0, 1.0, 2.0), true),
        (&outer, square(5.0, 5.0, 9.0), false),
        (&outer, line(json!([[1, 1], [2, 2]])), true),
        (&outer, line(json!([[1, 1], [20, 2]])), false),
        (&outer, json!({"type": "MultiPoint", "coordinates": [[1, 1], [11, 1]]}), false),
        (&ring, point(4.0, 4.0), false),
        (&ring, square(2.0, 2.0, 5.0), false),
        (&point(1.0, 2.0), point(1.0, 2.0), true),
        (&line(json!([[0, 0], [2, 2]])), point(1.0, 1.0), true),
        (&line(json!([[0, 0], [2, 2]])), point(0.0, 0.0), false),
    ] {
        assert_eq!(relate::contains(&read(one), &read(&other)), expected, "{one} {other}");
    }
}

#[test]
fn geometries_with_a_common_point_cross() {
    let one = square(0.0, 0.0, 10.0);
    for (other, expected) in [
        (line(json!([[-1, 5], [11, 5]])), true),
        (line(json!([[4, 5], [6, 5]])), true),
        (line(json!([[11, 5], [12, 5]])), false),
        (square(10.0, 10.0, 1.0), true),
        (square(10.5, 10.5, 1.0), false),
        (point(5.0, 5.0), true),
    ] {
        assert_eq!(relate::crosses(&read(&one), &read(&other)), expected, "{other}");
    }
}

#[test]
fn equality_ignores_starting_point_and_direction() {
    let one = polygon(json!([[[0, 0], [1, 0], [1, 1], [0, 0]]]));
    for (other, expected) in [
        (polygon(json!([[[1, 0], [1, 1], [0, 0], [1, 0]]])), true),
        (polygon(json!([[[0, 0], [1, 1], [1, 0.0000000001], [0, 0]]])), true),
        (polygon(json!([[[0, 0], [1, 0], [1, 1.1], [0, 0]]])), false),
        (line(json!([[0, 0], [1, 0], [1, 1], [0, 0]])), false),
        (json!({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]}), false),
    ] {
        assert_eq!(relate::equal(&read(&one), &read(&other)), expected, "{other}");
    }
    let forth = line(json!([[0, 0], [1, 0], [1, 1]]));
    assert!(relate::equal(&read(&forth), &read(&line(json!([[1, 1], [1, 0], [0, 0]])))));
}

#[test]
fn a_difference_keeps_the_input_positions() {
    let colorado = read(&polygon(json!([[
        [-109.072265625, 37.00255267215955],
        [-102.01904296874999, 37.00255267215955],
        [-102.01904296874999, 41.0130657870063],
        [-109.072265625, 41.0130657870063],
        [-109.072265625, 37.00255267215955]
    ]])));
    let park = read(&polygon(json!([[
        [-104.95973110198975, 39.7543828214657],
        [-104.95955944061278, 39.744781185675386],
        [-104.95904445648193, 39.74422022399989],
        [-104.95835781097412, 39.74402223643582],
        [-104.94097709655762, 39.74392324244047],
        [-104.9408483505249, 39.75434982844515],
        [-104.95973110198975, 39.7543828214657]
    ]])));
    let of = |json: &GeoJson| overlay::polygons(json).unwrap();
    let left = overlay::difference(&of(&colorado), &of(&park)).unwrap();
    let Value::Blob(feature) = convert::feature(&left, json!({"name": "Colorado"})) else { panic!() };
    assert_eq!(
        serde_json::from_slice::<Json>(&feature).unwrap(),
        json!({"type": "Feature", "properties": {"name": "Colorado"}, "geometry": {"type": "Polygon", "coordinates": [
            [
                [-109.072265625, 37.00255267215955], [-102.01904296874999, 37.00255267215955],
                [-102.01904296874999, 41.0130657870063], [-109.072265625, 41.0130657870063],
                [-109.072265625, 37.00255267215955]
            ],
            [
                [-104.95973110198975, 39.7543828214657], [-104.9408483505249, 39.75434982844515],
                [-104.94097709655762, 39.74392324244047], [-104.95835781097412, 39.74402223643582],
                [-104.95904445648193, 39.74422022399989], [-104.95955944061278, 39.744781185675386],
                [-104.95973110198975, 39.7543828214657]
            ]
        ]}})
    );
    assert_eq!(overlay::difference(&of(&park), &of(&colorado)), None);
    let halves = overlay::difference(
        &of(&read(&square(0.0, 0.0, 3.0))),
        &of(&read(&polygon(json!([[[1, -1], [2, -1], [2, 4], [1, 4], [1, -1]]])))),
    );
    assert!(matches!(halves, Some(Geometry::Polygons { many: true, .. })), "{halves:?}");
}

#[test]
fn geometries_with_too_many_crossing_edges_are_rejected() {
    let comb = |flip: bool| {
        let corners = (0..2000).map(|n| {
            let (along, across) = (f64::from(n), f64::from(n % 2) * 2000.0);
            if flip { [along, across] } else { [across, along] }
        });
        read(&polygon(json!([corners.collect::<Vec<_>>()])))
    };
    let refusal = overlay::check_crossings(&comb(true), &comb(false)).unwrap_err().to_string();
    assert!(refusal.contains("more than 100000 times"), "{refusal}");
    assert!(overlay::check_crossings(&read(&square(0.0, 0.0, 3.0)), &read(&square(1.0, 1.0, 3.0))).is_ok());
}
