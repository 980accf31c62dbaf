//! Eras: what a table keeps of a clock that went back.
//!
//! Created times ascend in order of the records' numbers, so the oldest records are a prefix of the heap. When the clock
//! goes back a little, the table's time stands still until the clock has caught up. When it goes back far, because it had
//! jumped forward before, that would give all later records a time of the future. Then a new era begins: within each era
//! times ascend, and what is the oldest is looked for at the beginning of each.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use jobhost_store::StoreError;

/// Of one table. With so many that all have records, its time stands still again when the clock goes back.
const MOST_ERAS: usize = 64;

/// Numbers of the records that begin a new era, ascending. The first era begins with the table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Eras {
    starts: Vec<u64>,
}

impl Eras {
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The numbers of each era, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        let starts = std::iter::once(0).chain(self.starts.iter().copied());
        let ends = self.starts.iter().copied().chain(std::iter::once(u64::MAX));
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// Begin an era with the record of this number; false if there are too many that have records.
    pub fn begin(
        &mut self,
        number: u64,
        has_records: impl Fn(Range<u64>) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        self.starts.push(number);
        self.forget(has_records)?;
        if self.starts.len() >= MOST_ERAS {
            self.starts.pop();
            return Ok(false);
        }
        Ok(true)
    }

    /// Forget eras whose records are gone, but for the last: it goes on.
    pub fn forget(&mut self, has_records: impl Fn(Range<u64>) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        let mut kept = Vec::with_capacity(self.starts.len());
        let mut start = 0;
        // An era is kept by keeping where it ends.
        for end in &self.starts {
            if has_records(start..*end)? {
                kept.push(*end);
            }
            start = *end;
        }
        self.starts = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began_at(starts: &[u64]) -> Eras {
        Eras { starts: starts.to_vec() }
    }

    #[test]
    fn eras_are_forgotten_when_their_records_are_gone() {
        for (starts, with_records, left) in [
            (&[][..], &[][..], &[][..]),
            (&[5], &[2], &[5]),
            (&[5], &[7], &[]),
            (&[5], &[], &[]),
            (&[5, 9, 20], &[1, 6, 10, 30], &[5, 9, 20]),
            (&[5, 9, 20], &[6, 30], &[9]),
            (&[5, 9, 20], &[1, 10], &[5, 20]),
            (&[5, 9, 20], &[10], &[20]),
            (&[5, 9, 20], &[30], &[]),
        ] {
            let mut eras = began_at(starts);
            let there: Vec<u64> = with_records.to_vec();
            eras.forget(|range| Ok(there.iter().any(|number| range.contains(number)))).unwrap();
            assert_eq!(eras, began_at(left), "{starts:?} {with_records:?}");
            // What is left still keeps records of different eras apart.
            let of = |eras: &Eras, number: u64| eras.ranges().position(|range| range.contains(&number));
            for pair in there.windows(2) {
                let [before, after] = [of(&began_at(starts), pair[0]), of(&began_at(starts), pair[1])];
                assert_eq!(before == after, of(&eras, pair[0]) == of(&eras, pair[1]));
            }
        }
    }

    #[test]
    fn there_are_only_so_many() {
        let mut eras = Eras::default();
        let begun = (1..200).take_while(|number| eras.begin(*number, |_| Ok(true)).unwrap()).count();
        assert_eq!(begun, MOST_ERAS - 1);
        assert_eq!(eras.ranges().count(), MOST_ERAS);
        assert!(eras.begin(500, |range| Ok(range.contains(&7) || range.contains(&400))).unwrap());
        assert_eq!(eras.ranges().collect::<Vec<_>>(), [0..8, 8..500, 500..u64::MAX]);
    }
}
