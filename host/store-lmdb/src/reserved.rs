//! Ranges of a table's record numbers that are reserved for unpublished records (`unpublished`). A reader of the heap must
//! skip them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A range of record numbers, reserved for one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reservation {
    part: u32,
    start: u64,
    end: u64,
}

/// The reserved ranges of one table. They ascend and do not overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Reserved(Vec<Reservation>);

impl Reserved {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range, which must follow all others.
    pub fn add(&mut self, part: u32, numbers: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.part == part && last.end == numbers.start => last.end = numbers.end,
            _ => self.0.push(Reservation { part, start: numbers.start, end: numbers.end }),
        }
    }

    pub fn remove(&mut self, part: u32) {
        self.0.retain(|reservation| reservation.part != part);
    }

    /// Returns the ranges of one part.
    pub fn of(&self, part: u32) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().filter(move |reservation| reservation.part == part).map(|one| one.start..one.end)
    }

    /// Returns the lowest reserved number.
    pub fn first(&self) -> Option<u64> {
        self.0.first().map(|reservation| reservation.start)
    }

    /// Returns the parts of a range that are not reserved.
    pub fn without(&self, numbers: Range<u64>) -> Vec<Range<u64>> {
        let mut free = Vec::new();
        let mut start = numbers.start;
        for reservation in &self.0 {
            if reservation.end <= start || reservation.start >= numbers.end {
                continue;
            }
            if reservation.start > start {
                free.push(start..reservation.start);
            }
            start = reservation.end;
        }
        if start < numbers.end {
            free.push(start..numbers.end);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<(u64, u64)> {
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn what_is_reserved_is_left_out() {
        let mut reserved = Reserved::default();
        assert_eq!(pairs(reserved.without(3..9)), [(3, 9)]);
        reserved.add(1, 10..20);
        reserved.add(2, 20..30);
        reserved.add(1, 40..50);
        reserved.add(1, 50..60);
        assert_eq!(pairs(reserved.of(1)), [(10, 20), (40, 60)]);
        for ((start, end), free) in [
            ((0, u64::MAX), &[(0, 10), (30, 40), (60, u64::MAX)][..]),
            ((0, 5), &[(0, 5)]),
            ((12, 18), &[]),
            ((15, 35), &[(30, 35)]),
            ((30, 40), &[(30, 40)]),
            ((25, 45), &[(30, 40)]),
            ((60, 60), &[]),
        ] {
            assert_eq!(pairs(reserved.without(start..end)), free, "{start}..{end}");
        }
        assert_eq!(reserved.first(), Some(10));
        reserved.remove(1);
        assert_eq!((reserved.first(), pairs(reserved.without(0..50))), (Some(20), vec![(0, 20), (30, 50)]));
    }
}
