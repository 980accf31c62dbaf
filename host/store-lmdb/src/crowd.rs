//! Notices whether small requests keep coming, and how large a commit group may be so that they do not wait long for it.
//!
//! A large group costs less for each record, so groups are divided only while somebody waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::options::EmbeddedOptions;

/// Small requests keep coming if two came so closely, which the progress of a few jobs does not.
const CLOSELY: Duration = Duration::from_millis(100);
/// How long that counts after the last of them.
const A_WHILE: Duration = Duration::from_secs(1);
/// How long a group may take while small requests keep coming.
const SHORT_TURN: Duration = Duration::from_millis(6);
/// How long it may take otherwise: a rare request waits no longer, and the sync is a small part of it.
const LONG_TURN: Duration = Duration::from_millis(80);
/// Such a group is not smaller, or syncing it would take longer than its work.
const LEAST_BYTES: u64 = 256 << 10;
/// Bytes per second assumed before anything was measured: random keys, on a slow disk.
const FIRST_RATE: u64 = 200 << 20;

/// Any thread may ask; only the writer notes and measures.
pub(super) struct Crowd {
    start: Instant,
    /// Milliseconds from the start to the last small request and to the one before it, plus one. 0: there was none.
    last: AtomicU64,
    before: AtomicU64,
    /// Bytes that are written in a second, as recently measured.
    rate: AtomicU64,
}

impl Default for Crowd {
    fn default() -> Self {
        Crowd {
            start: Instant::now(),
            last: AtomicU64::new(0),
            before: AtomicU64::new(0),
            rate: AtomicU64::new(FIRST_RATE),
        }
    }
}

impl Crowd {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX) + 1
    }

    /// Counts a small request.
    pub fn note(&self) {
        self.before.store(self.last.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last.store(self.now(), Ordering::Relaxed);
    }

    pub fn is_here(&self) -> bool {
        let (before, last) = (self.before.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed));
        let within = |from: u64, to: u64, time: Duration| u128::from(to.saturating_sub(from)) < time.as_millis();
        before > 0 && within(before, last, CLOSELY) && within(last, self.now(), A_WHILE)
    }

    /// Learns from a group of so many bytes.
    pub fn measured(&self, bytes: usize, time: Duration) {
        if bytes > 0 {
            let rate = bytes as f64 / time.as_secs_f64().max(1e-6);
            let old = self.rate.load(Ordering::Relaxed) as f64;
            // A sync that happens to take long does not count for much.
            self.rate.store((0.8 * old + 0.2 * rate) as u64, Ordering::Relaxed);
        }
    }

    /// Maximum size of a group now, in bytes.
    pub fn group_bytes(&self, options: &EmbeddedOptions) -> usize {
        let turn = if self.is_here() { SHORT_TURN } else { LONG_TURN };
        let bytes = self.rate.load(Ordering::Relaxed) / 1000 * turn.as_millis() as u64;
        usize::try_from(bytes.max(LEAST_BYTES)).unwrap_or(usize::MAX).min(options.group_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_divided_while_small_requests_come() {
        let (crowd, options) = (Crowd::default(), EmbeddedOptions::default());
        let alone = crowd.group_bytes(&options);
        crowd.note();
        assert!(!crowd.is_here(), "one request is no crowd");
        crowd.note();
        assert!(crowd.is_here());
        assert!(crowd.group_bytes(&options) < alone / 10);
    }

    #[test]
    fn the_size_of_groups_follows_their_speed() {
        let (crowd, options) = (Crowd::default(), EmbeddedOptions::default());
        crowd.note();
        crowd.note();
        for _ in 0..100 {
            crowd.measured(1 << 20, Duration::from_millis(2));
        }
        assert!((2 << 20..4 << 20).contains(&crowd.group_bytes(&options)));
        for _ in 0..100 {
            crowd.measured(1 << 20, Duration::from_secs(1));
        }
        assert_eq!(crowd.group_bytes(&options), LEAST_BYTES as usize);
    }
}
