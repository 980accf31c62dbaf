//! A call outside of the plan is denied regardless of the grants. The error names the requested and the planned
//! resources.

use serde_json::json;

use super::{act, came, start};

#[test]
fn a_call_outside_the_plan_is_told_what_was_asked_and_what_was_planned() {
    let all = "insert *,update *,delete *,query *,read-file *,write-file *,fetch-url *";
    let host = start(|options| options.set("grants.acts", all));
    let file = host.file("in.csv", "id\n1\n");
    let plan = json!({"tables": [["gold.t", "insert"]], "sources": [file]});
    let tries = [
        (json!(["write", "gold.u", "insert"]), vec!["insert", "gold.u", "gold.t (insert)"]),
        (json!(["write", "gold.t", "upsert"]), vec!["upsert", "gold.t (insert)"]),
        (json!(["write", "gold.t", "update"]), vec!["update", "gold.t (insert)"]),
        (json!(["delete", "gold.t"]), vec!["delete", "gold.t (insert)"]),
        (json!(["describe", "gold.u"]), vec!["gold.u", "gold.t (insert)"]),
        (json!(["declare", "gold.u", "insert"]), vec!["gold.u", "gold.t (insert)"]),
        (json!(["describe", "system.hdb_user"]), vec!["system.hdb_user", "gold.t (insert)"]),
        (json!(["open", 1]), vec!["source 1", "1 source"]),
        (json!(["open", u32::MAX]), vec!["source 4294967295", "1 source"]),
        (json!(["query", 0]), vec!["query 0", "0"]),
        (json!(["create", 0]), vec!["sink 0", "0 sink"]),
    ];
    let steps: Vec<_> = tries.iter().map(|(step, _)| step.clone()).collect();
    for ((step, parts), came) in tries.iter().zip(came(&host, &act(plan, json!(steps)))) {
        assert!(came.starts_with("ErrorKind::Denied: ") && came.contains("plan"), "{step}: {came}");
        for part in parts {
            assert!(came.contains(part), "{step}: {part:?} is not in {came}");
        }
    }
    assert_eq!(host.rows("t"), [json!({"id": 7})]);
    assert_eq!(host.count("u"), 0);
}
