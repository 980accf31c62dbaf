//! Handles that are opened and never closed.

use jobhost_tests::limits::{ended_by, met};
use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

fn start(change: impl FnOnce(Options) -> Options) -> Host {
    let options = Options::new().guest("opens").set("grants.opens", "query gold.*,read-file *,write-file *");
    let host = Host::start(change(options));
    host.create_table("t");
    host.insert("t", json!([{"id": 1}]));
    host
}

fn open(host: &Host, mode: &str) -> Value {
    let (file, directory) = (host.file("in.csv", "id\n1\n"), host.exports());
    let request = json!({"operation": "open", "mode": mode, "file": file, "directory": directory});
    host.served_until_the_end_of(&host.start_job(&request))
}

#[test]
fn readers_writers_and_cursors_have_separate_limits() {
    let host = start(|options| options);
    for (mode, most) in [("readers", 16), ("writers", 4), ("cursors", 4)] {
        let row = open(&host, mode);
        assert_eq!(row["status"], "COMPLETE", "{row:#}");
        let message = row["message"].as_str().expect("a message");
        let key = format!("sandbox.{mode}");
        assert!(message.starts_with(&format!("{most} opened, then ErrorKind::Limit: ")), "{message}");
        assert!(message.contains(&key), "{message}");
        assert!(message.ends_with("after closing one: ok"), "{message}");
        let met = met(&row, &key);
        assert_eq!((&met["limit"], &met["reached"], &met["times"]), (&json!(most), &json!(most + 1), &json!(1)));
    }
    assert_eq!(host.exported(), [""; 0], "nothing was finished");
}

#[test]
fn the_limits_can_be_changed() {
    let host = start(|options| options.set("sandbox.readers", 3).set("sandbox.cursors", 1).set("sandbox.writers", 2));
    for (mode, most) in [("readers", 3), ("writers", 2), ("cursors", 1)] {
        assert_eq!(met(&open(&host, mode), &format!("sandbox.{mode}"))["limit"], most);
    }
}

#[test]
fn handles_of_all_kinds_together_are_bounded() {
    let host = start(|options| options.set("sandbox.readers", 1000));
    let before = host.peak_memory();
    for mode in ["timers", "streams", "readers"] {
        let row = open(&host, mode);
        assert_eq!(ended_by(&row, "sandbox.handles")["limit"], 256, "{mode}: {row:#}");
    }
    let grown = host.peak_memory().saturating_sub(before);
    assert!(grown < 100 * 1024 * 1024, "the host grew by {grown} bytes");
}
