//! Password hashes (Argon2id), computed on blocking threads, a limited number at a time. `hash_queue` decides the
//! order.
//!
//! One hash deliberately takes about 20 ms and 19 MiB. Without a limit, a burst of logins would exhaust the machine.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::Rng;
use tokio::runtime::Handle;

use super::error::{AccessError, AccessErrorKind, AuthenticationError};
use super::hash_queue::{Asker, HashQueue, LONGEST_WAIT, Source};

/// Maximum length of a password in bytes. A longer one is rejected when it is set, and is always wrong at login.
pub const MAX_PASSWORD_BYTES: usize = 1024;
const SALT_BYTES: usize = 16;

/// The cost of one hash. The default is OWASP's first recommendation for Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        HashCost { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Computes and verifies password hashes.
#[derive(Debug)]
pub(super) struct Passwords {
    params: Params,
    queue: Arc<HashQueue>,
    /// Verified if the user does not exist, so that the response takes as long as for an existing user.
    decoy: String,
    /// The runtime that computes hashes; `None` for the caller's runtime.
    computing: Option<Handle>,
}

impl Passwords {
    pub fn new(cost: HashCost, at_once: usize, computing: Option<Handle>) -> Result<Self, AccessError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| AccessError::invalid(format!("The cost of password hashes is out of range: {error}")))?;
        let decoy = hash(&params, random_password().as_bytes())?;
        Ok(Passwords { params, queue: HashQueue::new(at_once, LONGEST_WAIT), decoy, computing })
    }

    /// Hashes a user's new password. Returns a PHC string.
    pub async fn hash(self: &Arc<Self>, username: &str, password: String) -> Result<String, AccessError> {
        let this = Arc::clone(self);
        let asker = Asker { source: Source::Administration, username, known: true };
        self.run(asker, move || hash(&this.params, password.as_bytes()))
            .await
            .map_err(|_| AccessError::new(AccessErrorKind::Busy, AuthenticationError::Busy.to_string()))?
    }

    /// Returns whether the password matches the hash. `None` stands for a user that does not exist.
    pub async fn verify(
        self: &Arc<Self>,
        source: Source,
        username: &str,
        password: String,
        hashed: Option<String>,
    ) -> Result<bool, AuthenticationError> {
        let this = Arc::clone(self);
        self.run(Asker { source, username, known: hashed.is_some() }, move || {
            let exists = hashed.is_some();
            let hashed = hashed.as_deref().unwrap_or(&this.decoy);
            let matches = Argon2::default().verify_password(password.as_bytes(), hashed).is_ok();
            exists && matches && password.len() <= MAX_PASSWORD_BYTES
        })
        .await
    }

    /// Takes a turn, so that a test can show that none is needed.
    #[cfg(test)]
    pub async fn occupy(&self) -> super::hash_queue::Permit {
        self.queue.turn(Asker { source: Source::Unknown, username: "", known: true }).await.unwrap()
    }

    async fn run<T: Send + 'static>(
        &self,
        asker: Asker<'_>,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthenticationError> {
        let permit = self.queue.turn(asker).await?;
        let computation = move || {
            let _permit = permit;
            compute()
        };
        let computed = match &self.computing {
            Some(threads) => threads.spawn_blocking(computation),
            None => tokio::task::spawn_blocking(computation),
        };
        computed.await.map_err(|_| AuthenticationError::Unavailable)
    }
}

fn hash(params: &Params, password: &[u8]) -> Result<String, AccessError> {
    let mut salt = [0_u8; SALT_BYTES];
    rand::rng().fill_bytes(&mut salt);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_with_salt(password, &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| AccessError::caused_by("The password cannot be hashed", error.to_string()))
}

/// Generates a password for the first administrator: 144 random bits, in characters that are safe to copy.
pub fn random_password() -> String {
    use base64::Engine;
    let mut bytes = [0_u8; 18];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
