use jobhost_plugin::Action;
use serde_json::json;

use super::*;

fn check(operation: &str, request: Value) -> Result<LoadRequest, String> {
    let request = Request::parse(&request.to_string()).unwrap();
    LoadRequest::check(operation, &request).map_err(|refusal| refusal.message)
}

fn refused(operation: &str, request: Value) -> String {
    check(operation, request).unwrap_err()
}

#[test]
fn sentences_of_the_data_load_are_harpers() {
    let refused = |request| refused("csv_data_load", request);
    assert_eq!(refused(json!({"database": "gold", "table": "cd5"})), "Data  is required");
    assert_eq!(refused(json!({"table": "cd5", "data": null})), "Data  is required");
    assert_eq!(refused(json!({"database": "gold", "data": "id\n1\n"})), "Table can't be blank");
    let action = "Action is required and must be either insert, update, or upsert";
    for bad in [json!("INSERT"), json!(""), json!("merge"), json!(5)] {
        assert_eq!(refused(json!({"table": "t", "data": "x", "action": bad})), action);
    }
    assert_eq!(
        refused(json!({"database": "a/b", "table": "x`y", "action": "merge"})),
        "Database names cannot include backticks or forward slashes,Schema names cannot include backticks or forward \
         slashes,Table names cannot include backticks or forward slashes,Action is required and must be either insert, \
         update, or upsert,Data  is required"
    );
    assert_eq!(refused(json!({"table": "t".repeat(251), "data": "x"})), "Table cannot exceed 250 characters");
    assert_eq!(
        refused(json!({"table": 5, "data": "x"})),
        "Table names cannot include backticks or forward slashes,Table has an incorrect length"
    );
    for data in [json!([1]), json!({"id": 1}), json!(5), json!(true)] {
        assert_eq!(refused(json!({"table": "t", "data": data})), "'data' must be a string");
    }
}

#[test]
fn sentences_of_the_file_load_are_harpers() {
    let refused = |request| refused("csv_file_load", request);
    assert_eq!(refused(json!({"table": "cf"})), "File path  is required");
    assert_eq!(refused(json!({"table": "cf", "file_path": null})), "File path  is required");
    assert_eq!(refused(json!({"table": "cf", "file_path": ""})), "No such file or directory ");
    assert_eq!(refused(json!({"table": "cf", "file_path": 5})), "'file_path' must be a string");
    assert_eq!(refused(json!({})), "Table can't be blank,File path  is required");
}

#[test]
fn sentences_of_the_url_load_are_harpers() {
    let refused = |request| refused("csv_url_load", request);
    let url = "http://127.0.0.1:8099/ok.csv";
    assert_eq!(refused(json!({"table": "t"})), "'csv_url' is required");
    assert_eq!(refused(json!({"table": "t", "csv_url": 5})), "'csv_url' must be a string");
    assert_eq!(refused(json!({"table": "t", "csv_url": ""})), "'csv_url' is not allowed to be empty");
    assert_eq!(refused(json!({"table": "t", "csv_url": "not a url"})), "'csv_url' must be a valid url");
    assert_eq!(refused(json!({"csv_url": url})), "'table' is required");
    assert_eq!(refused(json!({"table": 5, "csv_url": url})), "'table' must be a string");
    assert_eq!(refused(json!({})), "'table' is required. 'csv_url' is required");
    assert_eq!(
        refused(json!({"table": "t", "action": "merge", "csv_url": url})),
        "'action' must be one of [insert, update, upsert]"
    );
    for headers in [json!("x"), json!(null), json!([1])] {
        assert_eq!(
            refused(json!({"table": "t", "csv_url": url, "passthrough_headers": headers})),
            "'passthrough_headers' must be of type object"
        );
    }
}

#[test]
fn urls_are_http_or_https() {
    for url in ["http://h/x", "HTTPS://h", "http://user:p@h:80/a?b#c", "http://[::1]:8/x"] {
        assert_eq!(check_url(url), None, "{url}");
    }
    for url in [
        "h",
        "/x",
        "http:",
        "http://",
        "http:///x",
        "http://:80/",
        "http://user@/x",
        "http://h/a b",
        "://h",
        "1http://h",
    ] {
        assert_eq!(check_url(url).as_deref(), Some("'csv_url' must be a valid url"), "{url}");
    }
    assert_eq!(
        check_url("file:///etc/passwd").as_deref(),
        Some("'csv_url' must be a valid url: it begins with file: and can only be http: or https:")
    );
}

#[test]
fn a_good_request_says_what_to_do() {
    let request = json!({"schema": "zzz", "database": "gold", "table": "t", "data": "x", "transact_to_cluster": true});
    let request = check("csv_data_load", request).unwrap();
    assert_eq!((request.table.database.as_str(), request.table.table.as_str()), ("gold", "t"));
    // No action inserts, but needs the rights to update too, as in Harper.
    assert_eq!((request.action.planned(), request.action.run()), (Action::Upsert, Action::Insert));

    let request = check("csv_file_load", json!({"table": "t", "action": "update", "file_path": "/x"})).unwrap();
    assert_eq!(request.table.database, "data");
    assert_eq!((request.action.planned(), request.action.run()), (Action::Update, Action::Update));
    assert_eq!(request.action.key_required(request.operation.key_required()), Some(KEY_REQUIRED));
    assert_eq!(Operation::Data.key_required(), KEY_REQUIRED_DATA);

    let headers = json!({"table": "t", "action": null, "csv_url": "http://h/x", "passthrough_headers": {"a": "b"}});
    let request = check("csv_url_load", headers).unwrap();
    assert_eq!(request.location, "http://h/x");
    assert!(request.has_headers);
    assert_eq!(request.action.key_required(request.operation.key_required()), None);
}

/// Requests of all kinds of fields are planned or refused, and a URL that is planned is one of HTTP.
#[test]
fn fuzz_request() {
    let fields = ["database", "schema", "table", "action", "data", "file_path", "csv_url", "passthrough_headers"];
    let values = [
        json!(null),
        json!(""),
        json!(" "),
        json!(true),
        json!(-1.5),
        json!([]),
        json!({}),
        json!({"a": 1}),
        json!("data"),
        json!("a/b"),
        json!("`"),
        json!("\0"),
        json!("é日本\u{1f600}"),
        json!("x".repeat(251)),
        json!("update"),
        json!("INSERT"),
        json!("/x"),
    ];
    let pieces = [
        "http", "https", "HTTP", "ftp", ":", "//", "/", "@", "[", "::1", "]", "host", ":80", "?", "#", "%", "\\", "é",
        " ",
    ];
    let url = bolero::produce::<Vec<u8>>().with().len(0usize..8);
    let input = (bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..6), url);
    bolero::check!().with_iterations(3_000).with_generator(input).for_each(|(changes, url)| {
        let url: String = url.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
        let mut request = json!({"table": "t", "data": "id", "file_path": "/f", "csv_url": url});
        for (field, value) in changes {
            request[fields[usize::from(*field) % fields.len()]] = values[usize::from(*value) % values.len()].clone();
        }
        for operation in ["csv_data_load", "csv_file_load", "csv_url_load"] {
            let Ok(planned) = check(operation, request.clone()) else { continue };
            let scheme = planned.location.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let is_http = ["http", "https"].contains(&scheme.as_str());
            assert!(planned.operation != Operation::Url || is_http, "{request}");
        }
    });
}
