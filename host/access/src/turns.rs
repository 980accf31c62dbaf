//! Queues with round-robin between owners: an owner with many waiting items never delays one with few.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Lines, by owner. A served line moves behind all others, so between two turns of one line every other line gets one.
#[derive(Debug)]
pub(super) struct Turns<K, L> {
    next: u64,
    /// Turn number -> owner.
    order: BTreeMap<u64, K>,
    lines: HashMap<K, (u64, L)>,
}

impl<K, L> Default for Turns<K, L> {
    fn default() -> Self {
        Turns { next: 0, order: BTreeMap::new(), lines: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, L: Default> Turns<K, L> {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn line(&self, key: K) -> Option<&L> {
        self.lines.get(&key).map(|(_, line)| line)
    }

    pub fn lines(&self) -> impl Iterator<Item = (K, &L)> {
        self.lines.iter().map(|(key, (_, line))| (*key, line))
    }

    /// Returns the owner's line. A new line gets its turn after all existing ones.
    pub fn join(&mut self, key: K) -> &mut L {
        let (next, order) = (&mut self.next, &mut self.order);
        let (_, line) = self.lines.entry(key).or_insert_with(|| {
            let turn = *next;
            *next += 1;
            order.insert(turn, key);
            (turn, L::default())
        });
        line
    }

    /// Serves the line whose turn it is.
    pub fn serve<T>(&mut self, serve: impl FnOnce(&mut L) -> (T, Left)) -> Option<T> {
        let (_, key) = self.order.pop_first()?;
        let (turn, line) = self.lines.get_mut(&key)?;
        let (served, left) = serve(line);
        match left {
            Left::Some => {
                *turn = self.next;
                self.order.insert(self.next, key);
                self.next += 1;
            }
            Left::None => drop(self.lines.remove(&key)),
        }
        Some(served)
    }

    /// Changes a line out of turn.
    pub fn change<T>(&mut self, key: K, change: impl FnOnce(&mut L) -> (T, Left)) -> Option<T> {
        let (turn, line) = self.lines.get_mut(&key)?;
        let turn = *turn;
        let (changed, left) = change(line);
        if left == Left::None {
            self.order.remove(&turn);
            self.lines.remove(&key);
        }
        Some(changed)
    }
}

/// Whether a line still has waiting items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Some,
    None,
}

impl Left {
    pub fn of(is_empty: bool) -> Self {
        if is_empty { Left::None } else { Left::Some }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_gets_a_turn_before_any_line_gets_another() {
        let mut turns: Turns<char, Vec<u32>> = Turns::default();
        turns.join('a').extend([4, 3, 2, 1]);
        turns.join('b').extend([6, 5]);
        let serve = |turns: &mut Turns<char, Vec<u32>>| {
            turns.serve(|line| {
                let next = line.pop().unwrap();
                (next, Left::of(line.is_empty()))
            })
        };
        assert_eq!([serve(&mut turns), serve(&mut turns)], [Some(1), Some(5)]);
        turns.join('c').push(7);
        assert_eq!([serve(&mut turns), serve(&mut turns), serve(&mut turns)], [Some(2), Some(6), Some(7)]);
        turns.change('a', |line| {
            line.clear();
            ((), Left::None)
        });
        assert_eq!(serve(&mut turns), None);
        assert!(turns.is_empty() && turns.order.is_empty());
    }
}
