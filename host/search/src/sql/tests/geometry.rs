//! Geometry functions on records. The expected rows are Harper's.

use serde_json::json;

use super::*;

async fn places() -> Place {
    let place = Place::new();
    let records = [
        r#"{"id":1,"name":"Wellington","point":{"type":"Point","coordinates":[174.776230,-41.286461]},"line":{"type":"LineString","coordinates":[[174.615474867904,-41.34148585702194],[174.8800567396483,-41.31574371071801]]}}"#,
        r#"{"id":3,"name":"Denver","point":{"type":"Point","coordinates":[-104.990250,39.739235]},"poly":{"type":"Polygon","coordinates":[[[-105.0487835030464,39.77676227285275],[-105.0175466672944,39.68744341857906],[-104.9113967289065,39.74637288224356],[-105.0487835030464,39.77676227285275]]]}}"#,
        r#"{"id":6,"name":"Null Island","point":{"type":"Point","coordinates":[null,null]},"poly":null}"#,
        r#"{"id":7}"#,
        r#"{"id":8,"name":"Hobbiton","point":[174.776230,-41.286461],"poly":"Somewhere in the shire","line":{"type":"LineString"}}"#,
    ];
    place.table("data.geo", "id", &records.join("\n")).await;
    place
}

#[tokio::test]
async fn a_row_omits_results_that_cannot_be_computed() {
    let place = places().await;
    for (sql, expected) in [
        (
            "SELECT id, geoArea(poly) AS area FROM geo ORDER BY area, id",
            json!([{"id": 1}, {"id": 6}, {"id": 7}, {"id": 8}, {"id": 3, "area": 53950986.64863105}]),
        ),
        (
            "SELECT geoLength(line, 'miles'), name FROM geo WHERE id IN (1, 7)",
            json!([{"geoLength(line,\"miles\")": 13.842468187961332, "name": "Wellington"}, {"name": null}]),
        ),
        (
            "SELECT geoDistance('[-104.979127,39.761563]', '[-77.035248,38.889475]', 'miles')",
            json!([{"geoDistance('[-104.979127,39.761563]','[-77.035248,38.889475]','miles')": 1488.6913067538915}]),
        ),
        ("SELECT geoDifference('{}', null)", json!([{}])),
        (
            "SELECT geoConvert('[-104.979127,39.761563]','point','{\"name\": \"x\"}') AS p",
            json!([{"p": {
                "type": "Feature", "properties": "{\"name\": \"x\"}",
                "geometry": {"type": "Point", "coordinates": [-104.979127, 39.761563]}
            }}]),
        ),
    ] {
        assert_eq!(place.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), expected, "{sql}");
    }
}

#[tokio::test]
async fn conditions_on_geometry_find_the_matching_records() {
    let place = places().await;
    let colorado = "'{\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[-109.07,37.0],[-102.02,37.0],\
                    [-102.02,41.01],[-109.07,41.01],[-109.07,37.0]]]}}'";
    let road = "'{\"type\":\"LineString\",\"coordinates\":[[-104.9139404296875,41.00477542222947],\
                [-105.0238037109375,39.715638134796336],[-104.853515625,39.53370327008705]]}'";
    for (condition, expected) in [
        ("geoArea(poly) > 53950986.64863104".to_owned(), json!([3])),
        ("geoArea(poly) > 53950986.64863106".to_owned(), json!([])),
        ("geoNear('[-104.979127,39.761563]', point, 50, 'miles')".to_owned(), json!([3])),
        ("geoDistance('[-104.979127,39.761563]', point, 'miles') > 7500".to_owned(), json!([1, 8])),
        (format!("geoContains({colorado}, point)"), json!([3])),
        (format!("geoContains({colorado}, poly)"), json!([3])),
        (format!("NOT geoContains({colorado}, point)"), json!([1, 6, 7, 8])),
        (format!("geoCrosses(poly, {road})"), json!([3])),
        (format!("geoEqual(poly, {colorado})"), json!([])),
        ("geoEqual(poly, poly)".to_owned(), json!([3])),
    ] {
        let sql = format!("SELECT id FROM geo WHERE {condition} ORDER BY id");
        assert_eq!(place.column(&sql).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn invalid_calls_are_explained() {
    let place = places().await;
    let many: Vec<_> = (0..5000).map(|n| format!("[{n},{}]", n % 2)).collect();
    place
        .table(
            "data.big",
            "id",
            &format!("{{\"id\":1,\"l\":{{\"type\":\"LineString\",\"coordinates\":[{}]}}}}", many.join(",")),
        )
        .await;
    for (expression, piece) in [
        ("geoNear(point, point, NULL) FROM geo", "geoNear needs a distance"),
        ("geoNear(point, point, 'far') FROM geo", "must be a number"),
        ("geoConvert(NULL, 'point')", "geoConvert needs coordinates"),
        ("geoConvert('[1,2]', 'Point')", "'Point' is not a geometry type of geoConvert: use one of point, lineString"),
        ("geoConvert('[1]', 'point')", "the coordinates are not those of a Point"),
        ("geoConvert('[[[0,0],[1,0],[1,1],[0,1]]]', 'polygon')", "the coordinates are not those of a Polygon"),
        ("geoContains(l, l) FROM big", "takes at most 4000"),
        ("geoCrosses(l, l) FROM big", "too large to be compared"),
        ("DATE_ADD(1, 1, 'dys')", "'dys' is no unit of time"),
        ("name REGEXP '(' FROM geo", "the pattern of REGEXP, '(', cannot be used: unclosed group"),
        ("name REGEXP '((a{100}){100}){100}' FROM geo", "is too large: it repeats too much"),
    ] {
        let refusal = place.refusal(&format!("SELECT {expression}")).await;
        assert!(refusal.contains(piece), "{expression}: {refusal}");
    }
}
