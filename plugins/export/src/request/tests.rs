use serde_json::json;

use super::*;

fn check(request: &Value) -> Result<ExportRequest, String> {
    let operation = request["operation"].as_str().unwrap();
    ExportRequest::check(operation, &Request::parse(&request.to_string()).unwrap()).map_err(|refusal| refusal.message)
}

/// Returns `base` with one field changed. The value `"-"` removes the field.
fn with(base: &Value, pointer: &str, value: Value) -> Value {
    let mut request = base.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = request.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value == "-" {
        parent.remove(field);
    } else {
        parent.insert(field.to_owned(), value);
    }
    request
}

fn local() -> Value {
    json!({
        "operation": "export_local",
        "format": "json",
        "path": "/exports",
        "filename": "f",
        "search_operation": {"operation": "sql", "sql": "SELECT * FROM gold.ex ORDER BY id"}
    })
}

fn s3() -> Value {
    json!({
        "operation": "export_to_s3",
        "format": "csv",
        "s3": {
            // Secrets as the host passes them.
            "aws_access_key_id": {"$secret": "/s3/aws_access_key_id"},
            "aws_secret_access_key": {"$secret": "/s3/aws_secret_access_key"},
            "bucket": "bkt",
            "region": "us-east-1",
            "key": "out/x"
        },
        "search_operation": {"operation": "search_by_hash", "schema": "gold", "table": "ex", "hash_values": [1]}
    })
}

fn file(request: &Value) -> (String, String, Encoding) {
    match check(request).unwrap().sink() {
        PlannedSink::File(FileSink { directory, name, encoding }) => (directory, name, encoding),
        PlannedSink::S3(_) => panic!("a file was asked for"),
    }
}

fn object(request: &Value) -> S3Sink {
    match check(request).unwrap().sink() {
        PlannedSink::S3(sink) => sink,
        PlannedSink::File(_) => panic!("an object was asked for"),
    }
}

#[test]
fn refusals_equal_the_recorded_ones() {
    let format = "format invalid. must be one of the following values: json, csv, jsonl, parquet";
    let search = "search_operation.operation must be one of the following values: search_by_value, search_by_hash, \
                  search_by_id, sql, search_by_conditions";
    let cases = [
        (local(), "/format", json!("-"), "format missing"),
        (local(), "/format", json!(null), "format missing"),
        (local(), "/format", json!("xml"), format),
        (local(), "/format", json!("JSON"), format),
        (local(), "/format", json!(5), format),
        (local(), "/path", json!("-"), "path is missing."),
        (local(), "/path", json!(""), "path is missing."),
        (local(), "/search_operation", json!("-"), "search_operation is missing."),
        (local(), "/search_operation", json!({}), "search_operation.operation missing"),
        (local(), "/search_operation", json!({"operation": "insert"}), search),
        (local(), "/search_operation", json!({"operation": 5}), search),
        (s3(), "/s3", json!("-"), "S3 object is missing."),
        (s3(), "/s3", json!({}), "S3 object is missing."),
        (s3(), "/s3/aws_access_key_id", json!("-"), "aws_access_key_id is missing."),
        (s3(), "/s3/aws_secret_access_key", json!(""), "aws_secret_access_key is missing."),
        (s3(), "/s3/bucket", json!("-"), "bucket is missing."),
        (s3(), "/s3/key", json!(""), "key is missing."),
        (s3(), "/s3/region", json!(null), "region is missing."),
        (s3(), "/format", json!("xml"), format),
        (s3(), "/search_operation", json!("-"), "search_operation is missing."),
        (s3(), "/search_operation", json!({"operation": "delete"}), search),
    ];
    for (base, pointer, value, sentence) in cases {
        assert_eq!(check(&with(&base, pointer, value)).unwrap_err(), sentence, "{pointer}");
    }
}

