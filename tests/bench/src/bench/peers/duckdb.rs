//! DuckDB from PyPI, in a separate virtual environment under `target/bench`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::python::Python;
use super::{Loader, Table, copy_with_times, create_table, create_table_with_times, disk_bytes};
use crate::bench::dataset::{Dataset, Keys};
use crate::bench::meter::Usage;
use crate::bench::written::{Columns, Format};
use jobhost_testkit::failure::{Doing, Failure, Result};

/// Pinned, so that runs on different days compare the same version.
const VERSION: &str = "2.0.0";
const KEYS: [&str; 2] = ["BIGINT", "UUID"];
const REST: &str =
    "name VARCHAR, email VARCHAR, city VARCHAR, age INTEGER, score DOUBLE, active BOOLEAN, created TIMESTAMP";
/// Distinct times in milliseconds with a fraction, as a server stores them.
const TIME: &str = "DOUBLE DEFAULT (round(epoch(now()) * 1000 + random(), 4))";

/// Prints what the statement alone used, without starting Python and creating the table.
const SCRIPT: &str = r#"
import duckdb, json, sys, time
database, said = sys.argv[1], json.loads(sys.argv[2])
c = duckdb.connect(database)
c.execute("SET enable_progress_bar = false")
for statement in said["before"]:
    c.execute(statement)
wall, cpu = time.perf_counter(), time.process_time()
c.execute(said["measured"])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
rows = c.execute("SELECT count(*) FROM people").fetchone()[0]
print(json.dumps({"wall": wall, "cpu": cpu, "rows": rows}))
"#;

pub struct DuckDb {
    python: Python,
    dir: PathBuf,
}

impl DuckDb {
    pub fn prepare(bench: &Path) -> Result<Self> {
        let package = format!("duckdb=={VERSION}");
        let python = Python::prepare(&bench.join("venv"), &[&package])?;
        Ok(Self { python, dir: bench.join("run/duckdb") })
    }

    fn empty_dir(&self) -> Result<()> {
        fs::remove_dir_all(&self.dir).ok();
        fs::create_dir_all(&self.dir).doing(|| format!("cannot make {}", self.dir.display()))
    }

    /// Measures one statement in a separate process, and checks that the table has `rows` rows afterwards.
    fn measured(&self, before: &[&str], statement: &str, rows: u64) -> Result<Usage> {
        let database = self.dir.join("bench.duckdb").display().to_string();
        let said = json!({"before": before, "measured": statement}).to_string();
        let (said, usage) = self.python.measured("DuckDB", SCRIPT, &[&database, &said])?;
        if said.get("rows").and_then(Value::as_u64) == Some(rows) {
            return Ok(usage);
        }
        Err(Failure::new(format!("DuckDB says {said} instead of {rows} rows")))
    }
}

fn copy(data: &Dataset) -> String {
    format!("COPY people FROM '{}' (HEADER)", data.path.display().to_string().replace('\'', "''"))
}

fn table(keys: Keys) -> String {
    create_table(keys, KEYS, REST)
}

impl Loader for DuckDb {
    fn name(&self) -> String {
        format!("DuckDB {VERSION} COPY")
    }

    fn conditions(&self) -> &'static str {
        "`COPY people FROM file (HEADER)` with its commit, all cores, database file on disk; starting Python is not counted in time, but is in memory; BIGINT or UUID PRIMARY KEY"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        self.empty_dir()?;
        let usage = self.measured(&[&table(data.keys)], &copy(data), data.rows)?;
        let bytes = disk_bytes(&self.dir);
        fs::remove_dir_all(&self.dir).ok();
        Ok((usage, bytes))
    }
}

impl Table for DuckDb {
    fn name(&self) -> String {
        format!("DuckDB {VERSION}")
    }

    fn export_conditions(&self) -> &'static str {
        "`COPY (SELECT …) TO file` from a table in a database file, all cores, columns typed; JSON as one array; no sync; starting Python is not counted in time"
    }

    fn delete_conditions(&self) -> &'static str {
        "`DELETE FROM people WHERE created < …` with its commit, in a process of its own"
    }

    fn load(&self, data: &Dataset) -> Result<()> {
        self.empty_dir()?;
        let create = create_table_with_times(data.keys, KEYS, TIME, REST);
        self.measured(&[&create], &copy_with_times(&copy(data)), data.rows).map(|_| ())
    }

    fn load_again(&self, data: &Dataset) -> Result<()> {
        self.measured(&[], &copy_with_times(&copy(data)), data.rows).map(|_| ())
    }

    fn export(&self, data: &Dataset, columns: Columns, format: Format) -> Result<(Usage, PathBuf)> {
        let path = self.dir.join(format!("people.{}", format.name()));
        fs::remove_file(&path).ok();
        let options = match format {
            Format::Csv => "FORMAT csv, HEADER",
            Format::Json => "FORMAT json, ARRAY true",
        };
        let select = columns.names().join(", ");
        let statement = format!(
            "COPY (SELECT {select} FROM people) TO '{}' ({options})",
            path.display().to_string().replace('\'', "''")
        );
        Ok((self.measured(&[], &statement, data.rows)?, path))
    }

    fn delete_all(&self, sql: &str) -> Result<Usage> {
        self.measured(&[], sql, 0)
    }

    fn disk_bytes(&self) -> Result<u64> {
        Ok(disk_bytes(&self.dir))
    }
}
