//! Random inputs. `cargo test` runs a few of them, `cargo xtask fuzz` as many as requested.

use bolero::{check, produce};
use jobhost_load::Loaded;
use jobhost_load::memory::MemoryHost;

use crate::host::{ARRAY, LINES, load_into};

/// Fragments of JSON. Random bytes rarely form anything valid.
const PIECES: [&[u8]; 32] = [
    b"{",
    b"{",
    b"}",
    b"}",
    b"[",
    b"]",
    b",",
    b",",
    b":",
    b"\"id\":",
    b"\"a\":",
    b"\"\"",
    b"\"",
    b"\\",
    b"\\u",
    b"d83d",
    b"de00",
    b"1",
    b"-",
    b".5",
    b"e",
    b"E+30",
    b"null",
    b"true",
    b"fals",
    b" ",
    b"\n",
    b"\r\n",
    b"\xc3\xa9",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
];

fn text(picks: &[u8]) -> Vec<u8> {
    let pieces = picks.iter().filter_map(|pick| PIECES.get(usize::from(*pick) % PIECES.len()));
    pieces.flat_map(|piece| piece.iter().copied()).collect()
}

/// Checks that a load writes either all records, each equal to what `serde_json` reads, or none, however it is split
/// into chunks.
fn loads_whole(first: u8, text: &[u8]) {
    for options in [ARRAY, LINES] {
        let mut host = MemoryHost::new(text);
        host.chunk = usize::from(first).max(1);
        match load_into(&mut host, options.clone()) {
            Ok(loaded) => assert_eq!(loaded == Loaded::Nothing, host.records().is_empty()),
            Err(_) => assert!(host.lines.is_empty() && host.rejects.len() == 1),
        }
        let mut again = MemoryHost::new(text);
        let _ = load_into(&mut again, options.clone());
        assert_eq!(host.lines, again.lines);
    }
}

/// Checks that an array is accepted if and only if `serde_json` accepts it as a list of objects within the limits.
fn accepts_as_serde_does(text: Vec<u8>) {
    let theirs = serde_json::from_slice::<Vec<serde_json::Map<String, serde_json::Value>>>(&text).is_ok();
    let mut host = MemoryHost::new(text);
    let ours = load_into(&mut host, ARRAY);
    let limit = ours.as_ref().is_err_and(|error| {
        let sentence = error.to_string();
        ["nested deeper", "Invalid attribute name", "Invalid primary key"].iter().any(|part| sentence.contains(part))
    });
    assert!(ours.is_ok() == theirs || limit, "{ours:?}");
}

#[test]
fn fuzz_load() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        if let Some((&first, text)) = input.split_first() {
            loads_whole(first, text);
        }
    });
}

#[test]
fn fuzz_load_of_pieces() {
    let input = (produce::<u8>(), produce::<Vec<u8>>().with().len(0usize..200));
    check!().with_iterations(1_000).with_generator(input).for_each(|(first, picks)| {
        loads_whole(*first, &text(picks));
    });
}

#[test]
fn fuzz_agreement() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        accepts_as_serde_does([b"[{\"a\":", input, b"}]"].concat());
    });
}

#[test]
fn fuzz_agreement_of_pieces() {
    let input = produce::<Vec<u8>>().with().len(0usize..40);
    check!().with_iterations(3_000).with_generator(input).for_each(|picks| {
        accepts_as_serde_does([b"[{\"a\":", &text(picks)[..], b"}]"].concat());
    });
}
