//! Requests whose text is small but whose values are large. Values are charged before they are created; values that
//! nobody may send are never created.

use jobhost_tests::memory_watch::MemoryWatch;
use jobhost_tests::{Login, Options};
use serde_json::json;

use super::Victim;
use super::bystander::Bystander;
use super::raw::told;
use super::shapes::{ATTRIBUTE_RIGHTS, ATTRIBUTES, CONDITIONS, RECORDS, SHAPES, Shape, TABLE_RIGHTS};

const BUDGET: u64 = 256 * 1024 * 1024;
const MEGABYTES: usize = 1_000_000;
/// Concurrent clients, because they all share one budget.
const CLIENTS: usize = 3;

fn start() -> Victim {
    Victim::start(Options::new().set("memory.total_bytes", BUDGET))
}

fn none(victim: &Victim) -> Login {
    victim.add_user("none", json!({}))
}

fn reader(victim: &Victim) -> Login {
    let read = json!({"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
    victim.add_user("reader", json!({"t": read}))
}

/// A request: its sender, and its name for error messages.
struct Bomb<'a> {
    login: &'a Login,
    what: String,
    template: &'a str,
    shape: &'a Shape,
    bytes: usize,
}

fn bombs<'a>(login: &'a Login, templates: &'a [&'a str], shapes: &'a [Shape], bytes: usize) -> Vec<Bomb<'a>> {
    let pairs = templates.iter().flat_map(|template| shapes.iter().map(move |shape| (template, shape)));
    pairs
        .map(|(template, shape)| {
            let what = format!("{} in {template}", shape.name);
            Bomb { login, what, template, shape, bytes }
        })
        .collect()
}

/// Sends all requests, some of them concurrently, while another user is served. Passes each response to `judge`.
fn explode(victim: &Victim, bombs: &[Bomb<'_>], judge: impl Fn(&Bomb<'_>, u16, &str) + Sync) {
    let bystander = Bystander::of(victim);
    let watch = MemoryWatch::start(victim.process());
    let judge = &judge;
    let answers: usize = bystander.while_served(|| {
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn(move || {
                        let mut answers = 0;
                        for bomb in bombs.iter().skip(client).step_by(CLIENTS) {
                            let body = bomb.shape.within(bomb.template, bomb.bytes);
                            let Some((status, text)) = told(victim, bomb.login, &body) else { continue };
                            answers += 1;
                            victim.clean(&bomb.what, &text);
                            judge(bomb, status, &text);
                        }
                        answers
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().expect("a client")).sum()
        })
    });
    assert!(answers > bombs.len() / 10, "of {} requests only {answers} were answered", bombs.len());
    watch.assert_within(BUDGET);
    watch.assert_given_back();
    bystander.is_served();
    victim.assert_unharmed();
}

#[track_caller]
fn refused(bomb: &Bomb<'_>, status: u16, text: &str) {
    assert!((400..500).contains(&status) || status == 503, "{}: {status} {text:.500}", bomb.what);
}

#[track_caller]
fn answered(bomb: &Bomb<'_>, status: u16, text: &str) {
    assert!(status == 200 || (400..500).contains(&status) || status == 503, "{}: {status} {text:.500}", bomb.what);
}

#[test]
fn a_job_request_costs_no_more_than_its_text_whatever_it_carries() {
    let victim = start();
    let none = none(&victim);
    let templates = [
        r#"{"operation":"csv_data_load","database":"gold","table":"t","data":"id\n1\n","x":BOMB}"#,
        r#"{"x":BOMB,"operation":"csv_data_load","database":"gold","table":"t","data":"id\n1\n"}"#,
        r#"{"operation":"csv_data_load","database":"gold","table":"t","data":BOMB}"#,
        r#"{"operation":"csv_file_load","database":"gold","table":BOMB,"file_path":"/x.csv"}"#,
        r#"{"operation":"csv_url_load","table":"t","csv_url":"http://x/","passthrough_headers":BOMB}"#,
        r#"{"operation":"import_from_s3","database":"gold","table":"t","s3":{"bucket":"b","key":"k.csv","x":BOMB}}"#,
        r#"{"operation":"export_local","format":"json","path":"/","search_operation":BOMB}"#,
        r#"{"operation":"delete_records_before","database":"gold","table":"t","date":BOMB}"#,
    ];
    let mut all = bombs(&none, &templates, &SHAPES, 10 * MEGABYTES);
    for bomb in all.iter_mut().step_by(11) {
        bomb.bytes = 40 * MEGABYTES;
    }
    explode(&victim, &all, |bomb, status, text| {
        refused(bomb, status, text);
        assert!([400, 403, 413, 429, 503].contains(&status), "{}: {status} {text:.500}", bomb.what);
    });
}

