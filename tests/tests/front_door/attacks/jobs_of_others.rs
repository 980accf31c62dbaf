//! Jobs of other users cannot be seen, stopped or read, and jobs whose user has lost rights do not use them.

use jobhost_tests::web::{Body, OK_CSV, Page};
use jobhost_tests::{Login, Options, Web};
use serde_json::{Value, json};

use super::Victim;

fn rights() -> Value {
    json!({"t": {"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []}})
}

/// Starts a host, a server that delays the load of its page, and ann's job that runs this load.
fn start() -> (Victim, Web, String) {
    let web = Web::start();
    let (first, second) = OK_CSV.split_at(12);
    web.page("/held", Page::csv("").body(Body::Held(first.as_bytes().into(), second.as_bytes().into())));
    let victim = Victim::start(Options::new().set("urls.allow", web.address()));
    let ann = victim.add_user("ann", rights());
    victim.add_user("eve", rights());
    let load = json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": web.url("/held")});
    let id = victim.start_job_as(&ann, &load);
    web.await_requests("/held", 1);
    (victim, web, id)
}

#[test]
fn a_job_of_another_user_is_not_there() {
    let (victim, web, id) = start();
    let eve = Login::basic("eve", "pw");
    let absent = "00000000-0000-4000-8000-000000000000";
    let spellings = [
        id.clone(),
        id.to_uppercase(),
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        format!(" {id}"),
        format!("{id}\u{0}"),
        format!("{id}' OR '1'='1"),
        "*".to_owned(),
    ];
    for operation in ["get_job", "get_job_log", "cancel_job"] {
        let ask = |id: &str| {
            let reply = victim.post_as(&eve, &json!({"operation": operation, "id": id}));
            (reply.status, reply.text.replace(id, "ID"))
        };
        for spelling in &spellings {
            let (told, nothing) = (ask(spelling), ask(absent));
            // An id that is not a UUID may have a different error. The id of another user's job must not.
            assert!(told.0 != 200 || told.1 == "[]", "{operation} {spelling:?}: {told:?}");
            if *spelling == id {
                assert_eq!(told, nothing, "{operation} tells that the job exists");
            }
        }
        for id in [json!([id]), json!({"id": id}), json!(null), json!(true), json!(5)] {
            let reply = victim.post_as(&eve, &json!({"operation": operation, "id": id}));
            assert!(reply.status == 400 || reply.text == "[]", "{operation} {id}: {} {}", reply.status, reply.text);
        }
    }
    let all = json!({"operation": "search_jobs_by_start_date", "from_date": "2020-01-01", "to_date": "2099-01-01"});
    assert_eq!(victim.post_as(&eve, &all).status, 403);
    assert_eq!(victim.job_now(&id)["status"], "IN_PROGRESS", "somebody else has stopped the job");
    // The owner can see and stop it.
    let ann = Login::basic("ann", "pw");
    assert_eq!(victim.post_as(&ann, &json!({"operation": "get_job", "id": id})).ok()[0]["id"], id);
    victim.post_as(&ann, &json!({"operation": "cancel_job", "id": id})).ok();
    assert_eq!(victim.job(&id)["status"], "CANCELLED");
    drop(web);
    victim.assert_unharmed();
}

/// A running attempt keeps the rights with which it started. The next attempt has the rights at its start.
#[test]
fn a_job_that_is_resumed_does_no_more_than_its_user_may_by_then() {
    let permission = |rights: Value| {
        let permission = json!({"super_user": false, "gold": {"tables": rights}});
        json!({"operation": "alter_role", "id": "ann", "role": "ann", "permission": permission})
    };
    let changes = [
        permission(json!({})),
        json!({"operation": "drop_user", "username": "ann"}),
        json!({"operation": "alter_user", "username": "ann", "active": false}),
    ];
    for change in changes {
        let (mut victim, web, id) = start();
        victim.post(&change).ok();
        victim.crash();
        web.release();
        let row = victim.job(&id);
        assert_eq!(row["status"], "ERROR", "after {change}: {row:#}");
        victim.assert_unharmed();
    }
}

#[test]
fn a_job_that_waits_does_no_more_than_its_user_may_when_its_turn_comes() {
    let (first, second) = OK_CSV.split_at(12);
    for change in [
        json!({"operation": "drop_user", "username": "ann"}),
        json!({"operation": "alter_user", "username": "ann", "active": false}),
        json!({"operation": "alter_role", "id": "ann", "role": "ann", "permission": {"super_user": false}}),
    ] {
        let web = Web::start();
        web.page("/held", Page::csv("").body(Body::Held(first.as_bytes().into(), second.as_bytes().into())));
        let victim = Victim::start(Options::new().set("urls.allow", web.address()).set("jobs.workers", 1));
        victim.create_table("other");
        let ann = victim.add_user("ann", rights());
        let blocker =
            json!({"operation": "csv_url_load", "database": "gold", "table": "other", "csv_url": web.url("/held")});
        let blocker = victim.start_job(&blocker);
        web.await_requests("/held", 1);
        let load = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id,a\n2,late\n"});
        let id = victim.start_job_as(&ann, &load);
        victim.post(&change).ok();
        web.release();
        assert_eq!(victim.job(&blocker)["status"], "COMPLETE");
        let row = victim.job(&id);
        assert_eq!(row["status"], "ERROR", "after {change}: {row:#}");
        victim.assert_unharmed();
    }
}
