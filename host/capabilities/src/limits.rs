//! Limits on what a guest may pass and hold, and a record of the limits that were reached. A call beyond a limit
//! fails, or its data is truncated; either way the job's row names the limit and the values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_model::jobs::{LimitMet, LimitReached};
use jobhost_sandbox::DEFAULT_LOG_BYTES;
use jobhost_store::{BatchBound, BatchLimits, Exceeded};

/// Each has a key of the same name in section `sandbox` of the configuration. The defaults are those of the contract.
#[derive(Debug, Clone)]
pub struct CapabilityLimits {
    pub batch: BatchLimits,
    pub checkpoint_bytes: usize,
    /// Records of one transaction of the store. No key sets it: it changes speed and nothing else.
    pub group_records: usize,
    /// Open at a time.
    pub readers: usize,
    pub writers: usize,
    pub cursors: usize,
    pub log_bytes: usize,
    /// Kept with their text.
    pub rejects: usize,
    pub result_bytes: usize,
    pub message_bytes: usize,
}

impl Default for CapabilityLimits {
    fn default() -> Self {
        CapabilityLimits {
            batch: BatchLimits::default(),
            checkpoint_bytes: 64 * 1024,
            group_records: 100_000,
            readers: 16,
            writers: 4,
            cursors: 4,
            log_bytes: DEFAULT_LOG_BYTES,
            rejects: 100,
            result_bytes: 256 * 1024,
            message_bytes: 64 * 1024,
        }
    }
}

/// The limits that one attempt has met without being ended by them.
#[derive(Debug, Default)]
pub struct LimitsMet {
    /// By key: as many entries as there are limits.
    met: Mutex<BTreeMap<Arc<str>, LimitMet>>,
}

impl LimitsMet {
    pub fn note(&self, reached: LimitReached, times: u64) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = met.entry(Arc::clone(&reached.key));
        let entry = entry.or_insert_with(|| LimitMet { most: reached.clone(), times: 0 });
        entry.times = entry.times.saturating_add(times);
        if reached.reached > entry.most.reached {
            entry.most = reached;
        }
    }

    /// Notes it, and makes the answer for the guest.
    pub fn refuse(&self, reached: LimitReached, sentence: impl Into<String>) -> CapabilityError {
        let message = format!("{} ({})", sentence.into(), reached.key);
        self.note(reached, 1);
        CapabilityError::new(CapabilityErrorKind::Limit, message)
    }

    /// As [`LimitsMet::refuse`], for a batch.
    pub fn refuse_batch(&self, exceeded: Exceeded, sentence: String) -> CapabilityError {
        let key = match exceeded.bound {
            BatchBound::Bytes => "sandbox.batch_bytes",
            BatchBound::Records => "sandbox.batch_records",
            BatchBound::RecordBytes => "sandbox.record_bytes",
            BatchBound::Depth => "sandbox.record_depth",
            BatchBound::Fixed => return CapabilityError::new(CapabilityErrorKind::Limit, sentence),
        };
        self.refuse(LimitReached::new(key, exceeded.limit, exceeded.reached.map(|reached| reached as u64)), sentence)
    }

    /// In order of key.
    pub fn all(&self) -> Vec<LimitMet> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_kept_and_all_are_counted() {
        let met = LimitsMet::default();
        for reached in [5, 9, 7] {
            let error = met.refuse(LimitReached::new("sandbox.readers", 4, reached), "too many");
            assert_eq!((error.kind, &*error.message), (CapabilityErrorKind::Limit, "too many (sandbox.readers)"));
        }
        met.note(LimitReached::new("sandbox.log_bytes", 10, None), 2);
        let all = serde_json::to_value(met.all()).unwrap();
        let expected = serde_json::json!([
            {"key": "sandbox.log_bytes", "limit": 10, "times": 2},
            {"key": "sandbox.readers", "limit": 4, "reached": 9, "times": 3},
        ]);
        assert_eq!(all, expected);
    }
}
