//! Forged lines in the host's log, and commands for the terminal on which it is read.

use jobhost_tests::{Login, Options};
use serde_json::json;

use super::Victim;

const FORGED: &str = "2026-01-01T00:00:00.000000Z ERROR jobhost: forged";

#[test]
fn no_text_of_a_client_becomes_a_line_of_the_log() {
    for format in ["text", "json"] {
        let victim = Victim::start(Options::new().set("log.format", format).set("log.level", "debug"));
        victim.create_table("odd");
        let evil = format!("x\n{FORGED}\r{FORGED}\u{2028}{FORGED}\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m");
        let requests = [
            json!({"operation": evil}),
            json!({"operation": "get_job", "id": evil}),
            json!({"operation": "insert", "database": evil, "table": evil, "records": [{"id": 1}]}),
            json!({"operation": "insert", "database": "gold", "table": "odd", "records": [{"id": evil, evil.clone(): evil}]}),
            json!({"operation": "sql", "sql": evil}),
            json!({"operation": "add_user", "username": evil, "password": "x", "role": evil, "active": true}),
            json!({"operation": "drop_user", "username": evil}),
            json!({"operation": "add_role", "role": evil, "permission": {"super_user": true}}),
            json!({"operation": "describe_plugin", "name": evil}),
            json!({"operation": "add_plugin", "file": evil, "component": "AAAA"}),
            json!({"operation": "create_authentication_tokens", "username": evil, "password": evil}),
            json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": evil}),
            json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": victim.files().join(&evil)}),
            json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": format!("id,{evil}\n\"")}),
            json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": format!("http://127.0.0.1:1/{evil}")}),
        ];
        for request in &requests {
            let reply = victim.post(request);
            if let Some(id) = reply.body["job_id"].as_str() {
                victim.job(id);
            }
        }
        victim.post_as(&Login::basic(&evil, &evil), &json!({"operation": "user_info"}));
        // The name of a file in the plugin folder.
        std::fs::write(victim.plugins().join(format!("{}.wasm", evil.replace('/', ""))), "no plugin").expect("a file");
        victim.post(&json!({"operation": "reload_plugins"})).ok();

        let log = victim.log();
        for line in log.lines() {
            assert!(!line.starts_with(FORGED), "{format}: a forged line: {line}");
            if format == "json" {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "not JSON: {line}");
            }
        }
        // JSON is read by programs, so only characters that JSON forbids count.
        let forbidden = |c: &char| if format == "json" { c.is_ascii_control() } else { c.is_control() };
        let command = log.chars().filter(forbidden).find(|c| !matches!(c, '\n' | '\t'));
        assert_eq!(command, None, "{format}: a control character is in the log");
        victim.assert_unharmed();
    }
}
