//! Loads and exports of Parquet, compared with what pyarrow and DuckDB write and read.

use std::path::Path;
use std::process::Command;

use jobhost_tests::exports::{export_local, export_to_s3, sql};
use jobhost_tests::s3::S3Server;
use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web, artifacts};
use serde_json::{Value, json};

fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("t");
    host
}

/// Returns the output of the script.
#[track_caller]
fn files(arguments: &[&str]) -> String {
    let script = artifacts::in_package("tests/front_door/parquet/files.py");
    let output = Command::new(artifacts::python()).arg(script).args(arguments).output().expect("python");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn load(table: &str, path: &Path) -> Value {
    json!({"operation": "parquet_file_load", "database": "gold", "table": table, "file_path": path})
}

/// A file of this many rows, written by DuckDB.
fn large(host: &Host, rows: u64) -> std::path::PathBuf {
    let path = host.files().join("large.parquet");
    files(&["large", path.to_str().expect("UTF-8"), &rows.to_string()]);
    path
}

#[test]
fn files_of_pyarrow_load_exactly_in_every_type_codec_and_encoding() {
    let host = start();
    files(&["make", host.files().to_str().expect("UTF-8")]);
    let expected = std::fs::read_to_string(host.files().join("expected.json")).expect("the file");
    let expected: Vec<Value> = serde_json::from_str(&expected).expect("JSON");
    let mut tried = 0;
    for codec in ["none", "snappy", "gzip", "zstd", "lz4"] {
        for form in ["dictionary-1.0", "dictionary-2.0", "plain-1.0", "plain-2.0"] {
            let table = format!("t{tried}");
            host.create_table(&table);
            let told = host.run_ok(&load(&table, &host.files().join(format!("{codec}-{form}.parquet"))));
            assert_eq!(told, "successfully loaded 900 of 900 records", "{codec} {form}");
            let rows = host.rows(&table);
            for (row, expected) in rows.iter().zip(&expected) {
                assert_eq!(row, expected, "{codec} {form}");
            }
            assert_eq!(rows.len(), expected.len(), "{codec} {form}");
            tried += 1;
        }
    }
    let told = host.run_error(&load("t", &host.files().join("brotli.parquet.other")));
    assert!(told.contains("'id' is compressed with brotli") && told.contains("snappy, zstd"), "{told}");
    assert_eq!(host.count("t"), 0);
}

#[test]
fn files_of_duckdb_load_exactly() {
    let host = start();
    files(&["make", host.files().to_str().expect("UTF-8")]);
    for codec in ["snappy", "zstd", "gzip", "uncompressed", "lz4_raw"] {
        let table = format!("d_{codec}");
        host.create_table(&table);
        let told = host.run_ok(&load(&table, &host.files().join(format!("duckdb-{codec}.parquet"))));
        assert_eq!(told, "successfully loaded 10000 of 10000 records", "{codec}");
        for (id, row) in host.rows(&table).iter().enumerate() {
            let at = if id % 3 == 0 { Value::Null } else { json!("2021-01-02T03:04:05.000") };
            assert_eq!(row["half"].as_f64(), Some(id as f64 * 0.5), "{row}");
            let mut row = row.clone();
            row.as_object_mut().expect("an object").remove("half");
            let expected = json!({
                "id": id, "text": format!("row {id}"), "list": [id, null], "struct": {"a": id % 7},
                "price": format!("{}.{:02}", id / 100, id % 100), "even": id % 2 == 0, "at": at, "huge": id.to_string(),
                "doc": {"n": id},
            });
            assert_eq!(row, expected, "{codec}");
        }
    }
}

#[test]
fn pyarrow_and_duckdb_read_an_export_in_the_same_way_and_it_loads_back() {
    let host = start();
    host.insert("t", json!([
        {"id": 1, "flag": true, "n": 9007199254740993_i64, "x": 0.5, "s": "a\"\\\n\u{e9}\u{1f600}", "doc": {"k": [1, null]}, "mix": 5},
        {"id": 2, "flag": false, "n": -1, "x": 3, "s": "", "doc": [1.5, "x"], "mix": "five"},
        {"id": 3, "flag": null, "n": null, "x": null, "s": null, "doc": null, "mix": null},
        {"id": 4},
    ]));
    let query = "SELECT id, flag, n, x, s, doc, mix, none FROM gold.t ORDER BY id";
    host.insert("t", json!([{"id": 5, "none": null}]));
    let expected = host.sql(query);
    for compression in [json!(null), json!("gzip"), json!("zstd")] {
        let mut request = export_local(&host, "parquet", "all", sql(query));
        request["compression"] = compression.clone();
        let result = host.run_for_result(&request);
        let path = host.exports().join("all.parquet");
        assert_eq!(result["message"], "Successfully exported Parquet locally.");
        assert_eq!(result["records"], 5, "{result}");
        let read: Value = serde_json::from_str(&files(&["read", path.to_str().expect("UTF-8")])).expect("JSON");
        assert_eq!(read["json"], json!(["doc", "mix"]), "{compression}");
        let types = json!(["int64", "bool", "int64", "double", "string", "string"]);
        let named = ["id", "flag", "n", "x", "s", "none"].map(|name| read["types"][name].clone());
        assert_eq!(json!(named), types, "{read}");
        assert_eq!(numbers_as_doubles(&read["rows"]), numbers_as_doubles(&expected), "{compression}");
        let table = format!("again_{}", compression.as_str().unwrap_or("snappy"));
        host.create_table(&table);
        std::fs::copy(&path, host.files().join("again.parquet")).expect("the file");
        host.run_ok(&load(&table, &host.files().join("again.parquet")));
        let again = host.sql(&query.replace("gold.t", &format!("gold.{table}")));
        assert_eq!(numbers_as_doubles(&again), numbers_as_doubles(&expected), "{compression}");
    }
    let mut empty = export_local(&host, "parquet", "empty", sql("SELECT id, s FROM gold.t WHERE id = 99"));
    empty["compression"] = json!(null);
    assert_eq!(host.run_for_result(&empty)["records"], 0);
    let path = host.exports().join("empty.parquet");
    let read: Value = serde_json::from_str(&files(&["read", path.to_str().expect("UTF-8")])).expect("JSON");
    assert_eq!((&read["rows"], &read["types"]["s"]), (&json!([]), &json!("string")));
}

/// Whole doubles may be written with or without a decimal point.
fn numbers_as_doubles(rows: &Value) -> Vec<Value> {
    let rows = rows.as_array().expect("rows").iter().cloned();
    let changed = rows.map(|mut row| {
        row["x"] = json!(row["x"].as_f64());
        row
    });
    changed.collect()
}

#[test]
fn only_the_named_columns_are_loaded() {
    let host = start();
    let path = large(&host, 1_000);
    let mut request = load("t", &path);
    request["columns"] = json!(["number", "id"]);
    host.run_ok(&request);
    assert_eq!(host.rows("t")[2], json!({"id": 2, "number": 0.5}));
    request["columns"] = json!(["id", "nummer"]);
    let told = host.run_error(&request);
    assert_eq!(told, "The file has no column 'nummer'; it has id, text, small, number");
    request["columns"] = json!([]);
    assert!(host.post(&request).refused(400).starts_with("'columns' must be an array"));
}

#[test]
fn urls_and_s3_objects_load_in_the_same_way_as_files() {
    let web = Web::start();
    let server = S3Server::strict();
    let options = Options::new().set("urls.allow", web.address()).set("s3.endpoint", server.endpoint());
    let host = Host::start(options);
    for table in ["t", "u", "s"] {
        host.create_table(table);
    }
    let bytes = std::fs::read(large(&host, 300_000)).expect("the file");
    web.page("/x.parquet", Page::new("application/vnd.apache.parquet", &bytes));
    server.put("folder/x.parquet", bytes);
    const LOADED: &str = "successfully loaded 300000 of 300000 records";
    let url = json!({"operation": "parquet_url_load", "database": "gold", "table": "u", "parquet_url": web.url("/x.parquet")});
    assert_eq!(host.run_ok(&url), LOADED);
    let mut s3 = jobhost_tests::exports::import_from_s3(&server, "s", "folder/x.parquet");
    s3["operation"] = json!("parquet_s3_load");
    s3["action"] = json!("insert");
    assert_eq!(host.run_ok(&s3), LOADED);
    let query = "SELECT COUNT(*) AS c, SUM(id) AS i, SUM(number) AS n, MAX(text) AS t FROM gold.";
    assert_eq!(host.sql(&format!("{query}u")), host.sql(&format!("{query}s")));
    let wrong = json!({"operation": "parquet_s3_load", "database": "gold", "table": "t", "s3": {"bucket": "b"}});
    assert!(host.post(&wrong).refused(400).contains("'s3.key' is required"));
    // And back to S3.
    let result = host.run_for_result(&export_to_s3(&server, "parquet", "out", sql("SELECT id, text FROM gold.s")));
    assert_eq!((&result["Key"], &result["records"]), (&json!("out.parquet"), &json!(300_000)));
    let mut again = s3.clone();
    (again["s3"]["key"], again["table"]) = (json!("out.parquet"), json!("t"));
    assert_eq!(host.run_ok(&again), LOADED);
}

#[test]
fn a_file_that_is_damaged_anywhere_is_refused_and_nothing_is_written() {
    let host = start();
    let path = large(&host, 500_000);
    let good = std::fs::read(&path).expect("the file");
    let mut damaged = vec![good[..good.len() - 5].to_vec(), b"id,a\n1,2\n".to_vec(), Vec::new()];
    // A page of the last row group, so that most of the file is good.
    let mut late = good.clone();
    let at = good.len() * 9 / 10;
    late[at..at + 2_000].fill(0x55);
    damaged.push(late);
    for bytes in damaged {
        let path = host.file("damaged.parquet", &bytes);
        let row = host.run(&load("t", Path::new(&path)));
        assert_eq!(row["status"], "ERROR", "{row:#}");
        let told = row["message"].as_str().expect("a sentence");
        assert!(told.starts_with("The file is not valid Parquet, or is damaged"), "{told}");
        assert_eq!(host.count("t"), 0);
    }
}

#[test]
fn a_large_file_loads_in_limited_memory_and_resumes_after_a_crash() {
    const ROWS: u64 = 2_000_000;
    let mut host = start();
    let path = large(&host, ROWS);
    let id = host.start_job(&load("t", &path));
    host.job_when(&id, "some records", |row| row["tally"]["received"].as_u64() > Some(0));
    host.kill();
    host.restart();
    let row = host.job(&id);
    assert_eq!(row["message"], format!("successfully loaded {ROWS} of {ROWS} records"), "{row:#}");
    assert_eq!((host.count("t"), row["tally"]["received"].as_u64()), (ROWS, Some(ROWS)));
    println!("usage of the load: {}", row["usage"]);
    let export = host.run(&export_local(&host, "parquet", "large", sql("SELECT id, text, small, number FROM gold.t")));
    assert_eq!(export["result"]["records"], ROWS, "{export:#}");
    println!("usage of the export: {} {}", export["usage"], export["result"]);
}
