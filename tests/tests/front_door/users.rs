//! Users and roles: who exists, who may log in, and that changes take effect immediately.

use jobhost_tests::{Host, Login, Options};
use serde_json::json;

fn info() -> serde_json::Value {
    json!({"operation": "user_info"})
}

#[test]
fn users_are_added_altered_and_dropped() {
    let host = Host::start(Options::new());
    let role = json!({"operation": "add_role", "role": "reader", "permission": {"super_user": false}});
    host.post(&role).ok();
    let add = json!({"operation": "add_user", "username": "bob", "password": "pw", "role": "reader", "active": true});
    assert_eq!(host.post(&add).ok()["message"], "bob successfully added");
    assert_eq!(host.post(&add).refused(409), "User bob already exists");
    for (role, status, sentence) in [("read er", 400, "Role is invalid"), ("nobody", 404, "nobody role not found")] {
        let add = json!({"operation": "add_user", "username": "eve", "password": "pw", "role": role, "active": true});
        assert_eq!(host.post(&add).refused(status), sentence);
    }
    let bob = Login::basic("bob", "pw");
    let body = host.post_as(&bob, &info()).ok();
    assert_eq!((&body["username"], &body["role"]["role"]), (&json!("bob"), &json!("reader")));

    let tokens = host.post_as(&bob, &json!({"operation": "create_authentication_tokens"})).ok();
    let token = Login::Bearer(tokens["operation_token"].as_str().expect("a token").to_owned());
    host.post_as(&token, &info()).ok();

    let list = host.post(&json!({"operation": "list_users"})).ok();
    let listed = list.as_array().expect("users").iter().any(|user| user["username"] == "bob");
    assert!(listed && !list.to_string().contains("argon2") && !list.to_string().contains("\"password\""), "{list}");

    host.post(&json!({"operation": "alter_user", "username": "bob", "password": "other"})).ok();
    assert_eq!(host.post_as(&bob, &info()).refused(401), "Login failed");
    let bob = Login::basic("bob", "other");
    host.post_as(&bob, &info()).ok();

    host.post(&json!({"operation": "alter_user", "username": "bob", "active": false})).ok();
    assert_eq!(host.post_as(&bob, &info()).refused(401), "Cannot complete request: User is inactive");
    assert_eq!(host.post_as(&token, &info()).status, 401, "an inactive user's token still works");
    host.post(&json!({"operation": "alter_user", "username": "bob", "active": true})).ok();
    host.post_as(&bob, &info()).ok();

    assert_eq!(
        host.post(&json!({"operation": "drop_user", "username": "bob"})).ok()["message"],
        "bob successfully deleted"
    );
    assert_eq!(host.post_as(&bob, &info()).refused(401), "Login failed");
    assert_eq!(host.post_as(&token, &info()).status, 401, "a dropped user's token still works");
}

#[test]
fn the_last_super_user_cannot_be_removed() {
    let host = Host::start(Options::new());
    let dropped = host.post(&json!({"operation": "drop_user", "username": "HDB_ADMIN"}));
    assert!((400..500).contains(&dropped.status), "the only administrator was dropped: {}", dropped.text);
    let inactive = host.post(&json!({"operation": "alter_user", "username": "HDB_ADMIN", "active": false}));
    assert!((400..500).contains(&inactive.status), "the only administrator was made inactive: {}", inactive.text);
    let role = host.post(&json!({"operation": "drop_role", "id": "super_user"}));
    assert!((400..500).contains(&role.status), "the role of the administrator was dropped: {}", role.text);
    host.post(&info()).ok();
}

#[test]
fn passwords_are_stored_only_as_hashes() {
    let mut host = Host::start(Options::new());
    host.post(&json!({"operation": "add_role", "role": "reader", "permission": {"super_user": false}})).ok();
    let secret = format!("secret-{}", uuid::Uuid::new_v4());
    let add = json!({"operation": "add_user", "username": "bob", "password": secret, "role": "reader", "active": true});
    host.post(&add).ok();
    assert!(host.stop().success());
    let found = jobhost_tests::scan::files_with(&host.data(), secret.as_bytes());
    assert!(found.is_empty(), "the password lies in {found:?}");
    assert!(!host.log().contains(&secret), "the password is in the log");
    host.restart();
    host.post_as(&Login::basic("bob", &secret), &info()).ok();
}
