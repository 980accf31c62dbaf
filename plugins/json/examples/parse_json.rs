//! What the plugin `s3-import` does with a JSON file, done natively with a sink that only counts: the yardstick for the
//! cost of the sandbox. `cargo run --release --example parse_json FILE [ROUNDS]` prints records per second. A file whose
//! name ends in `.json` is an array, any other one has a record a line.

use std::convert::Infallible;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use jobhost_json::{Options, Shape, load};
use jobhost_load::{Host, Input, Reject, Table};

/// As large as a chunk of the contract.
const CHUNK_BYTES: usize = 256 * 1024;

struct CountingHost {
    source: Rc<Vec<u8>>,
    batches: u64,
    bytes: u64,
    rows: u64,
    rejects: u64,
}

impl Host for CountingHost {
    type Error = Infallible;
    type Input = MemoryInput;

    fn describe(&mut self) -> Result<Table, Infallible> {
        Ok(Table { primary_key: "id".to_owned(), types: Vec::new() })
    }

    fn declare(&mut self, _attributes: &[String]) -> Result<(), Infallible> {
        Ok(())
    }

    fn open(&mut self, offset: u64) -> Result<MemoryInput, Infallible> {
        Ok(MemoryInput { source: Rc::clone(&self.source), at: offset as usize })
    }

    fn write(&mut self, batch: &[u8], _checkpoint: &[u8]) -> Result<(), Infallible> {
        self.batches += 1;
        self.bytes += batch.len() as u64;
        self.rows += memchr::memchr_iter(b'\n', batch).count() as u64;
        Ok(())
    }

    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&mut self) -> bool {
        false
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects += 1;
        eprintln!("line {}, byte {}: {}", reject.line, reject.byte_offset, reject.reason);
    }
}

struct MemoryInput {
    source: Rc<Vec<u8>>,
    at: usize,
}

impl Input for MemoryInput {
    type Error = Infallible;

    fn size(&self) -> Option<u64> {
        Some(self.source.len() as u64)
    }

    fn etag(&self) -> &str {
        ""
    }

    fn read(&mut self) -> Result<Vec<u8>, Infallible> {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let chunk = rest.get(..CHUNK_BYTES).unwrap_or(rest).to_vec();
        self.at += chunk.len();
        Ok(chunk)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: parse_json FILE [ROUNDS]");
        return ExitCode::FAILURE;
    };
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1u32);
    let source = match std::fs::read(&path) {
        Ok(source) => Rc::new(source),
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for _ in 0..rounds {
        let mut host = CountingHost { source: Rc::clone(&source), batches: 0, bytes: 0, rows: 0, rejects: 0 };
        let shape = if path.ends_with(".json") { Shape::Array } else { Shape::Lines };
        let options = Options { shape, key_required: None };
        let start = Instant::now();
        let outcome = load(&mut host, options, None);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(_) => println!(
                "{} records, {} bytes of JSON in {} batches, {} rejects, {seconds:.3} s, {:.0} records/s",
                host.rows,
                host.bytes,
                host.batches,
                host.rejects,
                host.rows as f64 / seconds
            ),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
