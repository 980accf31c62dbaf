//! The door and the register: lets users in, and changes users and roles.
//!
//! Changes go one after another: to the store first, then into the snapshot that every request reads.

use std::sync::{Arc, PoisonError, RwLock};

use rand::Rng;
use serde_json::{Map, Value};

use super::directory::{self, Account, Directory};
use super::error::{AccessError, AccessErrorKind, AuthenticationError};
use super::passwords::{HashCost, MAX_PASSWORD_BYTES, Passwords};
use super::role::{Role, SUPER_USER_ROLE, User};
use super::tokens::{SigningKey, TokenPair, TokenUse, Tokens};
use super::validate::RoleRequest;
use super::verified::Verified;
use crate::records::{Clock, Store};

const MAX_USERNAME_BYTES: usize = 250;

/// How long tokens live and what password hashes cost.
#[derive(Debug, Clone, Copy)]
pub struct AccessOptions {
    pub operation_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub hash_cost: HashCost,
    /// Password hashes computed at once.
    pub hashes_at_once: usize,
}

impl Default for AccessOptions {
    fn default() -> Self {
        AccessOptions {
            operation_token_seconds: 24 * 60 * 60,
            refresh_token_seconds: 30 * 24 * 60 * 60,
            hash_cost: HashCost::default(),
            hashes_at_once: std::thread::available_parallelism().map_or(1, usize::from).min(4),
        }
    }
}

/// The administrator that is created when there is no user at all.
pub struct FirstAdmin {
    pub username: String,
    pub password: String,
}

/// A user to add.
pub struct NewUser {
    pub username: String,
    pub password: String,
    /// Name of the role.
    pub role: String,
    pub active: bool,
}

/// What is to change about a user.
#[derive(Default)]
pub struct UserChange {
    pub password: Option<String>,
    pub role: Option<String>,
    pub active: Option<bool>,
}

/// Users, roles, passwords and tokens of this host.
pub struct Access {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    options: AccessOptions,
    directory: RwLock<Arc<Directory>>,
    /// Held while something changes.
    changing: tokio::sync::Mutex<()>,
    passwords: Arc<Passwords>,
    verified: Verified,
    tokens: Tokens,
}

