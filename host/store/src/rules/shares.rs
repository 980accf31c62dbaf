//! How much of a table each user has written, for the quota of a user.
//!
//! A table's bytes are shared out among those who wrote them: what makes it grow is its writer's, and what makes it shrink
//! is taken from all of them alike, for records do not know who wrote them. So the shares of a table never add up to more
//! than the table takes, whoever deletes what. To take from all costs nothing: a share is kept in units of the table's
//! scale, and the scale shrinks.

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// The scale of a table that never shrank, as a power of two.
const WHOLE_BITS: u32 = 40;
const WHOLE: u64 = 1 << WHOLE_BITS;
/// Below the least scale shares would lose more than a millionth to rounding. A scale that would be smaller is multiplied by
/// two to this, and the next epoch begins.
const EPOCH_BITS: u32 = 20;
const LEAST: u64 = 1 << EPOCH_BITS;
/// Behind so many epochs nothing is left of a share.
const FORGOTTEN: u32 = u64::BITS / EPOCH_BITS + 1;

/// How the shares of one table are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// Shares are worth two to `EPOCH_BITS` times less for each epoch that they are behind.
    epoch: u32,
    scale: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Scale { epoch: 0, scale: WHOLE }
    }
}

impl Scale {
    /// Whether the table never shrank.
    pub fn is_whole(&self) -> bool {
        *self == Scale::default()
    }

    /// The table has become smaller.
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

/// `whole * numerator / denominator`.
fn part(whole: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(whole) * u128::from(numerator);
    u64::try_from(product / u128::from(denominator.max(1))).unwrap_or(u64::MAX)
}

/// What one user has written of one table.
#[derive(Debug, Default, Clone, Copy)]
pub struct Share {
    epoch: u32,
    units: u64,
}

impl Share {
    /// The bytes that it stands for.
    pub fn bytes(self, scale: Scale) -> u64 {
        let behind = scale.epoch.wrapping_sub(self.epoch);
        if behind >= FORGOTTEN {
            return 0;
        }
        let bytes = (u128::from(self.units) * u128::from(scale.scale)) >> (WHOLE_BITS + behind * EPOCH_BITS);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The share after its user has written so many bytes.
    pub fn grown(self, scale: Scale, bytes: u64) -> Self {
        let held = self.bytes(scale).saturating_add(bytes);
        Share { epoch: scale.epoch, units: part(held, WHOLE, scale.scale) }
    }

    /// As it is stored.
    pub fn encode(self) -> [u8; 12] {
        let mut encoded = [0; 12];
        let (epoch, units) = encoded.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        units.copy_from_slice(&self.units.to_be_bytes());
        encoded
    }

    /// As it was stored.
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
    fn a_table_that_shrinks_takes_from_all_alike() {
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
        // However often half of it goes and comes back, nothing is forgotten.
        let mut one = Share::default().grown(scale, 1_000_000);
        for _ in 0..1000 {
            scale.shrink(1_000_000, 500_000);
            one = one.grown(scale, 500_000);
        }
        assert!((999_900..=1_000_000).contains(&one.bytes(scale)), "{}", one.bytes(scale));
        assert!(Share::decode(&one.encode()).is_ok_and(|read| read.units == one.units && read.epoch == one.epoch));
    }

    proptest::proptest! {
        /// Whoever writes and whatever is deleted, the shares are what the table takes, but for rounding.
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
