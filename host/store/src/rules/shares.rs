//! Each user's share of a table, for storage quotas.
//!
//! The bytes of a table are divided among the users who wrote them. Growth is charged to the writer. Shrinkage is taken
//! from all users in proportion, because records do not store who wrote them. So the shares of a table never add up to
//! more than its size, whoever deletes what. Reducing all shares at once is cheap: they are kept in units of the
//! table's scale, and only the scale shrinks.

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// Scale of a table that never shrank, as a power of two.
const WHOLE_BITS: u32 = 40;
const WHOLE: u64 = 1 << WHOLE_BITS;
/// If the scale falls below the minimum, rounding would lose more than a millionth of a share. The scale is then
/// multiplied by 2^`EPOCH_BITS`, and the next epoch starts.
const EPOCH_BITS: u32 = 20;
const LEAST: u64 = 1 << EPOCH_BITS;
/// After this many epochs, nothing is left of a share.
const FORGOTTEN: u32 = u64::BITS / EPOCH_BITS + 1;

/// The unit in which the shares of a table are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// A share is worth 2^`EPOCH_BITS` times less for each epoch that it lags behind.
    epoch: u32,
    scale: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Scale { epoch: 0, scale: WHOLE }
    }
}

impl Scale {
    /// Returns whether the table never shrank.
    pub fn is_whole(&self) -> bool {
        *self == Scale::default()
    }

    /// Records that the table shrank.
    pub fn shrink(&mut self, before: u64, after: u64) {
        let (mut product, before) = (u128::from(self.scale) * u128::from(after), u128::from(before.max(1)));
        for epoch in 0..FORGOTTEN {
            let scale = u64::try_from(product / before).unwrap_or(u64::MAX);
            if scale >= LEAST {
                *self = Scale { epoch: self.epoch.wrapping_add(epoch), scale };
                return;
            }
            product <<= EPOCH_BITS;
        }
        *self = Scale { epoch: self.epoch.wrapping_add(FORGOTTEN), scale: WHOLE };
    }
}

/// Returns `whole * numerator / denominator`.
fn part(whole: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(whole) * u128::from(numerator);
    u64::try_from(product / u128::from(denominator.max(1))).unwrap_or(u64::MAX)
}

/// One user's share of one table.
#[derive(Debug, Default, Clone, Copy)]
pub struct Share {
    epoch: u32,
    units: u64,
}

impl Share {
    /// Returns the share in bytes.
    pub fn bytes(self, scale: Scale) -> u64 {
        let behind = scale.epoch.wrapping_sub(self.epoch);
        if behind >= FORGOTTEN {
            return 0;
        }
        let bytes = (u128::from(self.units) * u128::from(scale.scale)) >> (WHOLE_BITS + behind * EPOCH_BITS);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Returns the share after its user has written `bytes` more.
    pub fn grown(self, scale: Scale, bytes: u64) -> Self {
        let held = self.bytes(scale).saturating_add(bytes);
        Share { epoch: scale.epoch, units: part(held, WHOLE, scale.scale) }
    }

    /// Encodes the share for storage.
    pub fn encode(self) -> [u8; 12] {
        let mut encoded = [0; 12];
        let (epoch, units) = encoded.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        units.copy_from_slice(&self.units.to_be_bytes());
        encoded
    }

    /// Decodes a stored share.
    pub fn decode(encoded: &[u8]) -> Result<Self, StoreError> {
        let parts = encoded.split_at_checked(4);
        let parts = parts.and_then(|(epoch, units)| Some((epoch.try_into().ok()?, units.try_into().ok()?)));
        let (epoch, units) = parts.ok_or_else(|| StoreError::damaged("a user's share of a table"))?;
        Ok(Share { epoch: u32::from_be_bytes(epoch), units: u64::from_be_bytes(units) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrinking_table_reduces_all_shares_in_proportion() {
        let mut scale = Scale::default();
        let one = Share::default().grown(scale, 3_000);
        let two = Share::default().grown(scale, 1_000);
        scale.shrink(4_000, 2_000);
        assert_eq!((one.bytes(scale), two.bytes(scale)), (1_500, 500));
        let two = two.grown(scale, 2_000);
        assert_eq!((one.bytes(scale), two.bytes(scale)), (1_500, 2_500));
        scale.shrink(4_000, 0);
        assert_eq!((one.bytes(scale), two.bytes(scale)), (0, 0));
        assert_eq!(two.grown(scale, 7).bytes(scale), 7);
        // Deleting and rewriting half of it, however often, loses nothing of the share.
        let mut one = Share::default().grown(scale, 1_000_000);
        for _ in 0..1000 {
            scale.shrink(1_000_000, 500_000);
            one = one.grown(scale, 500_000);
        }
        assert!((999_900..=1_000_000).contains(&one.bytes(scale)), "{}", one.bytes(scale));
        assert!(Share::decode(&one.encode()).is_ok_and(|read| read.units == one.units && read.epoch == one.epoch));
    }

    proptest::proptest! {
        /// Whoever writes and whatever is deleted, the shares add up to the table's size, except for rounding.
        #[test]
        fn fuzz_shares(steps in proptest::collection::vec((0..3_usize, 0..1_000_000_u64), 0..100)) {
            let (mut scale, mut bytes, mut shares) = (Scale::default(), 0_u64, [Share::default(); 2]);
            for (who, amount) in steps {
                match shares.get_mut(who) {
                    Some(share) => {
                        *share = share.grown(scale, amount);
                        bytes += amount;
                    }
                    None => {
                        let after = bytes.saturating_sub(amount);
                        scale.shrink(bytes, after);
                        bytes = after;
                    }
                }
                let sum: u64 = shares.iter().map(|share| share.bytes(scale)).sum();
                proptest::prop_assert!(sum <= bytes && sum + 200 + bytes / 1_000 >= bytes, "{sum} of {bytes}");
            }
        }
    }
}
