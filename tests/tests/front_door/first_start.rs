//! The first start: nobody gets in with a password that everybody knows.

use std::os::unix::fs::PermissionsExt as _;

use jobhost_tests::options::ADMIN;
use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn ask() -> Value {
    json!({"operation": "user_info"})
}

#[test]
fn without_a_password_one_is_made_and_kept_in_a_private_file() {
    let mut host = Host::start(Options::new().without_password());
    let path = host.data().join("admin-password");
    let text = std::fs::read_to_string(&path).expect("admin-password");
    let password = text.trim_end();
    assert_eq!(path.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
    assert!(password.len() >= 16, "a short password: {password}");
    assert_eq!(host.post(&ask()).ok()["username"], ADMIN);
    for guess in ["password", "", "admin", "HDB_ADMIN", "harperdb"] {
        assert_eq!(host.post_as(&Login::basic(ADMIN, guess), &ask()).status, 401, "{guess:?} lets in");
    }
    let log = host.log();
    assert!(log.contains("admin-password"), "the log does not say where the password is:\n{log}");
    assert!(!log.contains(password), "the log contains the password");
    let other = Host::start(Options::new().without_password());
    assert_ne!(std::fs::read_to_string(other.data().join("admin-password")).expect("admin-password"), text);

    assert!(host.stop().success());
    host.restart();
    assert_eq!(std::fs::read_to_string(&path).expect("admin-password"), text, "another password at the second start");
    host.post(&ask()).ok();
}

#[test]
fn a_configured_password_is_taken_and_written_nowhere() {
    let mut host = Host::start(Options::new().set("admin.username", "ROOT"));
    let root = Login::basic("ROOT", jobhost_tests::options::PASSWORD);
    assert_eq!(host.post_as(&root, &ask()).ok()["username"], "ROOT");
    assert_eq!(host.post(&ask()).status, 401, "{ADMIN} exists although another name is configured");
    assert!(!host.data().join("admin-password").exists());
    assert!(host.stop().success());
    host.restart();
    host.post_as(&root, &ask()).ok();
}

#[test]
fn the_data_directory_is_private() {
    let host = Host::start(Options::new());
    let mode = host.data().metadata().expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "others may look into the data directory: {mode:o}");
}

#[test]
fn two_hosts_cannot_share_a_data_directory() {
    let host = Host::start(Options::new());
    let home = host.data();
    let mut second = Host::command(&Options::new(), home.parent().expect("a parent"));
    let output = second.output().expect("jobhost runs");
    assert!(!output.status.success(), "the second host runs on the same data");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("data"), "the second host does not say why it stops:\n{log}");
    host.post(&ask()).ok();
}
