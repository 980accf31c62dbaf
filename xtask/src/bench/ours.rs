//! Our own load: HTTP request, durable job, sandboxed component, store; measured from the request to the
//! first answer that says COMPLETE.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use super::dataset::{Dataset, Keys};
use super::host::{Client, Host, Setup, expect_loaded};
use super::meter::{self, Usage};
use super::peers::{Loader, disk_bytes};
use crate::failure::{Doing, Failure, Result};

const POLL: Duration = Duration::from_millis(10);
const WITHIN: Duration = Duration::from_secs(1800);

pub struct Ours {
    setup: Setup,
    dir: PathBuf,
    /// The job row of the last load.
    pub row: Value,
    /// What the host logged meanwhile.
    pub log: String,
}

impl Ours {
    pub fn new(bench: &Bench) -> Self {
        Self { setup: bench.setup.clone(), dir: bench.scratch().join("jobhost"), row: Value::Null, log: String::new() }
    }
}

impl Loader for Ours {
    fn name(&self) -> String {
        "jobhost csv_file_load".to_owned()
    }

    fn conditions(&self) -> &'static str {
        "from sending the HTTP request to the `get_job` answer that says COMPLETE (polled every 10 ms); the host process in a fresh data directory; its peak RSS since its start, so with the compilation of the plugins"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        let host = Host::start(&self.setup, &self.dir)?;
        let mut client = host.connect()?;
        create_table(&mut client, "people")?;
        let request = json!({
            "operation": "csv_file_load", "database": "bench", "table": "people",
            "action": "insert", "file_path": data.path,
        })
        .to_string();
        let (row, usage) = meter::of_server(host.pid(), || {
            let id = client.submit(&request)?;
            client.wait(&id, POLL, WITHIN)
        })?;
        expect_loaded(&row, data.rows)?;
        check_records(&mut client, data)?;
        self.row = row;
        let bytes = disk_bytes(&host.data_dir());
        let log = host.log();
        host.stop()?;
        self.log = fs::read_to_string(&log).doing(|| format!("cannot read {}", log.display()))?;
        fs::remove_dir_all(&self.dir).ok();
        Ok((usage, bytes))
    }
}

pub fn create_table(client: &mut Client, table: &str) -> Result<()> {
    client.call(&json!({
        "operation": "create_table", "database": "bench", "table": table, "primary_key": "id",
    }))?;
    Ok(())
}

/// Looks for records at the start, in the middle and at the end of the file.
fn check_records(client: &mut Client, data: &Dataset) -> Result<()> {
    for probe in data.probes() {
        // Typing makes a number of a cell that looks like one.
        let id = match data.keys {
            Keys::Sequential => json!(probe.id.parse::<u64>().unwrap_or(0)),
            Keys::Uuid => json!(probe.id),
        };
        let found = client.call(&json!({
            "operation": "search_by_id", "database": "bench", "table": "people",
            "ids": [id], "get_attributes": ["name", "email"],
        }))?;
        if found != json!([{"name": probe.name, "email": probe.email}]) {
            return Err(Failure::new(format!("record {} is not as in the file: {found}", probe.id)));
        }
    }
    Ok(())
}
