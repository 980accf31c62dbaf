//! The output of a guest, through `log` and on stdout and stderr, is kept for users who may see its job. The end of it
//! is kept in limited space, even if the job failed and the host was restarted.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn log_of(id: &str) -> Value {
    json!({"operation": "get_job_log", "id": id})
}

#[track_caller]
fn lines(host: &Host, id: &str) -> Vec<String> {
    let body = host.post(&log_of(id)).ok();
    assert_eq!(body["job_id"], id, "{body}");
    let lines = body["lines"].as_array().unwrap_or_else(|| panic!("no lines in {body}"));
    lines.iter().map(|line| line.as_str().expect("text").to_owned()).collect()
}

#[test]
fn the_log_of_a_failed_job_survives_a_restart_of_the_host() {
    let mut host = Host::start(Options::new().guest("traps"));
    let id = host.start_job(&json!({"operation": "trap"}));
    host.job(&id);
    let said = lines(&host, &id);
    assert!(said.iter().any(|line| line.contains("the guest gave up on purpose")), "{said:?}");
    assert!(said.iter().all(|line| line.starts_with('[') && !line.contains('\n')), "{said:?}");
    assert_eq!(host.post(&log_of(&id)).ok()["attempt"], 1);
    host.kill();
    host.restart();
    assert_eq!(lines(&host, &id), said);
}

#[test]
fn each_job_has_its_own_log() {
    let host = Host::start(Options::new().guest("traps"));
    host.create_table("t");
    let trap = host.start_job(&json!({"operation": "trap"}));
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    let load = host.start_job(&load);
    let again = host.start_job(&json!({"operation": "trap"}));
    for id in [&trap, &load, &again] {
        host.job(id);
    }
    assert_eq!(lines(&host, &load), [""; 0]);
    assert_eq!(lines(&host, &trap), lines(&host, &again));
}

#[test]
fn a_running_job_has_a_log() {
    let options = Options::new().guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
    let host = Host::start(options);
    let running = host.start_job(&json!({"operation": "sleep"}));
    host.job_when(&running, "the start", |row| row["phase"] == "running");
    let waiting = host.start_job(&json!({"operation": "sleep"}));
    assert_eq!(host.post(&log_of(&running)).ok()["attempt"], 1);
    assert_eq!(host.post(&log_of(&waiting)).ok(), json!({"job_id": waiting, "attempt": 0, "lines": []}));
    for id in [&waiting, &running] {
        host.post(&json!({"operation": "cancel_job", "id": id})).ok();
        host.job(id);
        assert_eq!(lines(&host, id), [""; 0]);
    }
}

#[test]
fn only_the_end_is_kept_and_dropped_lines_are_counted() {
    const KEPT: usize = 64 * 1024;
    let host =
        Host::start(Options::new().guest("malforms").set("grants.malforms", "insert gold.mine,update gold.mine"));
    host.create_table("mine");
    let id = host.start_job(&json!({"operation": "malform"}));
    let row = host.job(&id);
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let said = lines(&host, &id);
    let (first, kept) = said.split_first().expect("lines");
    let dropped = first.strip_prefix('(').and_then(|rest| rest.strip_suffix(" earlier lines were dropped)"));
    let dropped: usize = dropped.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{first:.100}"));
    let bytes: usize = kept.iter().map(String::len).sum();
    assert!((KEPT / 2..=KEPT).contains(&bytes), "{bytes} bytes are kept");
    // The guest logs 600 lines. Those that are too long are split or truncated.
    assert!(dropped + kept.len() >= 600, "{dropped} + {}", kept.len());
    let longest = kept.iter().map(String::len).max().unwrap_or_default();
    assert!(longest <= 4 * 1024 + "[error] ".len(), "a line has {longest} bytes");
    let whole = host.post(&log_of(&id)).text;
    assert!(whole.len() < 2 * KEPT, "the reply has {} bytes", whole.len());
}

#[test]
fn a_log_is_for_its_owner_and_for_super_users() {
    let host = Host::start(Options::new().guest("traps"));
    host.create_table("t");
    let permission = json!({"super_user": false, "gold": {"tables": {"t":
        {"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []}}}});
    host.post(&json!({"operation": "add_role", "role": "loader", "permission": permission})).ok();
    let add = |name: &str, role: &str| {
        let user = json!({"operation": "add_user", "username": name, "password": "pw", "role": role, "active": true});
        host.post(&user).ok();
        Login::basic(name, "pw")
    };
    let (ann, bob, root) = (add("ann", "loader"), add("bob", "loader"), add("root", "super_user"));
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1\n"});
    let hers = host.start_job_as(&ann, &load);
    host.job(&hers);
    let ours = host.start_job(&json!({"operation": "trap"}));
    host.job(&ours);

    assert_eq!(host.post_as(&ann, &log_of(&hers)).ok()["lines"], json!([]));
    assert_eq!(host.post_as(&root, &log_of(&hers)).ok()["lines"], json!([]));
    let said = host.post_as(&root, &log_of(&ours)).ok()["lines"].to_string();
    assert!(said.contains("on purpose"), "{said}");
    // A user who may not see a job cannot learn that it exists.
    let unknown = "00000000-0000-4000-8000-000000000000";
    let absent = host.post_as(&bob, &log_of(unknown)).refused(404);
    for (login, id) in [(&bob, &hers), (&bob, &ours), (&ann, &ours)] {
        assert_eq!(host.post_as(login, &log_of(id)).refused(404), absent.replace(unknown, id));
    }
    assert_eq!(host.post_as(&Login::Nobody, &log_of(&hers)).status, 401);
    host.post(&log_of(unknown)).refused(404);
    host.post(&log_of("not an id")).refused(404);
    for wrong in [json!(null), json!(7), json!([hers])] {
        let told = host.post(&json!({"operation": "get_job_log", "id": wrong})).refused(400);
        assert!(told.contains("'id'"), "{told}");
    }
    assert!(host.post(&json!({"operation": "get_job_log"})).refused(400).contains("'id'"));
}

#[test]
fn a_load_that_ends_with_an_error_says_in_its_log_where_it_was() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "action": "update",
        "data": "id,a\n1,x\n,y\n"});
    let id = host.start_job(&load);
    let message = host.job(&id)["message"].as_str().expect("a sentence").to_owned();
    assert!(message.ends_with("check log for more info"), "{message}");
    let said = lines(&host, &id);
    assert!(said.iter().any(|line| line.contains(&format!("line 3, byte 9: {message}"))), "{said:?}");
}
