use super::*;

/// Cells of all records, the input fed in chunks of `size`.
fn read(text: &[u8], size: usize) -> Result<Vec<Vec<String>>, SyntaxError> {
    let mut reader = Reader::new();
    let mut chunks = text.chunks(size.max(1));
    let mut records = Vec::new();
    loop {
        match reader.advance()? {
            Step::Record => records.push(reader.record().cells().map(|cell| cell.text()).collect()),
            Step::End => return Ok(records),
            Step::NeedInput => match chunks.next() {
                Some(chunk) => reader.feed(chunk),
                None => reader.end(),
            },
        }
    }
}

#[test]
fn x() {
    assert_eq!(read(b"id,a\n1,\"x, y\nz \"\"q\"\"\"\n", 3).unwrap(), [["id", "a"], ["1", "x, y\nz \"q\""]]);
}