#[test]
fn a_job_request_is_bounded_without_its_source_and_says_so() {
    let victim = start();
    let template = r#"{"operation":"csv_data_load","database":"gold","table":"t","data":"id\n7\n","x":BOMB}"#;
    for shape in &SHAPES {
        let (status, text) = told(&victim, victim.admin(), &shape.within(template, 2 * MEGABYTES)).expect("an answer");
        assert_eq!(status, 400, "{}: {text:.500}", shape.name);
        assert!(text.contains("1 MiB") || text.contains("1048576"), "{}: {text:.500}", shape.name);
    }
    // The limit does not include the source.
    let data = format!("id,a\n{}", "1,before\n".repeat(300_000));
    victim.run_ok(
        &json!({"operation": "csv_data_load", "database": "gold", "table": "t", "action": "upsert", "data": data}),
    );
    victim.assert_unharmed();
}

#[test]
fn a_search_costs_no_more_than_its_user_may_hold() {
    let victim = start();
    let none = none(&victim);
    let reader = reader(&victim);
    let templates = [
        r#"{"operation":"search_by_conditions","database":"gold","table":"t","get_attributes":["*"],"conditions":BOMB}"#,
        r#"{"operation":"search_by_conditions","database":"gold","table":"t","get_attributes":["*"],"conditions":[{"attribute":"a","comparator":"equals","value":BOMB}]}"#,
        r#"{"operation":"search_by_id","database":"gold","table":"t","get_attributes":["*"],"ids":BOMB}"#,
        r#"{"operation":"search_by_id","database":"gold","table":"t","get_attributes":["*"],"ids":[BOMB]}"#,
        r#"{"operation":"search_by_value","database":"gold","table":"t","get_attributes":["*"],"attribute":"a","value":BOMB}"#,
        r#"{"operation":"search_by_value","database":"gold","table":"t","attribute":"id","value":"*","get_attributes":BOMB}"#,
        r#"{"operation":"search_by_value","database":"gold","table":"t","attribute":"id","value":"*","get_attributes":["*"],"sort":BOMB}"#,
        r#"{"operation":"sql","sql":BOMB}"#,
    ];
    let size = 16 * MEGABYTES;
    let mut all = bombs(&none, &templates, &SHAPES, size);
    for bomb in all.iter_mut().step_by(2) {
        bomb.login = &reader;
    }
    all.extend(bombs(&reader, &templates[..1], std::slice::from_ref(&CONDITIONS), size));
    let judge = |bomb: &Bomb<'_>, status: u16, text: &str| match bomb.login {
        // Keys without a record are a valid request, whatever their number.
        Login::Basic { user, .. } if user == "reader" => answered(bomb, status, text),
        _ => refused(bomb, status, text),
    };
    explode(&victim, &all, judge);
}

#[test]
fn an_export_costs_no_more_for_what_its_search_carries() {
    let victim = start();
    let path = victim.exports();
    let templates = [
        r#"{"operation":"export_local","format":"json","path":PATH,"filename":"x","search_operation":{"operation":"search_by_id","database":"gold","table":"t","get_attributes":["*"],"ids":BOMB}}"#,
        r#"{"operation":"export_local","format":"json","path":PATH,"filename":"x","search_operation":{"operation":"search_by_conditions","database":"gold","table":"t","get_attributes":["*"],"conditions":BOMB}}"#,
    ]
    .map(|template| template.replace("PATH", &json!(path).to_string()));
    let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
    let all = bombs(victim.admin(), &templates, &SHAPES, 15 * MEGABYTES);
    explode(&victim, &all, refused);
}

