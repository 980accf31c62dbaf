//! Coverage-guided when run by `cargo bolero test`, a short random run within `cargo test`.

use bolero::check;
use jobhost_load::memory::MemoryHost;

use crate::host::{ARRAY, LINES, load_into};

/// Whatever is fed: whole records or nothing, each as `serde_json` reads it, whatever the chunks.
#[test]
fn fuzz_load() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        let Some((&first, text)) = input.split_first() else {
            return;
        };
        for options in [ARRAY, LINES] {
            let mut host = MemoryHost::new(text);
            host.chunk = usize::from(first).max(1);
            match load_into(&mut host, options) {
                Ok(tally) => assert_eq!(tally.written, host.records().len() as u64),
                Err(_) => assert!(host.lines.is_empty() && host.rejects.len() == 1),
            }
            let mut again = MemoryHost::new(text);
            let _ = load_into(&mut again, options);
            assert_eq!(host.lines, again.lines);
        }
    });
}

/// An array is accepted if and only if `serde_json` accepts it as a list of objects, within the limits.
#[test]
fn fuzz_agreement() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        let text = [b"[{\"a\":", input, b"}]"].concat();
        let theirs = serde_json::from_slice::<Vec<serde_json::Map<String, serde_json::Value>>>(&text).is_ok();
        let mut host = MemoryHost::new(text);
        let ours = load_into(&mut host, ARRAY);
        let limit = ours.as_ref().is_err_and(|error| {
            let sentence = error.to_string();
            ["nested deeper", "Invalid attribute name", "Invalid primary key"]
                .iter()
                .any(|part| sentence.contains(part))
        });
        assert!(ours.is_ok() == theirs || limit, "{ours:?}");
    });
}
