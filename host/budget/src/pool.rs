//! A budget: an amount shared by many owners. An amount is charged *before* it is used, and released when the charge is
//! dropped.
//!
//! Sharing follows the dynamic-threshold algorithm of shared-buffer switches: a user may hold at most a multiple of
//! what is still free. A single user gets a part, two users get less each, and something is always left for the next.
//! The number of users need not be known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// On whose behalf an amount is charged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The host's own work, logins, and requests that report on jobs or cancel them. May use the reserve.
    Host,
    User(Arc<str>),
}

impl Owner {
    pub fn user(name: &str) -> Self {
        Owner::User(Arc::from(name))
    }
}

/// Who has to release something before the request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The requesting user already holds his share.
    Asker,
    /// All owners together hold too much.
    Everybody,
}

/// A budget is exhausted. Nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Exhausted {
    /// The exhausted resource, for the message: `memory`.
    pub what: &'static str,
    /// The configuration key that sets the total.
    pub key: &'static str,
    pub holder: Holder,
}

impl Exhausted {
    fn sentence(&self) -> String {
        let Exhausted { what, key, holder } = self;
        match holder {
            Holder::Asker => {
                format!("Your requests and jobs already use your share of the host's {what} ({key}); try again later")
            }
            Holder::Everybody => format!("The host's {what} is exhausted ({key}); try again later"),
        }
    }
}

/// The resource that a budget is for, and how it is shared.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub what: &'static str,
    pub key: &'static str,
    pub total: u64,
    /// The part of the total that only [`Owner::Host`] may use.
    pub reserve: u64,
    /// A user may hold at most this many times the free amount.
    pub threshold: u64,
}

/// A budget shared by many owners. Clones share the budget.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    terms: Terms,
    state: Mutex<State>,
    /// The amount actually in use, for resources where it can be measured.
    measured: AtomicU64,
    refusals: AtomicU64,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    users: HashMap<Arc<str>, u64>,
}

impl Pool {
    pub fn new(terms: Terms) -> Self {
        Pool(Arc::new(Shared {
            terms,
            state: Mutex::default(),
            measured: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            given_back: Notify::new(),
        }))
    }

    pub fn total(&self) -> u64 {
        self.0.terms.total
    }

    pub fn used(&self) -> u64 {
        self.0.lock().used
    }

    /// Returns how many requests were refused.
    pub fn refusals(&self) -> u64 {
        self.0.refusals.load(Ordering::Relaxed)
    }

    /// Sets the measured amount in use, so that usage which no charge covers also counts towards the total.
    pub fn set_measured(&self, amount: u64) {
        self.0.measured.store(amount, Ordering::Relaxed);
    }

    /// Charges an amount. Fails immediately if the budget is exhausted.
    pub fn take(&self, owner: &Owner, amount: u64) -> Result<Charge, Exhausted> {
        self.add(owner, amount)?;
        Ok(Charge { pool: self.clone(), owner: owner.clone(), amount })
    }

    /// Charges something that exists already, such as the files of a previous process. Cannot fail.
    pub fn adopt(&self, owner: &Owner, amount: u64) -> Charge {
        self.0.lock().add(owner, amount);
        Charge { pool: self.clone(), owner: owner.clone(), amount }
    }

    /// Returns a future that completes when a charge is released after this call.
    pub fn given_back(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.given_back.notified()
    }

    fn add(&self, owner: &Owner, amount: u64) -> Result<(), Exhausted> {
        let mut state = self.0.lock();
        if let Some(holder) = self.0.refused(&state, owner, amount) {
            drop(state);
            self.0.refusals.fetch_add(1, Ordering::Relaxed);
            let Terms { what, key, .. } = self.0.terms;
            return Err(Exhausted { what, key, holder });
        }
        state.add(owner, amount);
        Ok(())
    }

    fn remove(&self, owner: &Owner, amount: u64) {
        if amount == 0 {
            return;
        }
        let mut state = self.0.lock();
        state.used = state.used.saturating_sub(amount);
        if let Owner::User(user) = owner
            && let Some(held) = state.users.get_mut(user)
        {
            *held = held.saturating_sub(amount);
            if *held == 0 {
                state.users.remove(user);
            }
        }
        drop(state);
        self.0.given_back.notify_waiters();
    }
}

/// For requests of at least this size, the measured amount counts as well as the charges. Small requests still pass
/// while the heap is fragmented.
const LARGE: u64 = 1 << 20;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, state: &State, owner: &Owner, amount: u64) -> Option<Holder> {
        let Terms { total, reserve, threshold, .. } = self.terms;
        let Owner::User(user) = owner else {
            return (state.used.saturating_add(amount) > total).then_some(Holder::Everybody);
        };
        let room = total.saturating_sub(reserve);
        let mine = state.users.get(user).copied().unwrap_or(0).saturating_add(amount);
        // More than the user would get if nobody else held anything.
        if mine > room.saturating_sub(mine).saturating_mul(threshold) {
            return Some(Holder::Asker);
        }
        let measured = if amount >= LARGE { self.measured.load(Ordering::Relaxed) } else { 0 };
        let after = state.used.max(measured).saturating_add(amount);
        if after > room {
            return Some(Holder::Everybody);
        }
        // Uses only the charges, because the measured amount may belong to others.
        let free = room.saturating_sub(state.used.saturating_add(amount));
        (mine > free.saturating_mul(threshold)).then_some(Holder::Asker)
    }
}