#[test]
fn records_beyond_number_are_refused_by_the_key_that_bounds_them() {
    let victim = start();
    victim.create_table("many");
    let writes = json!({"read": true, "insert": true, "update": true, "delete": false, "attribute_permissions": []});
    let writer = victim.add_user("writer", json!({"many": writes}));
    let templates = ["insert", "update", "upsert"]
        .map(|operation| format!(r#"{{"operation":"{operation}","database":"gold","table":"many","records":BOMB}}"#));
    let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
    let mut all = bombs(&writer, &templates, &SHAPES, 20 * MEGABYTES);
    all.extend(bombs(&writer, &templates, std::slice::from_ref(&RECORDS), 20 * MEGABYTES));
    explode(&victim, &all, |bomb, status, text| {
        // Large records are few, so they are accepted.
        if bomb.shape.name == "deep objects" {
            return answered(bomb, status, text);
        }
        refused(bomb, status, text);
        if status == 400 && [RECORDS.name, "empty objects", "objects in objects"].contains(&bomb.shape.name) {
            assert!(text.contains("server.max_write_records"), "{}: {text:.500}", bomb.what);
        }
    });
}

#[test]
fn so_many_records_as_are_allowed_stay_within_the_budget() {
    let options = Options::new().set("memory.total_bytes", BUDGET).set("server.max_write_records", 1000);
    let victim = Victim::start(options);
    victim.create_table("many");
    let watch = MemoryWatch::start(victim.process());
    let records = |count: usize| {
        let records: Vec<String> =
            (0..count).map(|id| format!(r#"{{"id":{id},"a":"{}"}}"#, "x".repeat(1000))).collect();
        format!(r#"{{"operation":"upsert","database":"gold","table":"many","records":[{}]}}"#, records.join(","))
    };
    let (status, text) = told(&victim, victim.admin(), &records(1000)).expect("an answer");
    assert_eq!(status, 200, "{text:.500}");
    let (status, text) = told(&victim, victim.admin(), &records(1001)).expect("an answer");
    assert_eq!(status, 400, "{text:.500}");
    assert!(text.contains("server.max_write_records") && text.contains("1000"), "{text:.500}");
    assert_eq!(victim.count("many"), 1000);
    watch.assert_within(BUDGET);
    victim.assert_unharmed();
}

#[test]
fn a_delete_of_millions_of_keys_stays_within_the_budget() {
    let victim = start();
    victim.create_table("doomed");
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let deleter = victim.add_user("deleter", json!({"doomed": all}));
    let templates = [r#"{"operation":"delete","database":"gold","table":"doomed","ids":BOMB}"#];
    explode(&victim, &bombs(&deleter, &templates, &SHAPES, 20 * MEGABYTES), answered);
}

#[test]
fn roles_users_and_tables_beyond_all_measure_are_refused() {
    let victim = start();
    let builder = json!({"super_user": false, "structure_user": true});
    victim.post(&json!({"operation": "add_role", "role": "builder", "permission": builder})).ok();
    let user =
        json!({"operation": "add_user", "username": "builder", "password": "pw", "role": "builder", "active": true});
    victim.post(&user).ok();
    let builder = Login::basic("builder", "pw");
    let size = 20 * MEGABYTES;
    let by_admin = [
        r#"{"operation":"add_role","role":"x","permission":BOMB}"#,
        r#"{"operation":"add_role","role":"x","permission":{"super_user":false,"gold":{"tables":{"t":{"read":true,"insert":true,"update":true,"delete":true,"attribute_permissions":BOMB}}}}}"#,
        r#"{"operation":"add_user","username":"x","password":"x","role":BOMB,"active":true}"#,
    ];
    let by_builder = [
        r#"{"operation":"create_table","database":"gold","table":"x","attributes":BOMB}"#,
        r#"{"operation":"create_attribute","database":"gold","table":"t","attribute":BOMB}"#,
    ];
    let mut all = bombs(victim.admin(), &by_admin, &SHAPES, size);
    all.extend(bombs(&builder, &by_builder, &SHAPES, size));
    all.extend(bombs(&builder, &by_builder, std::slice::from_ref(&ATTRIBUTES), size));
    all.extend(bombs(victim.admin(), &by_admin[1..2], std::slice::from_ref(&ATTRIBUTE_RIGHTS), size));
    let tables = [r#"{"operation":"add_role","role":"x","permission":{"super_user":false,"gold":{"tables":BOMB}}}"#];
    all.extend(bombs(victim.admin(), &tables, std::slice::from_ref(&TABLE_RIGHTS), size));
    explode(&victim, &all, refused);
}

#[test]
fn members_that_an_operation_does_not_know_cost_no_more_than_their_text() {
    let victim = start();
    let none = none(&victim);
    let templates = [
        r#"{"operation":"user_info","x":BOMB}"#,
        r#"{"x":BOMB,"operation":"get_job","id":"00000000-0000-4000-8000-000000000000"}"#,
        r#"{"operation":"describe_all","x":{"y":BOMB}}"#,
        r#"{"operation":"no_such_operation","x":BOMB}"#,
        r#"{"operation":BOMB}"#,
        "BOMB",
    ];
    explode(&victim, &bombs(&none, &templates, &SHAPES, 20 * MEGABYTES), answered);
}

#[test]
fn the_metrics_tell_of_the_budget_and_of_what_it_refused() {
    let victim = start();
    let reader = reader(&victim);
    let body = SHAPES[0].within(
        r#"{"operation":"search_by_id","database":"gold","table":"t","get_attributes":["*"],"ids":BOMB}"#,
        15 * MEGABYTES,
    );
    let metrics = || victim.send(&Login::Nobody, "GET", "/metrics", None, b"").text;
    let value = |name: &str| {
        let text = metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name} is not in {text}"))
    };
    assert_eq!(value(r#"jobhost_budget_total{budget="memory"}"#), BUDGET as f64);
    if let Some((status, text)) = told(&victim, &reader, &body) {
        assert!([400, 429, 503].contains(&status), "{status} {text:.500}");
        if [429, 503].contains(&status) {
            assert!(value(r#"jobhost_budget_refusals_total{budget="memory"}"#) > 0.0);
        }
    }
    jobhost_tests::eventually("the charges to be given back", || {
        (value(r#"jobhost_budget_charged{budget="memory"}"#) < f64::from(16 << 20)).then_some(())
    });
    victim.assert_unharmed();
}
