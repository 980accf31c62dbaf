//! A test double for the host. It runs a plugin natively on sources that the test provides, and keeps everything that the
//! plugin writes.
//!
//! It implements what loads use: sources, `records::write` and `flush`, progress, rejected records and the log. It has no
//! queries and no sinks, checks no permissions and does not parse records. To test those, run the component in a host.
//!
//! ```
//! use jobhost_plugin::testing::Host;
//! use jobhost_plugin::Source;
//!
//! let (text, _) = Host::new().source("one\ntwo").enter(|| {
//!     let mut lines = Source::open(0, 0).unwrap().lines();
//!     lines.line().unwrap().unwrap().to_vec()
//! });
//! assert_eq!(text, b"one");
//! ```

use std::cell::RefCell;

use crate::bindings::jobhost::plugin::{log, rejects, warnings};
use crate::{Action, CHUNK_BYTES, Error, ErrorKind, ObjectInfo, TableName, Tally};

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// The host of the current thread. A test configures it and inspects it afterwards.
#[derive(Debug, Default)]
pub struct Host {
    sources: Vec<Vec<u8>>,
    chunk_bytes: Option<usize>,
    /// Whether `progress::cancelled` returns true.
    pub cancelled: bool,
    /// Every batch that was written: table, action, JSON lines, checkpoint.
    pub batches: Vec<(TableName, Action, String, Option<Vec<u8>>)>,
    /// Every rejected record that was reported.
    pub rejects: Vec<rejects::Reject>,
    /// Every warning that was reported.
    pub warnings: Vec<warnings::Warning>,
    /// Every line that was logged.
    pub log: Vec<(log::Level, String)>,
}

impl Host {
    /// A host without sources.
    pub fn new() -> Self {
        Host::default()
    }

    /// Adds the next source of the plan.
    pub fn source(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.sources.push(bytes.as_ref().to_vec());
        self
    }

    /// Limits each read to this many bytes, to test chunk boundaries.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = Some(bytes.max(1));
        self
    }

    /// Runs `work` on this host. Returns its result and the host with everything it received.
    pub fn enter<T>(self, work: impl FnOnce() -> T) -> (T, Host) {
        HOST.replace(Some(self));
        let result = work();
        (result, HOST.take().unwrap_or_default())
    }

    /// Returns the written records in order.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let lines = self.batches.iter().flat_map(|(_, _, batch, _)| batch.lines());
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
    }

    fn tally(&self) -> Tally {
        let count = self.batches.iter().map(|(_, _, batch, _)| batch.lines().count() as u64).sum();
        // As in a job whose records become visible at its end: what becomes of them is not known yet.
        Tally { received: count, written: 0, skipped: 0, deleted: 0 }
    }
}

fn with<T>(work: impl FnOnce(&mut Host) -> T) -> Result<T, Error> {
    let unavailable = || Error { kind: ErrorKind::Unavailable, message: "no testing::Host is entered".to_owned() };
    HOST.with_borrow_mut(|host| host.as_mut().map(work)).ok_or_else(unavailable)
}

/// Replaces an open source.
#[derive(Debug)]
pub(crate) struct Reader {
    source: usize,
    offset: usize,
}

impl Reader {
    pub(crate) fn info(&self) -> ObjectInfo {
        let size = with(|host| host.sources.get(self.source).map(|source| source.len() as u64)).ok().flatten();
        ObjectInfo { size, etag: format!("source-{}", self.source), media_type: None }
    }

    pub(crate) fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        let bytes = with(|host| {
            let most = host.chunk_bytes.unwrap_or(CHUNK_BYTES as usize).min(max as usize);
            let rest = host.sources.get(self.source).and_then(|source| source.get(self.offset..)).unwrap_or_default();
            rest.get(..most).unwrap_or(rest).to_vec()
        })?;
        self.offset += bytes.len();
        Ok(bytes)
    }
}

pub(crate) fn open(source: u32, offset: u64) -> Result<Reader, Error> {
    let source = source as usize;
    if with(|host| host.sources.len())? <= source {
        return Err(Error { kind: ErrorKind::Denied, message: format!("the plan has no source {source}") });
    }
    Ok(Reader { source, offset: usize::try_from(offset).unwrap_or(usize::MAX) })
}

/// Replacements for the contract's functions in native builds. Each has the signature of the function that it replaces.
#[allow(missing_docs, reason = "the contract documents them (`wit/`)")]
pub(crate) mod doubles {
    use super::with;

    pub mod records {
        pub use crate::bindings::jobhost::plugin::records::{
            Attribute, AttributeType, Cursor, RowShape, TableDescription, Tally, delete_before, describe, query,
        };

        use super::with;
        use crate::{Action, ErrorKind, TableName};

        pub fn write(
            table: &TableName,
            action: Action,
            batch: &[u8],
            checkpoint: Option<&[u8]>,
        ) -> Result<(), crate::Error> {
            let batch = String::from_utf8(batch.to_vec())
                .map_err(|error| crate::Error { kind: ErrorKind::Invalid, message: error.to_string() })?;
            with(|host| host.batches.push((table.clone(), action, batch, checkpoint.map(<[u8]>::to_vec))))
        }

        pub fn declare(_table: &TableName, _action: Action, _attributes: &[String]) -> Result<(), crate::Error> {
            with(|_| ())
        }

        pub fn flush() -> Result<Tally, crate::Error> {
            with(|host| host.tally())
        }
    }

    pub mod progress {
        pub use crate::bindings::jobhost::plugin::progress::Unit;

        pub fn report(_done: u64, _total: Option<u64>, _unit: Unit) {}

        pub fn cancelled() -> bool {
            super::with(|host| host.cancelled).unwrap_or_default()
        }
    }

    pub mod rejects {
        pub use crate::bindings::jobhost::plugin::rejects::Reject;

        pub fn report(reject: &Reject) {
            // Outside of a test host, the report is discarded.
            let _ = super::with(|host| host.rejects.push(reject.clone()));
        }
    }

    pub mod warnings {
        pub use crate::bindings::jobhost::plugin::warnings::Warning;

        pub fn report(warning: &Warning) {
            // Outside a test host there is nobody to tell.
            let _ = super::with(|host| host.warnings.push(warning.clone()));
        }
    }

    pub mod log {
        pub use crate::bindings::jobhost::plugin::log::Level;

        pub fn write(level: Level, text: &str) {
            // Outside of a test host, the line is discarded.
            let _ = super::with(|host| host.log.push((level, text.to_owned())));
        }
    }
}
