//! The queue for password hashes. Only a few are computed at a time, and a flood of wrong passwords must not delay
//! users with the right one:
//!
//! - Names of existing accounts get three of four turns, unknown names the fourth. During a flood, timing reveals which
//!   names exist; without this rule, one flood would lock every user out.
//! - Within each class, addresses take turns, and within an address, names do.
//! - The number of waiting hashes is limited, in total and per name and address. When the queue is full, a newcomer
//!   replaces a waiter of the address with the most waiters, or is rejected if that address is its own.
//! - Nobody waits longer than a client would.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::AuthenticationError;
use super::turns::{Left, Turns};

/// Maximum number of waiters per class (known and unknown names).
const WAITING_OF_A_CLASS: usize = 2048;
/// Maximum number of waiters per name and address.
const WAITING_OF_A_NAME: usize = 64;
/// Number of turns for known names per turn for an unknown name.
const KNOWN_TURNS: u32 = 3;
/// IPv6 addresses are grouped by network prefix, because a single client can use a whole network.
const IPV6_CLIENT_BITS: u32 = 64;

/// Maximum wait for a turn.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where a password came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Unknown,
    Address(IpAddr),
    /// A logged-in user changes a user.
    Administration,
}

impl Source {
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Source::Unknown,
            Some(IpAddr::V6(address)) => {
                let client = address.to_bits() >> (128 - IPV6_CLIENT_BITS) << (128 - IPV6_CLIENT_BITS);
                Source::Address(IpAddr::V6(client.into()))
            }
            Some(address) => Source::Address(address),
        }
    }
}

/// The request for which a hash is computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'n> {
    pub source: Source,
    pub username: &'n str,
    /// Whether an account with this name exists.
    pub known: bool,
}

/// Names are stored as hashes, because a client can send names of any length.
type Name = u64;
type Names = Turns<Name, VecDeque<Waiter>>;

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    turn: oneshot::Sender<Permit>,
}

/// The names that wait at one address.
#[derive(Debug, Default)]
struct Line {
    names: Names,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Class {
    sources: Turns<Source, Line>,
    waiting: usize,
}

impl Class {
    fn next(&mut self) -> Option<Waiter> {
        let next = self.sources.serve(|line| {
            let next = line.names.serve(|waiters| {
                let next = waiters.pop_front();
                (next, Left::of(waiters.is_empty()))
            });
            line.waiting -= 1;
            (next.flatten(), Left::of(line.names.is_empty()))
        });
        let next = next.flatten();
        self.waiting -= usize::from(next.is_some());
        next
    }

    /// Makes room for one more waiter by evicting the last waiter of whoever has the most: another address, or another
    /// name at the same address.
    fn make_room(&mut self, source: Source, of_name: usize) -> Result<(), AuthenticationError> {
        if self.waiting < WAITING_OF_A_CLASS {
            return Ok(());
        }
        let of_source = self.sources.line(source).map_or(0, |line| line.waiting);
        let longest = self.sources.lines().max_by_key(|(_, line)| line.waiting);
        let other = longest.filter(|(_, line)| line.waiting > of_source + 1).map(|(other, _)| other);
        let sent_away = self.sources.change(other.unwrap_or(source), |line| {
            let longest = line.names.lines().max_by_key(|(_, waiters)| waiters.len());
            let name = longest.filter(|(_, waiters)| other.is_some() || waiters.len() > of_name + 1);
            let sent_away = name.map(|(name, _)| name).and_then(|name| {
                line.names.change(name, |waiters| {
                    let last = waiters.pop_back();
                    (last, Left::of(waiters.is_empty()))
                })
            });
            let sent_away = sent_away.flatten();
            line.waiting -= usize::from(sent_away.is_some());
            (sent_away, Left::of(line.names.is_empty()))
        });
        // Dropping the waiter notifies it.
        let _sent_away = sent_away.flatten().ok_or(AuthenticationError::Busy)?;
        self.waiting -= 1;
        Ok(())
    }

