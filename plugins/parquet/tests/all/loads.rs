//! Loads that succeed, that are interrupted, and that fail.

use jobhost_load::AttributeType;
use jobhost_load::memory::MemoryHost;
use jobhost_parquet::{Compression, LoadError, Options};
use serde_json::{Value, json};

use crate::host::{load_into, written};

fn rows(count: u64) -> Vec<Value> {
    (0..count).map(|id| json!([id, format!("text {id}"), id as f64 + 0.25, {"n": [id, null]}])).collect()
}

fn file(count: u64) -> Vec<u8> {
    written(&["id", "text", "half", "doc"], &rows(count), Compression::Snappy)
}

#[test]
fn written_rows_are_loaded_in_chunks_of_any_size() {
    let expected: Vec<Value> =
        rows(3_000).iter().map(|row| json!({"id": row[0], "text": row[1], "half": row[2], "doc": row[3]})).collect();
    for compression in [Compression::Snappy, Compression::Gzip, Compression::Zstd] {
        let file = written(&["id", "text", "half", "doc"], &rows(3_000), compression);
        for chunk in [100, 4096, 1 << 20] {
            let mut host = MemoryHost { chunk, ..MemoryHost::new(file.clone()) };
            load_into(&mut host, &Options::default()).unwrap();
            assert_eq!(host.records(), expected, "{compression:?} in chunks of {chunk}");
            assert_eq!(host.declared, ["id", "text", "half", "doc"]);
        }
    }
}

#[test]
fn an_interrupted_load_resumes_at_its_checkpoint() {
    let mut whole = MemoryHost::new(file(60_000));
    load_into(&mut whole, &Options::default()).unwrap();
    assert!(whole.batches >= 3, "{}", whole.batches);
    for crash in 0..whole.batches {
        let mut host = MemoryHost { crash_at_batch: Some(crash), ..MemoryHost::new(whole.source.clone()) };
        assert!(matches!(load_into(&mut host, &Options::default()), Err(LoadError::Host(_))));
        host.crash_at_batch = None;
        load_into(&mut host, &Options::default()).unwrap();
        assert!(host.lines == whole.lines, "crash at batch {crash}");
    }
    whole.etag = "two".to_owned();
    assert!(matches!(load_into(&mut whole, &Options::default()), Err(LoadError::Changed)));
}

#[test]
fn only_the_named_columns_are_loaded() {
    let columns = |names: &[&str]| Options {
        columns: Some(names.iter().map(|&name| name.to_owned()).collect()),
        ..Options::default()
    };
    let mut host = MemoryHost::new(file(3));
    load_into(&mut host, &columns(&["half", "id"])).unwrap();
    assert_eq!(host.lines[2], r#"{"id":2,"half":2.25}"#);
    let mut host = MemoryHost::new(file(3));
    let told = load_into(&mut host, &columns(&["id", "absent"])).unwrap_err().to_string();
    assert_eq!(told, "The file has no column 'absent'; it has id, text, half, doc");
}

#[test]
fn a_record_that_breaks_a_rule_is_reported_and_nothing_is_written() {
    let mut rows = rows(5_000);
    rows[4_321][0] = json!(true);
    let mut host = MemoryHost::new(written(&["id", "text", "half", "doc"], &rows, Compression::Snappy));
    let told = load_into(&mut host, &Options::default()).unwrap_err().to_string();
    assert!(told.starts_with("Row 4322: Invalid primary key type: boolean"), "{told}");
    assert!(host.lines.is_empty());
    assert_eq!((host.rejects[0].line, host.rejects[0].column.as_deref()), (4322, Some("id")));

    let mut host = MemoryHost::new(file(10)).typed(&[("half", AttributeType::Int)]);
    let told = load_into(&mut host, &Options::default()).unwrap_err().to_string();
    assert_eq!(told, "Row 1: Invalid value for attribute half: 0.25, expecting Int");
    let options = Options { key_required: Some("a key is required"), columns: Some(vec!["text".to_owned()]) };
    let told = load_into(&mut MemoryHost::new(file(10)), &options).unwrap_err().to_string();
    assert_eq!(told, "Row 1: a key is required");
}

#[test]
fn an_incomplete_file_is_refused_and_nothing_is_written() {
    let file = file(2_000);
    let mut broken: Vec<Vec<u8>> =
        vec![vec![], b"PAR1".to_vec(), b"id,a\n1,2\n".to_vec(), b"PAR1\xff\xff\xff\xffPAR1".to_vec()];
    broken.extend([1, 10, 1000].map(|cut| file[..file.len() - cut].to_vec()));
    let mut zeroed = file.clone();
    zeroed[100..2_000].fill(0);
    broken.push(zeroed);
    for bytes in broken {
        let mut host = MemoryHost::new(bytes);
        let told = load_into(&mut host, &Options::default()).unwrap_err().to_string();
        assert!(told.starts_with("The file is not valid Parquet, or is damaged"), "{told}");
        assert!(host.lines.is_empty());
        assert_eq!(host.rejects.len(), 1);
    }
}
