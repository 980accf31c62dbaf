//! A host in memory: one source, one table without keys of its own, everything observable.

use jobhost_csv::load::{Host, Input, LoadError, Reject, Table, Tally, load};
use jobhost_csv::{ColumnType, EncodeOptions};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The host went away in the middle.
    Crash,
}

pub struct MemoryHost {
    pub source: Vec<u8>,
    pub chunk: usize,
    pub etag: String,
    pub table: Table,
    pub declared: Vec<String>,
    pub lines: Vec<String>,
    pub batches: usize,
    pub checkpoint: Option<Vec<u8>>,
    pub rejects: Vec<Reject>,
    pub progress: Vec<(u64, u64)>,
    pub opened: Vec<u64>,
    /// Crash instead of taking this batch.
    pub crash_at_batch: Option<usize>,
    /// Cancel at this many reads.
    pub cancel_after: Option<usize>,
    /// Change the source at this many opens.
    pub change_at_open: Option<usize>,
}

impl MemoryHost {
    pub fn new(source: impl Into<Vec<u8>>) -> Self {
        MemoryHost {
            source: source.into(),
            chunk: 256 * 1024,
            etag: "one".to_owned(),
            table: Table { primary_key: "id".to_owned(), types: Vec::new() },
            declared: Vec::new(),
            lines: Vec::new(),
            batches: 0,
            checkpoint: None,
            rejects: Vec::new(),
            progress: Vec::new(),
            opened: Vec::new(),
            crash_at_batch: None,
            cancel_after: None,
            change_at_open: None,
        }
    }

    pub fn typed(mut self, types: &[(&str, ColumnType)]) -> Self {
        self.table.types = types.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        self
    }

    /// The records that were written, as JSON.
    pub fn records(&self) -> Vec<Value> {
        self.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn load(&mut self, options: EncodeOptions) -> Result<Tally, LoadError<Stop>> {
        let resume = self.checkpoint.clone();
        load(self, options, resume.as_deref())
    }
}

/// Load `text` as `csv_data_load` with `insert` does; the records, or the sentence of the failure.
pub fn loaded(text: &str) -> Result<Vec<Value>, String> {
    loaded_with(text, EncodeOptions::default())
}

pub fn loaded_with(text: &str, options: EncodeOptions) -> Result<Vec<Value>, String> {
    let mut host = MemoryHost::new(text);
    match host.load(options) {
        Ok(_) => Ok(host.records()),
        Err(error) => {
            assert!(host.lines.is_empty(), "a load that fails leaves nothing");
            Err(error.to_string())
        }
    }
}

pub const FILE: EncodeOptions = EncodeOptions { parse_json: true, key_required: None };

impl Host for MemoryHost {
    type Error = Stop;
    type Input = MemoryInput;

    fn describe(&mut self) -> Result<Table, Stop> {
        Ok(self.table.clone())
    }

    fn declare(&mut self, attributes: &[String]) -> Result<(), Stop> {
        self.declared = attributes.to_vec();
        Ok(())
    }

    fn open(&mut self, offset: u64) -> Result<MemoryInput, Stop> {
        self.opened.push(offset);
        if self.change_at_open == Some(self.opened.len()) {
            self.etag = "two".to_owned();
        }
        Ok(MemoryInput {
            rest: self.source[offset as usize..].to_vec(),
            size: self.source.len() as u64,
            chunk: self.chunk,
            etag: self.etag.clone(),
        })
    }

    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Stop> {
        assert!(!self.declared.is_empty(), "attributes are declared before records are written");
        assert!(batch.len() <= 1024 * 1024 && checkpoint.len() <= 64 * 1024, "within the contract");
        if self.crash_at_batch == Some(self.batches) {
            return Err(Stop::Crash);
        }
        self.batches += 1;
        let text = std::str::from_utf8(batch).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(lines.len() <= 16_384, "within the contract");
        self.lines.extend(lines);
        self.checkpoint = Some(checkpoint.to_vec());
        Ok(())
    }

    fn flush(&mut self) -> Result<Tally, Stop> {
        let count = self.lines.len() as u64;
        Ok(Tally { received: count, written: count })
    }

    fn progress(&mut self, done: u64, total: u64) {
        self.progress.push((done, total));
    }

    fn cancelled(&mut self) -> bool {
        match &mut self.cancel_after {
            Some(0) => true,
            Some(reads) => {
                *reads -= 1;
                false
            }
            None => false,
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

pub struct MemoryInput {
    rest: Vec<u8>,
    size: u64,
    chunk: usize,
    etag: String,
}

impl Input for MemoryInput {
    type Error = Stop;

    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &str {
        &self.etag
    }

    fn read(&mut self) -> Result<Vec<u8>, Stop> {
        let count = self.chunk.min(self.rest.len());
        Ok(self.rest.drain(..count).collect())
    }
}