impl Access {
    /// Opens the register. `first_admin` is asked only when there is no user yet: at the first start.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        key: &SigningKey,
        options: AccessOptions,
        first_admin: impl FnOnce() -> Result<FirstAdmin, AccessError> + Send,
    ) -> Result<Self, AccessError> {
        let directory = Directory::load(store.as_ref()).await?;
        let access = Access {
            passwords: Arc::new(Passwords::new(options.hash_cost, options.hashes_at_once)?),
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

    fn snapshot(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, directory: Directory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        self.verified.forget_all();
    }

    // --- who is there

    /// The user as of now, active or not.
    pub fn user(&self, username: &str) -> Option<User> {
        let directory = self.snapshot();
        directory.user(directory.accounts.get(username)?)
    }

    /// All users, in order of name.
    pub fn users(&self) -> Vec<User> {
        let directory = self.snapshot();
        let mut users: Vec<_> = directory.accounts.values().filter_map(|account| directory.user(account)).collect();
        users.sort_unstable_by(|one, other| one.username.cmp(&other.username));
        users
    }

    /// All roles, in order of id.
    pub fn roles(&self) -> Vec<Arc<Role>> {
        self.snapshot().roles.values().cloned().collect()
    }

    // --- the door

    pub async fn authenticate_basic(&self, username: &str, password: &str) -> Result<User, AuthenticationError> {
        let directory = self.snapshot();
        let account = directory.accounts.get(username).cloned();
        let generation = account.as_ref().map_or(0, |account| account.generation);
        let fingerprint = self.verified.fingerprint(username, generation, password);
        if account.is_none() || !self.verified.contains(&fingerprint) {
            let hashed = account.as_ref().map(|account| account.password_hash.clone());
            if !self.passwords.verify(password.to_owned(), hashed).await? {
                return Err(AuthenticationError::LoginFailed);
            }
            self.verified.remember(fingerprint);
        }
        let user = account.and_then(|account| directory.user(&account)).ok_or(AuthenticationError::LoginFailed)?;
        if user.active { Ok(user) } else { Err(AuthenticationError::Inactive) }
    }

    /// The user whom a token names. A token for another use is as good as a forged one.
    pub fn authenticate_token(&self, token: &str, wanted: TokenUse) -> Result<User, AuthenticationError> {
        self.read_token(token).and_then(|(user, found)| {
            if found == wanted { Ok(user) } else { Err(AuthenticationError::InvalidToken) }
        })
    }

    /// The user whom a token names, and what the token is good for.
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

    /// A new operation token for the holder of a refresh token.
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

    // --- users

    pub async fn add_user(&self, new: NewUser) -> Result<(), AccessError> {
        if new.username.trim().is_empty() {
            return Err(AccessError::invalid("Username can't be blank"));
        }
        if new.username.len() > MAX_USERNAME_BYTES || new.username.contains(':') || new.username.contains(char::is_control)
        {
            return Err(AccessError::invalid(format!(
                "Username must have at most {MAX_USERNAME_BYTES} bytes, no colon and no control characters"
            )));
        }
        check_password(&new.password)?;
        // Asked before the hash is computed and again below, because the hash takes its time.
        self.role_of_new_user(&self.snapshot(), &new)?;
        let password_hash = self.passwords.hash(new.password.clone()).await?;

        let _changing = self.changing.lock().await;
        let directory = self.snapshot();
        let role = self.role_of_new_user(&directory, &new)?;
        let now = self.clock.now();
        let account = Account {
            username: new.username,
            role,
            active: new.active,
            password_hash,
            generation: rand::rng().next_u64(),
            created: now,
            updated: now,
        };
        directory::save_account(self.store.as_ref(), &account).await?;
        let mut directory = Directory::clone(&directory);
        directory.accounts.insert(account.username.clone(), Arc::new(account));
        self.publish(directory);
        Ok(())
    }

    fn role_of_new_user(&self, directory: &Directory, new: &NewUser) -> Result<String, AccessError> {
        let role = directory.role_named(&new.role).ok_or_else(|| {
            AccessError::new(AccessErrorKind::NotFound, format!("{} role not found", new.role))
        })?;
        if directory.accounts.contains_key(&new.username) {
            let sentence = format!("User {} already exists", new.username);
            return Err(AccessError::new(AccessErrorKind::Conflict, sentence));
        }
        Ok(role.id.clone())
    }

    pub async fn alter_user(&self, username: &str, change: UserChange) -> Result<(), AccessError> {
        if change.password.is_none() && change.role.is_none() && change.active.is_none() {
            return Err(AccessError::invalid("nothing to update, must supply active, role or password to update"));
        }
        if !self.snapshot().accounts.contains_key(username) {
            return Err(no_such_user(username));
        }
        let password_hash = match change.password {
            None => None,
            Some(password) => {
                check_password(&password)?;
                Some(self.passwords.hash(password).await?)
            }
        };

        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        let account = directory.accounts.get(username).ok_or_else(|| no_such_user(username))?;
        let mut account = Account::clone(account);
        if let Some(name) = change.role {
            let role = directory.role_named(&name).ok_or_else(|| {
                let sentence = format!("Update failed.  Requested '{name}' role not found.");
                AccessError::new(AccessErrorKind::NotFound, sentence)
            })?;
            account.role = role.id.clone();
        }
        if let Some(active) = change.active {
            account.active = active;
        }
        if let Some(password_hash) = password_hash {
            account.password_hash = password_hash;
            account.generation = rand::rng().next_u64();
        }
        account.updated = self.clock.now();
        let account = Arc::new(account);
        directory.accounts.insert(username.to_owned(), Arc::clone(&account));
        keep_a_super_user(&directory, || format!("User {username} cannot be changed this way"))?;
        directory::save_account(self.store.as_ref(), &account).await?;
        self.publish(directory);
        Ok(())
    }

    pub async fn drop_user(&self, username: &str) -> Result<(), AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        directory.accounts.remove(username).ok_or_else(|| no_such_user(username))?;
        keep_a_super_user(&directory, || format!("User {username} cannot be dropped"))?;
        directory::delete_account(self.store.as_ref(), username).await?;
        self.publish(directory);
        Ok(())
    }

    // --- roles

    pub async fn add_role(&self, request: RoleRequest) -> Result<Arc<Role>, AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        let name = request.role.ok_or_else(|| AccessError::invalid("Role can't be blank"))?;
        let id = request.id.unwrap_or_else(|| name.clone());
        if directory.roles.values().any(|role| role.name == name || role.id == id) {
            let sentence = format!("A role with name '{name}' already exists");
            return Err(AccessError::new(AccessErrorKind::Conflict, sentence));
        }
        let now = self.clock.now();
        let role = Arc::new(Role::new(id, name, request.permission, now, now));
        directory::save_role(self.store.as_ref(), &role).await?;
        directory.roles.insert(role.id.clone(), Arc::clone(&role));
        self.publish(directory);
        Ok(role)
    }

    pub async fn alter_role(&self, request: RoleRequest) -> Result<Arc<Role>, AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        let id = request.id.ok_or_else(|| AccessError::invalid("Id can't be blank"))?;
        let old = directory.roles.get(&id).ok_or_else(|| AccessError::invalid("Invalid role id"))?;
        let name = request.role.unwrap_or_else(|| old.name.clone());
        if directory.roles.values().any(|role| role.id != id && role.name == name) {
            let sentence = format!("A role with name '{name}' already exists");
            return Err(AccessError::new(AccessErrorKind::Conflict, sentence));
        }
        let role = Arc::new(Role::new(id.clone(), name, request.permission, old.created, self.clock.now()));
        directory.roles.insert(id, Arc::clone(&role));
        keep_a_super_user(&directory, || format!("Role {} cannot be changed this way", role.name))?;
        directory::save_role(self.store.as_ref(), &role).await?;
        self.publish(directory);
        Ok(role)
    }

    /// Gives the name of the dropped role. A role that any user has, active or not, stays.
    pub async fn drop_role(&self, id: &str) -> Result<String, AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        let role = directory
            .roles
            .remove(id)
            .ok_or_else(|| AccessError::new(AccessErrorKind::NotFound, "Role not found"))?;
        let holders = |active: bool| directory.accounts.values().any(|account| account.role == id && account.active == active);
        let in_use = if holders(true) {
            Some(format!("Cannot drop role {} as it has active user(s) tied to this role", role.name))
        } else if holders(false) {
            Some(format!("Cannot drop role {} as it has inactive user(s) tied to this role", role.name))
        } else {
            None
        };
        if let Some(sentence) = in_use {
            return Err(AccessError::new(AccessErrorKind::Conflict, sentence));
        }
        directory::delete_role(self.store.as_ref(), id).await?;
        self.publish(directory);
        Ok(role.name.clone())
    }
}

fn no_such_user(username: &str) -> AccessError {
    AccessError::new(AccessErrorKind::NotFound, format!("User {username} does not exist"))
}

fn check_password(password: &str) -> Result<(), AccessError> {
    if password.trim().is_empty() {
        return Err(AccessError::invalid("password cannot be an empty string"));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(AccessError::invalid(format!("password must have at most {MAX_PASSWORD_BYTES} bytes")));
    }
    Ok(())
}

/// Refuses a change that would leave nobody who can undo it.
fn keep_a_super_user(directory: &Directory, refused: impl FnOnce() -> String) -> Result<(), AccessError> {
    if directory.has_active_super_user() {
        return Ok(());
    }
    let sentence = format!("{}: no active user with a super_user role would be left", refused());
    Err(AccessError::new(AccessErrorKind::Conflict, sentence))
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
