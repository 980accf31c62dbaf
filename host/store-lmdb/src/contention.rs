//! Detects that small requests keep arriving, and derives how large a commit group may be so that they do not wait long
//! for it.
//!
//! A large group costs less for each record, so groups are small only while other requests would wait for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::options::EmbeddedOptions;

/// Two small requests that arrive within this time count as contention. The progress reports of a few jobs are rarer.
const MAX_GAP: Duration = Duration::from_millis(100);
/// How long the contention lasts after the second of them.
const DURATION: Duration = Duration::from_secs(1);
/// Target duration of a group under contention.
const CONTENDED_TIME: Duration = Duration::from_millis(6);
/// Target duration of other groups: an occasional small request waits no longer, and the sync is a small part of it.
const UNCONTENDED_TIME: Duration = Duration::from_millis(80);
/// Smallest target size of a group. The sync of a smaller one would take longer than its work.
const MIN_BYTES: u64 = 256 << 10;
/// Initial estimate of the bytes written per second.
const INITIAL_RATE: u64 = 200 << 20;

/// Any thread may read it. Only the writer updates it.
pub(super) struct Contention {
    start: Instant,
    /// Arrival of the last small request and of the one before it: milliseconds since `start`, plus 1. 0 means none.
    last: AtomicU64,
    before: AtomicU64,
    /// Moving average of the bytes written per second.
    rate: AtomicU64,
}

impl Default for Contention {
    fn default() -> Self {
        Contention {
            start: Instant::now(),
            last: AtomicU64::new(0),
            before: AtomicU64::new(0),
            rate: AtomicU64::new(INITIAL_RATE),
        }
    }
}

impl Contention {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX) + 1
    }

    /// Records the arrival of a small request.
    pub fn small_request(&self) {
        self.before.store(self.last.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last.store(self.now(), Ordering::Relaxed);
    }

    pub fn is_present(&self) -> bool {
        let (before, last) = (self.before.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed));
        let within = |from: u64, to: u64, time: Duration| u128::from(to.saturating_sub(from)) < time.as_millis();
        before > 0 && within(before, last, MAX_GAP) && within(last, self.now(), DURATION)
    }

    /// Records how long it took to commit this many bytes.
    pub fn committed(&self, bytes: usize, time: Duration) {
        if bytes > 0 {
            let rate = bytes as f64 / time.as_secs_f64().max(1e-6);
            let old = self.rate.load(Ordering::Relaxed) as f64;
            // The weight is low, because a single sync may take unusually long.
            self.rate.store((0.8 * old + 0.2 * rate) as u64, Ordering::Relaxed);
        }
    }

    /// Returns the current maximum size of a group in bytes.
    pub fn group_bytes(&self, options: &EmbeddedOptions) -> usize {
        let time = if self.is_present() { CONTENDED_TIME } else { UNCONTENDED_TIME };
        let bytes = self.rate.load(Ordering::Relaxed) / 1000 * time.as_millis() as u64;
        usize::try_from(bytes.max(MIN_BYTES)).unwrap_or(usize::MAX).min(options.group_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_smaller_while_small_requests_keep_arriving() {
        let (contention, options) = (Contention::default(), EmbeddedOptions::default());
        let alone = contention.group_bytes(&options);
        contention.small_request();
        assert!(!contention.is_present(), "one request is not contention");
        contention.small_request();
        assert!(contention.is_present());
        assert!(contention.group_bytes(&options) < alone / 10);
    }

    #[test]
    fn the_size_of_groups_follows_the_measured_rate() {
        let (contention, options) = (Contention::default(), EmbeddedOptions::default());
        contention.small_request();
        contention.small_request();
        for _ in 0..100 {
            contention.committed(1 << 20, Duration::from_millis(2));
        }
        assert!((2 << 20..4 << 20).contains(&contention.group_bytes(&options)));
        for _ in 0..100 {
            contention.committed(1 << 20, Duration::from_secs(1));
        }
        assert_eq!(contention.group_bytes(&options), MIN_BYTES as usize);
    }
}
