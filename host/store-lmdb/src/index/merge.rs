//! Merges sealed runs, in bounded steps. Each step is one transaction that moves the lowest keys of all inputs to the
//! output, so readers of any snapshot find each key once, and a merge continues after a crash where it stopped.
//!
//! Entries of deleted records are dropped.

use std::ops::Bound;

use heed::{RoTxn, RwTxn};

use super::merged::{Merged, Rest, Source};
use super::run::Run;
use super::sealed::SealedWriter;
use crate::environment::{Database, Environment, engine};
use crate::heap::Usage;
use crate::keyspace::range_of;
use crate::runs::{Merging, RunInfo, Runs};
use crate::transaction::Transaction;
use jobhost_store::StoreError;

/// Number of keys that one step moves, for each sealed run.
const STEP_KEYS: u64 = 16 << 10;

/// What a step takes from one input.
struct Taken {
    run: u32,
    entries: u64,
    /// Size of the leaves to delete.
    bytes: u64,
    rest: Rest,
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
        is_done &= matches!(input.rest, Rest::Nothing);
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
    tx.resize(table, usage)?;
    let more = !is_done || begin(tx, table, &mut runs)?;
    tx.set_runs(table, runs);
    Ok(more)
}

/// Begins a merge if one is due and none has begun. Returns whether it did.
pub fn begin(tx: &mut Transaction<'_>, table: u32, runs: &mut Runs) -> Result<bool, StoreError> {
    if runs.merging.is_some() {
        return Ok(false);
    }
    let records = tx.counters(table)?.records;
    let Some(inputs) = runs.due(records, tx.environment.head_keys) else { return Ok(false) };
    let output = tx.next_id()?;
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
        taken.push(Taken { run: *run, entries, bytes, rest: source.into_rest()? });
    }
    Ok(Step { output, entries, last_number, taken })
}

/// Deletes the leaves that a step has read.
fn delete(txn: &mut RwTxn<'_>, leaves: Database, taken: &Taken, usage: &mut Usage) -> Result<(), StoreError> {
    let (start, end) = range_of(taken.run);
    let end = match &taken.rest {
        Rest::Nothing => end.to_vec(),
        Rest::From(key) | Rest::Part { key, .. } => key.clone(),
    };
    let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&start), Bound::Excluded(&end));
    leaves.delete_range(txn, &range).map_err(engine)?;
    usage.removed += taken.bytes;
    if let Rest::Part { key, value, old_bytes } = &taken.rest {
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
        usage.remove(key, value.len());
    }
    db.delete_range(txn, &range).map(|_| ()).map_err(engine)
}
