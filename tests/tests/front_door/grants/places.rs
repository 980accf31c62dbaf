//! Grants for directories and URLs.

use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Web};
use serde_json::json;

use super::{act, came, grant, line_of, lines_of, not_granted, start, works_with_its_line_only};

fn real(path: &std::path::Path) -> String {
    path.canonicalize().expect("the path").to_str().expect("UTF-8").to_owned()
}

#[test]
fn files_are_read_only_below_granted_directories() {
    let mut host = start(|options| options);
    let files = real(&host.files());
    std::fs::create_dir(host.files().join("deep")).expect("a directory");
    let path = host.file("deep/in.csv", "id\n1\n");
    let request = act(json!({"sources": [path]}), json!([["open", 0]]));
    let came_of_it = works_with_its_line_only(
        &mut host,
        &request,
        &format!("read-file {files}/deep"),
        &format!("write-file {files}"),
    );
    assert_eq!(came_of_it, ["5 read"]);
    // A grant may be narrower than the directories that the host allows.
    for (granted, allowed) in [
        ("read-file *".to_owned(), true),
        (format!("read-file {files}"), true),
        ("read-file /".to_owned(), true),
        (format!("read-file {files}/dee"), false),
        (format!("read-file {files}/deeper"), false),
    ] {
        grant(&mut host, std::slice::from_ref(&granted));
        if allowed {
            assert_eq!(came(&host, &request), ["5 read"], "{granted}");
        } else {
            not_granted(&host, &request);
        }
    }
}

#[test]
fn a_grant_does_not_extend_the_directories_of_the_host() {
    let host = start(|options| options.set("grants.acts", "read-file *,write-file *"));
    for plan in [json!({"sources": ["/etc/passwd"]}), json!({"sinks": [["/tmp", "jobhost-not-granted.txt"]]})] {
        let reply = host.post(&act(plan.clone(), json!([["open", 0], ["create", 0]])));
        assert!((400..500).contains(&reply.status), "{plan}: {}", reply.text);
        assert!(!reply.text.contains("[grants]"), "no grant would help: {}", reply.text);
    }
    assert!(!std::path::Path::new("/tmp/jobhost-not-granted.txt").exists());
}

#[test]
fn a_link_does_not_lead_out_of_a_granted_directory() {
    let mut host = start(|options| options);
    let files = real(&host.files());
    std::fs::create_dir(host.files().join("granted")).expect("a directory");
    host.file("secret.csv", "id\n1\n");
    std::os::unix::fs::symlink("../secret.csv", host.files().join("granted/link.csv")).expect("a link");
    grant(&mut host, &[format!("read-file {files}/granted")]);
    for path in ["granted/link.csv", "granted/../secret.csv", "secret.csv"] {
        let reply = host.post(&act(json!({"sources": [format!("{files}/{path}")]}), json!([["open", 0]])));
        assert!((400..500).contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
    }
}

#[test]
fn files_are_written_only_to_granted_directories() {
    let mut host = start(|options| options);
    let exports = real(&host.exports());
    let request = act(json!({"sinks": [[host.exports(), "out.txt"]]}), json!([["create", 0]]));
    let line = format!("write-file {exports}");
    let came = works_with_its_line_only(&mut host, &request, &line, &format!("write-file {exports}/deep"));
    assert_eq!(came, ["16 stored"]);
    assert_eq!(host.exported(), ["out.txt"]);
}

#[test]
fn urls_are_fetched_only_from_granted_hosts() {
    let web = Web::start();
    let mut host = start(|options| options.set("urls.allow", web.address()));
    let request = act(json!({"sources": [web.url("/ok.csv")]}), json!([["open", 0]]));
    let read = format!("{} read", OK_CSV.len());
    let line = format!("fetch-url {}", web.address());
    assert_eq!(
        works_with_its_line_only(&mut host, &request, &line, "fetch-url 127.0.0.1:1"),
        std::slice::from_ref(&read)
    );
    for granted in ["fetch-url 127.0.0.1", "fetch-url *"] {
        grant(&mut host, &[granted.to_owned()]);
        assert_eq!(came(&host, &request), std::slice::from_ref(&read), "{granted}");
    }
    grant(&mut host, &["fetch-url localhost".to_owned()]);
    assert_eq!(lines_of(&not_granted(&host, &request)).len(), 2, "another name is another host");
}

#[test]
fn a_grant_does_not_extend_the_addresses_of_the_host() {
    let web = Web::start();
    let host = start(|options| options.set("grants.acts", "fetch-url *"));
    let (_, told) = host.must_fail(&act(json!({"sources": [web.url("/ok.csv")]}), json!([["open", 0]])));
    assert!(told.contains("urls") && !told.contains("[grants]"), "{told}");
    assert!(web.seen().is_empty());
}

#[test]
fn a_redirect_cannot_leave_the_granted_hosts() {
    let (first, second) = (Web::start(), Web::start());
    first.page("/away", Page::redirect(&second.url("/ok.csv")));
    let allowed = format!("{},{}", first.address(), second.address());
    let granted = format!("fetch-url {}", first.address());
    let mut host = start(|options| options.set("urls.allow", allowed).set("grants.acts", &granted));
    let request = act(json!({"sources": [first.url("/away")]}), json!([["open", 0]]));
    let told = refused_step(&host, &request);
    let line = format!("fetch-url {}", second.address());
    assert!(told.contains(&line) && told.contains("[grants]"), "{told}");
    assert!(second.seen().is_empty(), "{:?}", second.seen());
    grant(&mut host, &[granted, line]);
    assert_eq!(came(&host, &request), [format!("{} read", OK_CSV.len())]);
    // The shipped plugin is limited in the same way.
    host.stop();
    let narrowed = format!("insert *,update *,fetch-url {}", first.address());
    host.restart_with(|options| options.set("grants.csv-load", narrowed));
    let load = json!({"operation": "csv_url_load", "database": "gold", "table": "u", "csv_url": first.url("/away")});
    let told = host.run_error(&load);
    assert!(told.contains(&format!("fetch-url {}", second.address())), "{told}");
    let load = json!({"operation": "csv_url_load", "database": "gold", "table": "u", "csv_url": second.url("/ok.csv")});
    let sentence = host.post(&load).refused(403);
    assert!(line_of(&sentence).starts_with("[grants] csv-load = ["), "{sentence}");
}

/// The error of a denied step, or of the job.
#[track_caller]
fn refused_step(host: &Host, request: &serde_json::Value) -> String {
    let row = host.run(request);
    match row["result"][0].as_str() {
        Some(came) => {
            assert!(came.starts_with("ErrorKind::Denied: "), "{row:#}");
            came.to_owned()
        }
        None => {
            assert_eq!(row["status"], "ERROR", "{row:#}");
            row["message"].as_str().expect("a sentence").to_owned()
        }
    }
}
