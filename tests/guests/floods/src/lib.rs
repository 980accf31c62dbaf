//! Sends far more of everything that a job can report than the host keeps.

use std::io::Write;

use guest::{Description, Failure, Guest, JobPlan, Outcome, Refusal, log, progress, rejects};

struct Floods;

const LINE_BYTES: usize = 4000;
/// Enough lines to exceed 100 MiB.
const LINES: usize = 30_000;
const REJECTS: u64 = 1_000_000;
const LARGE_REJECTS: u64 = 1_000;
const REPORTS: u64 = 10_000_000;

impl Guest for Floods {
    fn describe() -> Description {
        guest::description("floods", "flood")
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        Ok(guest::nothing())
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let line = "x".repeat(LINE_BYTES);
        match guest::mode(&request) {
            "log" => {
                (0..LINES).for_each(|_| log::write(log::Level::Info, &line));
                log::write(log::Level::Info, "the last line");
            }
            "stdout" => lines(std::io::stdout(), &line),
            "stderr" => lines(std::io::stderr(), &line),
            "one line" => {
                let mut stdout = std::io::stdout();
                (0..LINES).for_each(|_| stdout.write_all(line.as_bytes()).unwrap());
                stdout.write_all(b"\nthe last line\n").unwrap();
            }
            "rejects" => (0..REJECTS).for_each(|number| reject(number, "raw")),
            "large rejects" => {
                let raw = "r".repeat(1024 * 1024);
                (0..LARGE_REJECTS).for_each(|number| reject(number, &raw));
            }
            "progress" => {
                (0..REPORTS).for_each(|number| progress::report(number + 1, Some(REPORTS), progress::Unit::Records))
            }
            "message" => return guest::done("m".repeat(1024 * 1024)),
            "failure" => return Err(guest::failure("f".repeat(1024 * 1024))),
            "result" => {
                let result = format!("\"{}\"", "r".repeat(300 * 1024));
                return Ok(Outcome { message: None, result: Some(result) });
            }
            "endless message" => return guest::done("m".repeat(100 * 1024 * 1024)),
            mode => return guest::done(format!("unknown mode {mode:?}")),
        }
        guest::done("done")
    }
}

fn lines(mut stream: impl Write, line: &str) {
    for _ in 0..LINES {
        writeln!(stream, "{line}").unwrap();
    }
    writeln!(stream, "the last line").unwrap();
}

fn reject(number: u64, raw: &str) {
    rejects::report(&rejects::Reject {
        line: number + 1,
        byte_offset: number,
        column: None,
        kind: "syntax".to_owned(),
        raw: raw.to_owned(),
        reason: "made up".to_owned(),
    });
}

guest::bindings::export!(Floods with_types_in guest::bindings);