impl State {
    fn add(&mut self, owner: &Owner, amount: u64) {
        self.used = self.used.saturating_add(amount);
        if let Owner::User(user) = owner
            && amount > 0
        {
            let held = self.users.entry(Arc::clone(user)).or_default();
            *held = held.saturating_add(amount);
        }
    }
}

/// An amount charged to an owner. Dropping it releases the amount.
#[derive(Debug)]
pub struct Charge {
    pool: Pool,
    owner: Owner,
    amount: u64,
}

impl Charge {
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Charges more. If that fails, the charge is unchanged.
    pub fn grow(&mut self, more: u64) -> Result<(), Exhausted> {
        self.pool.add(&self.owner, more)?;
        self.amount = self.amount.saturating_add(more);
        Ok(())
    }

    /// Grows the charge to at least `amount`. If that fails, the charge is unchanged.
    pub fn grow_to(&mut self, amount: u64) -> Result<(), Exhausted> {
        match amount.checked_sub(self.amount) {
            Some(more) if more > 0 => self.grow(more),
            _ => Ok(()),
        }
    }

    /// Releases what exceeds this amount.
    pub fn shrink_to(&mut self, amount: u64) {
        let surplus = self.amount.saturating_sub(amount);
        self.amount -= surplus;
        self.pool.remove(&self.owner, surplus);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.pool.remove(&self.owner, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(total: u64, reserve: u64) -> Pool {
        Pool::new(Terms { what: "memory", key: "memory.total_bytes", total, reserve, threshold: 1 })
    }

    #[test]
    fn one_user_gets_half_and_the_next_gets_half_of_the_rest() {
        let pool = pool(1000, 0);
        let (one, two) = (Owner::user("one"), Owner::user("two"));
        let mut held = pool.take(&one, 500).unwrap();
        assert_eq!(held.grow(1).unwrap_err().holder, Holder::Asker);
        let other = pool.take(&two, 250).unwrap();
        assert_eq!(pool.take(&two, 1).unwrap_err().holder, Holder::Asker);
        drop(held);
        assert_eq!(pool.used(), 250);
        drop(other);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn only_the_host_may_use_the_reserve() {
        let pool = pool(1000, 200);
        let users: Vec<_> = (0..20).map(|number| Owner::user(&number.to_string())).collect();
        let mut held = Vec::new();
        for user in users.iter().cycle().take(100_000) {
            held.extend(pool.take(user, 1).ok());
        }
        assert!(pool.used() <= 800, "{}", pool.used());
        let host = pool.take(&Owner::Host, 1000 - pool.used()).unwrap();
        assert_eq!(pool.take(&Owner::Host, 1).unwrap_err().holder, Holder::Everybody);
        drop((held, host));
        assert_eq!(pool.used(), 0);
        assert!(pool.refusals() > 0);
    }

    #[test]
    fn the_measured_amount_counts_for_large_requests() {
        let pool = pool(100 << 20, 0);
        let user = Owner::user("one");
        pool.set_measured(100 << 20);
        assert_eq!(pool.take(&user, 1 << 20).unwrap_err().holder, Holder::Everybody);
        assert!(pool.take(&user, 1000).is_ok());
        pool.set_measured(0);
        assert!(pool.take(&user, 1 << 20).is_ok());
    }

    #[test]
    fn a_refused_growth_leaves_the_charge_unchanged() {
        let pool = pool(100, 0);
        let mut held = pool.take(&Owner::user("one"), 10).unwrap();
        assert!(held.grow(1000).is_err());
        assert_eq!((held.amount(), pool.used()), (10, 10));
        held.grow_to(20).unwrap();
        held.shrink_to(5);
        assert_eq!((held.amount(), pool.used()), (5, 5));
    }

    proptest::proptest! {
        /// For any sequence of calls, no amount is lost, and users never get the reserve.
        #[test]
        fn fuzz_pool(steps in proptest::collection::vec((0..4_u8, 0..3_usize, 0..200_u64), 0..200)) {
            let pool = pool(1000, 100);
            let owners = [Owner::user("a"), Owner::user("b"), Owner::Host];
            let mut held: Vec<Charge> = Vec::new();
            for (what, who, amount) in steps {
                match what {
                    0 | 1 => held.extend(pool.take(&owners[who], amount).ok()),
                    2 => { if let Some(charge) = held.get_mut(who) { let _ = charge.grow(amount); } }
                    _ => { if who < held.len() { held.swap_remove(who); } }
                }
                proptest::prop_assert_eq!(pool.used(), held.iter().map(Charge::amount).sum::<u64>());
                let users: u64 = held.iter().filter(|one| one.owner != Owner::Host).map(Charge::amount).sum();
                proptest::prop_assert!(users <= 900 && pool.used() <= 1000);
            }
        }
    }
}
