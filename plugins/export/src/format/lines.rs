//! A JSON object a line, each with its LF: what the host gives, as it is.

/// Passes chunks on.
#[derive(Debug, Default)]
pub(super) struct LinesWriter {
    rows: Vec<u8>,
}

impl LinesWriter {
    pub(super) fn rows(&mut self, rows: Vec<u8>) -> (u64, &[u8]) {
        self.rows = rows;
        // Counted in bytes, so that the loop becomes vectors.
        let runs = self.rows.chunks(usize::from(u8::MAX));
        let count = runs.map(|run| u64::from(run.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>())).sum();
        (count, &self.rows)
    }
}
