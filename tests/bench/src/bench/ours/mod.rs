//! Measures jobhost: HTTP request, durable job, sandboxed component and store, from the request to the first reply that
//! says COMPLETE.

mod table;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;
use super::dataset::{Dataset, Keys};
use super::meter::{self, Usage};
use super::peers::{Loader, disk_bytes};
use super::s3::S3Server;
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::{Client, Configuration, Host};

pub use table::{OurTable, Search};

const POLL: Duration = Duration::from_millis(10);
const WITHIN: Duration = Duration::from_secs(1800);

/// Loads into a host with a new data directory each time.
pub struct Ours {
    setup: Configuration,
    dir: PathBuf,
    source: Source,
    /// The job row of the last load.
    pub row: Value,
    /// The host's log of the last load.
    pub log: String,
}

enum Source {
    File,
    /// The member `s3` of the request.
    S3(Value),
}

impl Ours {
    pub fn new(bench: &Bench) -> Self {
        let (setup, dir) = (bench.setup.clone(), bench.scratch().join("jobhost"));
        Self { setup, dir, source: Source::File, row: Value::Null, log: String::new() }
    }

    /// Loads the object on the server instead of the file.
    pub fn from_s3(bench: &Bench, server: &S3Server) -> Self {
        let mut ours = Self::new(bench);
        ours.setup = ours.setup.set("s3.endpoint", server.endpoint());
        ours.source = Source::S3(server.object());
        ours
    }
}

impl Loader for Ours {
    fn name(&self) -> String {
        match self.source {
            Source::File => "jobhost csv_file_load",
            Source::S3(_) => "jobhost import_from_s3",
        }
        .to_owned()
    }

    fn conditions(&self) -> &'static str {
        "from sending the HTTP request to the `get_job` answer that says COMPLETE (polled every 10 ms); the host process in a fresh data directory; its peak RSS since its start (plugins are compiled by another process)"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        let host = Host::start_afresh(&self.setup, &self.dir)?;
        let client = host.client()?;
        create_table(&client, "people")?;
        let request = match &self.source {
            Source::File => load_request(data),
            Source::S3(object) => json!({
                "operation": "import_from_s3", "database": "bench", "table": "people", "action": "insert",
                "s3": object,
            })
            .to_string(),
        };
        let (row, usage) = job(&host, &client, &request)?;
        expect_loaded(&row, data.rows)?;
        check_records(&client, data)?;
        self.row = row;
        let bytes = disk_bytes(&host.data());
        host.stop()?;
        self.log = Host::log(&self.dir);
        fs::remove_dir_all(&self.dir).ok();
        Ok((usage, bytes))
    }
}

/// Runs one job to its end. Returns its row, and the resources that the host used.
fn job(host: &Host, client: &Client, request: &str) -> Result<(Value, Usage)> {
    meter::of_server(host.id(), || {
        let id = client.submit(request)?;
        client.wait(&id, POLL, WITHIN)
    })
}

fn load_request(data: &Dataset) -> String {
    json!({
        "operation": "csv_file_load", "database": "bench", "table": "people",
        "action": "insert", "file_path": data.path,
    })
    .to_string()
}

pub fn create_table(client: &Client, table: &str) -> Result<()> {
    create_table_with_key(client, table, "id")
}

pub fn create_table_with_key(client: &Client, table: &str, key: &str) -> Result<()> {
    client.call(&json!({
        "operation": "create_table", "database": "bench", "table": table, "primary_key": key,
    }))?;
    Ok(())
}

/// Checks `successfully loaded W of T records`. Both numbers must be as expected, or the measurement is invalid.
pub fn expect_loaded(row: &Value, rows: u64) -> Result<()> {
    let message = row.get("message").and_then(Value::as_str).unwrap_or("");
    if message == format!("successfully loaded {rows} of {rows} records") {
        return Ok(());
    }
    Err(Failure::new(format!("expected {rows} records to be loaded; the job says {message:?}")))
}

/// Checks records at the start, in the middle and at the end of the file.
fn check_records(client: &Client, data: &Dataset) -> Result<()> {
    for probe in data.probes() {
        // Untyped cells that look like a number are stored as numbers.
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
