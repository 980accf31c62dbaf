//! Results of statements.

use serde_json::json;

use super::*;

#[tokio::test]
async fn rows_contain_the_values_of_records() {
    let place = kennel().await;
    assert_eq!(
        place.text("SELECT * FROM data.dog WHERE id = 1", RowShape::Objects).await.unwrap(),
        "{\"id\":1,\"__createdtime__\":1600000000000.5,\"__updatedtime__\":1600000000000.5,\"Name\":null,\"age\":5,\
         \"alive\":true,\"home\":null,\"name\":\"Rex\",\"owner\":\"ann\",\"tags\":[\"a\",\"b\"],\"weight\":30.5}"
    );
    assert_eq!(
        place
            .text("SELECT home, tags, alive, name FROM dog WHERE id IN (3, 'x') ORDER BY age", RowShape::Arrays)
            .await
            .unwrap(),
        "[{\"x\":1,\"y\":\"a b\"},null,null,\"fifi\"],[null,null,null,\"O'Neil \\\"q\\\" \\\\ é\"]"
    );
    assert_eq!(place.text("SELECT name FROM dog WHERE id = 99", RowShape::Objects).await.unwrap(), "");
}

fn operators() -> Vec<(&'static str, Value)> {
    vec![
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3)),
        ("1 / 0", json!(null)),
        ("7 % 2", json!(1)),
        ("5.5 % 2", json!(1.5)),
        ("7 % 0", json!(null)),
        ("2 * 3 - -1", json!(7)),
        ("- - 1", json!(1)),
        ("1 - (2 - 3)", json!(2)),
        ("2 + 3 * 4", json!(14)),
        ("(2 + 3) * 4", json!(20)),
        ("0.1 + 0.2", json!(0.30000000000000004)),
        ("9223372036854775807", json!(9223372036854775807_i64)),
        ("1e2", json!(100)),
        ("TRUE", json!(true)),
        ("NOT TRUE", json!(false)),
        ("1 = 1", json!(true)),
        ("1 = NULL", json!(null)),
        ("(1 < 2) = TRUE", json!(true)),
        ("TRUE AND NULL", json!(null)),
        ("FALSE AND NULL", json!(false)),
        ("5 BETWEEN 1 AND 5 AND 'a' LIKE 'A'", json!(true)),
        ("'a' || 1 || NULL", json!(null)),
        ("'a' || 1.5", json!("a1.5")),
        ("'it''s'", json!("it's")),
        ("CASE WHEN 1 > 2 THEN 'a' WHEN TRUE THEN 'b' END", json!("b")),
        ("CASE 3 WHEN 3 THEN 1 = 1 ELSE 0 END", json!(true)),
        ("COALESCE(NULL, FALSE)", json!(false)),
        ("NULLIF(1, 1)", json!(null)),
        ("IIF('' , 1, 2)", json!(2)),
        ("CAST('12x' AS INTEGER)", json!(12)),
        ("CAST(1 AS BOOLEAN)", json!(true)),
        ("CAST(TRUE AS TEXT)", json!("true")),
        ("CAST(2.5 AS VARCHAR(10))", json!("2.5")),
        ("SUBSTRING('hello', 2, 3)", json!("ell")),
        ("SUBSTR(TRUE, 2)", json!("rue")),
        ("TRIM('  a ')", json!("a")),
        ("TRIM('xax', 'x')", json!("a")),
        ("TRIM(LEADING 'x' FROM 'xax')", json!("ax")),
        ("UPPER('a') || LCASE('B') || LEN('four')", json!("Ab4")),
        ("INSTR('höher', 'h')", json!(1)),
        ("INSTR('höher', 'er')", json!(4)),
    ]
}

