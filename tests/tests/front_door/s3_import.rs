//! `import_from_s3`: objects become records, whatever their format and server.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::exports::import_from_s3;
use jobhost_tests::s3::S3Server;
use jobhost_tests::web::encode::encode;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

fn start(server: &S3Server) -> Host {
    let host = Host::start(Options::new().set("s3.endpoint", server.endpoint()));
    host.create_table("t");
    host
}

/// The object uncompressed and compressed. The extension of its key shows which.
fn compressed(content: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [("", content.to_vec()), (".gz", encode("gzip", content)), (".zst", encode("zstd", content))]
}

#[test]
fn every_format_and_compression_is_read_from_both_servers() {
    let lines =
        "{\"id\":1,\"name\":\"a\",\"n\":10}\n{\"id\":2,\"name\":\"b\",\"n\":20}\n{\"id\":3,\"name\":\"c\",\"n\":30}\n";
    let formats = [
        ("csv", jobhost_tests::web::OK_CSV.to_owned()),
        ("json", format!("[{}]", lines.trim_end().replace('\n', ",\n "))),
        ("jsonl", lines.to_owned()),
        ("ndjson", lines.to_owned()),
    ];
    let expected = [
        json!({"id": 1, "name": "a", "n": 10}),
        json!({"id": 2, "name": "b", "n": 20}),
        json!({"id": 3, "name": "c", "n": 30}),
    ];
    for (name, server) in [("s3s-fs", S3Server::strict()), ("moto", S3Server::lenient())] {
        let host = start(&server);
        for (format, content) in &formats {
            for (suffix, bytes) in compressed(content.as_bytes()) {
                let key = format!("folder/ok.{format}{suffix}");
                server.put(&key, bytes);
                let table = key.replace(['/', '.'], "_");
                host.create_table(&table);
                let told = host.run_ok(&import_from_s3(&server, &table, &key));
                assert_eq!(told, "successfully loaded 3 of 3 records", "{key} from {name}");
                assert_eq!(host.rows(&table), expected, "{key} from {name}");
            }
        }
    }
}

#[test]
fn a_large_object_is_read_in_limited_memory() {
    const ROWS: u64 = 400_000;
    const MOST: u64 = 256 * 1024 * 1024;
    let server = S3Server::strict();
    let host = start(&server);
    server.put("large.csv", numbered(ROWS));
    server.put("large.csv.zst", encode("zstd", numbered(ROWS).as_bytes()));
    for key in ["large.csv", "large.csv.zst"] {
        let told = host.run_ok(&import_from_s3(&server, "t", key));
        assert_eq!(told, format!("successfully loaded {ROWS} of {ROWS} records"), "{key}");
    }
    assert_eq!(host.count("t"), ROWS);
    assert!(host.peak_memory() < MOST, "{} bytes of memory", host.peak_memory());
}

#[test]
fn json_text_stays_text_and_missing_keys_are_generated() {
    let server = S3Server::lenient();
    let host = start(&server);
    let records = json!([
        {"id": 1, "v": "10"}, {"id": 2, "v": "true"}, {"id": 3, "v": "2021-01-02T03:04:05Z"},
        {"id": 4, "v": "{\"a\":[1,\"2\"]}"}, {"id": 5, "v": "[not json"}, {"id": 6, "v": {"deep": null}},
    ]);
    server.put("typed.json", records.to_string());
    host.run_ok(&import_from_s3(&server, "t", "typed.json"));
    let values: Vec<Value> = host.rows("t").into_iter().map(|row| row["v"].clone()).collect();
    let expected = json!(["10", "true", "2021-01-02T03:04:05Z", {"a": [1, "2"]}, "[not json", {"deep": null}]);
    assert_eq!(json!(values), expected);

    host.create_table("made");
    server.put("keyless.jsonl", "{\"a\":\"x\"}\n{\"id\":null,\"a\":\"y\"}\n");
    let mut request = import_from_s3(&server, "made", "keyless.jsonl");
    request["action"] = json!("insert");
    assert_eq!(host.run_ok(&request), "successfully loaded 2 of 2 records");
    assert!(host.rows("made").iter().all(|row| row["id"].is_u64()), "{:?}", host.rows("made"));
}

#[test]
fn actions_work_as_in_other_loads() {
    let server = S3Server::lenient();
    let host = start(&server);
    host.insert("t", json!([{"id": 1, "name": "old", "kept": true}]));
    server.put("two.jsonl", "{\"id\":1,\"name\":\"new\"}\n{\"id\":2,\"name\":\"more\"}\n");
    for (action, told, count) in [("insert", "1 of 2", 2), ("insert", "0 of 2", 2), ("upsert", "2 of 2", 2)] {
        let mut request = import_from_s3(&server, "t", "two.jsonl");
        request["action"] = json!(action);
        assert_eq!(host.run_ok(&request), format!("successfully loaded {told} records"), "{action}");
        assert_eq!(host.count("t"), count, "{action}");
    }
    assert_eq!(host.rows("t")[0], json!({"id": 1, "name": "new", "kept": true}));
}

#[test]
fn empty_objects_contain_no_records_unless_the_format_forbids_it() {
    let server = S3Server::strict();
    let host = start(&server);
    for key in ["empty.csv", "empty.jsonl", "empty.ndjson"] {
        server.put(key, "");
        assert_eq!(host.run_ok(&import_from_s3(&server, "t", key)), "successfully loaded 0 of 0 records", "{key}");
    }
    server.put("empty.json", "");
    assert_eq!(host.run_error(&import_from_s3(&server, "t", "empty.json")), "Parser has expected a value");
    for (key, content, compression) in
        [("not.csv.gz", "id\n1\n", "gzip"), ("not.json.zst", "[]", "zstd"), ("empty.csv.gz", "", "gzip")]
    {
        server.put(key, content);
        let mut request = import_from_s3(&server, "t", key);
        request["compression"] = compression.into();
        let told = host.run_error(&request);
        assert!(told.contains(compression), "{key}: {told}");
    }
}

#[test]
fn an_error_at_the_end_writes_nothing() {
    let server = S3Server::lenient();
    let host = start(&server);
    let lines: String = (0..20_000).map(|id| format!("{{\"id\":{id},\"n\":{id}}}\n")).collect();
    let array = format!("[{}", lines.trim_end().replace('\n', ","));
    let cut = encode("gzip", format!("{array}]").as_bytes());
    for (key, content) in [
        ("open.json", array.clone().into_bytes()),
        ("scalar.json", format!("{array},5]").into_bytes()),
        ("more.json", format!("{array}]{{}}").into_bytes()),
        ("scalar.jsonl", format!("{lines}5\n").into_bytes()),
        ("open.jsonl", format!("{lines}{{\"id\":").into_bytes()),
        ("open.csv", format!("{}20001,\"open,1\n", numbered(20_000)).into_bytes()),
        ("cut.json.gz", cut[..cut.len() - 20].to_vec()),
    ] {
        server.put(key, content);
        let told = host.run_error(&import_from_s3(&server, "t", key));
        assert!(!told.is_empty() && host.count("t") == 0, "{key}: {told}");
    }
}
