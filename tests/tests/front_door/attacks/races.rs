//! Changes what a path refers to between the host's check and its use, thousands of times per second.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jobhost_tests::Options;
use jobhost_tests::exports::{everything, export_local};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Victim;

const TRIES: usize = 60;

/// Swaps two names repeatedly while `act` runs.
fn while_swapping(one: &Path, other: &Path, act: impl FnOnce()) {
    let (done, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("an exchange of two names");
                swaps.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        // The thread must end even if `act` panics, or the scope would never end.
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        done.store(true, Ordering::Relaxed);
        if let Err(cause) = acted {
            std::panic::resume_unwind(cause);
        }
    });
    assert!(swaps.into_inner() > TRIES, "nothing was swapped");
}

/// Creates an accessible directory or file, and next to it a link to a forbidden one.
fn prepare(victim: &Victim, root: &Path) {
    std::fs::create_dir(root.join("place")).expect("a directory");
    std::fs::write(root.join("place/secret.csv"), "id,a\n1,allowed\n").expect("a file");
    symlink(victim.outside(), root.join("trap")).expect("a link");
    std::fs::write(root.join("file.csv"), "id,a\n1,allowed\n").expect("a file");
    symlink(victim.secret(), root.join("trap.csv")).expect("a link");
}

#[test]
fn a_load_reads_no_file_that_is_swapped_in() {
    let victim = Victim::start(Options::new());
    let root = victim.files();
    prepare(&victim, &root);
    let mut loaded = 0;
    for (one, other, path) in
        [("place", "trap", root.join("place/secret.csv")), ("file.csv", "trap.csv", root.join("file.csv"))]
    {
        let request = json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path});
        while_swapping(&root.join(one), &root.join(other), || {
            for _ in 0..TRIES {
                let reply = victim.post(&request);
                victim.clean("a reply", &reply.text);
                if let Some(id) = reply.body["job_id"].as_str() {
                    let row = victim.job(id);
                    victim.clean("a row", &row.to_string());
                    loaded += usize::from(row["status"] == "COMPLETE");
                }
            }
        });
    }
    eprintln!("{loaded} of {} loads found the file that is allowed", TRIES * 2);
    // A record 666 would have come from the secret file.
    victim.assert_unharmed();
}

#[test]
fn add_plugin_reads_no_file_that_is_swapped_in() {
    let victim = Victim::start(Options::new());
    let root = victim.files();
    prepare(&victim, &root);
    let secret = Sha256::digest(std::fs::read(victim.secret()).expect("the secret"));
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = root.join("file.csv");
    let request = json!({"operation": "add_plugin", "file": "evil.wasm", "path": path, "sha256": "0".repeat(64)});
    while_swapping(&path, &root.join("trap.csv"), || {
        for _ in 0..TRIES * 4 {
            let told = victim.refused("add_plugin", victim.post(&request));
            assert!(!told.contains(&secret), "the secret was read: {told}");
        }
    });
    victim.assert_unharmed();
}

#[test]
fn an_export_writes_into_no_directory_that_is_swapped_in() {
    let victim = Victim::start(Options::new());
    let root = victim.exports();
    prepare(&victim, &root);
    let mut request = export_local(&victim, "csv", "secret", everything("t"));
    request["path"] = json!(root.join("place"));
    while_swapping(&root.join("place"), &root.join("trap"), || {
        for _ in 0..TRIES {
            let reply = victim.post(&request);
            if let Some(id) = reply.body["job_id"].as_str() {
                victim.job(id);
            }
        }
    });
    // There is neither a file with the export's name nor a temporary one, and the secret of that name is unchanged.
    victim.assert_unharmed();
}
