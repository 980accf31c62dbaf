//! CSV that is broken is an error that says where, and leaves nothing behind.

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
fn an_unclosed_quote_is_told_with_line_and_offset_by_all_three_loads() {
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
        assert_eq!(host.run_error(&request), message);
    }
    assert_eq!(host.count("t"), 0);
}
