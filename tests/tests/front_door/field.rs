//! Inputs as real users have them, and what is right for each: a folder a case under `tests/field`, with `input.csv`,
//! `request.json` (the options of the load) and `expected.json`. A further case is a folder and no code. Each case is loaded from
//! a file, the request, a URL and an S3 server.
//!
//! `expected.json` has either `rows` (the records in order of key), or `error` (a part of the sentence of a job that fails or of
//! a request that is refused; nothing is stored then); perhaps `warnings` (code to lines); and perhaps `text`: pieces that the answer to a search has letter by
//! letter, for numbers that a double does not hold.
//!
//! `source.json`, if there is one, has `ways` (some of `file`, `data`, `url` and `s3`), the `name` of the file, and the
//! `headers` that the web server sends with it.

use jobhost_tests::s3::S3Server;
use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web, artifacts};
use serde_json::{Value, json};

fn read(folder: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{folder:?} {name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder:?} {name}: {error}"))
}

/// The servers that inputs come from.
struct Sources {
    host: Host,
    web: Web,
    s3: S3Server,
}

impl Sources {
    /// Returns the operation, the field and its value for each way in which an input can be loaded.
    fn ways(&self, number: usize, input: Vec<u8>, source: &Value) -> Vec<(&'static str, &'static str, Value)> {
        let name = source["name"].as_str().unwrap_or("input.csv");
        let wanted = |way: &str| source["ways"].as_array().is_none_or(|ways| ways.iter().any(|listed| *listed == way));
        let mut ways = Vec::new();
        if wanted("file") {
            ways.push(("csv_file_load", "file_path", json!(self.host.file(&format!("{number}-{name}"), &input))));
        }
        if wanted("url") {
            let headers = source["headers"].as_object().cloned();
            let headers =
                headers.unwrap_or_else(|| [("Content-Type".to_owned(), json!("text/csv"))].into_iter().collect());
            let mut page = Page::new(headers.get("Content-Type").and_then(Value::as_str).unwrap_or_default(), &input);
            for (header, value) in headers.iter().filter(|(header, _)| *header != "Content-Type") {
                page = page.header(header, value.as_str().expect("a text"));
            }
            let path = format!("/{number}/{name}");
            self.web.page(&path, page);
            ways.push(("csv_url_load", "csv_url", json!(self.web.url(&path))));
        }
        if wanted("s3") {
            let key = format!("{number}/{name}");
            self.s3.put(&key, &input);
            ways.push(("import_from_s3", "s3", self.s3.object(&key)));
        }
        if let Ok(text) = String::from_utf8(input)
            && wanted("data")
        {
            ways.push(("csv_data_load", "data", json!(text)));
        }
        ways
    }
}

#[test]
fn every_case_is_as_its_folder_says() {
    let (web, s3) = (Web::start(), S3Server::strict());
    let host = Host::start(Options::new().set("urls.allow", web.address()).set("s3.endpoint", s3.endpoint()));
    let sources = Sources { host, web, s3 };
    let folders = std::fs::read_dir(artifacts::in_package("field")).expect("the cases");
    let mut folders: Vec<_> = folders.map(|folder| folder.expect("a folder").path()).collect();
    folders.sort();
    assert!(folders.len() >= 12, "{folders:?}");
    for (number, folder) in folders.iter().enumerate() {
        let input = std::fs::read(folder.join("input.csv")).expect("input.csv");
        let (options, expected) = (read(folder, "request.json"), read(folder, "expected.json"));
        let source = if folder.join("source.json").exists() { read(folder, "source.json") } else { Value::Null };
        let ways = sources.ways(number, input, &source);
        assert!(!ways.is_empty(), "{folder:?}");
        for (way, (operation, field, value)) in ways.into_iter().enumerate() {
            let table = format!("case{number}way{way}");
            let key = options.get("primary_key").and_then(Value::as_str).unwrap_or("id");
            create(&sources.host, &table, key);
            let mut request = json!({"operation": operation, "database": "gold", "table": table, field: value});
            let fields = options.as_object().expect("an object").iter().filter(|(name, _)| *name != "primary_key");
            fields.for_each(|(name, value)| request[name] = value.clone());
            check(&sources.host, (&table, key), &request, &expected, &format!("{folder:?} by {operation}"));
        }
    }
}

fn create(host: &Host, table: &str, primary_key: &str) {
    let request = json!({"operation": "create_table", "database": "gold", "table": table, "primary_key": primary_key});
    host.post(&request).ok();
}

fn check(host: &Host, (table, key): (&str, &str), request: &Value, expected: &Value, case: &str) {
    if let Some(sentence) = expected["error"].as_str() {
        let (_, told) = host.must_fail(request);
        assert!(told.contains(sentence), "{case}: {told}");
        assert_eq!(host.count(table), 0, "{case}");
        return;
    }
    let row = host.run(request);
    assert_eq!(row["status"], "COMPLETE", "{case}: {row:#}");
    let warnings = row["warnings"].as_array().into_iter().flatten();
    let told: serde_json::Map<String, Value> = warnings
        .map(|warning| (warning["code"].as_str().expect("a code").to_owned(), warning["lines"].clone()))
        .collect();
    assert_eq!(Value::Object(told), expected.get("warnings").cloned().unwrap_or(json!({})), "{case}: {row:#}");
    let all = json!({
        "operation": "search_by_value", "database": "gold", "table": table, "attribute": key, "value": "*",
        "get_attributes": ["*"],
    });
    let reply = host.post(&all);
    let mut rows = reply.body.clone();
    for row in rows.as_array_mut().expect("rows") {
        let row = row.as_object_mut().expect("an object");
        row.retain(|name, _| !name.starts_with("__"));
    }
    assert_eq!(rows, expected["rows"], "{case}");
    let text = reply.text;
    for piece in expected["text"].as_array().into_iter().flatten() {
        let piece = piece.as_str().expect("a text");
        assert!(text.contains(piece), "{case}: {piece} is not in {text}");
    }
}
