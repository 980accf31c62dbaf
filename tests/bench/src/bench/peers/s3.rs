//! Loads from an S3 server without jobhost: DuckDB directly, DuckDB after a download, and a download that is only
//! parsed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::python::Python;
use super::{Loader, create_table, disk_bytes};
use crate::bench::dataset::Dataset;
use crate::bench::meter::Usage;
use crate::bench::s3::S3Server;
use jobhost_testkit::failure::{Doing, Failure, Result};

/// DuckDB's extension for S3 is available as a Python package, but not yet for DuckDB 2.
const PACKAGES: [&str; 3] = ["duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5", "boto3==1.44.8"];

/// Imports and connections are made before the measurement starts.
const SCRIPT: &str = r#"
import csv, io, json, os, pathlib, sys, time
import boto3, duckdb, duckdb_extension_httpfs
way, database, create, endpoint, access_key, secret_key, region, bucket, key = sys.argv[1:]
c = duckdb.connect(database)
c.execute("SET enable_progress_bar = false")
c.execute(create)
s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region)
folder = pathlib.Path(duckdb_extension_httpfs.__file__).parent / "extensions" / ("v" + duckdb.__version__)
c.execute(f"LOAD '{folder / 'httpfs.duckdb_extension'}'")
c.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{access_key}', SECRET '{secret_key}', REGION '{region}', "
          f"ENDPOINT '{endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)")
file = database + ".csv"
wall, cpu = time.perf_counter(), time.process_time()
if way == "httpfs":
    c.execute(f"INSERT INTO people SELECT * FROM read_csv('s3://{bucket}/{key}', header = true)")
elif way == "download":
    s3.download_file(bucket, key, file)
    c.execute(f"COPY people FROM '{file}' (HEADER)")
else:
    body = io.TextIOWrapper(io.BufferedReader(s3.get_object(Bucket=bucket, Key=key)["Body"], 1 << 20), "utf-8", newline="")
    rows = sum(1 for _ in csv.DictReader(body))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
if way != "parse":
    rows = c.execute("SELECT count(*) FROM people").fetchone()[0]
print(json.dumps({"wall": wall, "cpu": cpu, "rows": rows}))
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Httpfs,
    Download,
    Parse,
}

pub struct FromS3 {
    python: Python,
    dir: PathBuf,
    way: Way,
    arguments: Vec<String>,
}

impl FromS3 {
    pub fn new(bench: &Path, python: &Python, server: &S3Server, way: Way) -> Self {
        Self { python: python.clone(), dir: bench.join("run/from-s3"), way, arguments: server.arguments() }
    }

    /// Returns the Python with the packages of all variants.
    pub fn python(bench: &Path) -> Result<Python> {
        Python::prepare(&bench.join("venv-s3"), &PACKAGES)
    }
}

impl Loader for FromS3 {
    fn name(&self) -> String {
        match self.way {
            Way::Httpfs => "DuckDB 1.5.5 read_csv('s3://…')",
            Way::Download => "boto3 download, DuckDB 1.5.5 COPY",
            Way::Parse => "boto3 and csv.DictReader",
        }
        .to_owned()
    }

    fn conditions(&self) -> &'static str {
        match self.way {
            Way::Httpfs => {
                "`INSERT INTO people SELECT * FROM read_csv(…)` into a keyed table in a database file, with its commit; the extension httpfs; all cores; starting Python is not counted in time"
            }
            Way::Download => "`download_file` to a file, then `COPY` of it into a keyed table in a database file",
            Way::Parse => "`get_object`, read by Python's csv module as it comes; nothing is stored",
        }
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        fs::remove_dir_all(&self.dir).ok();
        fs::create_dir_all(&self.dir).doing(|| format!("cannot make {}", self.dir.display()))?;
        let way = match self.way {
            Way::Httpfs => "httpfs",
            Way::Download => "download",
            Way::Parse => "parse",
        };
        let database = self.dir.join("bench.duckdb");
        let create = create_table(
            data.keys,
            ["BIGINT", "UUID"],
            "name VARCHAR, email VARCHAR, city VARCHAR, age INTEGER, score DOUBLE, active BOOLEAN, created TIMESTAMP",
        );
        let shown = database.display().to_string();
        let mut arguments = vec![way, &shown, &create];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let (said, usage) = self.python.measured(&self.name(), SCRIPT, &arguments)?;
        let bytes = if self.way == Way::Parse { 0 } else { disk_bytes(&database) };
        fs::remove_dir_all(&self.dir).ok();
        if said.get("rows").and_then(Value::as_u64) == Some(data.rows) {
            return Ok((usage, bytes));
        }
        Err(Failure::new(format!("{} says {said} instead of {} rows", self.name(), data.rows)))
    }
}
