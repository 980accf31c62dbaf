//! The order in which requests that wait for the writer are done: small ones first, so that a client's short request does
//! not wait for the bulk of a load.
//!
//! Requests of one caller keep their order, because a caller waits for one before it sends the next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::options::EmbeddedOptions;
use super::writer::Task;

/// A request of at most so many bytes is small.
const SMALL_BYTES: usize = 64 << 10;
/// Size of the large requests of one commit group while small requests keep coming: about ten milliseconds of work.
const CROWDED_BYTES: usize = 2 << 20;
/// Number of records that such a large request should have.
pub(super) const CROWDED_RECORDS: usize = 10_000;
/// Small requests keep coming if there were two in such a time.
const SOON: Duration = Duration::from_secs(1);

/// Notices whether small requests keep coming. Any thread may ask.
pub(super) struct Crowd {
    start: Instant,
    /// Milliseconds from the start to the last small request and to the one before it, plus one.
    last: AtomicU64,
    before: AtomicU64,
}

impl Default for Crowd {
    fn default() -> Self {
        Crowd { start: Instant::now(), last: AtomicU64::new(0), before: AtomicU64::new(0) }
    }
}

impl Crowd {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts a small request. Only the writer calls this.
    fn note(&self) {
        self.before.store(self.last.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last.store(self.now() + 1, Ordering::Relaxed);
    }

    pub fn is_here(&self) -> bool {
        let before = self.before.load(Ordering::Relaxed);
        before > 0 && u128::from((self.now() + 1).saturating_sub(before)) < SOON.as_millis()
    }
}

/// The requests that the writer has received.
#[derive(Default)]
pub(super) struct Queue {
    small: VecDeque<Box<dyn Task>>,
    large: VecDeque<Box<dyn Task>>,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }

    pub fn push(&mut self, task: Box<dyn Task>, crowd: &Crowd) {
        if task.bytes() <= SMALL_BYTES {
            crowd.note();
            self.small.push_back(task);
        } else {
            self.large.push_back(task);
        }
    }

    /// Takes the requests of the next commit group: small ones, and at least one large one if any waits.
    pub fn next_group(&mut self, options: &EmbeddedOptions, crowd: &Crowd) -> Vec<Box<dyn Task>> {
        let count = self.small.len().min(options.group_requests);
        let mut group: Vec<Box<dyn Task>> = self.small.drain(..count).collect();
        let limit = if crowd.is_here() { CROWDED_BYTES } else { options.group_bytes };
        let mut bytes = 0;
        while let Some(task) = self.large.pop_front() {
            bytes += task.bytes();
            group.push(task);
            if bytes >= limit || group.len() >= options.group_requests {
                break;
            }
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Transaction;
    use jobhost_store::StoreError;

    struct Request(usize);

    impl Task for Request {
        fn run(&mut self, _: &mut Transaction<'_>) -> Result<(), StoreError> {
            Ok(())
        }

        fn bytes(&self) -> usize {
            self.0
        }

        fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    fn groups(sizes: &[usize], crowd: &Crowd) -> Vec<Vec<usize>> {
        let mut queue = Queue::default();
        sizes.iter().for_each(|bytes| queue.push(Box::new(Request(*bytes)), crowd));
        let mut groups = Vec::new();
        while !queue.is_empty() {
            let group = queue.next_group(&EmbeddedOptions::default(), crowd);
            groups.push(group.iter().map(|task| task.bytes()).collect());
        }
        groups
    }

    #[test]
    fn large_requests_are_done_together_if_nobody_else_waits() {
        assert_eq!(
            groups(&[5 << 20, 6 << 20, 7 << 20, 1 << 20], &Crowd::default()),
            [vec![5 << 20, 6 << 20, 7 << 20], vec![1 << 20],]
        );
        assert_eq!(groups(&[5 << 20, 1], &Crowd::default()), [[1, 5 << 20]]);
    }

    #[test]
    fn small_requests_come_first_and_divide_the_large_ones() {
        let crowd = Crowd::default();
        assert_eq!(
            groups(&[1 << 20, 3 << 20, 1, 2, 3 << 20, 3], &crowd),
            [vec![1, 2, 3, 1 << 20, 3 << 20], vec![3 << 20],]
        );
        assert!(crowd.is_here());
        assert!(!Crowd::default().is_here());
    }

    #[test]
    fn the_number_of_requests_is_limited() {
        let counts: Vec<usize> = groups(&[1; 5000], &Crowd::default()).iter().map(Vec::len).collect();
        assert_eq!(counts, [4096, 904]);
    }
}
