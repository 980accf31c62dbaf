//! The order in which requests that wait for the writer are done: small ones first, so that a client's short request does
//! not wait for the bulk of a load.
//!
//! Requests of one caller keep their order, because a caller waits for one before it sends the next.

use std::collections::VecDeque;

use super::crowd::Crowd;
use super::options::EmbeddedOptions;
use super::task::Task;

/// A request of at most so many bytes is small.
const SMALL_BYTES: usize = 64 << 10;

/// The requests of one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub tasks: Vec<Box<dyn Task>>,
    /// Size of the large ones.
    pub large_bytes: usize,
}

/// The requests that the writer has received.
#[derive(Default)]
pub(super) struct Queue {
    small: VecDeque<Box<dyn Task>>,
    large: VecDeque<Box<dyn Task>>,
    /// Whether the last group was one of small requests while large ones waited.
    owes_large: bool,
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

    /// Takes the requests of the next commit group. Small ones have a group of their own, so that they do not wait for large
    /// ones; then it is the turn of the large ones, and whatever small ones have come meanwhile.
    pub fn next_group(&mut self, options: &EmbeddedOptions, crowd: &Crowd) -> Group {
        let count = self.small.len().min(options.group_requests);
        let mut group = Group { tasks: self.small.drain(..count).collect(), large_bytes: 0 };
        if !group.tasks.is_empty() && !self.owes_large {
            self.owes_large = !self.large.is_empty();
            return group;
        }
        self.owes_large = false;
        let limit = crowd.group_bytes(options);
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

    fn groups(sizes: &[usize], crowd: &Crowd) -> Vec<Vec<usize>> {
        let mut queue = Queue::default();
        sizes.iter().for_each(|bytes| queue.push(Box::new(Request(*bytes)), crowd));
        let mut groups = Vec::new();
        while !queue.is_empty() {
            let group = queue.next_group(&EmbeddedOptions::default(), crowd);
            groups.push(group.tasks.iter().map(|task| task.bytes()).collect());
        }
        groups
    }

    #[test]
    fn large_requests_are_done_together_if_nobody_else_waits() {
        let sizes = [5 << 20, 6 << 20, 7 << 20, 1 << 20];
        assert_eq!(groups(&sizes, &Crowd::default()), [vec![5 << 20, 6 << 20, 7 << 20], vec![1 << 20]]);
    }

    #[test]
    fn small_requests_come_first_and_divide_the_large_ones() {
        let crowd = Crowd::default();
        let sizes = [4 << 20, 3 << 20, 1, 2, 3 << 20, 3];
        assert_eq!(groups(&sizes, &crowd), [vec![1, 2, 3], vec![4 << 20], vec![3 << 20], vec![3 << 20]]);
    }

    #[test]
    fn large_requests_get_their_turn_however_many_small_ones_come() {
        let (crowd, options) = (Crowd::default(), EmbeddedOptions::default());
        let mut queue = Queue::default();
        queue.push(Box::new(Request(1 << 20)), &crowd);
        let mut small_groups = 0;
        loop {
            queue.push(Box::new(Request(1)), &crowd);
            if queue.next_group(&options, &crowd).large_bytes > 0 {
                break;
            }
            small_groups += 1;
        }
        assert_eq!(small_groups, 1);
    }

    #[test]
    fn the_number_of_requests_is_limited() {
        let counts: Vec<usize> = groups(&[1; 5000], &Crowd::default()).iter().map(Vec::len).collect();
        assert_eq!(counts, [4096, 904]);
    }
}
