//! The programs we compare with. Each loads the same file into a typed table with a primary key on disk
//! and returns only after a durable commit. Must never get settings that make it slower than it comes.

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

/// A peer's table that stays between measurements. It has two columns more than the file: the times that jobhost
/// keeps of every record, so that both write as much.
pub trait Table {
    /// Name and version.
    fn name(&self) -> String;
    fn export_conditions(&self) -> &'static str;
    fn delete_conditions(&self) -> &'static str;
    /// Makes the table anew and fills it.
    fn load(&self, data: &Dataset) -> Result<()>;
    /// Fills the table that was emptied.
    fn load_again(&self, data: &Dataset) -> Result<()>;
    /// The file, still to be checked, and what writing it used.
    fn export(&self, data: &Dataset, columns: Columns, format: Format) -> Result<(Usage, PathBuf)>;
    /// Runs the statement, which has to leave the table empty.
    fn delete_all(&self, sql: &str) -> Result<Usage>;
    /// Bytes of the table, as allocated on disk.
    fn disk_bytes(&self) -> Result<u64>;
}

/// The peers that can be asked for an export.
pub fn tables(bench: &Path) -> Result<Vec<Box<dyn Table>>> {
    Ok(vec![Box::new(DuckDb::prepare(bench)?), Box::new(Postgres::prepare(&bench.join("run"))?)])
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

/// `time` is the type of the two times, with the default that fills them.
fn create_table_with_times(keys: Keys, id: [&str; 2], time: &str, rest: &str) -> String {
    let times: Vec<String> = Columns::TIMES.iter().map(|name| format!("{name} {time}")).collect();
    create_table(keys, id, &format!("{rest}, {}", times.join(", ")))
}

/// The same COPY, naming the columns that the file has.
fn copy_with_times(copy: &str) -> String {
    copy.replacen("people", &format!("people ({})", Columns::OfFile.names().join(", ")), 1)
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
