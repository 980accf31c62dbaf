//! Exports write only where they may, and a file is either the old one or the complete new one.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use jobhost_tests::exports::{everything, export_local, sql};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

/// Number of rows that a query multiplies into a long export.
const FACTOR: u64 = 1_500;

fn start(options: Options) -> Host {
    let host = Host::start(options);
    host.create_table("t");
    let records: Vec<Value> = (0..FACTOR).map(|id| json!({"id": id})).collect();
    host.insert("t", json!(records));
    host
}

fn product() -> Value {
    sql("SELECT a.id AS x, b.id AS y FROM gold.t AS a, gold.t AS b")
}

#[test]
fn an_export_that_fails_leaves_the_old_file() {
    let host = start(Options::new().set("sql.timeout_seconds", 1));
    let path = host.exports().join("f.json");
    std::fs::write(&path, "old").expect("a file");
    let endless = sql("SELECT a.id AS x FROM gold.t AS a, gold.t AS b, gold.t AS c, gold.t AS d");
    let told = host.run_error(&export_local(&host, "json", "f", endless));
    assert!(told.contains("sql.timeout_seconds"), "{told}");
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "old");
    assert_eq!(host.exported(), ["f.json"], "something else was left");
}

#[test]
fn a_kill_in_the_middle_leaves_the_old_file_and_the_next_start_ends_the_export() {
    let mut host = start(Options::new());
    let path = host.exports().join("f.jsonl");
    std::fs::write(&path, "old").expect("a file");
    let id = host.start_job(&export_local(&host, "jsonl", "f", product()));
    let far = |row: &Value| row["progress"]["done"].as_u64() > Some(0);
    let row = host.job_when(&id, "some rows", |row| far(row) || row["end_datetime"].is_number());
    host.kill();
    if row["status"] == "IN_PROGRESS" && row["end_datetime"].is_null() {
        let now = std::fs::read(&path).expect("the file");
        let lines = now.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert!(now == b"old" || lines == FACTOR * FACTOR, "half a file of {lines} lines");
    }
    host.restart();
    let row = host.job(&id);
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let text = std::fs::read_to_string(&path).expect("the file");
    assert_eq!(text.lines().count() as u64, FACTOR * FACTOR);
    assert_eq!(row["result"]["records"], FACTOR * FACTOR, "{row:#}");
    assert_eq!(host.exported(), ["f.jsonl"], "temporary files stay");
}

#[test]
fn only_the_configured_directories_are_written_to() {
    let outside = tempfile::tempdir().expect("a directory");
    let host = start(Options::new());
    let exports = host.exports();
    std::fs::create_dir(exports.join("sub")).expect("a directory");
    let sibling = exports.with_file_name("exports-of-others");
    std::fs::create_dir(&sibling).expect("a directory");
    symlink(outside.path(), exports.join("link")).expect("a link");
    symlink("/", exports.join("root")).expect("a link");
    let to = |path: &str| {
        let mut request = export_local(&host, "json", "f", everything("t"));
        request["path"] = json!(path);
        request
    };
    let shown = |path: std::path::PathBuf| path.to_str().expect("UTF-8").to_owned();
    let forbidden = [
        shown(outside.path().into()),
        shown(sibling),
        shown(exports.join("link")),
        shown(exports.join("root/tmp")),
        shown(exports.join("..")),
        shown(exports.join("sub/../..")),
        shown(host.data()),
        shown(host.files()),
        shown(host.plugins()),
        "/".to_owned(),
        "/tmp".to_owned(),
        "/nope/dir".to_owned(),
        "..".to_owned(),
    ];
    for path in forbidden {
        let told = host.post(&to(&path)).refused(403);
        assert!(told.contains("denied"), "{path}: {told}");
        // An error about a detour reveals nothing more about where it leads.
        let detour = path.contains("exports/") || path.contains("..");
        assert!(detour || told.contains("[files] export_directories"), "{path}: {told}");
    }
    assert!(outside.path().read_dir().expect("the directory").next().is_none());
    for (path, says) in [("absent", "does not exist"), ("file.txt", "is not a directory")] {
        std::fs::write(exports.join("file.txt"), "").expect("a file");
        let told = host.post(&to(&shown(exports.join(path)))).refused(400);
        assert!(told.contains(says), "{path}: {told}");
    }
    host.run_for_result(&to(&shown(exports.join("sub"))));
    host.run_for_result(&to(&format!("{}//", shown(exports.join("sub/.")))));
    assert!(exports.join("sub/f.json").is_file());
}

#[test]
fn without_configured_directories_nothing_is_written() {
    let host = start(Options::new().set("files.export_directories", ""));
    let told = host.post(&export_local(&host, "json", "f", everything("t"))).refused(403);
    assert!(told.contains("[files] export_directories"), "the operator is not told what to configure: {told}");
}

#[test]
fn a_file_name_must_not_be_a_path() {
    let host = start(Options::new());
    for name in ["../up", "a/b", "/etc/x", "..", ".", "", "a\\b", "nul\u{0}byte", "line\nbreak", &"x".repeat(300)] {
        let told = host.post(&export_local(&host, "json", name, everything("t"))).refused(400);
        assert!(told.contains("filename"), "{name:?}: {told}");
    }
    for name in [json!(5), json!(["f"]), json!({})] {
        let mut request = export_local(&host, "json", "", everything("t"));
        request["filename"] = name;
        host.post(&request).refused(400);
    }
    assert!(host.exported().is_empty(), "{:?}", host.exported());
    for name in ["f.json", " blanks ", "größe 日本", "-rf", "..dots", "$HOME;`x`"] {
        let result = host.run_for_result(&export_local(&host, "csv", name, everything("t")));
        assert!(host.exports().join(format!("{name}.csv")).is_file(), "{name:?}: {result}");
    }
}

#[test]
fn whatever_has_the_name_of_the_file_is_replaced_and_never_followed() {
    let outside = tempfile::tempdir().expect("a directory");
    let target = outside.path().join("target");
    std::fs::write(&target, "precious").expect("a file");
    let host = start(Options::new());
    symlink(&target, host.exports().join("link.json")).expect("a link");
    let row = host.run(&export_local(&host, "json", "link", everything("t")));
    assert_eq!(std::fs::read_to_string(&target).expect("the file"), "precious", "{row:#}");
    if row["status"] == "COMPLETE" {
        assert!(!host.exports().join("link.json").symlink_metadata().expect("the file").is_symlink());
    }
    std::fs::create_dir(host.exports().join("dir.json")).expect("a directory");
    let (_, told) = host.must_fail(&export_local(&host, "json", "dir", everything("t")));
    assert!(told.contains("director"), "{told}");
    let left = host.exported();
    assert_eq!(left, ["dir.json", "link.json"], "temporary files stay");
}

#[test]
fn a_directory_without_write_permission_is_an_error_with_a_message() {
    let host = start(Options::new());
    let locked = host.exports().join("locked");
    std::fs::create_dir(&locked).expect("a directory");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("permissions");
    let mut request = export_local(&host, "json", "f", everything("t"));
    request["path"] = json!(locked);
    // Permissions do not stop a test that runs as root.
    if std::fs::write(locked.join("probe"), "").is_err() {
        let (_, told) = host.must_fail(&request);
        assert!(told.contains("denied"), "{told}");
    } else {
        host.run_for_result(&request);
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).expect("permissions");
}
