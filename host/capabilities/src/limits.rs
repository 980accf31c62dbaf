//! Limits on what a guest may pass and hold, and a record of the limits that were reached. A call beyond a limit
//! fails, or its data is truncated; either way the job's row names the limit and the values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_model::Limit;
use jobhost_model::jobs::{LimitMet, LimitReached};
use jobhost_sandbox::DEFAULT_LOG_BYTES;
use jobhost_store::BatchLimits;

/// The defaults are those of the contract.
#[derive(Debug, Clone)]
pub struct CapabilityLimits {
    pub batch: BatchLimits,
    pub checkpoint_bytes: Limit,
    /// Records of one transaction of the store. No key sets it: it changes speed and nothing else.
    pub group_records: usize,
    /// Sources that are open at the same time.
    pub readers: Limit,
    /// Sinks that are open at the same time.
    pub writers: Limit,
    /// Queries that are open at the same time.
    pub cursors: Limit,
    pub log_bytes: Limit,
    /// Rejected records that are kept with their text.
    pub rejects: Limit,
    pub result_bytes: Limit,
    pub message_bytes: Limit,
    /// How long a client waits for the outcome of an operation that is not a job.
    pub outcome: Limit,
}

impl CapabilityLimits {
    /// What a plugin gets when the configuration says nothing else.
    pub const DEFAULT: Self = CapabilityLimits {
        batch: BatchLimits::DEFAULT,
        checkpoint_bytes: Limit::new("sandbox.checkpoint_bytes", 64 * 1024),
        group_records: 100_000,
        readers: Limit::new("sandbox.readers", 16),
        writers: Limit::new("sandbox.writers", 4),
        cursors: Limit::new("sandbox.cursors", 4),
        log_bytes: Limit::new("sandbox.log_bytes", DEFAULT_LOG_BYTES as u64),
        rejects: Limit::new("sandbox.rejects", 100),
        result_bytes: Limit::new("sandbox.result_bytes", 256 * 1024),
        message_bytes: Limit::new("sandbox.message_bytes", 64 * 1024),
        outcome: Limit::new("sandbox.outcome_seconds", 30),
    };
}

impl Default for CapabilityLimits {
    fn default() -> Self {
        Self::DEFAULT
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
        let readers = Limit::new("sandbox.readers", 4);
        for reached in [5, 9, 7] {
            let error = met.refuse(readers.reached(reached), "too many");
            assert_eq!((error.kind, &*error.message), (CapabilityErrorKind::Limit, "too many (sandbox.readers)"));
        }
        met.note(Limit::new("sandbox.log_bytes", 10).reached(None), 2);
        let all = serde_json::to_value(met.all()).unwrap();
        let expected = serde_json::json!([
            {"key": "sandbox.log_bytes", "limit": 10, "times": 2},
            {"key": "sandbox.readers", "limit": 4, "reached": 9, "times": 3},
        ]);
        assert_eq!(all, expected);
    }
}
