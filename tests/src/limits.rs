//! Checks the limits that a job's row reports, and that the host serves other clients meanwhile.

use serde_json::{Value, json};

use crate::client::{Client, Login};
use crate::tables::DATABASE;
use crate::wait::eventually;

/// Checks that the row names the limit that ended the job, in one sentence with the numbers.
#[track_caller]
pub fn ended_by(row: &Value, key: &str) -> Value {
    assert_eq!(row["status"], "ERROR", "{row:#}");
    assert_eq!(row["error"]["kind"], "limit", "{row:#}");
    let limit = &row["error"]["limit"];
    assert_eq!(limit["key"], key, "{row:#}");
    assert!(limit["limit"].is_u64(), "{row:#}");
    let message = row["message"].as_str().unwrap_or_else(|| panic!("no sentence in {row:#}"));
    assert!(message.contains(key), "{key} is not named: {message}");
    assert!(!message.contains('\n') && message.len() < 500, "not one sentence: {message}");
    if key.ends_with("_bytes") || key.ends_with("-bytes") {
        assert!(message.contains(&limit["limit"].to_string()), "no figure: {message}");
    }
    limit.clone()
}

/// Returns a limit that a job reached without being ended by it.
#[track_caller]
pub fn met(row: &Value, key: &str) -> Value {
    let met = row["limits_met"].as_array().and_then(|met| met.iter().find(|one| one["key"] == key));
    let met = met.unwrap_or_else(|| panic!("{key} is not among the limits that were met: {row:#}"));
    assert!(met["limit"].is_u64() && met["times"].as_u64() > Some(0), "{met:#}");
    met.clone()
}

impl Client {
    /// Sends requests of other clients until a job has ended, at least once, and returns its row.
    #[track_caller]
    pub fn served_until_the_end_of(&self, id: &str) -> Value {
        eventually(&format!("the end of job {id}"), || {
            self.serves_others();
            let row = self.job_now(id);
            matches!(row["status"].as_str(), Some("COMPLETE" | "ERROR" | "CANCELLED")).then_some(row)
        })
    }

    /// Sends requests of an unrelated client: a query and a load.
    #[track_caller]
    pub fn serves_others(&self) {
        assert_eq!(self.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
        let table = json!({"operation": "create_table", "database": DATABASE, "table": "others", "primary_key": "id"});
        self.post(&table);
        let load = json!({"operation": "csv_data_load", "database": DATABASE, "table": "others", "data": "id\n1\n"});
        self.run_ok(&load);
    }
}
