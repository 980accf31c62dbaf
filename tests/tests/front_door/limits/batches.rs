//! Batches of invalid records are refused as a whole, and the row reports which limits they exceeded.

use jobhost_tests::limits::met;
use jobhost_tests::{Host, Options};
use serde_json::json;

fn start(change: impl FnOnce(Options) -> Options) -> Host {
    let options = Options::new().guest("malforms").set("grants.malforms", "insert gold.mine,update gold.mine");
    let host = Host::start(change(options));
    host.create_table("mine");
    host
}

#[test]
fn a_malformed_batch_is_refused_as_a_whole() {
    let host = start(|options| options);
    let row = host.served_until_the_end_of(&host.start_job(&json!({"operation": "malform"})));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let message = row["message"].as_str().expect("a message");
    for refused in
        ["not json", "array", "number", "two on a line", "not utf-8", "boolean key", "object key", "long key"]
    {
        assert!(message.contains(&format!("{refused}: ErrorKind::Invalid")), "{refused} in {message}");
    }
    for refused in ["deep", "large record", "large batch", "many records", "large checkpoint"] {
        assert!(message.contains(&format!("{refused}: ErrorKind::Limit")), "{refused} in {message}");
    }
    // "two keys" may be refused, or handled as JSON parsers do. Nothing else was stored.
    assert!(host.rows("mine").iter().all(|row| row["id"] == 3 || row["id"] == 2), "{:?}", host.rows("mine"));
    assert!(row.to_string().len() < 2_000_000, "the row has {} bytes", row.to_string().len());
    for (key, limit, reached) in [
        ("sandbox.batch_bytes", 1 << 20, Some(1_800_000)),
        // The host may stop counting there.
        ("sandbox.batch_records", 16_384, Some(16_385)),
        ("sandbox.record_bytes", 256 * 1024, Some(300 * 1024 + 15)),
        ("sandbox.record_depth", 32, None),
        ("sandbox.checkpoint_bytes", 64 * 1024, Some(65 * 1024)),
        ("sandbox.log_bytes", 64 * 1024, None),
        ("sandbox.rejects", 100, Some(300)),
    ] {
        let met = met(&row, key);
        assert_eq!(met["limit"], limit, "{met:#}");
        assert!(reached.is_none_or(|reached| met["reached"] == reached), "{met:#}");
    }
}

#[test]
fn the_limits_of_batches_can_be_changed() {
    let host = start(|options| {
        options
            .set("sandbox.batch_bytes", 2_000_000)
            .set("sandbox.batch_records", 200_000)
            .set("sandbox.record_bytes", 400_000)
            .set("sandbox.checkpoint_bytes", 70_000)
            .set("sandbox.record_depth", 5)
    });
    let row = host.run(&json!({"operation": "malform"}));
    assert_eq!(row["status"], "COMPLETE", "{row:#}");
    let message = row["message"].as_str().expect("a message");
    for taken in ["large record", "large batch", "many records", "large checkpoint"] {
        assert!(message.contains(&format!("{taken}: ok")), "{taken} in {message}");
    }
    assert_eq!(met(&row, "sandbox.record_depth")["limit"], 5, "{row:#}");
}

#[test]
fn one_key_raises_the_maximum_size_of_a_record_everywhere() {
    let large = "x".repeat(3_000_000);
    let csv = json!({"operation": "csv_data_load", "database": "gold", "table": "mine", "data": format!("id,a\ncsv,{large}\n")});
    let text = json!([{"id": "json", "a": large}]).to_string();
    let json_load = json!({"operation": "json_data_load", "database": "gold", "table": "mine", "data": text});
    let insert =
        json!({"operation": "insert", "database": "gold", "table": "mine", "records": [{"id": "insert", "a": large}]});
    let host = start(|options| options);
    for request in [&csv, &json_load] {
        assert!(host.run_error(request).contains("262144 bytes (sandbox.record_bytes)"));
    }
    assert!(host.post(&insert).refused(400).contains("sandbox.record_bytes"));
    let host = start(|options| options.set("sandbox.record_bytes", 4 << 20));
    for request in [&csv, &json_load] {
        host.run_ok(request);
    }
    host.post(&insert).ok();
    assert_eq!(host.count("mine"), 3);
    let lengths: Vec<_> = host.rows("mine").iter().map(|row| row["a"].as_str().map(str::len)).collect();
    assert_eq!(lengths, [Some(3_000_000); 3]);
}
