//! Provides an operation whose client waits for the outcome, and does in it what such an operation must not do.

use guest::{Action, Capability, Description, Failure, FailureKind, FileSink, Guest, JobPlan, Outcome, Refusal};
use guest::{Encoding, Operation, Reply, Right, Sink, TableUse, records, told};

struct Answers;

impl Guest for Answers {
    fn describe() -> Description {
        let asked = [Capability::Insert, Capability::WriteFile];
        let described = guest::asking("answers", "answer_now", &asked);
        let operation = |operation| Operation { reply: Reply::Outcome, ..operation };
        Description { operations: described.operations.into_iter().map(operation).collect(), ..described }
    }

    fn plan(_operation: String, request: String) -> Result<JobPlan, Refusal> {
        let table = |rights| vec![TableUse { table: guest::table("t"), rights }];
        let nothing = guest::nothing();
        Ok(match guest::mode(&request) {
            "plan a right" => JobPlan { tables: table(vec![Right::Insert]), ..nothing },
            "plan a sink" => {
                let (directory, name) = ("/tmp".to_owned(), "x".to_owned());
                JobPlan {
                    sinks: vec![Sink::File(FileSink { directory, name, encoding: Encoding::Identity })],
                    ..nothing
                }
            }
            "write" => JobPlan { tables: table(Vec::new()), ..nothing },
            _ => nothing,
        })
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let result = |text: String| Ok(Outcome { message: None, result: Some(text) });
        let failure = |kind| Err(Failure { kind, message: "no, on purpose".to_owned(), retryable: false });
        match guest::mode(&request) {
            "write" => {
                let table = guest::table("t");
                let described = records::describe(&table).is_ok();
                let written = told(records::write(&table, Action::Insert, b"{\"id\":1}\n", None));
                let deleted = told(records::delete_before(&table, 1, 1, None).map(|_| ()));
                result(format!("[{described},\"{written}\",\"{deleted}\"]"))
            }
            "fail" => failure(FailureKind::InvalidInput),
            "fail inside" => failure(FailureKind::Internal),
            "trap" => panic!("the guest gave up on purpose"),
            "spin" => loop {
                std::hint::black_box(());
            },
            "no json" => result("{".to_owned()),
            "large" => result(format!("\"{}\"", "x".repeat(1 << 20))),
            "nothing" => Ok(Outcome { message: None, result: None }),
            mode => result(format!("{{\"mode\":{mode:?}}}")),
        }
    }
}

guest::bindings::export!(Answers with_types_in guest::bindings);
