//! What a component does to itself is told in one sentence; what it tries to do to the host comes to nothing.

use jobhost_tests::{Host, Login, Options, artifacts, eventually};
use serde_json::{Value, json};

#[track_caller]
fn ended_with_error(row: &Value) -> (String, String) {
    assert_eq!(row["status"], "ERROR", "{row:#}");
    let message = row["message"].as_str().unwrap_or_else(|| panic!("no sentence in {row:#}"));
    assert!(!message.contains('\n') && message.len() < 500, "not one sentence: {message}");
    assert!(row["error"].is_object(), "no detail in {row:#}");
    (message.to_owned(), row["error"].to_string())
}

#[test]
fn a_trap_is_one_sentence_and_a_backtrace() {
    let host = Host::start(Options::new().guest("traps"));
    let row = host.run(&json!({"operation": "trap"}));
    let (message, detail) = ended_with_error(&row);
    assert_eq!(row["plugin"], "traps@0.1.0", "{message}");
    assert!(detail.contains("deep_inside"), "no backtrace in {detail}");
    assert!(detail.contains("the guest gave up on purpose"), "no tail of stderr in {detail}");
    // The plugin is still there, and so is the host.
    ended_with_error(&host.run(&json!({"operation": "trap"})));
    assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
}

#[test]
fn an_endless_loop_ends_at_its_limit_and_holds_nobody_up() {
    for (key, other) in
        [("sandbox.cpu_seconds", "sandbox.wall_seconds"), ("sandbox.wall_seconds", "sandbox.cpu_seconds")]
    {
        let options = Options::new().guest("spins").set("jobs.workers", 2).set(key, 2).set(other, 300);
        let host = Host::start(options);
        host.create_table("t");
        let id = host.start_job(&json!({"operation": "spin"}));
        let mut answered = 0;
        let row = eventually("the end of the loop", || {
            let data = format!("id\n{answered}\n");
            let request = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data});
            host.run_ok(&request);
            answered += 1;
            let row = host.job_now(&id);
            (row["status"] == "ERROR").then_some(row)
        });
        let (message, _) = ended_with_error(&row);
        assert!(message.contains(key) || message.contains("2 s"), "the limit {key} is not named: {message}");
        assert!(answered > 1, "nobody was served while the guest computed");
    }
}

#[test]
fn waiting_ends_at_the_wall_limit() {
    let host = Host::start(Options::new().guest("sleeps").set("sandbox.wall_seconds", 2));
    let (message, _) = ended_with_error(&host.run(&json!({"operation": "sleep"})));
    assert!(message.contains("sandbox.wall_seconds") || message.contains("2 s"), "{message}");
}

#[test]
fn memory_ends_at_its_limit_with_the_figures() {
    let host = Host::start(Options::new().guest("hoards").set("sandbox.memory_bytes", 64 * 1024 * 1024));
    let before = host.peak_memory();
    let (message, detail) = ended_with_error(&host.run(&json!({"operation": "hoard"})));
    assert!(message.contains("memory"), "{message}");
    let figure = format!("{message} {detail}");
    assert!(figure.contains("67108864") || figure.contains("64 MiB"), "no figure in {figure}");
    let grown = host.peak_memory() - before;
    assert!(grown < 200 * 1024 * 1024, "the host grew by {grown} bytes");
}

#[test]
fn what_the_plan_does_not_name_is_denied() {
    let host = Host::start(Options::new().guest("oversteps"));
    host.create_table("mine");
    host.create_table("theirs");
    host.insert("theirs", json!([{"id": 1, "by": "us"}]));
    let message = host.run_ok(&json!({"operation": "overstep"}));
    for denied in
        ["other table", "absent table", "other action", "describe", "declare", "source", "sink", "query", "delete"]
    {
        assert!(message.contains(&format!("{denied}: ErrorKind::Denied")), "{denied} in {message}");
    }
    for failed in ["file", "directory", "create"] {
        assert!(message.contains(&format!("{failed}: failed")), "{failed} in {message}");
    }
    assert!(message.contains("environment: 0"), "{message}");
    assert!(message.ends_with("own table: ok"), "{message}");
    assert_eq!(host.rows("theirs"), [json!({"id": 1, "by": "us"})]);
    assert_eq!(host.rows("mine"), [json!({"id": 1, "by": "oversteps"})]);
    assert!(!std::path::Path::new("/tmp/jobhost-overstep").exists());
}

#[test]
fn a_malformed_batch_is_refused_as_a_whole() {
    let host = Host::start(Options::new().guest("malforms"));
    host.create_table("mine");
    let row = host.run(&json!({"operation": "malform"}));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let message = row["message"].as_str().expect("a message");
    for refused in
        ["not json", "array", "number", "two on a line", "not utf-8", "boolean key", "object key", "long key"]
    {
        assert!(message.contains(&format!("{refused}: ErrorKind::Invalid")), "{refused} in {message}");
    }
    for refused in ["deep", "large record", "large batch", "many records", "large checkpoint"] {
        let told = [format!("{refused}: ErrorKind::Limit"), format!("{refused}: ErrorKind::Invalid")];
        assert!(told.iter().any(|told| message.contains(told)), "{refused} in {message}");
    }
    // "two keys" may be refused, or taken as JSON parsers do; nothing else was stored.
    assert!(host.rows("mine").iter().all(|row| row["id"] == 3 || row["id"] == 2), "{:?}", host.rows("mine"));
    assert!(row.to_string().len() < 2_000_000, "the row has {} bytes", row.to_string().len());
}

#[test]
fn a_plan_that_does_not_end_is_refused_within_its_limit() {
    let host = Host::start(Options::new().guest("plans").set("sandbox.plan_milliseconds", 300));
    let started = std::time::Instant::now();
    let reply = host.post(&json!({"operation": "plan_forever"}));
    assert!((400..600).contains(&reply.status), "{} {}", reply.status, reply.text);
    let sentence = reply.body["error"].as_str().expect("a sentence");
    assert!(sentence.contains("plan"), "{sentence}");
    assert!(started.elapsed().as_secs() < 60);
    let jobs = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    assert_eq!(host.post(&jobs).ok(), json!([]), "a job exists that was never accepted");
    // It may be tried by many at once and the host still answers.
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| host.post(&json!({"operation": "plan_forever"})));
        }
        assert_eq!(host.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
    });
}

#[test]
fn a_plugin_that_is_not_one_harms_nobody() {
    let mut host = Host::start(Options::new().guest("traps"));
    assert!(host.stop().success());
    std::fs::write(host.plugins().join("junk.wasm"), b"not a component").expect("a file");
    std::fs::write(host.plugins().join("module.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    std::fs::write(host.plugins().join("empty.wasm"), b"").expect("a file");
    std::fs::write(host.plugins().join("readme.txt"), b"not a plugin").expect("a file");
    host.restart();
    host.create_table("t");
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    host.run_ok(&load);
    let log = host.log();
    for name in ["junk.wasm", "module.wasm", "empty.wasm"] {
        assert!(log.contains(name), "the log does not tell about {name}");
    }
}

#[test]
fn every_guest_has_a_test() {
    let sources: String = std::fs::read_dir(artifacts::in_package("tests/front_door"))
        .expect("the sources")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).expect("a source"))
        .collect();
    for entry in std::fs::read_dir(artifacts::in_package("guests")).expect("the guests") {
        let path = entry.expect("an entry").path();
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let tested = sources.contains(&format!(".guest(\"{name}\")"));
        assert!(tested || !manifest.contains("cdylib"), "no test uses the guest {name}");
    }
}
