//! Crashes after any batch and resumes from its checkpoint: every record is written exactly once.

use jobhost_json::{LoadError, Options};
use jobhost_load::Loaded;
use jobhost_load::memory::MemoryHost;

use crate::host::{ARRAY, DETECT, LINES, load_into};

fn source(options: Options, rows: usize) -> String {
    let record = |id: usize| format!("{{\"id\": {id}, \"text\":\"line {id}\"}}");
    let records: Vec<String> = (0..rows).map(record).collect();
    match options.shape == ARRAY.shape {
        true => format!("\u{feff}[\n{}\n]\n", records.join(" ,\n")),
        false => format!("\u{feff}{}\r\n", records.join("\r\n")),
    }
}

#[test]
fn an_interrupted_load_resumes_at_its_checkpoint() {
    for options in [ARRAY, DETECT, LINES] {
        let text = source(options.clone(), 30_000);
        let mut whole = MemoryHost::new(text.clone());
        load_into(&mut whole, options.clone()).unwrap();
        assert!(whole.batches >= 3 && whole.lines.len() == 30_000);
        for crash in 0..whole.batches {
            let mut host = MemoryHost::new(text.clone());
            host.crash_at_batch = Some(crash);
            assert!(matches!(load_into(&mut host, options.clone()), Err(LoadError::Host(_))));
            host.crash_at_batch = None;
            host.opened.clear();
            load_into(&mut host, options.clone()).unwrap();
            assert!(host.lines == whole.lines, "crash at batch {crash}");
            // A resumed load skips pass 1. It opens the source at the start only to check that it has not changed.
            assert_eq!(host.opened.len(), 2);
            assert_eq!(host.opened[1] > 4, crash > 0);
        }
    }
}

#[test]
fn a_finished_load_can_be_resumed() {
    for options in [ARRAY, DETECT, LINES] {
        let mut host = MemoryHost::new(source(options.clone(), 100));
        load_into(&mut host, options.clone()).unwrap();
        assert_eq!((load_into(&mut host, options.clone()).unwrap(), host.lines.len()), (Loaded::Records, 100));
    }
}

#[test]
fn an_error_after_a_resume_names_the_right_line() {
    let mut host = MemoryHost::new(source(ARRAY, 20_000));
    host.crash_at_batch = Some(1);
    assert!(load_into(&mut host, ARRAY).is_err());
    // A dishonest source: same etag, different content.
    host.crash_at_batch = None;
    let end = host.source.len() - 3;
    host.source[end] = b'x';
    let sentence = load_into(&mut host, ARRAY).unwrap_err().to_string();
    assert!(sentence.starts_with("Invalid JSON at line 20001, column "), "{sentence}");
}

#[test]
fn a_checkpoint_of_another_source_is_refused() {
    let mut host = MemoryHost::new(source(LINES, 20_000));
    host.crash_at_batch = Some(1);
    assert!(load_into(&mut host, LINES).is_err());
    host.etag = "other".to_owned();
    assert!(matches!(load_into(&mut host, LINES), Err(LoadError::Changed)));
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_an_error() {
    for checkpoint in [
        &b"junk"[..],
        b"{}",
        br#"{"version":9,"etag":"one","offset":0,"line":1,"line_offset":0,"state":"first"}"#,
        br#"{"version":1,"etag":"one","offset":0,"line":1,"line_offset":0,"state":"other"}"#,
    ] {
        let mut host = MemoryHost::new("{\"id\":1}\n");
        host.checkpoint = Some(checkpoint.to_vec());
        assert!(matches!(load_into(&mut host, LINES), Err(LoadError::Checkpoint(_))));
    }
}
