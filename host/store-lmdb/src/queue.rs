//! The order in which the writer handles requests: small ones first, so that a client's short request does not wait for
//! the large write groups of a load.
//!
//! Requests of one caller keep their order, because a caller waits for each reply before it sends the next request.

use std::collections::VecDeque;

use super::contention::Contention;
use super::options::EmbeddedOptions;
use super::task::Task;

/// Maximum size of a small request in bytes.
const SMALL_BYTES: usize = 64 << 10;

/// The requests of one transaction.
pub(super) struct Group {
    pub tasks: Vec<Box<dyn Task>>,
    /// Total size of the large ones in bytes.
    pub large_bytes: usize,
}

/// The requests that the writer has received.
#[derive(Default)]
pub(super) struct Queue {
    small: VecDeque<Box<dyn Task>>,
    large: VecDeque<Box<dyn Task>>,
    /// Whether large requests are next, because they waited for a group of small ones.
    large_is_next: bool,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }

    pub fn push(&mut self, task: Box<dyn Task>, contention: &Contention) {
        if task.bytes() <= SMALL_BYTES {
            contention.small_request();
            self.small.push_back(task);
        } else {
            self.large.push_back(task);
        }
    }

    /// Takes the requests of the next commit group. Small requests form a separate group, so that they do not wait for large
    /// ones. The next group then contains large requests, and the small ones that have arrived in the meantime.
    pub fn next_group(&mut self, options: &EmbeddedOptions, contention: &Contention) -> Group {
        let count = self.small.len().min(options.group_requests);
        let mut group = Group { tasks: self.small.drain(..count).collect(), large_bytes: 0 };
        if !group.tasks.is_empty() && !self.large_is_next {
            self.large_is_next = !self.large.is_empty();
            return group;
        }
        self.large_is_next = false;
        let limit = contention.group_bytes(options);
        while group.tasks.len() < options.group_requests
            && group.large_bytes < limit
            && let Some(task) = self.large.pop_front()
        {
            group.large_bytes += task.bytes();
            group.tasks.push(task);
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

    fn groups(sizes: &[usize], contention: &Contention) -> Vec<Vec<usize>> {
        let mut queue = Queue::default();
        sizes.iter().for_each(|bytes| queue.push(Box::new(Request(*bytes)), contention));
        let mut groups = Vec::new();
        while !queue.is_empty() {
            let group = queue.next_group(&EmbeddedOptions::default(), contention);
            groups.push(group.tasks.iter().map(|task| task.bytes()).collect());
        }
        groups
    }

    #[test]
    fn large_requests_share_a_group_without_contention() {
        let sizes = [5 << 20, 6 << 20, 7 << 20, 1 << 20];
        assert_eq!(groups(&sizes, &Contention::default()), [vec![5 << 20, 6 << 20, 7 << 20], vec![1 << 20]]);
    }

    #[test]
    fn small_requests_are_first_and_make_groups_of_large_ones_smaller() {
        let contention = Contention::default();
        let sizes = [4 << 20, 3 << 20, 1, 2, 3 << 20, 3];
        assert_eq!(groups(&sizes, &contention), [vec![1, 2, 3], vec![4 << 20], vec![3 << 20], vec![3 << 20]]);
    }

    #[test]
    fn large_requests_do_not_starve() {
        let (contention, options) = (Contention::default(), EmbeddedOptions::default());
        let mut queue = Queue::default();
        queue.push(Box::new(Request(1 << 20)), &contention);
        let mut small_groups = 0;
        loop {
            queue.push(Box::new(Request(1)), &contention);
            if queue.next_group(&options, &contention).large_bytes > 0 {
                break;
            }
            small_groups += 1;
        }
        assert_eq!(small_groups, 1);
    }

    #[test]
    fn the_number_of_requests_in_a_group_is_limited() {
        let counts: Vec<usize> = groups(&[1; 5000], &Contention::default()).iter().map(Vec::len).collect();
        assert_eq!(counts, [4096, 904]);
    }
}
