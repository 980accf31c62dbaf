//! Plans to insert into `gold.mine`, then tries other tables, actions, sources and files. Its message lists the result
//! of each attempt.

use guest::{
    Action, Capability, Description, Failure, Guest, JobPlan, Outcome, Refusal, Right, TableUse, objects, records, told,
};

struct Oversteps;

const RECORD: &[u8] = b"{\"id\":1,\"by\":\"oversteps\"}\n";

impl Guest for Oversteps {
    fn describe() -> Description {
        guest::asking("oversteps", "overstep", &[Capability::Insert])
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        let mine = TableUse { table: guest::table("mine"), rights: vec![Right::Insert] };
        Ok(JobPlan { tables: vec![mine], ..guest::nothing() })
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let write = |table: &str, action| told(records::write(&guest::table(table), action, RECORD, None));
        let attempts = [
            ("other table", write("theirs", Action::Insert)),
            ("absent table", write("absent", Action::Insert)),
            ("other action", write("mine", Action::Upsert)),
            ("describe", told(records::describe(&guest::table("theirs")).map(drop))),
            ("declare", told(records::declare(&guest::table("theirs"), Action::Insert, &["a".to_owned()]))),
            ("source", told(objects::open(0, 0).map(drop))),
            ("sink", told(objects::create(0).map(drop))),
            ("query", told(records::query(0, records::RowShape::Objects).map(drop))),
            ("delete", told(records::delete_before(&guest::table("mine"), u64::MAX, 1, None).map(drop))),
            ("file", outcome(std::fs::read("/etc/passwd"))),
            ("directory", outcome(std::fs::read_dir("/"))),
            ("create", outcome(std::fs::write("/tmp/jobhost-overstep", "x"))),
            ("environment", std::env::vars().count().to_string()),
            ("arguments", std::env::args().count().to_string()),
            ("own table", write("mine", Action::Insert)),
        ];
        let attempts: Vec<String> = attempts.iter().map(|(what, came)| format!("{what}: {came}")).collect();
        guest::done(attempts.join(", "))
    }
}

fn outcome<T>(result: std::io::Result<T>) -> String {
    result.map_or("failed", |_| "ok").to_owned()
}

guest::bindings::export!(Oversteps with_types_in guest::bindings);
