//! Rejected records: all are counted, and the first ones are kept with their text.

use std::sync::{Mutex, PoisonError};

use jobhost_contract::Reject;
use jobhost_model::plain_text::truncated;

const MAX_RAW_BYTES: usize = 1024;
const MAX_WORD_BYTES: usize = 250;
const MAX_REASON_BYTES: usize = 1024;

#[derive(Debug)]
pub struct Rejects {
    /// Maximum records kept with their text.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    kept: Vec<Reject>,
}

impl Rejects {
    pub fn new(most: usize) -> Self {
        Rejects { most, state: Mutex::default() }
    }

    pub fn report(&self, mut reject: Reject) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count += 1;
        if state.kept.len() < self.most {
            reject.raw = truncated(&reject.raw, MAX_RAW_BYTES).to_owned();
            reject.reason = truncated(&reject.reason, MAX_REASON_BYTES).to_owned();
            reject.kind = truncated(&reject.kind, MAX_WORD_BYTES).to_owned();
            reject.column = reject.column.map(|column| truncated(&column, MAX_WORD_BYTES).to_owned());
            state.kept.push(reject);
        }
    }

    /// The number of rejected records.
    pub fn count(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// The kept records as JSON.
    pub fn kept(&self) -> Vec<serde_json::Value> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.kept.iter().filter_map(|reject| serde_json::to_value(reject).ok()).collect()
    }
}
