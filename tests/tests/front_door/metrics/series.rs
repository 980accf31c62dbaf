//! The series of limits, plugins and the store. No request can create a series, and no series reveals a name.

use jobhost_tests::{Host, Login, Options, artifacts};
use serde_json::json;

use super::{becomes, load, metrics};

#[test]
fn a_limit_that_ends_a_job_is_counted_by_its_key() {
    let host = Host::start(Options::new().guest("spins").guest("hoards").set("sandbox.cpu_seconds", 1));
    host.run_error(&json!({"operation": "spin"}));
    becomes(&host, "jobhost_limits_hit_total{limit=\"sandbox.cpu_seconds\"}", 1.0);
    host.run_error(&json!({"operation": "hoard"}));
    becomes(&host, "jobhost_limits_hit_total{limit=\"sandbox.memory_bytes\"}", 1.0);
}

#[test]
fn plugins_are_counted_by_their_state() {
    let host = Host::start(Options::new().guest("traps"));
    host.plugin("traps.wasm").expect("the file");
    let states = |host: &Host| {
        let text = metrics(host);
        ["in_service", "previous_in_service", "failed"]
            .map(|state| text.value(&format!("jobhost_plugins{{state={state:?}}}")))
    };
    let [shipped, 0.0, 0.0] = states(&host) else { panic!("{:?}", states(&host)) };
    let reload = || host.post(&json!({"operation": "reload_plugins"})).ok();
    std::fs::write(host.plugins().join("junk.wasm"), "no component").expect("written");
    reload();
    assert_eq!(states(&host), [shipped, 0.0, 1.0]);
    std::fs::write(host.plugins().join("traps.wasm"), "no component").expect("written");
    reload();
    assert_eq!(states(&host), [shipped - 1.0, 1.0, 1.0]);
    std::fs::remove_file(host.plugins().join("junk.wasm")).expect("removed");
    std::fs::copy(artifacts::guest("traps"), host.plugins().join("traps.wasm")).expect("a copy");
    reload();
    assert_eq!(states(&host), [shipped, 0.0, 0.0]);
}

#[test]
fn the_metrics_follow_the_size_of_the_store_on_disk() {
    let host = Host::start(Options::new().set("data.max_bytes", 1_u64 << 30));
    host.create_table("t");
    let before = metrics(&host).value("jobhost_store_size_bytes");
    assert!(before > 0.0);
    let data = jobhost_tests::csv_text::numbered(200_000);
    let path = host.file("rows.csv", data);
    host.run_ok(&json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path}));
    let text = metrics(&host);
    let after = text.value("jobhost_store_size_bytes");
    assert!(after > before + 1e6, "{before} before 200,000 records and {after} after them");
    assert_eq!(text.value("jobhost_store_max_bytes"), (1_u64 << 30) as f64);
    assert!(after < text.value("jobhost_store_max_bytes"));
}

#[test]
fn no_request_creates_a_series() {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.post(&load("absent")).refused(400);
    host.post_as(&Login::Nobody, &json!({"operation": "user_info"})).refused(401);
    let before: Vec<String> = metrics(&host).series().map(str::to_owned).collect();
    for number in 0..100 {
        let name = format!("unknown_operation_{number}");
        host.post(&json!({"operation": name})).refused(400);
        host.post_as(&Login::Nobody, &json!({"operation": name}));
        host.post_as(&Login::basic(&name, "pw"), &json!({"operation": "user_info"}));
        host.post(&load(&format!("absent_{number}"))).refused(400);
        host.send(&Login::Nobody, "GET", &format!("/{name}"), None, b"");
    }
    let after: Vec<String> = metrics(&host).series().map(str::to_owned).collect();
    assert_eq!(before, after);
}

#[test]
fn neither_users_nor_data_nor_secrets_are_named() {
    let host = Host::start(Options::new());
    let user = json!({"operation": "add_user", "username": "zoe_the_user", "password": "zoe_the_password",
        "role": "super_user", "active": true});
    host.post(&user).ok();
    let zoe = Login::basic("zoe_the_user", "zoe_the_password");
    host.create_table("zoe_the_table");
    let path = host.file("zoe_the_file.csv", "id,zoe_the_attribute\n1,zoe_the_value\n");
    let requests = [
        json!({"operation": "csv_file_load", "database": "gold", "table": "zoe_the_table", "file_path": path}),
        json!({"operation": "csv_url_load", "database": "gold", "table": "zoe_the_table",
            "csv_url": "http://zoe.invalid/zoe_the_url", "passthrough_headers": {"authorization": "zoe_the_secret"}}),
        json!({"operation": "export_local", "format": "csv", "path": host.exports(), "filename": "zoe_the_export",
            "search_operation": {"operation": "sql", "sql": "SELECT * FROM gold.zoe_the_table"}}),
    ];
    for request in requests {
        let reply = host.post_as(&zoe, &request);
        if let Some(id) = reply.body["job_id"].as_str() {
            host.job(id);
        }
    }
    let reply = host.send(&Login::Nobody, "GET", "/metrics", None, b"");
    for word in ["zoe", "gold", "HDB_ADMIN", "HDBADMIN", "password", "127.0.0.1", "/tmp"] {
        assert!(!reply.text.contains(word), "{word} is in\n{}", reply.text);
    }
}
