//! Data that is exported and imported again is unchanged, record by record.

use jobhost_tests::exports::{export_local, export_to_s3, import_from_s3, sql};
use jobhost_tests::s3::S3Server;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Values that text could change. CSV can represent neither absent values nor text that looks like a date.
fn line(id: u64, nested: bool) -> String {
    let text = match id % 7 {
        0 => "plain".to_owned(),
        1 => "comma, \"quotes\" and\nline break".to_owned(),
        2 => "é日本\u{1f600}".to_owned(),
        3 => "back\\slash\ttab".to_owned(),
        4 => " blanks ".to_owned(),
        5 => "007".to_owned(),
        _ => "long ".repeat(20),
    };
    let mut record =
        json!({"id": id, "text": text, "n": id * 31 % 1000, "f": id as f64 + 0.125, "b": id.is_multiple_of(2)});
    if nested {
        record["o"] = json!({"list": [id, null, "x"], "deep": {"er": {}}});
        record["when"] = json!("2021-01-02T03:04:05Z");
    }
    format!("{record}\n")
}

#[track_caller]
fn assert_round_trip(rows: u64, format: &str, compression: Option<&str>, nested: bool) {
    let server = S3Server::strict();
    let host = Host::start(Options::new().set("s3.endpoint", server.endpoint()));
    let lines: String = (1..=rows).map(|id| line(id, nested)).collect();
    server.put("source.jsonl", lines);
    for table in ["first", "second"] {
        host.create_table(table);
    }
    let loaded = format!("successfully loaded {rows} of {rows} records");
    assert_eq!(host.run_ok(&import_from_s3(&server, "first", "source.jsonl")), loaded);
    // In key order and without the times, which differ between tables.
    let columns = if nested { "id, text, n, f, b, o, \"when\"" } else { "id, text, n, f, b" };
    let export = |table: &str| -> Vec<u8> {
        let search = sql(&format!("SELECT {columns} FROM gold.{table} ORDER BY id"));
        let mut request = export_to_s3(&server, format, table, search);
        request["compression"] = json!(compression);
        let result = host.run_for_result(&request);
        assert_eq!(result["records"], rows, "{result}");
        let key = result["Key"].as_str().expect("a key").to_owned();
        server.get(&key).expect("the object").bytes
    };
    let first = export("first");
    let suffix = compression.map_or("", |compression| if compression == "zstd" { ".zst" } else { ".gz" });
    let key = format!("first.{format}{suffix}");
    assert_eq!(host.run_ok(&import_from_s3(&server, "second", &key)), loaded);
    assert!(first == export("second"), "{format}: what came back is something else");
    let same: Value = host
        .sql("SELECT COUNT(*) AS c FROM gold.first AS a JOIN gold.second AS b ON a.id = b.id WHERE a.text = b.text");
    assert_eq!(same, json!([{"c": rows}]));
}

#[test]
fn data_survives_a_round_trip_through_compressed_json_lines() {
    assert_round_trip(1_000_000, "jsonl", Some("zstd"), true);
}

/// Fewer records: the path through the store is the same, and each record contains everything that is specific to CSV.
#[test]
fn data_survives_a_round_trip_through_csv() {
    assert_round_trip(300_000, "csv", None, false);
}

/// A text in quotes stays text, whatever it looks like.
#[test]
fn csv_of_any_style_comes_back_by_the_same_options() {
    let host = Host::start(Options::new());
    host.create_table("first");
    host.insert(
        "first",
        json!([
            {"id": 1, "a": "5", "n": 5, "b": true},
            {"id": 2, "a": null, "n": -1.25, "b": false},
            {"id": 3, "a": "x;y\"z\nw", "n": null, "b": null},
            {"id": 4, "a": "NA", "n": 1e21, "b": "true"},
        ]),
    );
    let styles = [
        ("plain", json!({}), json!({})),
        ("semicolons", json!({"delimiter": ";", "line_end": "crlf"}), json!({"delimiter": ";"})),
        ("nulls", json!({"delimiter": "tab", "null_value": "NA"}), json!({"delimiter": "tab", "null_values": ["NA"]})),
        ("bare", json!({"header": false}), json!({"header": ["id", "a", "n", "b"]})),
    ];
    let search = sql("SELECT id, a, n, b FROM gold.first ORDER BY id");
    let with = |mut request: Value, options: &Value| {
        let options = options.as_object().expect("an object");
        request.as_object_mut().expect("an object").extend(options.clone());
        request
    };
    for (name, export, load) in styles {
        let request = export_local(&host, "csv", name, search.clone());
        let result = host.run_for_result(&with(request, &export));
        let text = std::fs::read(result["path"].as_str().expect("a path")).expect("the file");
        host.create_table(name);
        let request = json!({"operation": "csv_file_load", "database": "gold", "table": name, "quoted_text": true,
            "file_path": host.file(&format!("{name}.csv"), &text)});
        host.run_ok(&with(request, &load));
        let rows = |table: &str| host.sql(&format!("SELECT id, a, n, b FROM gold.{table} ORDER BY id"));
        assert_eq!(rows(name), rows("first"), "{name}: {}", String::from_utf8_lossy(&text));
    }
    let request = export_local(&host, "json", "f", search);
    let told = host.post(&with(request, &json!({"delimiter": ";"}))).refused(400);
    assert!(told.contains("'delimiter' is an option of the format csv"), "{told}");
}
