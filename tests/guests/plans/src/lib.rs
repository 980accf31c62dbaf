//! Makes bad plans: it never returns while a client waits for the reply, or it plans more than is allowed.

use guest::{Capability, Description, Failure, Guest, JobPlan, Outcome, Refusal, Right, Sink, TableUse};
use guest::{Encoding, FileSink, Operation};

struct Plans;

impl Guest for Plans {
    fn describe() -> Description {
        let asked = [Capability::Insert, Capability::ReadFile, Capability::WriteFile, Capability::Query];
        let mut description = guest::asking("plans", "plan_forever", &asked);
        let too_much = Operation { name: "plan_badly".to_owned(), ..description.operations[0].clone() };
        description.operations.push(too_much);
        description
    }

    fn plan(operation: String, request: String) -> Result<JobPlan, Refusal> {
        let mut plan = guest::nothing();
        let table = |index: usize| TableUse { table: guest::table(&format!("t{index}")), rights: vec![Right::Insert] };
        match guest::mode(&request) {
            _ if operation == "plan_forever" => forever(),
            "panic" => panic!("the plan gave up on purpose"),
            "sources" => plan.sources = (0..17).map(|index| guest::file(&format!("/{index}"))).collect(),
            "sinks" => plan.sinks = (0..17).map(sink).collect(),
            "tables" => plan.tables = (0..65).map(table).collect(),
            "many tables" => plan.tables = (0..200_000).map(table).collect(),
            "query" => plan.queries = vec!["q".repeat(100 * 1024 * 1024)],
            "queries" => plan.queries = vec!["{}".to_owned(); 17],
            "rights" => plan.tables = vec![TableUse { rights: vec![Right::Insert; 1_000_000], ..table(0) }],
            "unasked" => plan.tables = vec![TableUse { table: guest::table("t0"), rights: vec![Right::Delete] }],
            "refusal" => return Err(Refusal { message: "r".repeat(2 * 1024 * 1024) }),
            _ => {}
        }
        Ok(plan)
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        guest::done("not reached")
    }
}

fn forever() {
    let mut number = 1u64;
    while std::hint::black_box(number) != 0 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
    }
}

fn sink(index: u32) -> Sink {
    Sink::File(FileSink { directory: "/".to_owned(), name: index.to_string(), encoding: Encoding::Identity })
}

guest::bindings::export!(Plans with_types_in guest::bindings);
