use jobhost_plugin::Action;
use serde_json::json;

use super::*;

fn check(request: Value) -> Result<ImportRequest, String> {
    let request = Request::parse(&request.to_string()).unwrap();
    ImportRequest::check(&request).map_err(|refusal| refusal.message)
}

/// A good `s3` as the host hands it over, changed.
fn s3(changes: Value) -> Value {
    let mut s3 = json!({
        "aws_access_key_id": {"$secret": "/s3/aws_access_key_id"},
        "aws_secret_access_key": {"$secret": "/s3/aws_secret_access_key"},
        "bucket": "bkt",
        "region": "us-east-1",
        "key": "ok.csv"
    });
    for (name, value) in changes.as_object().unwrap() {
        s3[name] = value.clone();
    }
    s3
}

fn refused(s3: Value) -> String {
    check(json!({"database": "gold", "table": "s3j", "s3": s3})).unwrap_err()
}

#[test]
fn sentences_are_harpers() {
    let five = "S3 aws access key id can't be blank,S3 aws secret access key can't be blank,S3 bucket can't be blank,\
                S3 key can't be blank,S3 region can't be blank";
    assert_eq!(check(json!({"table": "s3j"})).unwrap_err(), format!("S3 can't be blank,{five}"));
    assert_eq!(refused(json!(null)), format!("S3 can't be blank,{five}"));
    assert_eq!(refused(json!({})), five);
    assert_eq!(refused(json!("x")), five);
    for (field, sentence) in [
        ("aws_access_key_id", "S3 aws access key id can't be blank"),
        ("aws_secret_access_key", "S3 aws secret access key can't be blank"),
        ("bucket", "S3 bucket can't be blank"),
        ("key", "S3 key can't be blank"),
        ("region", "S3 region can't be blank"),
    ] {
        for blank in [json!(null), json!(""), json!(" ")] {
            assert_eq!(refused(s3(json!({field: blank}))), sentence);
        }
    }
    assert_eq!(refused(s3(json!({"key": 5}))), "S3 key  must be a 'String' value");
    let extensions = "S3 key must include one of the following valid file extensions - '.csv', '.json'";
    for key in ["x.txt", "x", "csv", "x.CSV", "x.csv.bz2", "x.gz", "x.csv/", ".gz"] {
        assert_eq!(refused(s3(json!({"key": key}))), extensions, "{key}");
    }
    let no_table = check(json!({"database": "gold", "s3": s3(json!({}))})).unwrap_err();
    assert_eq!(no_table, "Table can't be blank");
    assert_eq!(
        check(json!({"action": "merge", "s3": s3(json!({"key": "x"}))})).unwrap_err(),
        format!("Table can't be blank,Action is required and must be either insert, update, or upsert,{extensions}")
    );
}

#[test]
fn the_fields_that_harper_has_not_have_sentences_alike() {
    assert_eq!(refused(s3(json!({"path_style": "yes"}))), "S3 path style must be true or false");
    assert_eq!(refused(s3(json!({"endpoint": 5}))), "S3 endpoint  must be a 'String' value");
    assert_eq!(
        refused(s3(json!({"profile": "p"}))),
        "S3 aws access key id and profile cannot be used together: send both keys or name a profile"
    );
}

#[test]
fn the_end_of_the_key_tells_the_format() {
    for (key, format) in [
        ("a/b.c/ok.csv", Format::Csv),
        ("ok.json", Format::Json),
        ("ok.jsonl", Format::JsonLines),
        ("ok.ndjson", Format::JsonLines),
        ("ok.csv.gz", Format::Csv),
        ("ok.json.zst", Format::Json),
        ("ok.ndjson.gz", Format::JsonLines),
        (".csv", Format::Csv),
    ] {
        let request = check(json!({"table": "t", "s3": s3(json!({"key": key}))})).unwrap();
        assert_eq!(request.format, format, "{key}");
        assert_eq!(request.object.key, key);
    }
}

#[test]
fn a_good_request_says_what_to_do() {
    let request = check(json!({"database": "gold", "table": "t", "s3": s3(json!({}))})).unwrap();
    assert_eq!((request.table.database.as_str(), request.table.table.as_str()), ("gold", "t"));
    assert_eq!((request.action.planned(), request.action.run()), (Action::Upsert, Action::Insert));
    let object = request.object;
    assert_eq!((object.bucket.as_str(), object.region.as_str(), object.endpoint), ("bkt", "us-east-1", None));
    assert_eq!(object.path_style, None);
    assert!(matches!(object.credentials, S3Credentials::Request(pointer) if pointer == "/s3"));

    let own = json!({
        "profile": "lake", "bucket": "b", "key": "k.json.gz", "endpoint": "http://127.0.0.1:9000", "path_style": true
    });
    let request = check(json!({"table": "t", "action": "update", "s3": own})).unwrap();
    assert_eq!(request.action.planned(), Action::Update);
    let object = request.object;
    assert_eq!((object.region.as_str(), object.path_style), ("", Some(true)));
    assert_eq!(object.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert!(matches!(object.credentials, S3Credentials::Profile(name) if name == "lake"));
}

/// Requests of all kinds of fields are planned or refused, and keys and a profile are never planned together.
#[test]
fn fuzz_request() {
    let fields = [
        "bucket",
        "key",
        "region",
        "endpoint",
        "profile",
        "path_style",
        "aws_access_key_id",
        "aws_secret_access_key",
        "session_token",
    ];
    let values = [
        json!(null),
        json!(""),
        json!(" "),
        json!(true),
        json!(-1.5),
        json!([]),
        json!({}),
        json!({"$secret": "/s3/x"}),
        json!("a.csv"),
        json!("a.json.gz"),
        json!(".zst"),
        json!("a.b.ndjson.zst"),
        json!("."),
        json!(".."),
        json!("gz"),
        json!("\0"),
        json!("é日本\u{1f600}"),
        json!("x".repeat(2000)),
    ];
    let input = bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..6);
    bolero::check!().with_iterations(3_000).with_generator(input).for_each(|changes| {
        let mut changed = json!({});
        for (field, value) in changes {
            changed[fields[usize::from(*field) % fields.len()]] = values[usize::from(*value) % values.len()].clone();
        }
        let s3 = s3(changed);
        if let Ok(planned) = check(json!({"table": "t", "s3": s3})) {
            let by_profile = matches!(planned.object.credentials, S3Credentials::Profile(_));
            assert_eq!(by_profile, s3["profile"].is_string() && !s3["profile"].as_str().unwrap().trim().is_empty());
            assert!(!planned.object.bucket.is_empty() && !planned.object.key.is_empty(), "{s3}");
        }
    });
}
