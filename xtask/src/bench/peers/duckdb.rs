//! DuckDB from PyPI, in a virtual environment of its own under `target/bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Loader, create_table, disk_bytes};
use crate::bench::dataset::Dataset;
use crate::bench::meter::{self, Usage};
use crate::failure::{Doing, Failure, Result};

/// Pinned, so that two runs on two days compare the same thing.
const VERSION: &str = "2.0.0";

/// Prints what the COPY alone used: starting Python is no part of it.
const SCRIPT: &str = r#"
import duckdb, json, os, sys, time
database, create, csv = sys.argv[1:4]
c = duckdb.connect(database)
c.execute("SET enable_progress_bar = false")
c.execute(create)
wall, cpu = time.perf_counter(), time.process_time()
c.execute("COPY people FROM '" + csv.replace("'", "''") + "' (HEADER)")
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
rows = c.execute("SELECT count(*) FROM people").fetchone()[0]
print(json.dumps({"wall": wall, "cpu": cpu, "rows": rows}))
"#;

pub struct DuckDb {
    python: PathBuf,
    dir: PathBuf,
}

impl DuckDb {
    pub fn prepare(bench: &Path) -> Result<Self> {
        let venv = bench.join("venv");
        let python = venv.join("bin/python");
        let version = |python: &Path| {
            let show = "import duckdb; print(duckdb.__version__)";
            meter::run("python", Command::new(python).args(["-c", show]))
        };
        if version(&python).ok().as_deref() != Some(VERSION) {
            meter::run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
            let package = format!("duckdb=={VERSION}");
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package];
            meter::run("pip install duckdb", Command::new(&python).args(install))?;
        }
        Ok(Self { python, dir: bench.join("run/duckdb") })
    }
}

impl Loader for DuckDb {
    fn name(&self) -> String {
        format!("DuckDB {VERSION} COPY")
    }

    fn conditions(&self) -> &'static str {
        "`COPY people FROM file (HEADER)` with its commit, all cores, database file on disk; starting Python is not counted in time, but is in memory; BIGINT or UUID PRIMARY KEY"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        fs::remove_dir_all(&self.dir).ok();
        fs::create_dir_all(&self.dir).doing(|| format!("cannot make {}", self.dir.display()))?;
        let table = create_table(
            data.keys,
            ["BIGINT", "UUID"],
            "name VARCHAR, email VARCHAR, city VARCHAR, age INTEGER, score DOUBLE, active BOOLEAN, created TIMESTAMP",
        );
        let (text, mut usage) = meter::of_command(
            "DuckDB COPY",
            Command::new(&self.python)
                .args(["-c", SCRIPT])
                .arg(self.dir.join("bench.duckdb"))
                .arg(table)
                .arg(&data.path),
        )?;
        let bytes = disk_bytes(&self.dir);
        fs::remove_dir_all(&self.dir).ok();
        let said: Value =
            serde_json::from_str(&text).map_err(|e| Failure::new(format!("the DuckDB script printed no JSON: {e}")))?;
        let number = |key: &str| said.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        usage.wall_seconds = number("wall");
        usage.cpu_seconds = number("cpu");
        if said.get("rows").and_then(Value::as_u64) == Some(data.rows) {
            return Ok((usage, bytes));
        }
        Err(Failure::new(format!("DuckDB says {said} instead of {} rows", data.rows)))
    }
}
