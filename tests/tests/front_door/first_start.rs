//! The first start: there is no default password.

use std::os::unix::fs::PermissionsExt as _;

use jobhost_tests::options::ADMIN;
use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn ask() -> Value {
    json!({"operation": "user_info"})
}

#[test]
fn without_a_password_one_is_generated_and_stored_in_a_private_file() {
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
fn modes_that_let_others_in_are_mended_at_the_next_start() {
    let mut host = Host::start(Options::new().without_password());
    host.stop();
    let data = host.data();
    let modes = [("", 0o777), ("token-key", 0o644), ("sealing-key", 0o640), ("admin-password", 0o604)];
    for (name, mode) in modes {
        std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    host.restart();
    for (name, mode) in modes {
        let now = data.join(name).metadata().expect("metadata").permissions().mode();
        assert_eq!(now & 0o077, 0, "{name:?} is still open to others: {now:o}");
        let warned = host.log().lines().any(|line| line.contains("WARN") && line.contains(&format!("{mode:04o}")));
        assert!(warned, "nothing in the log about {name:?}");
    }
}

#[test]
fn a_truncated_key_file_stops_the_host_and_is_kept() {
    let mut host = Host::start(Options::new());
    host.stop();
    let home = host.data();
    for name in ["token-key", "sealing-key"] {
        let path = home.join(name);
        let whole = std::fs::read(&path).expect("a key");
        for wrong in [Vec::new(), vec![b'k'; 31], vec![b'k'; 5000]] {
            std::fs::write(&path, &wrong).expect("a key file");
            let output =
                Host::command(&Options::new(), home.parent().expect("a parent")).output().expect("jobhost runs");
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "the host runs with {} bytes in {name}", wrong.len());
            for word in [name, &format!("has {} bytes", wrong.len()), "restore the file"] {
                assert!(log.contains(word), "{word:?} is not in:\n{log}");
            }
            assert!(!log.contains("kkkk"), "the log contains the key");
            assert_eq!(std::fs::read(&path).expect("a key"), wrong, "{name} was replaced");
        }
        std::fs::write(&path, whole).expect("a key file");
    }
    host.restart();
    host.post(&ask()).ok();
}

#[test]
fn what_a_job_spools_is_private() {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
    let host = Host::start(options);
    host.create_table("t");
    let running = host.start_job(&json!({"operation": "sleep"}));
    let data = format!("id\n{}", "123456789\n".repeat(20_000));
    host.start_job(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data}));
    let spool = host.data().join("spool");
    let mut seen = 0;
    let mut places = vec![spool];
    while let Some(place) = places.pop() {
        let metadata = place.metadata().expect("metadata");
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, wanted, "{}", place.display());
        seen += 1;
        if metadata.is_dir() {
            places.extend(place.read_dir().expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
    }
    assert!(seen >= 3, "nothing was spooled");
    host.post(&json!({"operation": "cancel_job", "id": running})).ok();
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
