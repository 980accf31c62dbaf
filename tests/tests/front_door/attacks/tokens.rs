//! Tokens that this host did not issue, that have another purpose, or that are no longer valid. `tokens.rs` of the
//! front door has the simple cases. Here the forger also has what a careless host would accept: the right key with
//! another algorithm or with other claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jobhost_tests::{Login, Options};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use super::Victim;

fn issue(victim: &Victim, login: &Login) -> (String, String) {
    let body = victim.post_as(login, &json!({"operation": "create_authentication_tokens"})).ok();
    let token = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
    (token("operation_token"), token("refresh_token"))
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("JSON")
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

/// Signed with HMAC-SHA-256, whatever the header says.
fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = unsigned(header, claims);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

fn signed_by_sha512(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = unsigned(header, claims);
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("a key");
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// The token permits neither an operation nor a new token.
#[track_caller]
fn worthless(victim: &Victim, what: &str, token: &str) {
    for (login, request) in [
        (Login::Bearer(token.to_owned()), json!({"operation": "user_info"})),
        (Login::Bearer(token.to_owned()), json!({"operation": "refresh_operation_token"})),
        (Login::Nobody, json!({"operation": "refresh_operation_token", "refresh_token": token})),
    ] {
        let reply = victim.post_as(&login, &request);
        assert!([400, 401, 431].contains(&reply.status), "{what}: {} {}", reply.status, reply.text);
        assert!(!reply.text.contains("eyJ"), "{what}: {}", reply.text);
        victim.clean(what, &reply.text);
    }
    assert!(token.len() < 16 || !victim.log().contains(token), "{what}: the token is in the log");
}

const HS256: fn() -> Value = || json!({"alg": "HS256", "typ": "JWT"});

#[test]
fn no_header_talks_the_host_into_another_check() {
    let victim = Victim::start(Options::new().set("log.level", "trace"));
    let (token, _) = issue(&victim, victim.admin());
    let key = std::fs::read(victim.data().join("token-key")).expect("the key");
    let good = claims(&token);
    // Shows that the forger signs correctly: each forgery below differs from this token in one respect.
    let copy = signed(&HS256(), &good, &key);
    assert_eq!(victim.post_as(&Login::Bearer(copy), &json!({"operation": "user_info"})).status, 200);

    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "hs256"]
    {
        let header = json!({"alg": algorithm, "typ": "JWT"});
        worthless(&victim, algorithm, &signed(&header, &good, &key));
        worthless(&victim, algorithm, &signed_by_sha512(&header, &good, &key));
        worthless(&victim, algorithm, &format!("{}.", unsigned(&header, &good)));
        worthless(&victim, algorithm, &unsigned(&header, &good));
    }
    for algorithm in [json!(null), json!(["HS256"]), json!({"alg": "HS256"}), json!(0)] {
        worthless(&victim, "a strange algorithm", &signed(&json!({"alg": algorithm, "typ": "JWT"}), &good, &key));
    }
    // A key that the token itself names or contains.
    let own = b"the forger's own key of 32 bytes";
    let brought = json!({"kty": "oct", "k": BASE64.encode(own)});
    for (name, value) in [
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' UNION SELECT 'key' --")),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/keys")),
        ("jwk", brought),
        ("x5c", json!([BASE64.encode(own)])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
    ] {
        let mut header = HS256();
        header[name] = value;
        for key in [own.as_slice(), b"", &[0; 64]] {
            worthless(&victim, name, &signed(&header, &good, key));
        }
    }
    for key in [b"".as_slice(), b"secret", b"password", b"HDB_ADMIN", &[0; 64], &key[..32]] {
        worthless(&victim, "a wrong key", &signed(&HS256(), &good, key));
    }
    victim.assert_unharmed();
}

#[test]
fn no_claims_pass_that_the_host_does_not_issue() {
    let victim = Victim::start(Options::new());
    victim.add_user("ann", json!({}));
    let (token, refresh) = issue(&victim, &Login::basic("ann", "pw"));
    let key = std::fs::read(victim.data().join("token-key")).expect("the key");
    let good = claims(&token);
    let now = good["iat"].as_u64().expect("a time");
    let changes = [
        ("username", json!("ghost")),
        ("username", json!("HDB_ADMIN")),
        ("username", json!("ANN")),
        ("username", json!("ann\u{0}")),
        ("username", json!(["ann"])),
        ("username", json!(null)),
        ("generation", json!(0)),
        ("generation", json!(-1)),
        ("generation", json!("0")),
        ("exp", json!(now - 1)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("exp", json!(1e300)),
        ("sub", json!("admin")),
        ("sub", json!("Operation")),
        ("sub", json!(null)),
        ("sub", json!(["operation"])),
    ];
    for (name, value) in changes {
        let mut claims = good.clone();
        claims[name] = value.clone();
        worthless(&victim, &format!("{name}: {value}"), &signed(&HS256(), &claims, &key));
        let mut claims = good.clone();
        claims.as_object_mut().expect("an object").remove(name);
        worthless(&victim, &format!("without {name}"), &signed(&HS256(), &claims, &key));
    }
    for claims in [json!([]), json!("x"), json!(null), json!(5), json!({})] {
        worthless(&victim, &format!("claims that are {claims}"), &signed(&HS256(), &claims, &key));
    }
    // The claim super_user has no effect: the role of the account counts.
    let mut raised = good.clone();
    raised["super_user"] = json!(true);
    let raised = Login::Bearer(signed(&HS256(), &raised, &key));
    assert_eq!(victim.post_as(&raised, &json!({"operation": "list_users"})).status, 403);

    // Each token works only for its own purpose, wherever it is submitted.
    let ask = |login: &Login, request: Value| victim.post_as(login, &request).status;
    assert_eq!(ask(&Login::Bearer(refresh.clone()), json!({"operation": "user_info"})), 401);
    assert_eq!(ask(&Login::Bearer(refresh), json!({"operation": "refresh_operation_token"})), 200);
    assert_ne!(ask(&Login::Bearer(token.clone()), json!({"operation": "refresh_operation_token"})), 200);
    assert_ne!(ask(&Login::Nobody, json!({"operation": "refresh_operation_token", "refresh_token": token})), 200);
    victim.assert_unharmed();
}

#[test]
fn nothing_that_is_not_exactly_a_token_is_read_as_one() {
    let victim = Victim::start(Options::new());
    let (token, _) = issue(&victim, victim.admin());
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("not a JWT: {token}") };
    let nested = BASE64.encode(format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)));
    let forged = [
        format!("{header}.{body}.{signature}=="),
        format!("{header}.{body}.{signature}."),
        format!("{header}.{body}.{signature}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{body}.{header}.{signature}"),
        format!("{header}.{body}.{}", &signature[..signature.len() - 2]),
        format!("{header}.{body}.{}", signature.to_lowercase()),
        format!("{header}.{body}.{}", "A".repeat(43)),
        format!("{header} .{body}.{signature}"),
        format!("{nested}.{body}.{signature}"),
        format!("{header}.{nested}.{signature}"),
        "x".repeat(20_000),
        ".".repeat(10_000),
        "eyJ".repeat(3_000),
        String::new(),
    ];
    for token in &forged {
        worthless(&victim, &format!("{token:.60}"), token);
    }
    // A token of megabytes is refused or closes the connection, and may not reach the host at all.
    let long = json!({"operation": "refresh_operation_token", "refresh_token": "x".repeat(900_000)});
    assert!(victim.post_as(&Login::Nobody, &long).status >= 400);
    victim.assert_unharmed();
}

