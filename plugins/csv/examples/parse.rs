//! What the plugin `csv-load` does with a file, done natively with a sink that only counts: the yardstick for the cost
//! of the sandbox. `cargo run --release --example parse FILE [ROUNDS]` prints rows per second.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::ExitCode;
use std::time::Instant;

use jobhost_csv::EncodeOptions;
use jobhost_csv::load::{Host, Input, Reject, Table, Tally, load};

/// As large as a chunk of the contract.
const CHUNK_BYTES: usize = 256 * 1024;

struct CountingHost {
    path: String,
    batches: u64,
    bytes: u64,
    rows: u64,
    rejects: u64,
}

impl Host for CountingHost {
    type Error = io::Error;
    type Input = FileInput;

    fn describe(&mut self) -> io::Result<Table> {
        Ok(Table { primary_key: "id".to_owned(), types: Vec::new() })
    }

    fn declare(&mut self, _attributes: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn open(&mut self, offset: u64) -> io::Result<FileInput> {
        let mut file = File::open(&self.path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset))?;
        Ok(FileInput { file, size })
    }

    fn write(&mut self, batch: &[u8], _checkpoint: &[u8]) -> io::Result<()> {
        self.batches += 1;
        self.bytes += batch.len() as u64;
        self.rows += memchr::memchr_iter(b'\n', batch).count() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<Tally> {
        Ok(Tally { received: self.rows, written: self.rows })
    }

    fn progress(&mut self, _done: u64, _total: u64) {}

    fn cancelled(&mut self) -> bool {
        false
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects += 1;
        eprintln!("line {}, byte {}: {}", reject.line, reject.byte_offset, reject.reason);
    }
}

struct FileInput {
    file: File,
    size: u64,
}

impl Input for FileInput {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &str {
        ""
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = self.file.read(&mut chunk)?;
        chunk.truncate(count);
        Ok(chunk)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: parse FILE [ROUNDS]");
        return ExitCode::FAILURE;
    };
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1u32);
    for _ in 0..rounds {
        let mut host = CountingHost { path: path.clone(), batches: 0, bytes: 0, rows: 0, rejects: 0 };
        let options = EncodeOptions { parse_json: true, key_required: None };
        let start = Instant::now();
        let outcome = load(&mut host, options, None);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(tally) => println!(
                "{} rows, {} bytes of JSON in {} batches, {} rejects, {seconds:.3} s, {:.0} rows/s",
                tally.received,
                host.bytes,
                host.batches,
                host.rejects,
                tally.received as f64 / seconds
            ),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
