//! A persistent table: it is loaded once, then exported, emptied and loaded again. The host can be restarted on it, so
//! that the peak of its memory belongs to a single job.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{check_records, create_table, expect_loaded, job, load_request};
use crate::bench::Bench;
use crate::bench::dataset::Dataset;
use crate::bench::meter::Usage;
use crate::bench::peers::disk_bytes;
use crate::bench::written::{Columns, Format};
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{Configuration, Host};

/// Later than the creation of every record.
const LATER: &str = "2999-01-01";

/// What is exported, and which search requests the rows.
#[derive(Debug, Clone, Copy)]
pub enum Search {
    /// `search_by_value` with `*`.
    Value(Columns),
    Sql(Columns),
    /// The same rows, ordered by an attribute without an index.
    SqlSorted,
}

impl Search {
    pub fn name(self) -> &'static str {
        match self {
            Self::Value(_) => "search_by_value",
            Self::Sql(_) => "sql",
            Self::SqlSorted => "sql with ORDER BY",
        }
    }

    fn request(self) -> Value {
        let sql = |select: &str, tail: &str| json!({"operation": "sql", "sql": format!("SELECT {select} FROM bench.people{tail}")});
        match self {
            Self::Value(columns) => {
                let attributes = match columns {
                    Columns::All => json!(["*"]),
                    Columns::OfFile => json!(Columns::OfFile.names()),
                };
                json!({
                    "operation": "search_by_value", "database": "bench", "table": "people",
                    "attribute": "id", "value": "*", "get_attributes": attributes,
                })
            }
            Self::Sql(Columns::All) => sql("*", ""),
            Self::Sql(Columns::OfFile) => sql(&Columns::OfFile.names().join(", "), ""),
            Self::SqlSorted => sql("*", " ORDER BY score"),
        }
    }
}

pub struct OurTable {
    setup: Configuration,
    dir: PathBuf,
    exports: PathBuf,
    host: Host,
}

impl OurTable {
    /// Creates a table without records in a new data directory.
    pub fn create(bench: &Bench) -> Result<Self> {
        let exports = bench.scratch().join("exports");
        fs::create_dir_all(&exports).doing(|| format!("cannot make {}", exports.display()))?;
        let setup = bench.setup.clone().set("files.export_directories", exports.display());
        let dir = bench.scratch().join("jobhost");
        let host = Host::start_afresh(&setup, &dir)?;
        create_table(&host.client()?, "people")?;
        Ok(Self { setup, dir, exports, host })
    }

    /// Restarts the host on the same data.
    pub fn reopen(self) -> Result<Self> {
        let Self { setup, dir, exports, host } = self;
        host.stop()?;
        let host = Host::start(&setup, &dir)?;
        Ok(Self { setup, dir, exports, host })
    }

    pub fn load(&self, data: &Dataset) -> Result<Usage> {
        let client = self.host.client()?;
        let (row, usage) = job(&self.host, &client, &load_request(data))?;
        expect_loaded(&row, data.rows)?;
        check_records(&client, data)?;
        Ok(usage)
    }

    /// Returns the file, which is still to be checked, and the resources used for writing it.
    pub fn export(&self, search: Search, format: Format) -> Result<(Usage, PathBuf)> {
        let request = json!({
            "operation": "export_local", "path": self.exports, "filename": "people", "format": format.name(),
            "search_operation": search.request(),
        })
        .to_string();
        let client = self.host.client()?;
        let (row, usage) = job(&self.host, &client, &request)?;
        match row.pointer("/result/path").and_then(Value::as_str) {
            Some(path) => Ok((usage, PathBuf::from(path))),
            None => Err(Failure::new(format!("the export does not say where its file is: {row}"))),
        }
    }

    pub fn delete_all(&self, rows: u64) -> Result<Usage> {
        let request = json!({
            "operation": "delete_records_before", "database": "bench", "table": "people", "date": LATER,
        })
        .to_string();
        let client = self.host.client()?;
        let (row, usage) = job(&self.host, &client, &request)?;
        let message = row.get("message").and_then(Value::as_str).unwrap_or("");
        if message != format!("{rows} of {rows} records successfully deleted") {
            return Err(Failure::new(format!("expected {rows} records to be deleted; the job says {message:?}")));
        }
        let table = client.call(&json!({"operation": "describe_table", "database": "bench", "table": "people"}))?;
        if table.get("record_count") != Some(&json!(0)) {
            return Err(Failure::new(format!("the table is not empty after the delete: {table}")));
        }
        Ok(usage)
    }

    pub fn disk_bytes(&self) -> u64 {
        disk_bytes(&self.host.data())
    }

    pub fn stop(self) -> Result<()> {
        self.host.stop()?;
        fs::remove_dir_all(&self.dir).ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_search_contains_table_and_columns() {
        let of_file = Search::Sql(Columns::OfFile).request().to_string();
        assert!(of_file.contains("SELECT id, name, email, city, age, score, active, created FROM bench.people"));
        assert_eq!(Search::Value(Columns::All).request()["get_attributes"], json!(["*"]));
        assert!(Search::SqlSorted.request().to_string().contains("ORDER BY score"));
    }
}