#[test]
fn a_token_dies_with_what_it_was_issued_for() {
    let changes = [
        json!({"operation": "alter_user", "username": "ann", "password": "other"}),
        json!({"operation": "alter_user", "username": "ann", "active": false}),
        json!({"operation": "drop_user", "username": "ann"}),
    ];
    for change in changes {
        let mut victim = Victim::start(Options::new());
        let ann = victim.add_user("ann", json!({}));
        let (token, refresh) = issue(&victim, &ann);
        let ask = |victim: &Victim| {
            let by_token = victim.post_as(&Login::Bearer(token.clone()), &json!({"operation": "user_info"})).status;
            let again = json!({"operation": "refresh_operation_token"});
            (by_token, victim.post_as(&Login::Bearer(refresh.clone()), &again).status)
        };
        assert_eq!(ask(&victim), (200, 200));
        victim.post(&change).ok();
        assert_eq!(ask(&victim), (401, 401), "after {change}");
        if change["operation"] == "drop_user" {
            // A new account with the same name is a different account.
            let user =
                json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "ann", "active": true});
            victim.post(&user).ok();
            assert_eq!(ask(&victim), (401, 401), "the tokens of an account that is gone open its namesake");
        }
        victim.restart();
        assert_eq!(ask(&victim), (401, 401), "after {change} and a restart");
        victim.assert_unharmed();
    }
    // A right that the role has lost is lost for the token as well.
    let victim = Victim::start(Options::new());
    let rights =
        json!({"t": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []}});
    let (token, _) = issue(&victim, &victim.add_user("ann", rights));
    let read = json!({"operation": "sql", "sql": "SELECT a FROM gold.t"});
    victim.post_as(&Login::Bearer(token.clone()), &read).ok();
    victim
        .post(&json!({"operation": "alter_role", "id": "ann", "role": "ann", "permission": {"super_user": false}}))
        .ok();
    assert_eq!(victim.post_as(&Login::Bearer(token), &read).status, 403);
}
