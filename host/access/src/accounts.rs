//! Authentication by password or token. `register` changes accounts.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::directory::Directory;
use super::error::{AccessError, AccessErrorKind, AuthenticationError};
use super::hash_queue::Source;
use super::passwords::{HashCost, Passwords};
use super::role::{Role, SUPER_USER_ROLE, User};
use super::tokens::{SigningKey, TokenPair, TokenUse, Tokens};
use super::validate::RoleRequest;
use super::verified::Verified;
use jobhost_model::Clock;
use jobhost_store::DocumentStore;

/// Lifetimes of tokens and the cost of password hashes.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    pub operation_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub hash_cost: HashCost,
    /// Maximum number of password hashes computed concurrently.
    pub hashes_at_once: usize,
    /// The runtime that computes password hashes; `None` for the caller's runtime.
    pub computing: Option<tokio::runtime::Handle>,
}

impl Default for AccessOptions {
    fn default() -> Self {
        AccessOptions {
            operation_token_seconds: 24 * 60 * 60,
            refresh_token_seconds: 30 * 24 * 60 * 60,
            hash_cost: HashCost::default(),
            hashes_at_once: std::thread::available_parallelism().map_or(1, usize::from).min(4),
            computing: None,
        }
    }
}

/// The administrator created at the first start, when there are no users.
pub struct FirstAdmin {
    pub username: String,
    pub password: String,
}

/// A user to add.
pub struct NewUser {
    pub username: String,
    pub password: String,
    /// The name of the role.
    pub role: String,
    pub active: bool,
}

/// A change of a user.
#[derive(Default)]
pub struct UserChange {
    pub password: Option<String>,
    pub role: Option<String>,
    pub active: Option<bool>,
}

/// Users, roles, passwords and tokens of this host.
pub struct Access {
    pub(super) store: Arc<dyn DocumentStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: AccessOptions,
    pub(super) directory: RwLock<Arc<Directory>>,
    /// Serializes changes of users and roles.
    pub(super) changing: tokio::sync::Mutex<()>,
    pub(super) passwords: Arc<Passwords>,
    pub(super) verified: Verified,
    pub(super) tokens: Tokens,
}

impl Access {
    /// Loads users and roles from the store. Calls `first_admin` only if there are no users, that is, at the first
    /// start.
    pub async fn open(
        store: Arc<dyn DocumentStore>,
        clock: Arc<dyn Clock>,
        key: &SigningKey,
        options: AccessOptions,
        first_admin: impl FnOnce() -> Result<FirstAdmin, AccessError> + Send,
    ) -> Result<Self, AccessError> {
        let directory = Directory::load(store.as_ref()).await?;
        let access = Access {
            passwords: Arc::new(Passwords::new(options.hash_cost, options.hashes_at_once, options.computing.clone())?),
            store,
            clock,
            options,
            directory: RwLock::new(Arc::new(directory)),
            changing: tokio::sync::Mutex::new(()),
            verified: Verified::new(),
            tokens: Tokens::new(key),
        };
        if access.snapshot().accounts.is_empty() {
            access.create_first_admin(first_admin()?).await?;
        }
        Ok(access)
    }

    async fn create_first_admin(&self, admin: FirstAdmin) -> Result<(), AccessError> {
        if self.snapshot().role_named(SUPER_USER_ROLE).is_none() {
            let mut permission = Map::new();
            permission.insert("super_user".to_owned(), Value::Bool(true));
            self.add_role(RoleRequest { id: None, role: Some(SUPER_USER_ROLE.to_owned()), permission }).await?;
        }
        let FirstAdmin { username, password } = admin;
        self.add_user(NewUser { username, password, role: SUPER_USER_ROLE.to_owned(), active: true }).await
    }

