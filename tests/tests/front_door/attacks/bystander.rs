//! An uninvolved user who must not be affected by an attack.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jobhost_tests::{Client, Login, Reply, eventually};
use serde_json::{Value, json};

use super::Victim;

const TABLE: &str = "quiet";
/// A monitor considers the host dead after this time.
const HEALTHY_WITHIN: Duration = Duration::from_secs(10);
const BUSY: [u16; 2] = [429, 503];

pub struct Bystander<'a> {
    victim: &'a Victim,
    watchman: Client,
    login: Login,
    /// Id of a job that has ended.
    job: String,
    number: AtomicU64,
}

impl<'a> Bystander<'a> {
    pub fn of(victim: &'a Victim) -> Self {
        victim.create_table(TABLE);
        let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
        let login = victim.add_user("bystander", json!({TABLE: all}));
        let watchman = victim.waiting(HEALTHY_WITHIN);
        let mut bystander = Bystander { victim, watchman, login, job: String::new(), number: AtomicU64::new(1) };
        bystander.job = bystander.loads("id,a\n0,known\n");
        bystander
    }

    #[track_caller]
    fn post(&self, request: &Value) -> Reply {
        self.victim.post_as(&self.login, request)
    }

    pub fn login(&self) -> &Login {
        &self.login
    }

    /// The host responds to health checks.
    #[track_caller]
    pub fn sees_health(&self) {
        assert_eq!(self.watchman.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
    }

    #[track_caller]
    pub fn sees_its_job(&self) {
        let rows = self.post(&json!({"operation": "get_job", "id": self.job})).ok();
        assert_eq!(rows[0]["status"], "COMPLETE", "{rows:#}");
    }

    #[track_caller]
    pub fn finds_its_record(&self) {
        let found = self.post(&json!({
            "operation": "search_by_id", "database": "gold", "table": TABLE, "ids": [0], "get_attributes": ["id", "a"],
        }));
        assert_eq!(found.ok(), json!([{"id": 0, "a": "known"}]));
    }

    #[track_caller]
    pub fn inserts(&self, text: &str) {
        let id = self.number.fetch_add(1, Ordering::Relaxed);
        let records = json!([{"id": id, "a": text}]);
        let request = json!({"operation": "insert", "database": "gold", "table": TABLE, "records": records});
        assert_eq!(self.post(&request).ok()["inserted_hashes"], json!([id]));
    }

    /// Loads data in a job and waits for its end. Returns the job's id.
    #[track_caller]
    pub fn loads(&self, data: &str) -> String {
        let request = json!({
            "operation": "csv_data_load", "database": "gold", "table": TABLE, "action": "upsert", "data": data,
        });
        let id = self.victim.start_job_as(&self.login, &request);
        eventually(&format!("the end of the bystander's job {id}"), || {
            let rows = self.post(&json!({"operation": "get_job", "id": id})).ok();
            match rows[0]["status"].as_str() {
                Some("IN_PROGRESS") => None,
                Some("COMPLETE") => Some(()),
                _ => panic!("the bystander's job did not succeed: {rows:#}"),
            }
        });
        id
    }

    /// Sends every kind of small request.
    #[track_caller]
    pub fn is_served(&self) {
        self.sees_health();
        self.sees_its_job();
        self.finds_its_record();
        self.inserts("small");
        self.loads("id,a\n0,known\n");
    }

    /// SQL has few slots, so the host may postpone a query, but must not refuse it permanently.
    #[track_caller]
    pub fn queries(&self) {
        let request = json!({"operation": "sql", "sql": "SELECT a FROM gold.quiet WHERE id = 0"});
        let rows = eventually("an answer to the bystander's query", || {
            let reply = self.post(&request);
            if BUSY.contains(&reply.status) {
                assert!(reply.header("retry-after").is_some(), "{}", reply.text);
                return None;
            }
            Some(reply.ok())
        });
        assert_eq!(rows, json!([{"a": "known"}]));
    }

    /// Runs the attack, and sends the bystander's requests until it is over.
    #[track_caller]
    pub fn while_served<T: Send>(&self, attack: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let attack = scope.spawn(attack);
            loop {
                self.is_served();
                if attack.is_finished() {
                    break;
                }
            }
            attack.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
        })
    }
}
