//! The programs that jobhost is compared with. Each loads the same file into a typed table with a primary key on disk,
//! and returns only after a durable commit. None may get settings that make it slower than its defaults.

mod duckdb;
mod postgres;
mod python;
mod s3;
mod sqlite;

use std::path::{Path, PathBuf};

use super::dataset::{Dataset, Keys};
use super::meter::Usage;
use super::written::{Columns, Format};
use jobhost_testkit::failure::Result;

pub use duckdb::DuckDb;
pub use postgres::Postgres;
pub use python::Python;
pub use s3::{FromS3, Way};
pub use sqlite::Sqlite;

/// One way to load the generated file, either a peer's or ours.
pub trait Loader {
    /// Name and version for the table of results.
    fn name(&self) -> String;
    /// What exactly is measured, and with which settings.
    fn conditions(&self) -> &'static str;
    /// Loads `data` into an empty table and checks that all of it arrived. Returns the resources used and the bytes on
    /// disk afterwards.
    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)>;
}

/// A peer's table that is kept between measurements. In addition to the columns of the file, it has the two times that
/// jobhost stores for every record, so that both write the same amount.
pub trait Table {
    /// Name and version.
    fn name(&self) -> String;
    fn export_conditions(&self) -> &'static str;
    fn delete_conditions(&self) -> &'static str;
    /// Creates the table anew and loads it.
    fn load(&self, data: &Dataset) -> Result<()>;
    /// Loads the emptied table again.
    fn load_again(&self, data: &Dataset) -> Result<()>;
    /// Returns the file, which is still to be checked, and the resources used for writing it.
    fn export(&self, data: &Dataset, columns: Columns, format: Format) -> Result<(Usage, PathBuf)>;
    /// Runs the statement, which must empty the table.
    fn delete_all(&self, sql: &str) -> Result<Usage>;
    /// Bytes that the table occupies on disk.
    fn disk_bytes(&self) -> Result<u64>;
}

/// The peers that support exports.
pub fn tables(bench: &Path) -> Result<Vec<Box<dyn Table>>> {
    Ok(vec![Box::new(DuckDb::prepare(bench)?), Box::new(Postgres::prepare(&bench.join("run"))?)])
}

/// Returns all peers. A peer that cannot run here is an error, not a gap in the table.
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

/// `time` is the type of the two times, with the default that sets them.
fn create_table_with_times(keys: Keys, id: [&str; 2], time: &str, rest: &str) -> String {
    let times: Vec<String> = Columns::TIMES.iter().map(|name| format!("{name} {time}")).collect();
    create_table(keys, id, &format!("{rest}, {}", times.join(", ")))
}

/// Returns the same COPY with the columns of the file named.
fn copy_with_times(copy: &str) -> String {
    copy.replacen("people", &format!("people ({})", Columns::OfFile.names().join(", ")), 1)
}

/// Bytes that a file, or everything below a directory, occupies on disk.
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
