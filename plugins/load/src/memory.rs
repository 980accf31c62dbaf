//! A host in memory for tests of formats, with one source and one table. Everything written is observable. Assertions
//! check that callers keep to the contract.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "for tests, which may fail loudly"
)]

use std::fmt::{Debug, Display};

use serde_json::Value;

use crate::attribute::AttributeType;
use crate::host::{Host, Input, Reject, Table, Warning};

/// Why a call of the host failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The host crashed.
    Crash,
}

#[derive(Debug, Clone)]
pub struct MemoryHost {
    pub source: Vec<u8>,
    pub chunk: usize,
    pub etag: String,
    pub media_type: Option<&'static str>,
    pub table: Table,
    pub is_atomic: bool,
    pub declared: Vec<String>,
    pub lines: Vec<String>,
    pub batches: usize,
    pub checkpoint: Option<Vec<u8>>,
    pub rejects: Vec<Reject>,
    pub warnings: Vec<Warning>,
    pub progress: Vec<(u64, Option<u64>)>,
    pub opened: Vec<u64>,
    /// Crash when this batch is written.
    pub crash_at_batch: Option<usize>,
    /// Cancel at this read.
    pub cancel_after: Option<usize>,
    /// Change the content of the source when it is opened this many times.
    pub change_at_open: Option<usize>,
}

impl MemoryHost {
    pub fn new(source: impl Into<Vec<u8>>) -> Self {
        MemoryHost {
            source: source.into(),
            chunk: 256 * 1024,
            etag: "one".to_owned(),
            media_type: None,
            table: Table::untyped("id"),
            declared: Vec::new(),
            lines: Vec::new(),
            batches: 0,
            checkpoint: None,
            rejects: Vec::new(),
            is_atomic: false,
            warnings: Vec::new(),
            progress: Vec::new(),
            opened: Vec::new(),
            crash_at_batch: None,
            cancel_after: None,
            change_at_open: None,
        }
    }

    pub fn typed(mut self, types: &[(&str, AttributeType)]) -> Self {
        self.table.types = types.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        self
    }

    /// The same host, before a load in one pass; `None` if something is to happen at a certain point of two passes.
    pub fn in_one_pass(&self) -> Option<Self> {
        let is_undisturbed =
            self.crash_at_batch.is_none() && self.cancel_after.is_none() && self.change_at_open.is_none();
        (is_undisturbed && !self.is_atomic && self.opened.is_empty())
            .then(|| MemoryHost { is_atomic: true, ..self.clone() })
    }

    /// Checks that a load in one pass did the same.
    pub fn assert_like<T: PartialEq + Debug, E: Display>(
        &self,
        two: &Self,
        one_end: &Result<T, E>,
        two_end: &Result<T, E>,
    ) {
        match (one_end, two_end) {
            (Ok(one_loaded), Ok(two_loaded)) => {
                assert_eq!(one_loaded, two_loaded);
                assert_eq!((&self.lines, &self.warnings), (&two.lines, &two.warnings));
            }
            (Err(one_error), Err(two_error)) => assert_eq!(one_error.to_string(), two_error.to_string()),
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("one pass and two passes differ: {error}"),
        }
        assert_eq!(self.rejects, two.rejects);
    }

    /// Returns the written records as JSON.
    pub fn records(&self) -> Vec<Value> {
        self.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Host for MemoryHost {
    type Error = Stop;
    type Input = MemoryInput;

    fn is_atomic(&self) -> bool {
        self.is_atomic
    }

    fn describe(&mut self) -> Result<Table, Stop> {
        Ok(self.table.clone())
    }

    fn declare(&mut self, attributes: &[String]) -> Result<(), Stop> {
        let new = attributes.iter().filter(|name| !self.declared.contains(name));
        let new: Vec<String> = new.cloned().collect();
        self.declared.extend(new);
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
            media_type: self.media_type,
        })
    }

    fn write(&mut self, batch: &[u8], checkpoint: &[u8]) -> Result<(), Stop> {
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

    fn progress(&mut self, done: u64, total: Option<u64>) {
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

    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }
}

#[derive(Debug)]
pub struct MemoryInput {
    rest: Vec<u8>,
    size: u64,
    chunk: usize,
    etag: String,
    media_type: Option<&'static str>,
}

impl Input for MemoryInput {
    type Error = Stop;

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn etag(&self) -> &str {
        &self.etag
    }

    fn media_type(&self) -> Option<&str> {
        self.media_type
    }

    fn read(&mut self) -> Result<Vec<u8>, Stop> {
        let count = self.chunk.min(self.rest.len());
        Ok(self.rest.drain(..count).collect())
    }
}
