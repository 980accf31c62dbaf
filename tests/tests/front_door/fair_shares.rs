//! Fairness between users: waiting and running jobs of one user do not keep others from their turn.

use jobhost_tests::web::{Body, Page};
use jobhost_tests::{Host, Login, Options, Web};
use serde_json::{Value, json};

fn add_user(host: &Host, name: &str) -> Login {
    let user = json!({
        "operation": "add_user", "username": name, "password": "pw", "role": "super_user", "active": true,
    });
    host.post(&user).ok();
    Login::basic(name, "pw")
}

fn tiny(id: &str) -> Value {
    json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": format!("id\n{id}\n")})
}

/// Starts a host whose only worker is busy until the job is cancelled.
fn with_a_busy_worker(options: Options) -> (Host, String) {
    let options = options.guest("sleeps").set("jobs.workers", 1).set("jobs.cancel_grace_seconds", 0);
    let host = Host::start(options);
    host.create_table("t");
    let busy = host.start_job(&json!({"operation": "sleep"}));
    host.job_when(&busy, "the start", |row| row["phase"] == "running");
    (host, busy)
}

#[test]
fn slow_sources_of_one_user_leave_workers_for_others() {
    let web = Web::start();
    web.page("/held", Page::csv("").body(Body::Held(b"id\n".as_slice().into(), b"1\n".as_slice().into())));
    let host = Host::start(Options::new().set("urls.allow", web.address()).set("jobs.workers", 12));
    host.create_table("t");
    let (ann, bob, eve) = (add_user(&host, "ann"), add_user(&host, "bob"), add_user(&host, "eve"));
    let slow = json!({
        "operation": "csv_url_load", "database": "gold", "table": "t", "action": "upsert", "csv_url": web.url("/held"),
    });
    let of_ann: Vec<String> = (0..12).map(|_| host.start_job_as(&ann, &slow)).collect();
    let running = |ids: &[String]| ids.iter().filter(|id| host.job_now(id)["phase"] == "running").count();
    web.await_requests("/held", 8);
    assert_eq!(host.job(&host.start_job_as(&bob, &tiny("b")))["status"], "COMPLETE");
    assert_eq!(running(&of_ann), 8, "two thirds of the workers");
    // Two users together cannot either.
    let of_bob: Vec<String> = (0..12).map(|_| host.start_job_as(&bob, &slow)).collect();
    web.await_requests("/held", 10);
    assert_eq!(host.job(&host.start_job_as(&eve, &tiny("e")))["status"], "COMPLETE");
    assert!(running(&of_ann) + running(&of_bob) < 12);
    web.release();
    for id in of_ann.iter().chain(&of_bob) {
        assert_eq!(host.job(id)["status"], "COMPLETE");
    }
}

#[test]
fn users_with_waiting_jobs_take_turns() {
    let (host, busy) = with_a_busy_worker(Options::new());
    let (ann, bob) = (add_user(&host, "ann"), add_user(&host, "bob"));
    let of_ann: Vec<String> = (0..50).map(|id| host.start_job_as(&ann, &tiny(&format!("a{id}")))).collect();
    let of_bob = host.start_job_as(&bob, &tiny("b"));
    host.post(&json!({"operation": "cancel_job", "id": busy})).ok();
    let start = |id: &str| host.job(id)["start_datetime"].as_u64().expect("a time");
    assert!(start(&of_bob) <= start(&of_ann[1]), "50 jobs that came earlier do not come first");
    let starts: Vec<u64> = of_ann.iter().map(|id| start(id)).collect();
    assert!(starts.is_sorted(), "those of one user in the order of their arrival: {starts:?}");
}

#[test]
fn the_last_places_of_the_queue_are_for_those_who_hold_few() {
    let (host, busy) = with_a_busy_worker(Options::new().set("jobs.max_queued", 16));
    let (ann, bob) = (add_user(&host, "ann"), add_user(&host, "bob"));
    let of_ann: Vec<String> = (0..14).map(|id| host.start_job_as(&ann, &tiny(&format!("a{id}")))).collect();
    let refused = host.post_as(&ann, &tiny("a14"));
    assert!(refused.header("retry-after").is_some());
    let sentence = refused.refused(429);
    assert!(sentence.contains("14 jobs waiting") && sentence.contains("jobs.max_queued"), "{sentence}");
    let of_bob = host.start_job_as(&bob, &tiny("b"));
    host.post_as(&bob, &tiny("b1")).refused(429);
    host.post(&json!({"operation": "cancel_job", "id": busy})).ok();
    for id in of_ann.iter().chain([&of_bob]) {
        assert_eq!(host.job(id)["status"], "COMPLETE");
    }
    assert_eq!(host.job(&host.start_job_as(&ann, &tiny("a14")))["status"], "COMPLETE");
}
