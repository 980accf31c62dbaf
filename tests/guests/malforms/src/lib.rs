//! Writes batches that break the rules, one of each kind. Its message lists the result of each.

use guest::{Action, Capability, Description, Failure, Guest, JobPlan, Outcome, Refusal, Right, TableUse};
use guest::{log, progress, records, rejects, told};

struct Malforms;

impl Guest for Malforms {
    fn describe() -> Description {
        guest::asking("malforms", "malform", &[Capability::Insert, Capability::Update])
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        let table = TableUse { table: guest::table("mine"), rights: vec![Right::Upsert] };
        Ok(JobPlan { tables: vec![table], ..guest::nothing() })
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let good = "{\"id\":1}\n";
        let deep = format!("{good}{{\"id\":2,\"a\":{}{}}}\n", "[".repeat(2000), "]".repeat(2000));
        let batches: Vec<(&str, Vec<u8>)> = vec![
            ("empty", Vec::new()),
            ("not json", format!("{good}{{\"id\":\n").into_bytes()),
            ("array", format!("{good}[1]\n").into_bytes()),
            ("number", format!("{good}5\n").into_bytes()),
            ("two on a line", format!("{good}{{\"id\":2}}{{\"id\":3}}\n").into_bytes()),
            ("not utf-8", [good.as_bytes(), b"{\"id\":2,\"a\":\"\xff\"}\n"].concat()),
            ("boolean key", format!("{good}{{\"id\":true}}\n").into_bytes()),
            ("object key", format!("{good}{{\"id\":{{}}}}\n").into_bytes()),
            ("long key", format!("{good}{{\"id\":\"{}\"}}\n", "k".repeat(5000)).into_bytes()),
            ("deep", deep.into_bytes()),
            ("large record", format!("{good}{{\"id\":2,\"a\":\"{}\"}}\n", "a".repeat(300 * 1024)).into_bytes()),
            ("large batch", "{\"id\":2}\n".repeat(200_000).into_bytes()),
            ("many records", "{\"id\":2}\n".repeat(16_385).into_bytes()),
            ("two keys", b"{\"id\":2,\"id\":3}\n".to_vec()),
        ];
        let mut came: Vec<String> = Vec::new();
        for (what, batch) in batches {
            came.push(format!("{what}: {}", told(records::write(&guest::table("mine"), Action::Upsert, &batch, None))));
        }
        let checkpoint = vec![0; 65 * 1024];
        let write = records::write(&guest::table("mine"), Action::Upsert, good.as_bytes(), Some(&checkpoint));
        came.push(format!("large checkpoint: {}", told(write)));
        chatter();
        guest::done(came.join(", "))
    }
}

/// Reports far more than the host keeps.
fn chatter() {
    let long = "l".repeat(64 * 1024);
    for index in 0..300 {
        log::write(log::Level::Info, &long);
        println!("{long}");
        progress::report(u64::MAX - index, Some(0), progress::Unit::Bytes);
        rejects::report(&rejects::Reject {
            line: index,
            byte_offset: u64::MAX,
            column: Some(long.clone()),
            kind: long.clone(),
            raw: long.clone(),
            reason: long.clone(),
        });
    }
}

guest::bindings::export!(Malforms with_types_in guest::bindings);
