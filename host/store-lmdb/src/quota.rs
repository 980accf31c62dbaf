//! How much of the store each user has written, for the quota of a user.
//!
//! A table's bytes are shared out among those who wrote them: what makes it grow is its writer's, and what makes it shrink
//! is taken from all of them alike, for records do not know who wrote them. So the shares of a table never add up to more
//! than the table takes, whoever deletes what. To take from all costs nothing: a share is kept in units of the table's
//! scale, and the scale shrinks.

use heed::RoTxn;
use serde::{Deserialize, Serialize};

use super::environment::{Databases, damaged, engine};
use super::transaction::Transaction;
use jobhost_model::table::Action;
use jobhost_store::store::{Quota, StoreError, StoreErrorKind, TableWrite};

const PREFIX: &[u8] = b"written by ";
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
pub(super) struct Scale {
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
struct Share {
    epoch: u32,
    units: u64,
}

impl Share {
    fn bytes(self, scale: Scale) -> u64 {
        let behind = scale.epoch.wrapping_sub(self.epoch);
        if behind >= FORGOTTEN {
            return 0;
        }
        let bytes = (u128::from(self.units) * u128::from(scale.scale)) >> (WHOLE_BITS + behind * EPOCH_BITS);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn grown(self, scale: Scale, bytes: u64) -> Self {
        let held = self.bytes(scale).saturating_add(bytes);
        Share { epoch: scale.epoch, units: part(held, WHOLE, scale.scale) }
    }

    fn encode(self) -> [u8; 12] {
        let mut encoded = [0; 12];
        let (epoch, units) = encoded.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        units.copy_from_slice(&self.units.to_be_bytes());
        encoded
    }

    fn decode(encoded: &[u8]) -> Result<Self, StoreError> {
        let parts = encoded.split_at_checked(4);
        let parts = parts.and_then(|(epoch, units)| Some((epoch.try_into().ok()?, units.try_into().ok()?)));
        let (epoch, units) = parts.ok_or_else(|| damaged("a user's share of a table"))?;
        Ok(Share { epoch: u32::from_be_bytes(epoch), units: u64::from_be_bytes(units) })
    }
}

fn prefix(user: &str) -> Vec<u8> {
    [PREFIX, user.as_bytes(), &[0]].concat()
}

fn key(user: &str, table: u32) -> Vec<u8> {
    [prefix(user).as_slice(), &table.to_be_bytes()].concat()
}

/// The tables that a user has written to, with the shares.
fn shares(dbs: &Databases, txn: &RoTxn<'_>, user: &str) -> Result<Vec<(u32, Share)>, StoreError> {
    let prefix = prefix(user);
    let mut shares = Vec::new();
    for entry in dbs.meta.prefix_iter(txn, &prefix).map_err(engine)? {
        let (key, share) = entry.map_err(engine)?;
        let table = key.strip_prefix(prefix.as_slice()).and_then(|table| table.try_into().ok());
        let table = table.map(u32::from_be_bytes).ok_or_else(|| damaged("the key of a user's share"))?;
        shares.push((table, Share::decode(share)?));
    }
    Ok(shares)
}

/// Refuses writes that might take a user beyond the quota, before anything is changed. What an update replaces is not known
/// yet, so that updates are refused only of a user who is at the limit already.
pub(super) fn check(tx: &Transaction<'_>, quota: &Quota, writes: &[TableWrite]) -> Result<(), StoreError> {
    let mut held: u64 = 0;
    for (table, share) in shares(&tx.dbs, tx.read(), &quota.user)? {
        let counters = tx.counters(table)?;
        // No more than there is: the table may have been dropped.
        held = held.saturating_add(share.bytes(counters.scale).min(counters.bytes));
    }
    let bytes = |write: &TableWrite| match write.action {
        Action::Update => 0,
        Action::Insert | Action::Upsert => {
            write.batch.encoded().map(|(key, text)| (key.len() + text.len()) as u64).sum()
        }
    };
    let more: u64 = writes.iter().map(bytes).sum();
    if held.saturating_add(more.max(1)) <= quota.bytes {
        return Ok(());
    }
    let Quota { user, bytes } = quota;
    let sentence = format!(
        "The records that '{user}' has written take {held} bytes and {more} bytes are to be added; a user may store {bytes} \
         bytes (data.user_max_bytes). Delete records, or ask whoever runs the host for more"
    );
    Err(StoreError::new(StoreErrorKind::OverQuota, sentence))
}

/// Charges a user with what a table has grown by.
pub(super) fn charge(tx: &mut Transaction<'_>, user: &str, table: u32, bytes: u64) -> Result<(), StoreError> {
    if bytes == 0 {
        return Ok(());
    }
    let (dbs, key, scale) = (tx.dbs, key(user, table), tx.counters(table)?.scale);
    let share = match dbs.meta.get(tx.read(), &key).map_err(engine)? {
        Some(share) => Share::decode(share)?,
        None => {
            forget_dropped(tx, user)?;
            Share::default()
        }
    };
    dbs.meta.put(tx.change(), &key, &share.grown(scale, bytes).encode()).map_err(engine)
}

/// Tables come and go, and their ids do not come again.
fn forget_dropped(tx: &mut Transaction<'_>, user: &str) -> Result<(), StoreError> {
    let dbs = tx.dbs;
    for (table, _) in shares(&dbs, tx.read(), user)? {
        let exists =
            tx.catalogue().databases.values().flat_map(|tables| tables.values()).any(|other| other.id == table);
        if !exists {
            dbs.meta.delete(tx.change(), &key(user, table)).map_err(engine)?;
        }
    }
    Ok(())
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
