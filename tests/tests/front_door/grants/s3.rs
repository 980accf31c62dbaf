//! Grants for buckets.

use jobhost_tests::S3Server;
use jobhost_tests::s3::{BUCKET, REGION};
use serde_json::{Value, json};

use super::{came, grant, lines_of, not_granted, start, works_with_its_line_only};

fn request(server: &S3Server, plan: Value, steps: Value) -> Value {
    let keys = json!({"aws_access_key_id": server.access_key(), "aws_secret_access_key": server.secret_key()});
    json!({"operation": "act", "plan": plan, "steps": steps, "keys": keys})
}

fn object(bucket: &str, key: &str) -> Value {
    json!({"bucket": bucket, "key": key, "region": REGION})
}

#[test]
fn objects_are_read_and_written_in_granted_buckets_only() {
    let server = S3Server::strict();
    server.put("in.txt", "hello");
    server.create_bucket("other");
    let mut host = start(|options| options.set("s3.endpoint", server.endpoint()));
    let read = request(&server, json!({"sources": [object(BUCKET, "in.txt")]}), json!([["open", 0]]));
    let write = request(&server, json!({"sinks": [object(BUCKET, "out.txt")]}), json!([["create", 0]]));

    let lines = lines_of(&not_granted(&host, &read));
    let scope = lines[0].strip_prefix("read-s3 ").unwrap_or_else(|| panic!("{lines:?}")).to_owned();
    assert!(scope.contains("127.0.0.1") && scope.ends_with(&format!("/{BUCKET}")), "{scope}");
    let (read_line, write_line) = (format!("read-s3 {scope}"), format!("write-s3 {scope}"));
    assert_eq!(works_with_its_line_only(&mut host, &read, &read_line, &write_line), ["5 read"]);
    assert_eq!(works_with_its_line_only(&mut host, &write, &write_line, "write-s3 other"), ["16 stored"]);
    assert_eq!(server.get("out.txt").expect("the object").bytes, b"written by acts\n");

    let server_only = scope.replace(&format!("/{BUCKET}"), "/*");
    for (granted, allowed) in [
        (format!("read-s3 {BUCKET}"), true),
        (format!("read-s3 127.0.0.1/{BUCKET}"), true),
        (format!("read-s3 {server_only}"), true),
        ("read-s3 *".to_owned(), true),
        (format!("read-s3 elsewhere.example/{BUCKET}"), false),
        (format!("read-s3 {}", server_only.replace("/*", "/other")), false),
        ("write-s3 *".to_owned(), false),
    ] {
        grant(&mut host, std::slice::from_ref(&granted));
        if allowed {
            assert_eq!(came(&host, &read), ["5 read"], "{granted}");
        } else {
            not_granted(&host, &read);
        }
    }
}

#[test]
fn a_server_named_in_the_request_needs_its_own_grant() {
    let (own, other) = (S3Server::strict(), S3Server::strict());
    for server in [&own, &other] {
        server.put("in.txt", "hello");
    }
    let options = |options: jobhost_tests::Options| {
        options.set("s3.endpoint", own.endpoint()).set("s3.allow", other.address()).set("grants.acts", "query *")
    };
    let mut host = start(options);
    let mut named = object(BUCKET, "in.txt");
    let of_own = request(&own, json!({"sources": [named]}), json!([["open", 0]]));
    named["endpoint"] = json!(other.endpoint());
    let of_other = request(&other, json!({"sources": [named]}), json!([["open", 0]]));
    let lines = lines_of(&not_granted(&host, &of_own));
    assert_ne!(lines, lines_of(&not_granted(&host, &of_other)), "another port is another server");
    grant(&mut host, &lines);
    assert_eq!(came(&host, &of_own), ["5 read"]);
    not_granted(&host, &of_other);
}
