//! Each user's share of the host: places in the queue, and workers.

use std::collections::HashMap;
use std::sync::Arc;

use super::NoPlace;

/// A queue with fewer places is not divided.
const MIN_SHARED_PLACES: usize = 16;

/// Returns whether a user with this many running attempts may begin another. A single user leaves a third of the
/// workers free and two users leave a fifth, so that the next user always finds a worker. The more users, the smaller
/// each share.
pub(super) fn may_begin(running_of_user: usize, running: usize, workers: usize) -> bool {
    let free_after = workers.saturating_sub(running).saturating_sub(1);
    // With one or two workers, holding any back would leave nothing to use.
    running_of_user == 0 || workers <= 2 || running_of_user < 2 * free_after
}

/// The places in the queue, by user.
pub(super) struct Places {
    most: usize,
    held: usize,
    users: HashMap<Arc<str>, usize>,
}

impl Places {
    pub fn new(most: usize) -> Self {
        Places { most: most.max(1), held: 0, users: HashMap::new() }
    }

    /// Returns the name that gives the place back.
    pub fn take(&mut self, user: &str) -> Result<Arc<str>, NoPlace> {
        if self.held >= self.most {
            return Err(NoPlace::Full);
        }
        let known = self.users.get_key_value(user).map(|(name, held)| (Arc::clone(name), *held));
        let (name, held) = known.unwrap_or_else(|| (Arc::from(user), 0));
        // The last eighth is reserved for users who hold less than a sixteenth.
        let crowded = self.most >= MIN_SHARED_PLACES && self.held >= self.most - self.most / 8;
        if crowded && held >= self.most / 16 {
            return Err(NoPlace::Share { held });
        }
        self.held += 1;
        self.users.insert(Arc::clone(&name), held + 1);
        Ok(name)
    }

    pub fn give_back(&mut self, user: &str) {
        self.held = self.held.saturating_sub(1);
        if let Some(held) = self.users.get_mut(user) {
            *held -= 1;
            if *held == 0 {
                self.users.remove(user);
            }
        }
    }

    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many workers each user gets if all users have more jobs than workers and take turns.
    fn shares(users: usize, workers: usize) -> Vec<usize> {
        let mut shares = vec![0; users];
        loop {
            let before: usize = shares.iter().sum();
            for user in 0..users {
                let running = shares.iter().sum();
                if running < workers && may_begin(shares[user], running, workers) {
                    shares[user] += 1;
                }
            }
            if shares.iter().sum::<usize>() == before {
                return shares;
            }
        }
    }

    #[test]
    fn a_new_user_always_finds_a_worker() {
        assert_eq!(shares(1, 12), [8]);
        assert_eq!(shares(2, 12), [5, 4]);
        assert_eq!((shares(1, 1), shares(1, 2)), (vec![1], vec![2]), "a small host is used in full");
        for workers in 3..200 {
            for users in 1..workers {
                let taken: usize = shares(users, workers).iter().sum();
                assert!(taken < workers, "{users} users take all of {workers} workers");
                assert!(2 * taken >= workers, "{users} users take only {taken} of {workers} workers");
            }
        }
    }

    #[test]
    fn the_last_places_are_reserved_for_users_who_hold_few() {
        let mut places = Places::new(160);
        let taken = (0..200).map_while(|_| places.take("ann").ok()).count();
        assert_eq!(taken, 140);
        assert_eq!(places.take("ann"), Err(NoPlace::Share { held: 140 }));
        let taken = (0..200).map_while(|_| places.take("bob").ok()).count();
        assert_eq!(taken, 10, "a sixteenth");
        assert_eq!((0..10).filter(|_| places.take("eve").is_ok()).count(), 10);
        assert_eq!(places.take("joe"), Err(NoPlace::Full));
        places.give_back("ann");
        assert_eq!(places.take("ann"), Err(NoPlace::Share { held: 139 }));
        assert!(places.take("joe").is_ok());
    }

    #[test]
    fn a_small_queue_is_not_divided() {
        let mut places = Places::new(15);
        assert_eq!((0..20).filter(|_| places.take("ann").is_ok()).count(), 15);
        assert_eq!(places.take("bob"), Err(NoPlace::Full));
        (0..15).for_each(|_| places.give_back("ann"));
        assert!(places.users.is_empty() && places.held == 0);
    }
}