#[test]
fn other_refusals_name_field_value_and_remedy() {
    let cases = [
        (local(), "/path", json!(5), "'path' must be a string, the path of a directory; it is 5"),
        (
            local(),
            "/search_operation",
            json!("x"),
            r#"'search_operation' must be an object, for example {"operation":"sql","sql":"SELECT * FROM data.dog"}"#,
        ),
        (local(), "/filename", json!(["x"]), r#"'filename' must be a string; it is ["x"]"#),
        (
            local(),
            "/filename",
            json!("../up"),
            r#"'filename' must be a plain name without '/', '\' and control characters, and not '..'; it is "../up". Name the directory in 'path'"#,
        ),
        (
            local(),
            "/compression",
            json!("bz2"),
            r#"'compression' must be one of [gzip, zstd] or be left out; it is "bz2""#,
        ),
        (
            local(),
            "/filename",
            json!("f".repeat(201)),
            "'filename' can have 200 bytes, without the extension; it has 201. Use a shorter one",
        ),
        (s3(), "/s3", json!("x"), r#"'s3' must be an object; it is "x""#),
        (s3(), "/s3/key", json!(5), "'s3.key' must be a string; it is 5"),
        (s3(), "/s3/path_style", json!("yes"), r#"'s3.path_style' must be true or false; it is "yes""#),
        (
            s3(),
            "/s3/profile",
            json!("backup"),
            "'s3.profile' and 's3.aws_access_key_id' cannot be used together: send both keys, or name a profile and send none",
        ),
    ];
    for (base, pointer, value, sentence) in cases {
        assert_eq!(check(&with(&base, pointer, value)).unwrap_err(), sentence, "{pointer}");
    }
    for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0"] {
        assert!(check(&with(&local(), "/filename", json!(name))).unwrap_err().contains("plain name"), "{name:?}");
    }
}

#[test]
fn of_several_problems_the_first_in_the_order_of_harper_is_reported() {
    assert_eq!(check(&json!({"operation": "export_local"})).unwrap_err(), "format missing");
    assert_eq!(check(&json!({"operation": "export_to_s3"})).unwrap_err(), "S3 object is missing.");
}

#[test]
fn the_extension_is_always_appended() {
    let plain = |directory: &str, name: &str| (directory.to_owned(), name.to_owned(), Encoding::Identity);
    assert_eq!(file(&local()), plain("/exports", "f.json"));
    assert_eq!(file(&with(&local(), "/filename", json!("f.json"))), plain("/exports", "f.json.json"));
    assert_eq!(file(&with(&local(), "/filename", json!("a..b"))), plain("/exports", "a..b.json"));
    assert_eq!(file(&with(&local(), "/path", json!("/exports/"))), plain("/exports", "f.json"));
    assert_eq!(file(&with(&local(), "/path", json!("/"))), plain("/", "f.json"));
    assert_eq!(file(&with(&local(), "/format", json!("jsonl"))), plain("/exports", "f.jsonl"));
    let zipped = with(&local(), "/compression", json!("gzip"));
    assert_eq!(file(&zipped), ("/exports".to_owned(), "f.json.gz".to_owned(), Encoding::Gzip));
    let zipped = with(&s3(), "/compression", json!("zstd"));
    assert_eq!(object(&zipped).object.key, "out/x.csv.zst");
}

#[test]
fn without_a_name_the_file_is_named_after_the_time() {
    let (_, name, _) = file(&with(&local(), "/filename", json!(null)));
    let time: u64 = name.strip_suffix(".json").unwrap().parse().unwrap();
    assert!(time > 1_700_000_000_000);
}

#[test]
fn an_s3_object_takes_its_keys_from_the_request_or_a_profile() {
    let sink = object(&s3());
    assert_eq!((sink.media_type.as_str(), sink.encoding), (MEDIA_TYPE, Encoding::Identity));
    assert_eq!((sink.object.bucket.as_str(), sink.object.key.as_str()), ("bkt", "out/x.csv"));
    assert_eq!(
        (sink.object.region.as_str(), &sink.object.endpoint, sink.object.path_style),
        ("us-east-1", &None, None)
    );
    assert!(matches!(sink.object.credentials, S3Credentials::Request(pointer) if pointer == "/s3"));
    let profile = json!({
        "profile": "backup", "bucket": "b", "key": "k", "endpoint": "http://127.0.0.1:9000", "path_style": true
    });
    let sink = object(&with(&s3(), "/s3", profile));
    assert_eq!((sink.object.region.as_str(), sink.object.path_style), ("", Some(true)));
    assert_eq!(sink.object.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert!(matches!(sink.object.credentials, S3Credentials::Profile(name) if name == "backup"));
}

#[test]
fn the_search_is_passed_on_unchanged() {
    let search = r#"{"operation":"search_by_id","table":"ex","ids":[1],"get_attributes":["*"]}"#;
    let request = with(&local(), "/search_operation", serde_json::from_str(search).unwrap());
    assert_eq!(check(&request).unwrap().search, search);
}

/// Any request is planned or refused, and a plan names only what the request names.
#[test]
fn fuzz_request() {
    let pointers = [
        "/format",
        "/compression",
        "/path",
        "/filename",
        "/search_operation",
        "/search_operation/operation",
        "/s3",
        "/s3/bucket",
        "/s3/key",
        "/s3/region",
        "/s3/endpoint",
        "/s3/profile",
        "/s3/path_style",
        "/s3/aws_access_key_id",
    ];
    let values = [
        json!("-"),
        json!(null),
        json!(""),
        json!(" "),
        json!(true),
        json!(-1.5),
        json!([]),
        json!({}),
        json!({"$secret": "/x"}),
        json!("json"),
        json!("csv"),
        json!("gzip"),
        json!("zstd"),
        json!("sql"),
        json!("/"),
        json!("/exports//"),
        json!(".."),
        json!("../x"),
        json!("a\\b"),
        json!("\0"),
        json!("é日本\u{1f600}"),
        json!("x".repeat(201)),
        json!("x".repeat(199) + "é"),
    ];
    let input = bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..5);
    bolero::check!().with_iterations(3_000).with_generator(input).for_each(|changes| {
        for base in [local(), s3()] {
            let mut request = base.clone();
            for (field, value) in changes {
                let pointer = pointers[usize::from(*field) % pointers.len()];
                let (parent, _) = pointer.rsplit_once('/').unwrap();
                if request.pointer(parent).is_some_and(Value::is_object) {
                    request = with(&request, pointer, values[usize::from(*value) % values.len()].clone());
                }
            }
            let Ok(planned) = check(&request) else { continue };
            if let Target::File { name, .. } = &planned.target {
                assert!(!name.contains(['/', '\\', '\0']) && name.len() <= 255, "{request}");
            }
            planned.sink();
        }
    });
}
