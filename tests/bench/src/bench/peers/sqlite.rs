//! SQLite through its command-line program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Loader, create_table, disk_bytes};
use crate::bench::dataset::Dataset;
use crate::bench::meter::{self, Usage};
use jobhost_testkit::failure::{Doing, Failure, Result};

pub struct Sqlite {
    version: String,
    dir: PathBuf,
}

impl Sqlite {
    pub fn prepare(run: &Path) -> Result<Self> {
        let version = meter::run("sqlite3 (Debian package sqlite3)", Command::new("sqlite3").arg("--version"))?;
        let version = version.split_whitespace().next().unwrap_or("?").to_owned();
        Ok(Self { version, dir: run.join("sqlite") })
    }
}

impl Loader for Sqlite {
    fn name(&self) -> String {
        format!("SQLite {} .import", self.version)
    }

    fn conditions(&self) -> &'static str {
        "the whole process `sqlite3`; one transaction, journal_mode WAL, synchronous FULL; a rowid table with INTEGER or TEXT PRIMARY KEY"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        fs::remove_dir_all(&self.dir).ok();
        fs::create_dir_all(&self.dir).doing(|| format!("cannot make {}", self.dir.display()))?;
        let database = self.dir.join("bench.sqlite");
        let table = create_table(
            data.keys,
            ["INTEGER", "TEXT"],
            "name TEXT, email TEXT, city TEXT, age INTEGER, score REAL, active BOOLEAN, created TEXT",
        );
        let prepare = format!("PRAGMA journal_mode=WAL; {table};");
        meter::run("sqlite3", Command::new("sqlite3").arg(&database).arg(prepare))?;
        let import = format!(".import --csv --skip 1 \"{}\" people", data.path.display());
        let (_, usage) = meter::of_command(
            "sqlite3 .import",
            Command::new("sqlite3").arg("-bail").arg(&database).arg("PRAGMA synchronous=FULL;").arg(import),
        )?;
        let bytes = disk_bytes(&self.dir);
        let count = "SELECT count(*) || ' ' || sum(typeof(age)='integer' AND typeof(score)='real') FROM people;";
        let count = meter::run("sqlite3", Command::new("sqlite3").arg(&database).arg(count))?;
        fs::remove_dir_all(&self.dir).ok();
        if count == format!("{0} {0}", data.rows) {
            return Ok((usage, bytes));
        }
        Err(Failure::new(format!("SQLite has {count:?} (rows, typed rows) instead of {}", data.rows)))
    }
}
