//! Malformed CSV is an error that names the position, and nothing is written.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web};
use serde_json::json;

/// The message names the line, and the byte offset of the record or of the quote.
fn says_where(message: &str, line: u64, offsets: [usize; 2]) -> bool {
    let numbers: Vec<u64> = message.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    message.contains("line")
        && message.contains("byte")
        && numbers.contains(&line)
        && offsets.iter().any(|&offset| numbers.contains(&(offset as u64)))
}

#[test]
fn all_three_loads_report_an_unclosed_quote_with_line_and_offset() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    host.create_table("t");
    host.insert("t", json!([{"id": 1, "a": "before"}]));
    let data = "id,a\n1,\"new\nline\"\n2,\"oops\n3,y\n";
    let record = data.find("2,").expect("the record");
    let offsets = [record, record + 2];
    web.page("/broken", Page::csv(data));
    let path = host.file("broken.csv", data);
    let requests = [
        json!({"operation": "csv_data_load", "data": data}),
        json!({"operation": "csv_file_load", "file_path": path}),
        json!({"operation": "csv_url_load", "csv_url": web.url("/broken")}),
    ];
    for mut request in requests {
        for action in ["insert", "upsert"] {
            request["database"] = json!("gold");
            request["table"] = json!("t");
            request["action"] = json!(action);
            let message = host.run_error(&request);
            assert!(says_where(&message, 4, offsets), "{request}: no place in: {message}");
            assert_eq!(host.rows("t"), [json!({"id": 1, "a": "before"})], "{request} left something");
        }
    }
}

#[test]
fn an_unclosed_quote_at_the_end_of_a_large_file_leaves_nothing() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let good = numbered(120_000);
    let (offset, line) = (good.len(), 120_002);
    let path = host.file("late.csv", format!("{good}120001,\"oops\n"));
    let message =
        host.run_error(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    assert!(says_where(&message, line, [offset, offset + 7]), "no place in: {message}");
    assert_eq!(host.count("t"), 0);
    assert_eq!(host.rows("t").len(), 0);
}

#[test]
fn a_cell_without_end_is_refused_and_not_collected_in_memory() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let small = host.file("small.csv", "id,a\n1,x\n");
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": small}));
    let before = host.peak_memory();
    let path = host.file("long.csv", format!("id,a\n2,{}\n", "x".repeat(100_000_000)));
    let message =
        host.run_error(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    assert!(message.contains("line 2"), "{message}");
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 80_000_000, "the host grew by {grown} bytes");
    assert_eq!(host.count("t"), 1);
}

#[test]
fn names_that_cannot_be_attributes_are_refused() {
    let host = Host::start(Options::new());
    host.create_table("t");
    for (header, message) in [
        ("id,a/b", "Invalid column name 'a/b', cancelling load operation"),
        ("id,a`b", "Invalid column name 'a`b', cancelling load operation"),
        ("id,", "Invalid attribute name: ''"),
        ("id,undefined", "Invalid attribute name: 'undefined'"),
        ("id,null", "Invalid attribute name: 'null'"),
    ] {
        let data = format!("{header}\n1,x\n");
        let request = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data});
        let told = host.run_error(&request);
        // The sentence about a column without a name goes on.
        assert!(told == message || told.starts_with(&format!("{message}. Column 2 has no name")), "{told}");
    }
    assert_eq!(host.count("t"), 0);
}

#[test]
fn a_write_with_an_impossible_name_or_without_its_key_stores_nothing() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let before = json!({"id": 1, "a": "before"});
    host.insert("t", json!([before]));
    let refused = |operation: &str, records: serde_json::Value, sentence: &str| {
        let request = json!({"operation": operation, "database": "gold", "table": "t", "records": records});
        let reply = host.post(&request);
        assert_eq!(
            (reply.status, &reply.body),
            (400, &json!({"error": sentence, "code": "invalid_request"})),
            "{request}"
        );
        assert_eq!(host.rows("t"), std::slice::from_ref(&before), "{request} left something");
    };
    let characters = "Attribute names cannot include backticks or forward slashes";
    let long = "n".repeat(251);
    let too_long = format!(
        "transaction aborted due to attribute name {long} being too long. \
         Attribute names cannot be longer than 250 bytes."
    );
    for operation in ["insert", "update", "upsert"] {
        for name in ["a/b", "some`$`attribute", "/", "`"] {
            refused(operation, json!([{"id": 1, "a": "after"}, {"id": 2, "a": "new", name: 1}]), characters);
        }
        refused(operation, json!([{"id": 2}, {"id": 1, &long: 1}]), &too_long);
    }
    let no_key = "a valid hash attribute must be provided with update record, check log for more info";
    for key in [json!(""), json!(null)] {
        refused("update", json!([{"id": 1, "a": "after"}, {"id": key, "a": "x"}]), no_key);
    }
    let attribute = json!({"operation": "create_attribute", "database": "gold", "table": "t", "attribute": "a/b"});
    let reply = host.post(&attribute);
    assert_eq!((reply.status, reply.body), (400, json!({"error": characters, "code": "invalid_request"})));
}

#[test]
fn a_write_accepts_a_number_as_a_name() {
    let host = Host::start(Options::new());
    host.post(&json!({"operation": "create_table", "database": "123", "table": "4", "primary_key": "id"})).ok();
    for (operation, table) in [("insert", json!(4)), ("update", json!("4")), ("upsert", json!(4))] {
        let records = json!([{"id": 1, "a": operation}]);
        host.post(&json!({"operation": operation, "schema": 123, "table": table, "records": records})).ok();
    }
    for table in [json!(-4), json!(0.5), json!(true)] {
        let request = json!({"operation": "insert", "schema": 123, "table": table, "records": [{"id": 2}]});
        let reply = host.post(&request);
        assert_eq!(
            (reply.status, reply.body),
            (400, json!({"error": "'table' must be a string", "code": "invalid_request"})),
            "{request}"
        );
    }
    let rows =
        json!({"operation": "search_by_id", "database": "123", "table": "4", "ids": [1, 2], "get_attributes": ["a"]});
    assert_eq!(host.post(&rows).ok(), json!([{"a": "upsert"}]));
}

#[test]
fn pages_of_a_search_by_conditions_are_ordered_by_the_first_condition() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let places = ["Denver, NC", "Denver, CO", "Boulder", "Denver, CO", "Denver, NC", "Denver, CO"];
    let records: Vec<_> =
        places.iter().enumerate().map(|(id, place)| json!({"id": id, "place": place, "group": id / 4})).collect();
    host.insert("t", json!(records));
    let ids = |more: serde_json::Value| -> Vec<u64> {
        let mut request = json!({"operation": "search_by_conditions", "database": "gold", "table": "t", "get_attributes": ["id"],
            "conditions": [{"attribute": "place", "comparator": "starts_with", "value": "Denver"}]});
        request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let rows = host.post(&request).ok();
        rows.as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("a number")).collect()
    };
    assert_eq!(ids(json!({})), [1, 3, 5, 0, 4]);
    assert_eq!(ids(json!({"offset": 2, "limit": 2})), [5, 0]);
    assert_eq!(ids(json!({"offset": 4, "limit": 10})), [4]);
    assert_eq!(ids(json!({"sort": {"attribute": "id"}, "limit": 3})), [0, 1, 3]);
    let group = json!([{"attribute": "place", "comparator": "starts_with", "value": "Denver"},
        {"attribute": "group", "comparator": "equals", "value": 0}]);
    assert_eq!(ids(json!({"conditions": group})), [0, 1, 3]);
}
