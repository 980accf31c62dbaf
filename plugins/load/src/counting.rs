//! A host that only counts, for the examples that measure a format without a sandbox. It must not check or keep what it
//! receives, because that would be measured too.

use std::convert::Infallible;
use std::fmt::Display;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use crate::driver::Loaded;
use crate::host::{Host, Input, Reject, Table, Warning};

/// Same size as a chunk of the contract.
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct CountingHost {
    source: Rc<Vec<u8>>,
    batches: u64,
    bytes: u64,
    rows: u64,
    rejects: u64,
}

/// Loads the file named on the command line as often as requested, and prints the result and the speed of each load.
/// Usage: `EXAMPLE FILE [ROUNDS]`. `load` receives the host and the path.
pub fn measure<E: Display>(load: impl Fn(&mut CountingHost, &str) -> Result<Loaded, E>) -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let Some(path) = arguments.next() else {
        eprintln!("usage: {program} FILE [ROUNDS]");
        return ExitCode::FAILURE;
    };
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    let source = match std::fs::read(&path) {
        Ok(source) => Rc::new(source),
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    for _ in 0..rounds {
        let mut host = CountingHost { source: Rc::clone(&source), batches: 0, bytes: 0, rows: 0, rejects: 0 };
        let start = Instant::now();
        let outcome = load(&mut host, &path);
        let seconds = start.elapsed().as_secs_f64();
        let CountingHost { batches, bytes, rows, rejects, .. } = host;
        match outcome {
            Ok(_) => println!(
                "{rows} rows, {bytes} bytes of JSON in {batches} batches, {rejects} rejects, {seconds:.3} s, {:.0} rows/s",
                rows as f64 / seconds
            ),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

impl Host for CountingHost {
    type Error = Infallible;
    type Input = CountedInput;

    fn is_atomic(&self) -> bool {
        true
    }

    fn describe(&mut self) -> Result<Table, Infallible> {
        Ok(Table::untyped("id"))
    }

    fn declare(&mut self, _attributes: &[String]) -> Result<(), Infallible> {
        Ok(())
    }

    fn open(&mut self, offset: u64) -> Result<CountedInput, Infallible> {
        Ok(CountedInput { source: Rc::clone(&self.source), at: offset as usize })
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

    fn warn(&mut self, _: Warning) {}
}

/// The source, opened at an offset.
#[derive(Debug)]
pub struct CountedInput {
    source: Rc<Vec<u8>>,
    at: usize,
}

impl Input for CountedInput {
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
