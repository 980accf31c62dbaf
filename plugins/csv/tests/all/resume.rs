//! Crash after any batch, resume from its checkpoint: every record arrives exactly once.

use jobhost_csv::load::LoadError;
use jobhost_csv::load::Loaded;

use crate::host::{FILE, MemoryHost};

fn source(rows: usize) -> String {
    let mut text = "\u{feff}id;text\r\n".to_owned();
    (0..rows).for_each(|id| text.push_str(&format!("{id};\"line one\r\nline {id}\"\r\n")));
    text
}

#[test]
fn a_load_that_is_cut_goes_on_where_it_was() {
    let text = source(30_000);
    let mut whole = MemoryHost::new(text.clone());
    whole.load(FILE).unwrap();
    assert!(whole.batches >= 3);
    for crash in 0..whole.batches {
        let mut host = MemoryHost::new(text.clone());
        host.crash_at_batch = Some(crash);
        assert!(matches!(host.load(FILE), Err(LoadError::Host(_))));
        host.crash_at_batch = None;
        host.opened.clear();
        host.load(FILE).unwrap();
        assert!(host.lines == whole.lines, "crash at batch {crash}");
        // Pass 1 is not repeated: the start is opened for the header only.
        assert_eq!(host.opened.len(), 2);
    }
}

#[test]
fn a_finished_load_can_be_resumed_too() {
    let mut host = MemoryHost::new(source(100));
    host.load(FILE).unwrap();
    assert_eq!((host.load(FILE).unwrap(), host.lines.len()), (Loaded::Records, 100));
}

#[test]
fn a_checkpoint_means_nothing_for_another_source() {
    let mut host = MemoryHost::new(source(20_000));
    host.crash_at_batch = Some(1);
    assert!(host.load(FILE).is_err());
    host.etag = "other".to_owned();
    assert!(matches!(host.load(FILE), Err(LoadError::Changed)));
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_an_error() {
    for checkpoint in [
        &b"junk"[..],
        b"{}",
        br#"{"version":9,"etag":"","dialect":{"delimiter":44,"newline":"lf"},"offset":0,"line":1}"#,
    ] {
        let mut host = MemoryHost::new("id\n1\n");
        host.checkpoint = Some(checkpoint.to_vec());
        assert!(matches!(host.load(FILE), Err(LoadError::Checkpoint(_))));
    }
}
