//! Opens handles of one kind and closes none. Its message states how many it could open, and the error that it
//! received.

use guest::{Capability, Description, Error, Failure, FileSink, Guest, JobPlan, Outcome, Refusal, Sink};
use guest::{Encoding, objects, records};

struct Opens;

/// More than any limit that a test sets.
const MOST: u32 = 100_000;
/// The maximum number of sinks in a plan.
const SINKS: u32 = 16;

impl Guest for Opens {
    fn describe() -> Description {
        let asked = [Capability::Query, Capability::ReadFile, Capability::WriteFile];
        guest::asking("opens", "open", &asked)
    }

    fn plan(_operation: String, request: String) -> Result<JobPlan, Refusal> {
        let mut plan = guest::nothing();
        match guest::mode(&request) {
            "readers" => plan.sources = vec![guest::file(guest::field(&request, "file").unwrap_or_default())],
            "writers" => {
                let directory = guest::field(&request, "directory").unwrap_or_default();
                plan.sinks = (0..SINKS).map(|index| sink(directory, index)).collect();
            }
            "cursors" => {
                let query = r#"{"operation": "search_by_value", "database": "gold", "table": "t", "attribute": "id",
                    "value": "*", "get_attributes": ["*"]}"#;
                plan.queries = vec![query.to_owned()];
            }
            _ => {}
        }
        Ok(plan)
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        match guest::mode(&request) {
            "readers" => told(keep(|_| objects::open(0, 0))),
            "writers" => told(keep(objects::create)),
            "cursors" => told(keep(|_| records::query(0, records::RowShape::Objects))),
            "timers" => told(keep(|_| Ok(wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX)))),
            "streams" => told(keep(|_| Ok(wasip2::cli::stdin::get_stdin()))),
            mode => guest::done(format!("unknown mode {mode:?}")),
        }
    }
}

/// Opens handles until the host refuses, and keeps all of them open.
fn keep<T>(open: impl Fn(u32) -> Result<T, Error>) -> (usize, Option<Error>, Option<Error>) {
    let mut opened = Vec::new();
    for index in 0..MOST {
        match open(index) {
            Ok(one) => opened.push(one),
            Err(error) => {
                let count = opened.len();
                opened.pop();
                return (count, Some(error), open(index).err());
            }
        }
    }
    (opened.len(), None, None)
}

fn told((count, refused, again): (usize, Option<Error>, Option<Error>)) -> Result<Outcome, Failure> {
    let sentence = |error: Option<Error>| error.map_or("ok".to_owned(), |e| format!("{:?}: {}", e.kind, e.message));
    guest::done(format!("{count} opened, then {}; after closing one: {}", sentence(refused), sentence(again)))
}

fn sink(directory: &str, index: u32) -> Sink {
    let (directory, name) = (directory.to_owned(), format!("{index}.txt"));
    Sink::File(FileSink { directory, name, encoding: Encoding::Identity })
}

guest::bindings::export!(Opens with_types_in guest::bindings);
