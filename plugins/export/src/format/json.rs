//! One JSON array of all rows, on a single line without a line end.

/// Returns each chunk when the next one comes, because only then it is known whether a comma follows its last row.
#[derive(Debug)]
pub(super) struct JsonWriter {
    /// The chunk returned last.
    given: Vec<u8>,
    /// The chunk to return next. A comma follows each row.
    held: Vec<u8>,
}

impl JsonWriter {
    pub(super) fn new() -> Self {
        JsonWriter { given: Vec::new(), held: vec![b'['] }
    }

    pub(super) fn rows(&mut self, mut rows: Vec<u8>) -> (u64, &[u8]) {
        // Each LF ends a row, because JSON escapes those in strings. Counting in bytes lets the compiler vectorize the
        // loop.
        let mut count = 0;
        for run in rows.chunks_mut(usize::from(u8::MAX)) {
            let mut found = 0u8;
            for byte in run {
                let ends = *byte == b'\n';
                *byte = if ends { b',' } else { *byte };
                found += u8::from(ends);
            }
            count += u64::from(found);
        }
        self.given = std::mem::replace(&mut self.held, rows);
        (count, &self.given)
    }

    pub(super) fn finish(&mut self) -> &[u8] {
        if self.held.last() == Some(&b',') {
            self.held.pop();
        }
        self.held.push(b']');
        &self.held
    }
}
