//! `csv_file_load` reads only what the operator allows, and reveals nothing about other files.

use std::os::unix::fs::symlink;
use std::path::Path;

use jobhost_tests::exports::{everything, export_local};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

fn load(path: impl AsRef<Path>) -> Value {
    let path = path.as_ref().to_str().expect("UTF-8");
    json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path})
}

#[test]
fn only_the_configured_directories_can_be_read() {
    let second = tempfile::tempdir().expect("a directory");
    let outside = tempfile::tempdir().expect("a directory");
    let secret = outside.path().join("secret.csv");
    std::fs::write(&secret, "id,a\n1,secret\n").expect("a file");
    std::fs::write(second.path().join("ok.csv"), "id,a\n2,x\n").expect("a file");
    let host = Host::start(Options::new().files(second.path()));
    host.create_table("t");
    host.run_ok(&load(host.file("ok.csv", "id,a\n1,x\n")));
    host.run_ok(&load(second.path().join("ok.csv")));

    let files = host.files();
    let name = outside.path().file_name().expect("a name");
    symlink(&secret, files.join("link.csv")).expect("a link");
    symlink(outside.path(), files.join("dir")).expect("a link");
    symlink(files.join("loop"), files.join("loop")).expect("a link");
    std::fs::create_dir(files.join("sub")).expect("a directory");
    let sibling = files.with_file_name("files-of-others");
    std::fs::create_dir(&sibling).expect("a directory");
    std::fs::write(sibling.join("x.csv"), "id\n1\n").expect("a file");
    let outside_paths = [
        secret.clone(),
        files.join("link.csv"),
        files.join("dir/secret.csv"),
        files.join("../files-of-others/x.csv"),
        sibling.join("x.csv"),
        files.join("..").join("..").join(name).join("secret.csv"),
        files.join("sub/../../files-of-others/x.csv"),
        files.join("loop"),
        "/etc/passwd".into(),
        "/proc/self/environ".into(),
        "/proc/self/root/etc/passwd".into(),
        "/dev/zero".into(),
        "../../etc/passwd".into(),
        host.data().join("admin-password"),
    ];
    let before = host.rows("t");
    for path in outside_paths {
        let (_, message) = host.must_fail(&load(&path));
        assert!(!message.contains("secret\n"), "{message}");
        assert_eq!(host.rows("t"), before, "{} was read", path.display());
    }
    // The error must not reveal whether a forbidden file exists.
    let there = host.must_fail(&load(&secret));
    let absent = host.must_fail(&load(outside.path().join("absent.csv")));
    assert_eq!((there.0, there.1.replace("secret.csv", "X")), (absent.0, absent.1.replace("absent.csv", "X")));
}

#[test]
fn anything_but_a_regular_file_fails_with_a_message() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let files = host.files();
    let absent = files.join("absent.csv");
    let told = host.post(&load(&absent)).refused(400);
    assert_eq!(told, format!("No such file or directory {}", absent.display()));

    std::fs::create_dir(files.join("dir.csv")).expect("a directory");
    let (_, told) = host.must_fail(&load(files.join("dir.csv")));
    assert!(told.contains("directory"), "{told}");

    // Opening a pipe waits for a writer, which would block a worker.
    let pipe = files.join("pipe.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let (_, told) = host.must_fail(&load(&pipe));
    assert!(told.contains("file"), "{told}");
    let socket = files.join("socket.csv");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    host.must_fail(&load(&socket));
    host.must_fail(&load(format!("{}\u{0}.csv", files.join("ok").display())));
    host.run_ok(&load(host.file("ok.csv", "id,a\n1,x\n")));
}

#[test]
fn without_configured_directories_no_file_can_be_read() {
    let host = Host::start(Options::new().set("files.directories", ""));
    host.create_table("t");
    let path = host.file("ok.csv", "id,a\n1,x\n");
    let (_, told) = host.must_fail(&load(path));
    assert!(
        told.contains("files") && told.contains("directories"),
        "the sentence does not tell the operator what to configure: {told}"
    );
}

#[test]
fn recreated_directories_work_without_a_restart() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let (files, exports) = (host.files(), host.exports());
    host.run_ok(&load(host.file("ok.csv", "id,a\n1,x\n")));
    host.run_for_result(&export_local(&host, "csv", "before", everything("t")));
    for directory in [&files, &exports] {
        std::fs::remove_dir_all(directory).expect("a directory");
    }
    let told = host.post(&load(files.join("ok.csv"))).refused(400);
    assert_eq!(told, format!("No such file or directory {}", files.join("ok.csv").display()));
    let told = host.post(&export_local(&host, "csv", "between", everything("t"))).refused(400);
    assert_eq!(told, format!("path '{}' does not exist", exports.display()));
    for directory in [&files, &exports] {
        std::fs::create_dir(directory).expect("a directory");
    }
    host.run_ok(&load(host.file("ok.csv", "id,a\n2,y\n")));
    host.run_for_result(&export_local(&host, "csv", "after", everything("t")));
    let text = std::fs::read_to_string(exports.join("after.csv")).expect("the file");
    assert_eq!(text.lines().count(), 3, "{text}");
}
