//! The programs we compare with. Each loads the same file into a typed table with a primary key on disk
//! and returns only after a durable commit. Must never get settings that make it slower than it comes.

mod duckdb;
mod postgres;
mod sqlite;

use std::path::Path;

use super::dataset::{Dataset, Keys};
use super::meter::Usage;
use crate::failure::Result;

pub use duckdb::DuckDb;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

/// One way to load the generated file, a peer's or ours.
pub trait Loader {
    /// Name and version, as the table of results shows it.
    fn name(&self) -> String;
    /// What exactly is measured, and with which settings.
    fn conditions(&self) -> &'static str;
    /// Loads `data` into an empty table and checks that all of it arrived. Returns what the load used
    /// and the bytes on disk after it.
    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)>;
}

/// All peers, or the reason why one cannot run here: a missing peer is an error, not a gap in the table.
pub fn all(bench: &Path) -> Result<Vec<Box<dyn Loader>>> {
    Ok(vec![
        Box::new(Sqlite::prepare(&bench.join("run"))?),
        Box::new(DuckDb::prepare(bench)?),
        Box::new(Postgres::prepare(&bench.join("run"))?),
    ])
}

fn create_table(keys: Keys, id: [&str; 2], rest: &str) -> String {
    let [integer, uuid] = id;
    let id = match keys {
        Keys::Sequential => integer,
        Keys::Uuid => uuid,
    };
    format!("CREATE TABLE people (id {id} PRIMARY KEY, {rest})")
}

/// Bytes of a file or of everything under a directory, as allocated on disk.
pub fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    if !meta.is_dir() {
        return meta.blocks() * 512;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|e| disk_bytes(&e.path())).sum()
}