fn functions() -> Vec<(&'static str, Value)> {
    vec![
        ("POSITION('er' IN 'höher')", json!(4)),
        ("REPLACE('aXbX', 'X', '--')", json!("a--b--")),
        ("ROUND(2.567, 2)", json!(2.57)),
        ("ROUND(2.5)", json!(3)),
        ("CEIL(1.2) + FLOOR(1.8) + ABS(-1)", json!(4)),
        ("SQRT(16)", json!(4)),
        ("SQRT(-1)", json!(null)),
        ("POWER(2, 10)", json!(1024)),
        ("MAX(1, 3, 2)", json!(3)),
        ("1 IN (1, 2) OR 1 / 0", json!(true)),
        ("NULL IS NULL", json!(true)),
        ("1 IS NOT NULL", json!(true)),
        ("TRUE IS TRUE", json!(true)),
        ("(1 = 2) IS FALSE", json!(true)),
        ("'a' IS NOT FALSE", json!(true)),
        ("1 IS DISTINCT FROM NULL", json!(true)),
        ("EXISTS (SELECT 1 WHERE 1 = 2)", json!(false)),
        ("(SELECT TRUE)", json!(true)),
        ("'10' > 9", json!(true)),
        ("date('2024-02-30', '+1 day')", json!("2024-03-02")),
        ("DATE('2020-4-1')", json!("2020-04-01T00:00:00.000+0000")),
        ("DATE(1585699200000)", json!("2020-04-01T00:00:00.000+0000")),
        ("DATE(NULL)", json!(null)),
        ("DATE_ADD('2020-04-01', 1, 'days')", json!(1_585_785_600_000_i64)),
        ("DATE_SUB('2020-4-1', 3, 'years')", json!(1_491_004_800_000_i64)),
        ("DATE_DIFF('2020-04-08', '2020-04-01', 'weeks')", json!(1)),
        ("DATE_DIFF('2020-04-08', 'never', 'weeks')", json!(null)),
        ("date_format('2020-04-01', 'dddd')", json!("Wednesday")),
        ("EXTRACT('2020-04-01', 'month') || EXTRACT(YEAR FROM '2020-04-01')", json!("042020")),
        ("OFFSET_UTC('2020-04-01', -6)", json!("2020-03-31T18:00:00.000-0600")),
        ("OFFSET_UTC('2020-04-01', '+05:30')", json!("2020-04-01T05:30:00.000+0530")),
        ("NOW() = GETDATE() AND NOW() = CURRENT_TIMESTAMP AND CURRENT_TIMESTAMP() > 1700000000000", json!(true)),
        (
            "DATE() = DATE(NOW()) AND CURRENT_DATE = CURRENT_DATE() AND DATE_FORMAT(NOW(), 'HH:mm:ss.SSS') = CURRENT_TIME()",
            json!(true),
        ),
        ("LENGTH(GET_SERVER_TIME())", json!(28)),
        ("RANDOM() >= 0 AND RANDOM() < 1 AND RANDOM() <> RANDOM()", json!(true)),
        ("GEOAREA('nothing')", json!(null)),
        ("geoDistance('[0,0]', '[0,1]', 'degrees') < 1", json!(true)),
        ("geoNear('[0,0]', '[0,1]', '200')", json!(true)),
        (
            "geoConvert('[[0,0],[1,1]]', 'lineString')",
            json!({"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}),
        ),
        ("'100%' LIKE '100!%' ESCAPE '!'", json!(true)),
        ("JSON_EXTRACT((SELECT home FROM dog WHERE id = 3), '$.y')", json!("a b")),
        ("JSON_EXTRACT((SELECT home FROM dog WHERE id = 3), '$')", json!({"x": 1, "y": "a b"})),
        ("JSON_EXTRACT((SELECT tags FROM dog WHERE id = 1), '$[1]')", json!("b")),
        ("JSON_EXTRACT((SELECT tags FROM dog WHERE id = 1), '$[2].x')", json!(null)),
        ("JSON_EXTRACT(NULL, '$')", json!(null)),
    ]
}

#[tokio::test]
async fn expressions_return_json_values() {
    let place = kennel().await;
    for (expression, expected) in operators().into_iter().chain(functions()) {
        assert_eq!(place.column(&format!("SELECT {expression}")).await, json!([expected]), "{expression}");
    }
}

#[tokio::test]
async fn booleans_work_in_conditions() {
    let place = kennel().await;
    for (condition, expected) in [
        ("alive", json!([1])),
        ("NOT alive", json!([2])),
        ("alive = TRUE", json!([1])),
        ("alive = false", json!([2])),
        ("alive <> TRUE", json!([2])),
        ("alive IS NULL", json!([3, "x"])),
        ("alive IS NOT TRUE", json!([2, 3, "x"])),
        ("alive OR age = 12", json!([1, 3])),
        ("alive AND weight", json!([1])),
        ("(alive)", json!([1])),
        ("alive IN (TRUE, FALSE)", json!([1, 2])),
        ("alive = (age > 4)", json!([1, 2])),
        ("CASE WHEN alive THEN name = 'Rex' ELSE FALSE END", json!([1])),
        ("COALESCE(alive, TRUE)", json!([1, 3, "x"])),
        ("age > 4", json!([1, 3, "x"])),
        ("age = '7'", json!(["x"])),
        ("age = 7", json!(["x"])),
        ("age > 6 AND age < 8", json!(["x"])),
        ("age BETWEEN 6 AND 7", json!(["x"])),
        ("name > 100", json!([])),
        ("name < 100", json!([])),
        ("NOT (name < 100)", json!([1, 2, 3, "x"])),
        ("name LIKE 'FI%'", json!([3])),
        ("name NOT LIKE '%e%'", json!([3])),
        ("id = 'x'", json!(["x"])),
        ("id = 1.0", json!([1])),
        ("id = '1'", json!([1])),
        ("'1' = id", json!([1])),
        ("id <> '1' AND id > 1", json!([2, 3])),
        ("id IN ('1', '2', 'x', '01')", json!([1, 2, "x"])),
        ("id NOT IN ('1', '2')", json!([3, "x"])),
        ("weight = '30.5'", json!([1])),
        ("alive = 'false'", json!([2])),
        ("alive IN ('true', 'false')", json!([1, 2])),
        ("name REGEXP '^[Rf]'", json!([1, 3])),
        ("name NOT REGEXP '[eE]'", json!([3])),
        ("REGEXP_LIKE(name, 'rex')", json!([])),
        ("NOT REGEXP_LIKE(name, '(?i)rex')", json!([2, 3, "x"])),
        ("home REGEXP 'a b'", json!([3])),
        ("id = NULL", json!([])),
        ("id = 'X' COLLATE NOCASE", json!(["x"])),
        ("id IN (2, 1, 1)", json!([1, 2])),
        ("id IN (SELECT id FROM gold.dog)", json!([1])),
        ("owner = 'ann' AND id > 1", json!([3])),
        ("tags IS NOT NULL", json!([1])),
        ("EXISTS (SELECT 1 FROM owner WHERE owner.id = dog.owner AND city = 'Basel')", json!([2])),
    ] {
        let sql = format!("SELECT id FROM dog WHERE {condition} ORDER BY id");
        assert_eq!(place.column(&sql).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn groups_joins_windows_and_other_clauses_return_the_right_rows() {
    let place = kennel().await;
    for (sql, expected) in [
        ("SELECT COUNT(*) AS c, AVG(weight) AS a FROM dog", json!([{"c": 4, "a": 20.25}])),
        (
            "SELECT owner, COUNT(*) AS n, SUM(age) AS s FROM dog WHERE owner IS NOT NULL GROUP BY owner HAVING n > 0 ORDER BY n DESC",
            json!([{"owner": "ann", "n": 2, "s": 17}, {"owner": "bob", "n": 1, "s": 3}]),
        ),
        (
            "SELECT alive, COUNT(*) AS n FROM dog GROUP BY alive ORDER BY n, alive",
            json!([
                {"alive": false, "n": 1}, {"alive": true, "n": 1}, {"alive": null, "n": 2}
            ]),
        ),
        (
            "SELECT DISTINCT owner FROM dog ORDER BY 1 DESC",
            json!([{"owner": "bob"}, {"owner": "ann"}, {"owner": null}]),
        ),
        ("SELECT COUNT(DISTINCT owner) FROM dog", json!([{"COUNT(DISTINCT owner)": 2}])),
        ("SELECT COUNT(*) FILTER (WHERE alive) AS n FROM dog", json!([{"n": 1}])),
        ("SELECT MIN(name) m, MAX(age > 4) o FROM dog WHERE id < 3", json!([{"m": "Bello", "o": true}])),
        (
            "SELECT d.name, o.city FROM dog d JOIN owner AS o ON d.owner = o.id ORDER BY d.id",
            json!([{"name": "Rex", "city": "Bern"}, {"name": "Bello", "city": "Basel"}, {"name": "fifi", "city": "Bern"}]),
        ),
        (
            "SELECT dog.name, gold.dog.price FROM data.dog AS d, gold.dog, dog WHERE d.id = gold.dog.id AND data.dog.id = d.id",
            json!([{"name": "Rex", "price": 100}]),
        ),
        (
            "SELECT o.id, d.id FROM owner o LEFT JOIN dog d ON d.owner = o.id WHERE o.id > 'b' ORDER BY o.id",
            json!([
                {"id": "bob", "id1": 2}, {"id": "cy", "id1": null}
            ]),
        ),
        (
            "SELECT d.id, g.id FROM dog d FULL OUTER JOIN gold.dog g USING (id) WHERE d.id = 2 OR g.id = 7",
            json!([
                {"id": 2, "id1": null}, {"id": null, "id1": 7}
            ]),
        ),
        (
            "SELECT id FROM dog UNION SELECT id FROM gold.dog ORDER BY id LIMIT 2 OFFSET 3",
            json!([{"id": 7}, {"id": "x"}]),
        ),
        ("(SELECT id FROM dog) INTERSECT (SELECT id FROM gold.dog)", json!([{"id": 1}])),
        ("SELECT 1 AS x EXCEPT SELECT 2 UNION ALL SELECT 3", json!([{"x": 1}, {"x": 3}])),
        (
            "WITH dog AS (SELECT * FROM dog WHERE age > 4), n AS (SELECT COUNT(*) AS c FROM dog) SELECT c FROM n",
            json!([{"c": 3}]),
        ),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
            json!([{"i": 1}, {"i": 2}, {"i": 3}]),
        ),
        (
            "SELECT id, ROW_NUMBER() OVER (PARTITION BY owner ORDER BY age DESC) AS r FROM dog WHERE owner = 'ann' ORDER BY id",
            json!([{"id": 1, "r": 2}, {"id": 3, "r": 1}]),
        ),
        (
            "SELECT id, SUM(age) OVER w AS s FROM dog WHERE id < 3 WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            json!([{"id": 1, "s": 5}, {"id": 2, "s": 8}]),
        ),
        ("SELECT n.x FROM (SELECT age + 1 AS x FROM dog WHERE id = 1) AS n", json!([{"x": 6}])),
        (
            "SELECT `age` + 1, \"age\", [age] AS [a b] FROM `data`.\"dog\" WHERE id = 1",
            json!([{"`age` + 1": 6, "age": 5, "a b": 5}]),
        ),
        ("SELECT Name, name FROM dog WHERE Name = 'upper'", json!([{"Name": "upper", "name": "O'Neil \"q\" \\ é"}])),
        ("SELECT id AS a, id AS a, id AS a1 FROM gold.dog WHERE id = 7", json!([{"a": 7, "a2": 7, "a1": 7}])),
        ("SELECT name FROM dog ORDER BY age DESC LIMIT 1, 1", json!([{"name": "fifi"}])),
        ("SELECT id FROM dog ORDER BY weight NULLS LAST, id LIMIT 3", json!([{"id": 2}, {"id": 1}, {"id": 3}])),
        ("SELECT GROUP_CONCAT(name, '/') AS n FROM dog WHERE id < 3", json!([{"n": "Rex/Bello"}])),
        ("SELECT x FROM (SELECT 1 AS x) ; ", json!([{"x": 1}])),
        ("SELECT /* c */ id -- d\n FROM gold.dog WHERE id = 7 -- e", json!([{"id": 7}])),
        ("SELECT COUNT(*) AS \"rowid\", 1 AS sqlite_master FROM gold.dog", json!([{"rowid": 2, "sqlite_master": 1}])),
        ("SELECT age > 4 AS old FROM dog WHERE id = 1", json!([{"old": true}])),
    ] {
        assert_eq!(place.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), expected, "{sql}");
    }
}

#[tokio::test]
async fn names_reserved_by_sqlite_are_ordinary_names() {
    let place = Place::new();
    place.table("main.sqlite_master", "rowid", "{\"rowid\":5,\"oid\":6,\"a\\\"b\":7,\"^x\":8,\"X\":9,\"x\":10}").await;
    place.table("temp.Main", "ID", "{\"ID\":\"1\",\"id\":2}").await;
    place.table("temp.main", "id", "{\"id\":3}").await;
    assert_eq!(
        place.rows("SELECT rowid, oid, \"a\"\"b\", `^x`, X, x FROM main.sqlite_master").await.unwrap(),
        json!([{"rowid": 5, "oid": 6, "a\"b": 7, "^x": 8, "X": 9, "x": 10}])
    );
    assert_eq!(
        place.rows("SELECT a.ID, a.id, b.id FROM temp.Main a, temp.main b").await.unwrap(),
        json!([{"ID": "1", "id": 2, "id1": 3}])
    );
    assert_eq!(place.refusal("SELECT _rowid_ FROM temp.main").await, "unknown attribute '_rowid_'");
}

#[tokio::test]
async fn a_wide_table_declares_only_the_named_columns() {
    let place = Place::new();
    let fields: Vec<String> = (0..3000).map(|number| format!("\"c{number}\":{number}")).collect();
    place.table("data.wide", "id", &format!("{{\"id\":1,{}}}", fields.join(","))).await;
    assert_eq!(place.column("SELECT c2999 + c0 + c64 FROM wide").await, json!([3063]));
    assert!(place.refusal("SELECT * FROM wide").await.contains("name the columns that you need"));
    place.table("data.half", "id", &format!("{{\"id\":1,{}}}", fields.get(..200).unwrap().join(","))).await;
    let row = &place.rows("SELECT * FROM half").await.unwrap()[0];
    assert_eq!((&row["c0"], &row["c64"], &row["c199"]), (&json!(0), &json!(64), &json!(199)));
}

#[tokio::test]
async fn a_query_reads_one_snapshot_and_joins_by_key_lookups() {
    let place = Place::new();
    let many: Vec<String> = (0..20_000_u64)
        .map(|id| format!("{{\"id\":{id},\"x\":1,\"pad\":\"{:0100}\",\"pad2\":{}}}", 0, id * 7919 % 20_000))
        .collect();
    place.table("data.t", "id", &many.join("\n")).await;
    let mut rows = place.open("SELECT x FROM t", RowShape::Arrays, place.limits()).unwrap();
    place.write(&TableName::new("data", "t"), &many.join("\n").replace("\"x\":1", "\"x\":2")).await;
    let mut out = Vec::new();
    while rows.next(&mut out).await.unwrap() {}
    assert_eq!(rows.given(), 20_000);
    assert!(!String::from_utf8(out).unwrap().contains('2'));
    place.table("data.u", "id", &many.join("\n").replace("\"x\":1", "\"x\":3")).await;
    assert_eq!(place.column("SELECT SUM(x) FROM t").await, json!([40_000]));
    assert_eq!(
        place.column("SELECT COUNT(*) FROM t a JOIN t b ON a.id = b.id").await,
        json!([20_000]),
        "a join on keys looks up keys"
    );
    // Scanning a table for each record of the other would visit 400 million pairs of records.
    for sql in [
        "SELECT COUNT(*) FROM t a JOIN t b ON a.pad2 = b.pad2",
        "SELECT COUNT(*) FROM t LEFT JOIN u ON t.pad2 = u.pad2",
        "SELECT COUNT(*) FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.pad2 = t.pad2)",
        "SELECT COUNT(*) FROM t WHERE (SELECT u.x FROM u WHERE u.pad2 = t.pad2) = 3",
    ] {
        assert_eq!(place.column(sql).await, json!([20_000]), "{sql}");
    }
}

#[tokio::test]
async fn numbers_and_texts_that_spell_them_are_found_by_each_other() {
    let place = kennel().await;
    for (sql, expected) in [
        ("SELECT id FROM dog WHERE age IN (SELECT 7) ORDER BY id", "[\"x\"]"),
        ("SELECT id FROM dog WHERE age IN (SELECT '5')", "[1]"),
        ("SELECT id FROM dog WHERE age NOT IN (SELECT age FROM dog WHERE id IN (1, 'x')) ORDER BY id", "[2],[3]"),
        ("SELECT id FROM dog WHERE age NOT IN (SELECT 'a' UNION ALL SELECT '12') ORDER BY id", "[1],[2],[\"x\"]"),
        ("SELECT d.id FROM dog AS d WHERE 100 IN (SELECT price FROM gold.dog AS g WHERE g.id = d.id)", "[1]"),
        (
            "SELECT CASE age WHEN '5' THEN 'five' WHEN 7 THEN 'seven' ELSE 'other' END FROM dog ORDER BY id",
            "[\"five\"],[\"other\"],[\"other\"],[\"seven\"]",
        ),
        ("SELECT NULLIF(age, '5'), NULLIF(age, 7) FROM dog WHERE id IN (1, 'x') ORDER BY id", "[null,5],[\"7\",null]"),
        ("SELECT id FROM dog WHERE age >= 5 ORDER BY id", "[1],[3],[\"x\"]"),
    ] {
        assert_eq!(
            place.text(sql, RowShape::Arrays).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")),
            expected,
            "{sql}"
        );
    }
}
