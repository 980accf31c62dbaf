//! `json_data_load`, `json_file_load`, `json_url_load`: JSON in three common shapes, from three places.

use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

const LOADED: &str = "successfully loaded 2 of 2 records";

fn start() -> Host {
    let host = Host::start(Options::new());
    host.create_table("t");
    host
}

fn data(text: &str) -> Value {
    json!({"operation": "json_data_load", "database": "gold", "table": "t", "action": "upsert", "data": text})
}

fn file(path: &str) -> Value {
    json!({"operation": "json_file_load", "database": "gold", "table": "t", "action": "upsert", "file_path": path})
}

/// Lines of records with ids from 0.
fn lines(records: u64) -> String {
    (0..records).map(|id| format!("{{\"id\":{id},\"text\":\"line {id}\",\"n\":{id}.50}}\n")).collect()
}

#[test]
fn arrays_objects_and_lines_produce_the_same_rows_from_every_place() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    let expected = [json!({"id": 1, "a": {"b": [1, "x"]}}), json!({"id": 2, "a": null})];
    for (shape, text) in [
        ("array", "[{\"id\":1,\"a\":{\"b\":[1,\"x\"]}},\n {\"id\":2,\"a\":null}]"),
        ("lines", "{\"id\":1,\"a\":{\"b\":[1,\"x\"]}}\n{\"id\":2,\"a\":null}\n"),
        ("pretty", "{\n  \"id\": 1,\n  \"a\": {\"b\": [1, \"x\"]}\n}\n{\n  \"id\": 2,\n  \"a\": null\n}\n"),
    ] {
        let path = host.file(&format!("{shape}.json"), text);
        web.page("/x.json", Page::new("application/json; charset=utf-8", text));
        let url = json!({"operation": "json_url_load", "json_url": web.url("/x.json")});
        for (place, mut request) in [("data", data(text)), ("file", file(&path)), ("url", url)] {
            let table = format!("{shape}_{place}");
            host.create_table(&table);
            (request["database"], request["table"]) = (json!("gold"), json!(table));
            assert_eq!(host.run_ok(&request), LOADED, "{table}");
            assert_eq!(host.rows(&table), expected, "{table}");
        }
    }
    web.page("/x.html", Page::new("text/html", "<p>"));
    let url =
        json!({"operation": "json_url_load", "database": "gold", "table": "array_url", "json_url": web.url("/x.html")});
    let told = host.run_error(&url);
    assert!(
        told.starts_with("Load failed from URL") && told.ends_with("unsupported content type: text/html"),
        "{told}"
    );
    host.create_table("one");
    let mut one = data("{\"id\": 7,\n \"name\": \"x\"}");
    one["table"] = json!("one");
    assert_eq!(host.run_ok(&one), "successfully loaded 1 of 1 records");
    assert_eq!(host.rows("one"), [json!({"id": 7, "name": "x"})]);
}

#[test]
fn numbers_keep_their_digits_and_actions_work_as_in_other_loads() {
    let host = start();
    let text = "{\"id\":1,\"n\":123456789012345678901234567890,\"d\":1.10,\"e\":1E+2}";
    assert_eq!(host.run_ok(&data(text)), "successfully loaded 1 of 1 records");
    let search = json!({"operation": "search_by_id", "database": "gold", "table": "t", "ids": [1],
        "get_attributes": ["n", "d", "e"]});
    let reply = host.post(&search);
    assert_eq!(reply.text, "[{\"n\":123456789012345678901234567890,\"d\":1.10,\"e\":1E+2}]");
    let both = "[{\"id\":1,\"d\":2},{\"id\":2,\"d\":2}]";
    for (action, told, count) in [("update", "1 of 2", 1), ("insert", "1 of 2", 2), ("upsert", "2 of 2", 2)] {
        let mut request = data(both);
        request["action"] = json!(action);
        assert_eq!(host.run_ok(&request), format!("successfully loaded {told} records"), "{action}");
        assert_eq!(host.count("t"), count, "{action}");
    }
    let mut request = data("{\"d\":1}");
    request["action"] = json!("update");
    let told = host.run_error(&request);
    assert!(told.starts_with("a valid hash attribute must be provided with update record"), "{told}");
}

#[test]
fn an_error_anywhere_writes_nothing_and_is_reported_with_its_position() {
    let host = start();
    let good = lines(50_000);
    let line = 50_001;
    for (wrong, column, kind) in [
        ("{\"id\":\"x\",\"a\":tru}", json!("a"), "syntax"),
        ("{\"id\":\"x\",\"a\":[1,}", json!("a"), "syntax"),
        ("[1,2]", Value::Null, "syntax"),
        ("{\"id\":[1]}", json!("id"), "key"),
        ("{\"id\":\"x\",\"\":1}", Value::Null, "attribute"),
    ] {
        let path = host.file("wrong.jsonl", format!("{good}{wrong}\n"));
        let row = host.run(&file(&path));
        assert_eq!(row["status"], "ERROR", "{row:#}");
        let message = row["message"].as_str().expect("a sentence");
        let place = format!("record at line {line}, byte {}", good.len());
        assert!(message.contains(&place), "{message}");
        assert!(column.as_str().is_none_or(|name| message.contains(&format!("member '{name}'"))), "{message}");
        let reject = &row["rejects"][0];
        assert_eq!((&reject["line"], &reject["byte_offset"]), (&json!(line), &json!(good.len())), "{row:#}");
        assert_eq!((&reject["column"], &reject["kind"]), (&column, &json!(kind)), "{row:#}");
        assert_eq!(row["tally"]["written"], 0, "{row:#}");
        assert_eq!(host.count("t"), 0, "{wrong} left something");
    }
}

#[test]
fn an_invalid_request_is_refused_with_every_reason() {
    let host = start();
    let told = host.post(&json!({"operation": "json_data_load", "table": "a/b", "data": [1]})).refused(400);
    assert!(told.contains("Table names cannot include") && told.contains("'data' must be a string"), "{told}");
    let told = host.post(&json!({"operation": "json_file_load", "database": "gold", "table": "t"})).refused(400);
    assert_eq!(told, "'file_path' is required");
    let request =
        json!({"operation": "json_url_load", "database": "gold", "table": "t", "json_url": "file:///etc/passwd"});
    assert!(host.post(&request).refused(400).contains("http://"));
    let told = host.post(&json!({"operation": "json_data_load", "database": "gold", "table": "none", "data": "[]"}));
    told.refused(400);
    for empty in ["", "[]", "\n"] {
        assert_eq!(host.run_ok(&data(empty)), "successfully loaded 0 of 0 records", "{empty:?}");
    }
}

#[test]
fn a_load_interrupted_by_a_crash_resumes_at_its_checkpoint() {
    const RECORDS: u64 = 1_000_000;
    let mut host = start();
    let path = host.file("long.jsonl", lines(RECORDS));
    let id = host.start_job(&file(&path));
    host.job_when(&id, "some records", |row| row["tally"]["received"].as_u64() > Some(0));
    host.kill();
    host.restart();
    let row = host.job(&id);
    assert_eq!(row["message"], format!("successfully loaded {RECORDS} of {RECORDS} records"), "{row:#}");
    assert_eq!((host.count("t"), row["tally"]["received"].as_u64()), (RECORDS, Some(RECORDS)));
}
