//! Merges sealed runs, a bounded step at a time. Each step is one transaction that moves the least keys of all inputs to
//! the output, so readers of any snapshot find each key once, and a merge goes on after a crash where it was.
//!
//! Entries of deleted records are dropped.

use std::ops::Bound;

use heed::{RoTxn, RwTxn};

use super::leaf::LeafBuilder;
use super::merged::{Merged, Rest, Source};
use super::run::Run;
use super::sealed::SealedWriter;
use crate::environment::{Database, Environment, engine};
use crate::heap::Usage;
use crate::keyspace::{range_of, table_of};
use crate::runs::{Merging, RunInfo, Runs};
use crate::tables;
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// A step moves so many keys for each sealed run.
const STEP_KEYS: u64 = 16 << 10;

/// What a step takes from one input.
struct Taken {
    run: u32,
    entries: u64,
    /// Size of the leaves to delete.
    bytes: u64,
    rest: Left,
}

/// What it leaves there.
enum Left {
    Nothing,
    /// Everything from this key on.
    From(Vec<u8>),
    /// The same, with another value for that key in place of one of `old_bytes` bytes.
    Part {
        key: Vec<u8>,
        value: Vec<u8>,
        old_bytes: usize,
    },
}

struct Step {
    output: SealedWriter,
    entries: u64,
    last_number: u64,
    taken: Vec<Taken>,
}

/// Performs one step of the table's merge. Returns whether there is more to do.
pub fn step(tx: &mut Transaction<'_>, table: u32, others_wait: bool) -> Result<bool, StoreError> {
    let mut runs = tx.runs(table)?;
    let Some(merging) = runs.merging.clone() else { return Ok(false) };
    let environment = tx.environment;
    // Steps are longer the more there is to merge, so that runs never come faster than they are merged.
    let keys = STEP_KEYS.min(environment.head_keys).saturating_mul(runs.sealed.len() as u64);
    let keys = if others_wait { keys.div_ceil(4) } else { keys };
    let Step { output, entries, last_number, taken } = read(tx.read(), environment, &runs, &merging, keys)?;

    let mut usage = Usage::default();
    let dbs = tx.dbs;
    let mut is_done = true;
    for input in &taken {
        is_done &= matches!(input.rest, Left::Nothing);
        delete(tx.change(), dbs.primary, input, &mut usage)?;
        if let Some(info) = runs.sealed_mut(input.run) {
            info.entries = info.entries.saturating_sub(input.entries);
        }
    }
    output.store(&dbs, tx.change(), &mut usage)?;
    if let Some(info) = runs.sealed_mut(merging.output) {
        info.entries += entries;
        info.last_number = info.last_number.max(last_number);
    }
    if is_done {
        for input in &merging.inputs {
            clear(tx.change(), dbs.filters, *input, &mut usage)?;
        }
        let is_empty = |run: &RunInfo| run.id == merging.output && run.entries == 0;
        runs.sealed.retain(|run| !merging.inputs.contains(&run.id) && !is_empty(run));
        runs.merging = None;
    }
    let mut counters = tx.counters(table)?;
    counters.resize(usage);
    let records = counters.records;
    tx.set_counters(table, counters);
    let more = !is_done || begin(tx, &mut runs, records)?;
    tx.set_runs(table, runs);
    Ok(more)
}

/// Begins a merge if one is due and none is under way. Returns whether it did.
pub fn begin(tx: &mut Transaction<'_>, runs: &mut Runs, records: u64) -> Result<bool, StoreError> {
    if runs.merging.is_some() {
        return Ok(false);
    }
    let Some(inputs) = runs.due(records, tx.environment.head_keys) else { return Ok(false) };
    let dbs = tx.dbs;
    let output = tables::next_table_id(&dbs, tx.change())?;
    runs.sealed.push(RunInfo::empty(output));
    runs.merging = Some(Merging { inputs, output });
    Ok(true)
}

fn read(
    txn: &RoTxn<'_>,
    environment: &Environment,
    runs: &Runs,
    Merging { inputs, output }: &Merging,
    keys: u64,
) -> Result<Step, StoreError> {
    let mut sources = Vec::with_capacity(inputs.len());
    for input in inputs {
        sources.push(Source::begin(Run { environment, id: *input }, txn, &[])?);
    }
    let mut merged = Merged::new(sources);
    let mut output = SealedWriter::new(*output);
    let mut counts = vec![0; inputs.len()];
    let (mut entries, mut last_number) = (0, 0);
    for _ in 0..keys {
        let Some((source, key, number)) = merged.next()? else { break };
        if let Some(count) = counts.get_mut(source) {
            *count += 1;
        }
        if number >= runs.first_live {
            output.add(key, number)?;
            entries += 1;
            last_number = last_number.max(number);
        }
    }
    let mut taken = Vec::with_capacity(inputs.len());
    for ((source, run), entries) in merged.into_sources().into_iter().zip(inputs).zip(counts) {
        let bytes = source.passed_bytes();
        environment.touched(bytes as usize);
        let rest = match source.rest() {
            Rest::Nothing => Left::Nothing,
            Rest::Leaves(key) => Left::From(key.to_vec()),
            Rest::Part((key, old), (next, number), pairs) => {
                let mut builder = LeafBuilder::default();
                builder.add(next, number);
                for pair in pairs {
                    let (key, number) = pair?;
                    builder.add(key, number);
                }
                let mut value = Vec::new();
                builder.emit(|_, leaf| {
                    value.extend_from_slice(leaf);
                    Ok(())
                })?;
                Left::Part { key: key.to_vec(), value, old_bytes: old.len() }
            }
        };
        taken.push(Taken { run: *run, entries, bytes, rest });
    }
    Ok(Step { output, entries, last_number, taken })
}

/// Deletes the leaves that a step has read.
fn delete(txn: &mut RwTxn<'_>, leaves: Database, taken: &Taken, usage: &mut Usage) -> Result<(), StoreError> {
    let (start, end) = range_of(taken.run);
    let end = match &taken.rest {
        Left::Nothing => end.to_vec(),
        Left::From(key) | Left::Part { key, .. } => key.clone(),
    };
    let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Excluded(&end));
    leaves.delete_range(txn, &range).map_err(engine)?;
    usage.removed += taken.bytes;
    if let Left::Part { key, value, old_bytes } = &taken.rest {
        usage.remove(key, *old_bytes);
        usage.add(key, value.len());
        leaves.put(txn, key, value).map_err(engine)?;
    }
    Ok(())
}

/// Deletes everything that a run has in one database.
pub fn clear(txn: &mut RwTxn<'_>, db: Database, run: u32, usage: &mut Usage) -> Result<(), StoreError> {
    let (start, end) = range_of(run);
    let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Excluded(&end));
    for entry in db.range(txn, &range).map_err(engine)? {
        let (key, value) = entry.map_err(engine)?;
        debug_assert_eq!(table_of(key), Some(run));
        usage.remove(key, value.len());
    }
    db.delete_range(txn, &range).map(|_| ()).map_err(engine)
}
