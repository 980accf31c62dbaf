//! Random inputs: a short run within `cargo test`, as long as one likes by `cargo xtask fuzz`.

use bolero::{check, produce};
use jobhost_csv::load::Loaded;
use jobhost_csv::{Reader, Reading, Step};

use crate::grammar::read_in_chunks;
use crate::host::{FILE, MemoryHost};

/// What means something to the grammar or to the typing of cells. Of single random bytes hardly any does.
const PIECES: [&[u8]; 28] = [
    b",",
    b",",
    b";",
    b"\t",
    b"|",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"",
    b"\"\"",
    b" ",
    b"id",
    b"a",
    b"b",
    b"1",
    b"-0",
    b"1e21",
    b"0x1f",
    b"true",
    b"null",
    b"2021-01-02T03:04:05.678Z",
    b"[1,{\"x\":2}]",
    b"{",
    b"\xc3\xa9",
    b"\xff",
    b"\xef\xbb\xbf",
];

fn text(picks: &[u8]) -> Vec<u8> {
    let pieces = picks.iter().filter_map(|pick| PIECES.get(usize::from(*pick) % PIECES.len()));
    pieces.flat_map(|piece| piece.iter().copied()).collect()
}

/// Where the input is cut does not matter.
fn reads_alike_in_chunks(first: u8, text: &[u8]) {
    let chunk = usize::from(first).max(1);
    assert_eq!(read_in_chunks(text, chunk), read_in_chunks(text, 1 << 20));
}

/// All records or none, and a sentence in the latter case. A load in one pass does the same (`MemoryHost::load`).
fn loads_whole(text: &[u8]) {
    let mut host = MemoryHost::new(text);
    match host.load(FILE) {
        Ok(loaded) => assert_eq!(loaded == Loaded::Nothing, host.records().is_empty()),
        Err(_) => assert!(host.lines.is_empty() && host.rejects.len() == 1),
    }
}

/// What is guessed is what reads the same when the request names it.
fn guess_reads_as_named(text: &[u8]) {
    // A first line that names the delimiter is one only where the request names none.
    if text.windows(4).any(|window| window.eq_ignore_ascii_case(b"sep=")) {
        return;
    }
    let read = |delimiter: Option<u8>| {
        let mut reader = Reader::new().with_reading(Reading { delimiter, ..Reading::default() });
        reader.feed(text);
        reader.end();
        let mut records = Vec::new();
        let end = loop {
            match reader.advance() {
                Ok(Step::Record) => {
                    records
                        .push(reader.record().cells().map(|cell| (cell.text(), cell.is_quoted())).collect::<Vec<_>>());
                }
                Ok(end) => break Ok(end),
                Err(error) => break Err(error),
            }
        };
        (records, end, reader.dialect())
    };
    let guessed = read(None);
    if let Some(dialect) = guessed.2 {
        assert_eq!(read(Some(dialect.delimiter)), guessed);
    }
}

#[test]
fn fuzz_dialect() {
    check!().with_iterations(3_000).for_each(guess_reads_as_named);
}

#[test]
fn fuzz_dialect_of_pieces() {
    let input = produce::<Vec<u8>>().with().len(0usize..400);
    check!().with_iterations(3_000).with_generator(input).for_each(|picks| guess_reads_as_named(&text(picks)));
}

#[test]
fn fuzz_reader() {
    check!().with_iterations(3_000).for_each(|input: &[u8]| {
        if let Some((&first, text)) = input.split_first() {
            reads_alike_in_chunks(first, text);
        }
    });
}

#[test]
fn fuzz_reader_of_pieces() {
    let input = (produce::<u8>(), produce::<Vec<u8>>().with().len(0usize..400));
    check!().with_iterations(1_000).with_generator(input).for_each(|(first, picks)| {
        reads_alike_in_chunks(*first, &text(picks));
    });
}

#[test]
fn fuzz_load() {
    check!().with_iterations(1_000).for_each(|input: &[u8]| loads_whole(input));
}

#[test]
fn fuzz_load_of_pieces() {
    let input = produce::<Vec<u8>>().with().len(0usize..400);
    check!().with_iterations(1_000).with_generator(input).for_each(|picks| {
        // Half of them begin as a table does, or nearly none gets beyond its header.
        loads_whole(&text(picks));
        loads_whole(&[&b"id,a,b\n"[..], &text(picks)].concat());
    });
}
