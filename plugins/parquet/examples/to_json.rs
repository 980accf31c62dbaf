//! Runs natively what the plugin `parquet-load` does with a file. It writes the records to stdout, or only counts them
//! with `--count`, which shows what the same work costs without a sandbox.
//!
//! `cargo run --release -p jobhost-parquet --example to_json FILE [--count]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write, stdout};
use std::time::Instant;

use jobhost_load::{Host, Input, Open, Reject, Table, Warning};
use jobhost_parquet::{Options, load};

#[derive(Clone)]
struct LocalFile(String);

struct Stream {
    file: File,
    size: u64,
}

impl Open for LocalFile {
    type Error = std::io::Error;
    type Input = Stream;

    fn open(&self, offset: u64) -> Result<Stream, std::io::Error> {
        let mut file = File::open(&self.0)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset))?;
        Ok(Stream { file, size })
    }
}

impl Input for Stream {
    type Error = std::io::Error;

    fn size(&self) -> Option<u64> {
        Some(self.size)
    }

    fn etag(&self) -> &str {
        ""
    }

    fn read(&mut self) -> Result<Vec<u8>, std::io::Error> {
        let mut bytes = vec![0; 256 * 1024];
        let count = self.file.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

struct Printer {
    file: LocalFile,
    prints: bool,
    bytes: u64,
    lines: u64,
}

impl Host for Printer {
    type Error = std::io::Error;
    type Input = Stream;

    fn is_atomic(&self) -> bool {
        true
    }

    fn describe(&mut self) -> Result<Table, std::io::Error> {
        Ok(Table::untyped("id"))
    }

    fn declare(&mut self, _attributes: &[String]) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn open(&mut self, offset: u64) -> Result<Stream, std::io::Error> {
        self.file.open(offset)
    }

    fn write(&mut self, batch: &[u8], _checkpoint: &[u8]) -> Result<(), std::io::Error> {
        self.bytes += batch.len() as u64;
        self.lines += batch.iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.prints { stdout().write_all(batch) } else { Ok(()) }
    }

    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&mut self) -> bool {
        false
    }

    fn reject(&mut self, _reject: Reject) {}

    fn warn(&mut self, _warning: Warning) {}
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = LocalFile(arguments.first().unwrap().clone());
    let prints = arguments.len() < 2;
    let mut host = Printer { file: file.clone(), prints, bytes: 0, lines: 0 };
    let start = Instant::now();
    match load(&mut host, file, &Options::default(), None) {
        Ok(()) => eprintln!("{} records, {} bytes of JSON in {:?}", host.lines, host.bytes, start.elapsed()),
        Err(error) => eprintln!("{error}"),
    }
}