    fn join(&mut self, source: Source, name: Name, waiter: Waiter) -> Result<(), AuthenticationError> {
        let of_name = self.sources.line(source).and_then(|line| line.names.line(name)).map_or(0, VecDeque::len);
        if of_name >= WAITING_OF_A_NAME {
            return Err(AuthenticationError::Busy);
        }
        self.make_room(source, of_name)?;
        let line = self.sources.join(source);
        line.names.join(name).push_back(waiter);
        line.waiting += 1;
        self.waiting += 1;
        Ok(())
    }

    fn leave(&mut self, source: Source, name: Name, ticket: u64) {
        let left = self.sources.change(source, |line| {
            let left = line.names.change(name, |waiters| {
                let before = waiters.len();
                waiters.retain(|waiter| waiter.ticket != ticket);
                (before - waiters.len(), Left::of(waiters.is_empty()))
            });
            let left = left.unwrap_or(0);
            line.waiting -= left;
            (left, Left::of(line.names.is_empty()))
        });
        self.waiting -= left.unwrap_or(0);
    }
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    next_ticket: u64,
    /// Turns given to known names since the last turn of an unknown name.
    known_turns: u32,
    known: Class,
    unknown: Class,
}

impl State {
    fn class(&mut self, known: bool) -> &mut Class {
        if known { &mut self.known } else { &mut self.unknown }
    }

    fn next(&mut self) -> Option<Waiter> {
        let known_first = self.known_turns < KNOWN_TURNS;
        let next = match (known_first, self.class(known_first).next()) {
            (known, Some(waiter)) => Some((known, waiter)),
            (known, None) => self.class(!known).next().map(|waiter| (!known, waiter)),
        };
        next.map(|(known, waiter)| {
            self.known_turns = if known { (self.known_turns + 1).min(KNOWN_TURNS) } else { 0 };
            waiter
        })
    }
}

#[derive(Debug)]
pub(super) struct HashQueue {
    state: Mutex<State>,
    at_once: usize,
    longest_wait: Duration,
    hasher: RandomState,
}

impl HashQueue {
    pub fn new(at_once: usize, longest_wait: Duration) -> Arc<Self> {
        let (state, hasher) = (Mutex::default(), RandomState::new());
        Arc::new(HashQueue { state, at_once: at_once.max(1), longest_wait, hasher })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. The turn ends when the permit is dropped.
    pub async fn turn(self: &Arc<Self>, asker: Asker<'_>) -> Result<Permit, AuthenticationError> {
        let Asker { source, username, known } = asker;
        let name = self.hasher.hash_one(username);
        let (turn, granted) = oneshot::channel();
        let place = {
            let mut state = self.state();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.class(known).join(source, name, Waiter { ticket, turn })?;
            Place { queue: self, source, name, known, ticket }
        };
        self.grant();
        let permit = tokio::time::timeout(self.longest_wait, granted).await;
        drop(place);
        // Either way there was no turn: the wait timed out, or the waiter was evicted.
        permit.map_err(|_| AuthenticationError::Busy)?.map_err(|_| AuthenticationError::Busy)
    }

    /// Gives turns to the next waiters, as many as may run.
    fn grant(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                if state.running >= self.at_once {
                    return;
                }
                let Some(next) = state.next() else { return };
                state.running += 1;
                next
            };
            if let Err(unwanted) = next.turn.send(Permit { queue: Some(Arc::clone(self)) }) {
                // The waiter left just now. Dropping the permit here would call `grant` recursively.
                unwanted.defuse();
                self.state().running -= 1;
            }
        }
    }
}

/// A place in the queue, released when the client leaves.
struct Place<'q> {
    queue: &'q HashQueue,
    source: Source,
    name: Name,
    known: bool,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.state().class(self.known).leave(self.source, self.name, self.ticket);
    }
}

/// The right to compute one hash. It is held by the computing thread, so that a client cannot free its slot by
/// disconnecting while its hash is still being computed.
#[derive(Debug)]
pub(super) struct Permit {
    queue: Option<Arc<HashQueue>>,
}

impl Permit {
    fn defuse(mut self) {
        self.queue = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.state().running -= 1;
            queue.grant();
        }
    }
}

#[cfg(test)]
#[path = "hash_queue_tests.rs"]
mod tests;
