//! Tokens are valid only if this host signed them, until they expire, and for the purpose that they were issued for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jobhost_tests::{Host, Login, Options, eventually};
use serde_json::{Value, json};

fn tokens(host: &Host) -> (String, String) {
    let body = host.post(&json!({"operation": "create_authentication_tokens"})).ok();
    let token = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
    (token("operation_token"), token("refresh_token"))
}

fn ask(host: &Host, token: &str) -> (u16, Value) {
    let reply = host.post_as(&Login::Bearer(token.to_owned()), &json!({"operation": "user_info"}));
    (reply.status, reply.body)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("JSON")
}

#[test]
fn tokens_are_valid_only_for_their_purpose() {
    let mut host = Host::start(Options::new());
    let (operation, refresh) = tokens(&host);
    assert_eq!(ask(&host, &operation).0, 200);
    assert_eq!(
        ask(&host, &refresh),
        (401, json!({"error": "invalid token", "code": "authentication_failed"})),
        "a refresh token as operation token"
    );
    let again = json!({"operation": "refresh_operation_token"});
    let body = host.post_as(&Login::Bearer(refresh.clone()), &again).ok();
    assert_eq!(ask(&host, body["operation_token"].as_str().expect("a token")).0, 200);
    let refused = host.post_as(&Login::Bearer(operation.clone()), &again).refused(400);
    assert_eq!(refused, "'refresh_token' is required");
    for half in [json!({"username": "HDB_ADMIN"}), json!({"password": "pw"})] {
        let mut request = json!({"operation": "create_authentication_tokens"});
        request.as_object_mut().expect("an object").extend(half.as_object().expect("an object").clone());
        assert_eq!(host.post(&request).refused(401), "invalid credentials", "{request}");
    }
    assert_eq!(part(&operation, 1)["sub"], "operation");
    assert_eq!(part(&refresh, 1)["sub"], "refresh");

    assert!(host.stop().success());
    host.restart();
    assert_eq!(ask(&host, &operation).0, 200, "a restart makes tokens worthless");
}

#[test]
fn forged_tokens_are_refused() {
    let host = Host::start(Options::new());
    let (token, _) = tokens(&host);
    let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not a JWT: {token}") };
    let header = |algorithm: &str| BASE64.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
    let mut raised = part(&token, 1);
    raised["username"] = json!("ghost");
    let raised = BASE64.encode(raised.to_string());
    let own = token.split('.').next().expect("a header");
    let forged = [
        format!("{}.{claims}.", header("none")),
        format!("{}.{claims}.{signature}", header("none")),
        format!("{}.{claims}.{signature}", header("HS256")),
        format!("{own}.{raised}.{signature}"),
        format!("{own}.{claims}."),
        format!("{own}.{claims}"),
        format!("{token}x"),
        "a.b.c".to_owned(),
        "...".to_owned(),
        "x".repeat(20_000),
    ];
    for token in forged {
        let (status, body) = ask(&host, &token);
        assert!(status == 401 || status == 431, "{status} {body} for {token:.80}");
    }
    // A token of another host is not valid here.
    let other = Host::start(Options::new());
    assert_eq!(ask(&other, &token), (401, json!({"error": "invalid token", "code": "authentication_failed"})));
}

#[test]
fn a_token_expires() {
    let host = Host::start(Options::new().set("tokens.operation_lifetime_seconds", 1));
    let (token, _) = tokens(&host);
    let body = eventually("the token to expire", || match ask(&host, &token) {
        (401, body) => Some(body),
        _ => None,
    });
    assert_eq!(body, json!({"error": "token expired", "code": "authentication_failed"}));
}

#[test]
fn creating_tokens_requires_the_password() {
    let host = Host::start(Options::new());
    let ask = |user: &str, password: &str| {
        let request = json!({"operation": "create_authentication_tokens", "username": user, "password": password});
        host.post_as(&Login::Nobody, &request)
    };
    ask("HDB_ADMIN", "password").ok();
    assert_eq!(ask("HDB_ADMIN", "wrong").refused(401), "invalid credentials");
    assert_eq!(ask("ghost", "password").refused(401), "invalid credentials");
    let none = host.post_as(&Login::Nobody, &json!({"operation": "create_authentication_tokens"}));
    assert_eq!(none.refused(401), "Must login");
}
