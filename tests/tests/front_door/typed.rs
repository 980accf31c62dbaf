//! Tables with types: a load with an invalid cell anywhere changes nothing.

use jobhost_tests::csv_text::numbered;
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

fn load(operation: &str, field: &str, input: &str) -> Value {
    let mut request = json!({"operation": operation, "database": "gold", "table": "t"});
    request[field] = json!(input);
    request
}

#[test]
fn an_invalid_cell_at_the_end_of_a_large_file_writes_nothing() {
    let host = Host::start(Options::new());
    host.create_typed_table("t", &[("name", "String"), ("n", "Int")]);
    host.insert("t", json!([{"id": "1", "name": "before", "n": 1}]));
    let path = host.file("late.csv", format!("{}120001,late,many\n", numbered(120_000)));
    for action in ["insert", "update", "upsert"] {
        let mut request = load("csv_file_load", "file_path", &path);
        request["action"] = json!(action);
        assert_eq!(host.run_error(&request), "Invalid value for attribute n: \"many\", expecting Int");
        assert_eq!(host.rows("t"), [json!({"id": "1", "name": "before", "n": 1})], "{action}");
    }
}

#[test]
fn an_invalid_cell_in_the_request_writes_nothing() {
    let host = Host::start(Options::new());
    host.create_typed_table("t", &[("i", "Int"), ("b", "Boolean"), ("d", "Date"), ("f", "Float"), ("l", "Long")]);
    for (column, cell, message) in [
        ("i", "abc", "Invalid value for attribute i: \"abc\", expecting Int"),
        ("i", "1.5", "Invalid value for attribute i: \"1.5\", expecting Int"),
        ("b", "maybe", "Value \"maybe\" in property b must be a boolean"),
    ] {
        let message_told = host.run_error(&load("csv_data_load", "data", &format!("id,{column}\n1,\n2,{cell}\n")));
        assert_eq!(message_told, message);
    }
    for (column, cell) in [("d", "yesterday"), ("f", "1,5x"), ("l", "1.5"), ("l", "x")] {
        let message = host.run_error(&load("csv_data_load", "data", &format!("id,{column}\n1,\n2,\"{cell}\"\n")));
        assert!(message.contains(cell) && message.contains(column), "{message}");
    }
    assert_eq!(host.count("t"), 0);
}

#[test]
fn typed_columns_accept_valid_values() {
    let host = Host::start(Options::new());
    let types = [("i", "Int"), ("f", "Float"), ("b", "Boolean"), ("s", "String"), ("d", "Date"), ("a", "Any")];
    host.create_typed_table("t", &types);
    let data =
        "id,i,f,b,s,d,a\n1,5,1.5,TRUE,007,2021-01-02T03:04:05Z,7\n2,,,,,,\n3,null,null,false,true,1600000000000,x\n";
    assert_eq!(host.run_ok(&load("csv_data_load", "data", data)), "successfully loaded 3 of 3 records");
    let expected = [
        json!({"id": "1", "i": 5, "f": 1.5, "b": true, "s": "007", "d": "2021-01-02T03:04:05.000Z", "a": 7}),
        json!({"id": "2", "i": null, "f": null, "b": null, "s": "", "d": null, "a": ""}),
        json!({"id": "3", "i": null, "f": null, "b": false, "s": "true", "d": "2020-09-13T12:26:40.000Z", "a": "x"}),
    ];
    assert_eq!(host.rows("t"), expected);
}

#[test]
fn an_invalid_key_writes_nothing() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let path = host.file("late.csv", format!("{}true,late,1\n", numbered(120_000)));
    assert_eq!(host.run_error(&load("csv_file_load", "file_path", &path)), "Invalid primary key type: boolean");
    assert_eq!(host.count("t"), 0);
}