    pub(super) fn snapshot(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish(&self, directory: Directory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }

    // --- lookups

    /// Returns the user, active or not.
    pub fn user(&self, username: &str) -> Option<User> {
        let directory = self.snapshot();
        directory.user(directory.accounts.get(username)?)
    }

    /// Returns all users, in order of name.
    pub fn users(&self) -> Vec<User> {
        let directory = self.snapshot();
        let mut users: Vec<_> = directory.accounts.values().filter_map(|account| directory.user(account)).collect();
        users.sort_unstable_by(|one, other| one.username.cmp(&other.username));
        users
    }

    /// Returns all roles, in order of id.
    pub fn roles(&self) -> Vec<Arc<Role>> {
        self.snapshot().roles.values().cloned().collect()
    }

    // --- authentication

    /// Authenticates a user by name and password. `source` is the client's address, if known; clients that wait for a
    /// password check take turns by address.
    pub async fn authenticate_basic(
        &self,
        username: &str,
        password: &str,
        source: Option<IpAddr>,
    ) -> Result<User, AuthenticationError> {
        let account = self.snapshot().accounts.get(username).cloned();
        let generation = account.as_ref().map_or(0, |account| account.generation);
        let fingerprint = self.verified.fingerprint(username, generation, password);
        if account.is_none() || !self.verified.contains(&fingerprint) {
            let hashed = account.map(|account| account.password_hash.clone());
            if !self.passwords.verify(Source::of(source), username, password.to_owned(), hashed).await? {
                return Err(AuthenticationError::LoginFailed);
            }
            self.verified.remember(fingerprint);
        }
        // Looked up again, because the account may have changed during the check.
        let directory = self.snapshot();
        let account = directory.accounts.get(username).filter(|account| account.generation == generation);
        let user = account.and_then(|account| directory.user(account)).ok_or(AuthenticationError::LoginFailed)?;
        if user.active { Ok(user) } else { Err(AuthenticationError::Inactive) }
    }

    /// Returns the user of a token. A token issued for another use is rejected like a forged one.
    pub fn authenticate_token(&self, token: &str, wanted: TokenUse) -> Result<User, AuthenticationError> {
        self.read_token(token).and_then(
            |(user, found)| {
                if found == wanted { Ok(user) } else { Err(AuthenticationError::InvalidToken) }
            },
        )
    }

    /// Returns the user of a token and the use the token was issued for.
    pub fn read_token(&self, token: &str) -> Result<(User, TokenUse), AuthenticationError> {
        let claims = self.tokens.read(token, self.clock.now())?;
        let directory = self.snapshot();
        let account = directory
            .accounts
            .get(&claims.username)
            .filter(|account| account.generation == claims.generation)
            .ok_or(AuthenticationError::InvalidToken)?;
        let user = directory.user(account).ok_or(AuthenticationError::InvalidToken)?;
        if user.active { Ok((user, claims.sub)) } else { Err(AuthenticationError::Inactive) }
    }

    pub fn create_tokens(&self, user: &User) -> Result<TokenPair, AccessError> {
        Ok(TokenPair {
            operation_token: self.issue(user, TokenUse::Operation)?,
            refresh_token: self.issue(user, TokenUse::Refresh)?,
        })
    }

    /// Creates a new operation token for the holder of a refresh token.
    pub fn create_operation_token(&self, user: &User) -> Result<String, AccessError> {
        self.issue(user, TokenUse::Operation)
    }

    fn issue(&self, user: &User, sub: TokenUse) -> Result<String, AccessError> {
        let directory = self.snapshot();
        let account = directory.accounts.get(&user.username).ok_or_else(|| no_such_user(&user.username))?;
        let lifetime = match sub {
            TokenUse::Operation => self.options.operation_token_seconds,
            TokenUse::Refresh => self.options.refresh_token_seconds,
        };
        self.tokens.issue(user, account.generation, sub, self.clock.now(), lifetime)
    }
}

pub(super) fn no_such_user(username: &str) -> AccessError {
    AccessError::new(AccessErrorKind::NotFound, format!("User {username} does not exist"))
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
