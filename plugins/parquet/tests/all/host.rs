//! Files in memory, loaded into a host in memory.

use std::sync::Arc;

use jobhost_load::memory::{MemoryHost, Stop};
use jobhost_load::{Input, Open};
use jobhost_parquet::{Compression, Inference, LoadError, Options, RowWriter, load};
use serde_json::Value;

/// The source of a host in memory, read in small pieces.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    bytes: Arc<[u8]>,
    chunk: usize,
    etag: String,
}

pub struct MemoryStream {
    file: MemoryFile,
    at: usize,
}

impl Open for MemoryFile {
    type Error = Stop;
    type Input = MemoryStream;

    fn open(&self, offset: u64) -> Result<MemoryStream, Stop> {
        Ok(MemoryStream { file: self.clone(), at: offset as usize })
    }
}

impl Input for MemoryStream {
    type Error = Stop;

    fn size(&self) -> Option<u64> {
        Some(self.file.bytes.len() as u64)
    }

    fn etag(&self) -> &str {
        &self.file.etag
    }

    fn read(&mut self) -> Result<Vec<u8>, Stop> {
        let end = self.file.bytes.len().min(self.at + self.file.chunk);
        let bytes = self.file.bytes[self.at..end].to_vec();
        self.at = end;
        Ok(bytes)
    }
}

pub fn load_into(host: &mut MemoryHost, options: &Options) -> Result<(), LoadError<Stop>> {
    let file = MemoryFile { bytes: host.source.clone().into(), chunk: host.chunk, etag: host.etag.clone() };
    let resume = host.checkpoint.clone();
    let one_pass = host.in_one_pass();
    let outcome = load(host, file.clone(), options, resume.as_deref());
    if let Some(mut one) = one_pass {
        let in_one_pass = load(&mut one, file, options, resume.as_deref());
        one.assert_like(host, &in_one_pass, &outcome);
    }
    outcome
}

/// Writes these rows, arrays of cells, as a file.
pub fn written(names: &[&str], rows: &[Value], compression: Compression) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let text: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
    let mut inference = Inference::new(names.len());
    for rows in text.chunks(7) {
        inference.rows(rows.concat().as_bytes()).unwrap();
    }
    let mut writer = RowWriter::new(&names, &inference.types(), compression).unwrap();
    let mut file = Vec::new();
    for rows in text.chunks(5) {
        file.extend(writer.rows(rows.concat().as_bytes()).unwrap());
    }
    file.extend(writer.finish().unwrap());
    assert_eq!(writer.count(), rows.len() as u64);
    file
}
