//! Jobs whose rows contain many rejected records.

use std::time::Duration;

use serde_json::json;

use super::Target;

const PAUSE: Duration = Duration::from_millis(500);

pub fn attack(target: &Target) {
    let load = json!({
        "operation": "csv_file_load", "database": "soak", "table": "prey", "action": "upsert",
        "file_path": target.file("refused.csv"),
    });
    target.ask(target.user(), &load.to_string());
    target.pause(PAUSE);
}
