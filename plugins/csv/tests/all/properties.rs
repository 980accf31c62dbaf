//! What holds for any input.

use jobhost_csv::load::Loaded;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::grammar::read_in_chunks;
use crate::host::{FILE, MemoryHost};
use jobhost_csv::EncodeOptions;

/// Write cells as CSV; `mask` decides where quotes are not needed but used.
fn to_csv(records: &[Vec<String>], delimiter: char, newline: &str, mask: &[bool]) -> String {
    let mut quotes = mask.iter().copied().cycle();
    let mut text = String::new();
    for record in records {
        for (index, cell) in record.iter().enumerate() {
            if index > 0 {
                text.push(delimiter);
            }
            let needed = cell.is_empty() || cell.contains(['"', '\n', '\r', delimiter]) || cell.starts_with('\u{feff}');
            if needed || quotes.next().unwrap_or(false) {
                text.push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
            } else {
                text.push_str(cell);
            }
        }
        text.push_str(newline);
    }
    text
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9 .]{0,12}", "[\",;\t|\r\na\u{e9}\u{1f600}]{0,8}", any::<String>()]
}

fn records() -> impl Strategy<Value = Vec<Vec<String>>> {
    // Two columns or more of even width, with enough plain cells for the delimiter to be told: the header.
    (2usize..6).prop_flat_map(|width| vec(vec(cell(), width), 0..12)).prop_map(|rows| {
        let width = rows.first().map_or(2, Vec::len);
        let mut records = vec![(0..width).map(|index| format!("column{index}")).collect()];
        records.extend(rows);
        records
    })
}

/// The delimiter is guessed: with others in the cells the guess may be wrong, as any guess.
fn without_other_delimiters(records: Vec<Vec<String>>, delimiter: char) -> Vec<Vec<String>> {
    let others = move |character: char| character != delimiter && ",\t|;\u{1e}\u{1f}".contains(character);
    let cell = |cell: String| cell.replace(others, "");
    records.into_iter().map(|record| record.into_iter().map(cell).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_read_back_in_any_chunks(
        records in records(),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|', '\u{1e}', '\u{1f}']),
        newline in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        mask in vec(any::<bool>(), 1..7),
        chunk in 1usize..200,
    ) {
        let records = without_other_delimiters(records, delimiter);
        let text = to_csv(&records, delimiter, newline, &mask);
        prop_assert_eq!(read_in_chunks(text.as_bytes(), chunk).unwrap(), records);
    }

    #[test]
    fn chunks_make_no_difference_and_nothing_panics(
        bytes in vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..300),
        chunk in 1usize..50,
    ) {
        prop_assert_eq!(read_in_chunks(&bytes, chunk), read_in_chunks(&bytes, 1 << 20));
    }

    #[test]
    fn any_load_writes_whole_json_records_or_nothing(
        header in "[a-z,]{0,8}",
        bytes in vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'{'), Just(b'}'), Just(b'1'), any::<u8>()], 0..300),
        parse_json in any::<bool>(),
    ) {
        let mut source = format!("id,{header}\n").into_bytes();
        source.extend(bytes);
        let mut host = MemoryHost::new(source);
        let outcome = host.load(EncodeOptions { parse_json, key_required: None });
        match outcome {
            Ok(loaded) => prop_assert_eq!(loaded == Loaded::Nothing, host.records().is_empty()),
            Err(_) => {
                prop_assert!(host.lines.is_empty());
                prop_assert!(!host.rejects.is_empty());
            }
        }
    }

    #[test]
    fn texts_survive_a_load_unchanged(cells in vec("[a-df-zA-DF-Z\"\\\\\n\u{1}\u{e9},]{0,20}x", 1..20)) {
        let rows: Vec<Vec<String>> = cells.iter().enumerate().map(|(id, cell)| vec![id.to_string(), cell.clone()]).collect();
        let mut records = vec![vec!["id".to_owned(), "text".to_owned()]];
        records.extend(rows);
        let mut host = MemoryHost::new(to_csv(&records, ',', "\n", &[false]));
        host.load(FILE).unwrap();
        let texts: Vec<String> = host.records().iter().map(|record| record["text"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(texts, cells);
    }
}
