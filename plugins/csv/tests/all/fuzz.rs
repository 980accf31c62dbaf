//! Coverage-guided when run by `cargo bolero test`, a short random run within `cargo test`.

use bolero::check;

use crate::grammar::read_in_chunks;
use crate::host::{FILE, MemoryHost};

#[test]
fn fuzz_reader() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        let Some((&first, text)) = input.split_first() else {
            return;
        };
        let chunk = usize::from(first).max(1);
        assert_eq!(read_in_chunks(text, chunk), read_in_chunks(text, 1 << 20));
    });
}

#[test]
fn fuzz_load() {
    check!().with_iterations(1_000).for_each(|input: &[u8]| {
        let mut host = MemoryHost::new(input);
        match host.load(FILE) {
            Ok(tally) => assert_eq!(tally.written, host.records().len() as u64),
            Err(_) => assert!(host.lines.is_empty() && host.rejects.len() == 1 + surplus(&host)),
        }
    });
}

fn surplus(host: &MemoryHost) -> usize {
    host.rejects.iter().filter(|reject| reject.kind == "surplus-cells").count()
}
