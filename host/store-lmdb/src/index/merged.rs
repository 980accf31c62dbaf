//! Reads several runs as one, in order of keys.

use heed::RoTxn;

use super::leaf::{Leaf, LeafBuilder, Pairs};
use super::run::{Run, Stored};
use crate::sorted::prefix;
use jobhost_store::StoreError;

type Leaves<'t> = Box<dyn Iterator<Item = Result<Stored<'t>, StoreError>> + 't>;

/// The rest of one run.
pub struct Source<'t> {
    leaves: Leaves<'t>,
    /// The leaf of `next`.
    leaf: Stored<'t>,
    pairs: Pairs<'t>,
    next: Option<(&'t [u8], u64)>,
    /// Of the key of `next`; see [`prefix`].
    prefix: u64,
    /// Whether a pair of the current leaf was taken.
    is_begun: bool,
    /// Size of the leaves that were left behind, in bytes.
    passed_bytes: u64,
}

/// What is left of a run.
pub enum Rest {
    Nothing,
    /// The leaves from this key on.
    From(Vec<u8>),
    /// The same, but the pairs of the first leaf that are left need another value. The old one has `old_bytes` bytes.
    Part {
        key: Vec<u8>,
        value: Vec<u8>,
        old_bytes: usize,
    },
}

impl<'t> Source<'t> {
    /// Begins with the first key that is not less than `from`.
    pub fn begin(run: Run<'_>, txn: &'t RoTxn<'_>, from: &[u8]) -> Result<Self, StoreError> {
        let leaves: Leaves<'t> = Box::new(run.leaves_from(txn, from)?);
        let mut source = Source {
            leaves,
            leaf: (&[], &[]),
            pairs: Leaf::EMPTY.pairs(),
            next: None,
            prefix: 0,
            is_begun: false,
            passed_bytes: 0,
        };
        source.advance()?;
        while source.next.is_some_and(|(key, _)| key < from) {
            source.advance()?;
        }
        Ok(source)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.is_begun = true;
        loop {
            if let Some(pair) = self.pairs.next() {
                let pair = pair?;
                self.prefix = prefix(pair.0);
                self.next = Some(pair);
                return Ok(());
            }
            let (key, value) = self.leaf;
            self.passed_bytes += (key.len() + value.len()) as u64;
            let Some(leaf) = self.leaves.next().transpose()? else {
                self.leaf = (&[], &[]);
                self.next = None;
                return Ok(());
            };
            self.leaf = leaf;
            self.pairs = Leaf::decode(leaf.1)?.pairs();
            self.is_begun = false;
        }
    }

    pub fn passed_bytes(&self) -> u64 {
        self.passed_bytes
    }

    pub fn into_rest(self) -> Result<Rest, StoreError> {
        let (key, old) = self.leaf;
        let Some((next, number)) = self.next else { return Ok(Rest::Nothing) };
        if !self.is_begun {
            return Ok(Rest::From(key.to_vec()));
        }
        let mut builder = LeafBuilder::default();
        builder.add(next, number);
        for pair in self.pairs {
            let (key, number) = pair?;
            builder.add(key, number);
        }
        let mut value = Vec::new();
        builder.emit(|_, leaf| {
            value.extend_from_slice(leaf);
            Ok(())
        })?;
        Ok(Rest::Part { key: key.to_vec(), value, old_bytes: old.len() })
    }
}

/// The entries of several runs, in order of keys.
pub struct Merged<'t> {
    sources: Vec<Source<'t>>,
}

/// An entry: the index of its source, its key and its record number.
pub type Entry<'t> = (usize, &'t [u8], u64);

impl<'t> Merged<'t> {
    pub fn new(sources: Vec<Source<'t>>) -> Self {
        Merged { sources }
    }

    pub fn next(&mut self) -> Result<Option<Entry<'t>>, StoreError> {
        let mut least: Option<(usize, u64, &[u8], u64)> = None;
        for (index, source) in self.sources.iter().enumerate() {
            let Some((key, number)) = source.next else { continue };
            let is_less = least
                .is_none_or(|(_, prefix, least, _)| source.prefix < prefix || (source.prefix == prefix && key < least));
            if is_less {
                least = Some((index, source.prefix, key, number));
            }
        }
        let Some((index, _, key, number)) = least else { return Ok(None) };
        if let Some(source) = self.sources.get_mut(index) {
            source.advance()?;
        }
        Ok(Some((index, key, number)))
    }

    pub fn into_sources(self) -> Vec<Source<'t>> {
        self.sources
    }
}
