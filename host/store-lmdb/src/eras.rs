//! Eras: how a table handles a clock that moved backwards.
//!
//! Created times ascend with record numbers, so the oldest records are a prefix of the heap. If the clock moves back a
//! little, the table keeps using its newest time until the clock has caught up. If the clock moves far back, because
//! it had been wrong before, that would give all later records a time in the future. The table starts a new era
//! instead: times ascend within each era, and a search for the oldest records looks at the start of each.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use jobhost_store::StoreError;

/// Maximum number of eras per table. If all of them still hold records, the table keeps using its newest time when the
/// clock moves back.
const MOST_ERAS: usize = 64;

/// Record numbers at which a new era starts, ascending. The first era starts with the table and is not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Eras {
    starts: Vec<u64>,
}

impl Eras {
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns the range of record numbers of each era, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        let starts = std::iter::once(0).chain(self.starts.iter().copied());
        let ends = self.starts.iter().copied().chain(std::iter::once(u64::MAX));
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// Starts an era at this record number. Returns false if the maximum number of eras still hold records.
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

    /// Forgets eras that hold no more records, except the last one, which is still growing.
    pub fn forget(&mut self, has_records: impl Fn(Range<u64>) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        let mut kept = Vec::with_capacity(self.starts.len());
        let mut start = 0;
        // An era is identified by its end: keeping the end keeps the era.
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
    fn eras_without_records_are_forgotten() {
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
            // The remaining starts still separate records of different eras.
            let of = |eras: &Eras, number: u64| eras.ranges().position(|range| range.contains(&number));
            for pair in there.windows(2) {
                let [before, after] = [of(&began_at(starts), pair[0]), of(&began_at(starts), pair[1])];
                assert_eq!(before == after, of(&eras, pair[0]) == of(&eras, pair[1]));
            }
        }
    }

    #[test]
    fn the_number_of_eras_is_limited() {
        let mut eras = Eras::default();
        let begun = (1..200).take_while(|number| eras.begin(*number, |_| Ok(true)).unwrap()).count();
        assert_eq!(begun, MOST_ERAS - 1);
        assert_eq!(eras.ranges().count(), MOST_ERAS);
        assert!(eras.begin(500, |range| Ok(range.contains(&7) || range.contains(&400))).unwrap());
        assert_eq!(eras.ranges().collect::<Vec<_>>(), [0..8, 8..500, 500..u64::MAX]);
    }
}
