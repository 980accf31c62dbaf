//! A cache of verified name and password pairs, so that Basic authentication does not compute a password hash for every
//! request.
//!
//! The cache holds no passwords, only keyed hashes of name, password and the account's generation. The key lives as
//! long as the process. A changed password changes the generation, so an old entry never matches again, and changing
//! one account does not evict others. Whether the account is active, and its role, are looked up each time.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use rand::Rng;
use sha2::{Digest, Sha256};

type Fingerprint = [u8; 32];

/// Size of each half of the cache. When the young half is full, it becomes the old half, and the previous old half is
/// dropped.
const HALF: usize = 2048;

#[derive(Debug, Default)]
struct Halves {
    young: HashSet<Fingerprint>,
    old: HashSet<Fingerprint>,
}

pub(super) struct Verified {
    key: [u8; 32],
    halves: Mutex<Halves>,
}

impl Verified {
    pub fn new() -> Self {
        let mut key = [0_u8; 32];
        rand::rng().fill_bytes(&mut key);
        Verified { key, halves: Mutex::default() }
    }

    pub fn fingerprint(&self, username: &str, generation: u64, password: &str) -> Fingerprint {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(generation.to_le_bytes());
        // The length separates ("ab", "c") from ("a", "bc").
        hasher.update((username.len() as u64).to_le_bytes());
        hasher.update(username.as_bytes());
        hasher.update(password.as_bytes());
        hasher.finalize().into()
    }

    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.contains(fingerprint) || halves.old.contains(fingerprint)
    }

    pub fn remember(&self, fingerprint: Fingerprint) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= HALF {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(fingerprint);
    }
}
