use axum::response::IntoResponse;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(body: impl Into<Vec<u8>>) -> Result<Envelope, ApiError> {
    Envelope::parse(Bytes::from(body.into()), None)
}

async fn refusal(body: impl Into<Vec<u8>>) -> (u16, Value) {
    let response = parse(body).unwrap_err().into_response();
    let status = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn bodies_without_operation_get_harpers_error() {
    let error = json!({ "error": NO_OPERATION, "code": "invalid_request" });
    let bad_request =
        json!({ "statusCode": 400, "error": "Bad Request", "message": NO_OPERATION, "code": "invalid_request" });
    for body in [r#"{"table":"x"}"#, r#"{"operation":null}"#, r#"{"operation":""}"#, "[1,2]", "[]"] {
        assert_eq!(refusal(body).await, (400, error.clone()), "{body}");
    }
    for body in ["{}", " { } ", r#""abc""#, "null", "1", "-1", "1.5e300", "true"] {
        assert_eq!(refusal(body).await, (400, bad_request.clone()), "{body}");
    }
    for body in [r#"{"operation":1}"#, r#"{"operation":{}}"#, r#"{"operation":[]}"#, r#"{"operation":false}"#] {
        assert_eq!(
            refusal(body).await,
            (400, json!({ "error": "'operation' must be a string", "code": "invalid_request" })),
            "{body}"
        );
    }
}

#[tokio::test]
async fn syntax_errors_report_their_position() {
    for (body, place) in [
        (&b"{\"operation\": \"x\""[..], "at line 1, column 17 (byte offset 16)"),
        (b"{\"a\":1,\n  \"b\" 2}", "at line 2, column 7 (byte offset 14)"),
        (b"{\"a\":1} x", "at line 1, column 9 (byte offset 8)"),
        (b"{\"a\":\"\xff\"}", "at line 1, column 7 (byte offset 6)"),
        (b"{\"a\":[1,2}", "at line 1, column 10 (byte offset 9)"),
    ] {
        let (status, body) = refusal(body).await;
        assert_eq!(status, 400);
        let sentence = body["error"].as_str().unwrap();
        assert!(sentence.ends_with(place), "{sentence} should end with {place}");
    }
    let (_, body) = refusal("").await;
    assert_eq!(body["error"], "Body cannot be empty when content-type is set to 'application/json'");
}

#[test]
fn the_last_member_with_a_name_counts() {
    let envelope = parse(r#"{"operation":"a","operation":"b","x":1,"x":2}"#).unwrap();
    assert_eq!(envelope.operation(), "b");
    assert_eq!(envelope.text("x"), Some("2"));
    assert_eq!(envelope.to_map().unwrap(), json!({"operation":"b","x":2}).as_object().unwrap().clone());
}

#[test]
fn numbers_keep_their_digits() {
    let envelope = parse(r#"{"operation":"x","n":12345678901234567890.10}"#).unwrap();
    assert_eq!(envelope.text("n"), Some("12345678901234567890.10"));
}

#[test]
fn nesting_as_deep_as_the_body_is_long_is_rejected() {
    let deep = format!(r#"{{"operation":"x","v":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    let envelope = parse(deep).unwrap();
    assert!(envelope.value("v").is_err());
    assert!(envelope.to_map().is_err());
    assert!(parse("[".repeat(1_000_000)).is_err());
}

#[test]
fn too_many_members_are_rejected() {
    let members: Vec<_> = (0..=MAX_MEMBERS).map(|number| format!(r#""m{number}":1"#)).collect();
    assert!(parse(format!(r#"{{"operation":"x",{}}}"#, members.join(","))).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(value in any_json(), pretty in any::<bool>()) {
        let body = json!({ "first": value, "operation": "x", "last": value });
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        let envelope = parse(text).unwrap();
        prop_assert_eq!(envelope.value("first").unwrap().unwrap(), value);
        prop_assert_eq!(Value::Object(envelope.to_map().unwrap()), body);
    }

    #[test]
    fn any_bytes_are_an_envelope_or_a_refusal(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let accepted = parse(body.clone()).is_ok();
        let expected = serde_json::from_slice::<Value>(&body).is_ok_and(|value| value["operation"].is_string());
        prop_assert!(!accepted || expected);
    }

    #[test]
    fn damaged_json_is_an_envelope_or_a_refusal(value in any_json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = json!({ "operation": "x", "value": value }).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(envelope) = parse(body) {
            let _ = envelope.to_map();
        }
    }
}

/// A fuzz target: runs briefly under `cargo test`, and without a time limit under `cargo bolero test`.
#[test]
fn fuzz_envelope() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(envelope) = parse(bytes) {
            assert!(!envelope.operation().is_empty());
            assert!(envelope.to_map().is_ok());
        }
    });
}
