//! Records with generated keys: each is a new record, whatever the action. A generated key that is already taken is
//! replaced, so that no record is skipped or merged because two hosts, or one host at two times, generated the same
//! key.

use std::borrow::Cow;
use std::collections::HashSet;

use super::heap::Usage;
use super::index::{self, Index, Proposal};
use super::records::{self, Incoming, Placed, Target};
use super::sorted::Sorted;
use super::transaction::Transaction;
use jobhost_model::key::Key;
use jobhost_model::table::Table;
use jobhost_store::key_source::KeySource;
use jobhost_store::rules::merging::{MAX_KEY_TRIES, no_free_key, with_key};
use jobhost_store::{StoreError, TableWrite};

/// A record that got another key.
pub(super) struct Moved {
    pub index: usize,
    pub key: Vec<u8>,
    pub text: Vec<u8>,
}

struct Pending<'b> {
    index: u32,
    source: &'b KeySource,
    key: Cow<'b, [u8]>,
}

/// Returns the records of a run, and the indexes of those that have generated keys, ascending, with their source.
pub(super) fn records_of(run: &[TableWrite]) -> (Vec<Incoming<'_>>, Vec<(u32, &KeySource)>) {
    let mut incoming: Vec<Incoming<'_>> = Vec::with_capacity(run.iter().map(|write| write.batch.len()).sum());
    let mut generated: Vec<(u32, &KeySource)> = Vec::new();
    for write in run {
        if let Some(marked) = write.batch.generated() {
            // The cast does not truncate: a run is held in memory and has fewer than 2^32 records.
            let before = incoming.len() as u32;
            generated.extend(marked.records.iter().map(|place| (before + place, &marked.source)));
        }
        incoming.extend(write.batch.encoded());
    }
    (incoming, generated)
}

/// Inserts the generated keys of a run into the index, each with its record's number. Replaces keys that are taken,
/// also by an explicit key of the same run. `generated` lists the indexes of the records, ascending.
pub(super) fn place<'b>(
    tx: &mut Transaction<'_>,
    table: &Table,
    target: Target,
    incoming: &[Incoming<'b>],
    generated: &[(u32, &'b KeySource)],
) -> Result<(Option<Placed>, Vec<Moved>), StoreError> {
    if generated.is_empty() {
        return Ok((None, Vec::new()));
    }
    let base = records::first_number(tx, target.index, incoming.len())?;
    let key_of = |index: u32| incoming.get(index as usize).map_or(&[][..], |(key, _)| *key);
    let mut marks = generated.iter().map(|(index, _)| *index).peekable();
    let explicit: Vec<u32> = (0..).take(incoming.len()).filter(|index| marks.next_if_eq(index).is_none()).collect();
    let taken: HashSet<&[u8]> = explicit.iter().map(|index| key_of(*index)).collect();
    let mut usage = Usage::default();
    let mut moved = Vec::new();
    let mut pending: Vec<Pending<'b>> = generated
        .iter()
        .filter_map(|(index, source)| {
            let (key, _) = incoming.get(*index as usize)?;
            Some(Pending { index: *index, source, key: Cow::Borrowed(key) })
        })
        .collect();
    for _ in 0..MAX_KEY_TRIES {
        let mut refused = vec![false; pending.len()];
        let mut refuse = |place: u32| {
            if let Some(refused) = refused.get_mut(place as usize) {
                *refused = true;
            }
        };
        let sorted = Sorted::new(&pending, |pending| &pending.key);
        let mut proposals = Vec::with_capacity(sorted.keys());
        let mut places = Vec::with_capacity(sorted.keys());
        for rank in 0..sorted.keys() {
            let [first, again @ ..] = sorted.records(rank) else { continue };
            again.iter().for_each(|place| refuse(*place));
            match pending.get(*first as usize) {
                Some(one) if !taken.contains(one.key.as_ref()) => {
                    proposals.push(Proposal { key: &one.key, number: base + u64::from(one.index) });
                    places.push(*first);
                }
                _ => refuse(*first),
            }
        }
        if let Some(other) = target.also_taken {
            let exists = existing(tx, other, &proposals)?;
            places.iter().zip(&exists).filter(|(_, exists)| **exists).for_each(|(place, _)| refuse(*place));
            proposals = retain(proposals, &exists);
            places = retain(places, &exists);
        }
        index::insert_absent(tx, target.index, &proposals, &mut usage, |index, _| {
            if let Some(place) = places.get(index) {
                refuse(*place);
            }
        })?;
        drop(proposals);
        let mut again = Vec::new();
        for (one, refused) in pending.into_iter().zip(refused) {
            if refused {
                let mut key = Vec::new();
                one.source.instead_of(&decode(&one.key)?).encode(&mut key);
                again.push(Pending { key: Cow::Owned(key), ..one });
            } else if let Cow::Owned(key) = one.key {
                let (old, text) = incoming.get(one.index as usize).copied().unwrap_or_default();
                let text = with_key(table, text, &decode(old)?, &decode(&key)?)?;
                moved.push(Moved { index: one.index as usize, key, text });
            }
        }
        pending = again;
        if pending.is_empty() {
            return Ok((Some(Placed { explicit, usage }), moved));
        }
    }
    Err(no_free_key(table))
}

/// Replaces the records that got other keys.
pub(super) fn replace_moved<'b>(incoming: &mut [Incoming<'b>], moved: &'b [Moved]) {
    for Moved { index, key, text } in moved {
        if let Some(record) = incoming.get_mut(*index) {
            *record = (key, text);
        }
    }
}

/// Returns, for each key, whether it is in an index.
fn existing(tx: &Transaction<'_>, index: u32, proposals: &[Proposal<'_>]) -> Result<Vec<bool>, StoreError> {
    let keys: Vec<&[u8]> = proposals.iter().map(|proposal| proposal.key).collect();
    let mut exists = vec![false; keys.len()];
    Index::of(tx, index)?.numbers(tx.read(), &keys, |place, _| {
        if let Some(exists) = exists.get_mut(place) {
            *exists = true;
        }
    })?;
    Ok(exists)
}

/// Returns the items whose flag is not set.
fn retain<T>(items: Vec<T>, flags: &[bool]) -> Vec<T> {
    items.into_iter().zip(flags).filter(|(_, flag)| !**flag).map(|(item, _)| item).collect()
}

fn decode(key: &[u8]) -> Result<Key, StoreError> {
    Key::decode(key).map_err(|_| StoreError::damaged("a generated key"))
}
