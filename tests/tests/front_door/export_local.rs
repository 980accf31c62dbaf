//! `export_local`: writes the rows of a search to a file in every format, and reports the result.

use std::io::Read as _;
use std::path::Path;

use jobhost_tests::exports::{comparable, csv_records, everything, export_local, sql};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Text that needs every rule of quoting, numbers, nested values, and attributes that some records lack.
fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.insert("t", json!([
        {"id": 1, "a": "plain", "n": 7}, {"id": 2, "a": "x,\"y\"\nz", "n": -0.5}, {"id": 3, "b": true},
        {"id": 4, "a": "é日本\u{1f600}\u{7f}", "n": 1e21}, {"id": 5, "a": "back\\slash\ttab\r", "o": {"x": [1, null, "q\"q"]}},
        {"id": "text", "a": "", "n": 9007199254740991_u64}, {"id": 6, "a": null, "late": "column"},
    ]));
    host
}

fn decoded(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("the file");
    let plain = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("a whole file");
            plain
        }
        Some("zst") => zstd::decode_all(&bytes[..]).expect("a whole file"),
        _ => bytes,
    };
    String::from_utf8(plain).expect("UTF-8")
}

#[test]
fn every_format_and_compression_holds_all_rows() {
    let host = start();
    let query = "SELECT id, a, b, n, o, late FROM gold.t ORDER BY id";
    let rows = host.sql(query);
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), 7);
    for format in ["json", "jsonl", "csv"] {
        for (compression, suffix) in [(json!(null), ""), (json!("gzip"), ".gz"), (json!("zstd"), ".zst")] {
            let mut request = export_local(&host, format, "all", sql(query));
            request["compression"] = compression;
            let result = host.run_for_result(&request);
            let path = host.exports().join(format!("all.{format}{suffix}"));
            assert_eq!(result["path"].as_str().map(Path::new), Some(path.as_path()), "{result}");
            assert_eq!(result["size"].as_u64(), Some(path.metadata().expect("the file").len()), "{result}");
            assert_eq!(result["records"], 7, "{result}");
            let text = decoded(&path);
            match format {
                "json" => assert_eq!(serde_json::from_str::<Vec<Value>>(&text).expect("an array"), *rows),
                "jsonl" => {
                    let lines: Vec<Value> =
                        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
                    assert_eq!(lines, *rows);
                    assert!(text.ends_with('\n'), "each line ends with a line feed");
                }
                _ => {
                    let records = csv_records(&text);
                    assert_eq!(records[0], "\"id\",\"a\",\"b\",\"n\",\"o\",\"late\"");
                    assert_eq!(records.len(), 8, "{text}");
                    assert!(records.contains(&"2,\"x,\"\"y\"\"\nz\",,-0.5,,".to_owned()), "{text}");
                    assert!(records.contains(&"3,,true,,,".to_owned()), "{text}");
                    assert!(!text.ends_with('\n'));
                }
            }
        }
    }
}

#[test]
fn a_csv_file_has_the_columns_of_all_records_and_loads_back_unchanged() {
    let host = start();
    host.run_for_result(&export_local(&host, "csv", "wide", everything("t")));
    let text = decoded(&host.exports().join("wide.csv"));
    let header = &csv_records(&text)[0];
    assert_eq!(header, r#""id","__createdtime__","__updatedtime__","a","b","late","n","o""#);

    // What CSV can represent comes back. Absent and null become empty cells, which are loaded as empty text.
    host.create_table("again");
    let path = host.file("wide.csv", &text);
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "again", "file_path": path}));
    let filled = |table: &str| -> Vec<Value> {
        let rows = host.rows(table).into_iter().map(|row| {
            let members = row.as_object().expect("a row").clone().into_iter();
            Value::Object(members.filter(|(_, value)| !value.is_null() && value != "").collect())
        });
        rows.collect()
    };
    let (before, after) = (filled("t"), filled("again"));
    for (before, after) in before.iter().zip(&after) {
        for name in ["id", "b", "late", "o"] {
            assert_eq!(before.get(name), after.get(name), "{name}");
        }
    }
    assert_eq!(before.len(), after.len());
}

#[test]
fn all_kinds_of_searches_are_exported() {
    let host = start();
    let (by_id, by_hash) = ("search_by_id", "search_by_hash");
    let searches = [
        (everything("t"), 7),
        (
            json!({"operation": "search_by_value", "schema": "gold", "table": "t", "search_attribute": "a", "search_value": "*"}),
            0,
        ),
        (
            json!({"operation": by_id, "database": "gold", "table": "t", "ids": [1, 3, 99], "get_attributes": ["id", "b"]}),
            2,
        ),
        (
            json!({"operation": by_hash, "database": "gold", "table": "t", "hash_values": ["text"], "get_attributes": ["*"]}),
            1,
        ),
        (
            json!({
                "operation": "search_by_conditions", "database": "gold", "table": "t", "get_attributes": ["id", "n"],
                "conditions": [{"attribute": "n", "comparator": "greater_than", "value": 0}],
                "sort": {"attribute": "n", "descending": true},
            }),
            3,
        ),
        (sql("SELECT COUNT(*) AS c FROM gold.t WHERE a LIKE '%l%'"), 1),
        (sql("SELECT id FROM gold.t WHERE id = 99"), 0),
    ];
    for (number, (search, count)) in searches.into_iter().enumerate() {
        let name = format!("s{number}");
        let result = host.run_for_result(&export_local(&host, "json", &name, search.clone()));
        let text = decoded(&host.exports().join(format!("{name}.json")));
        let online = host.post(&search).ok();
        let rows = online.as_array().expect("rows");
        assert_eq!(result["records"].as_u64(), Some(rows.len() as u64), "{search}");
        assert!(count == 0 || rows.len() == count, "{search}: {rows:?}");
        let ordered = search["sort"].is_object();
        assert_eq!(comparable("json", ordered, &text), comparable("json", ordered, &online.to_string()), "{search}");
    }
}

#[test]
fn an_export_without_rows_is_the_empty_file_of_its_format() {
    let host = start();
    for (format, content) in [("json", "[]"), ("csv", ""), ("jsonl", "")] {
        let result =
            host.run_for_result(&export_local(&host, format, "none", sql("SELECT * FROM gold.t WHERE id = 99")));
        assert_eq!(decoded(Path::new(result["path"].as_str().expect("a path"))), content, "{format}");
    }
}

#[test]
fn a_file_without_a_given_name_is_named_after_the_time() {
    let host = start();
    let mut request = export_local(&host, "json", "", everything("t"));
    request.as_object_mut().expect("an object").remove("filename");
    let result = host.run_for_result(&request);
    let name = Path::new(result["path"].as_str().expect("a path")).file_stem().expect("a name").to_string_lossy();
    assert!(name.len() == 13 && name.bytes().all(|byte| byte.is_ascii_digit()), "{result}");
}
