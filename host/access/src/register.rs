//! Changes users and roles, one at a time: first in the store, then in the snapshot that requests read. If the store
//! fails, the snapshot is reloaded, so that the two never differ.

use std::sync::Arc;

use rand::Rng;

use super::accounts::{Access, NewUser, UserChange, no_such_user};
use super::directory::{self, Account, Directory};
use super::error::{AccessError, AccessErrorKind};
use super::passwords::MAX_PASSWORD_BYTES;
use super::role::Role;
use super::validate::RoleRequest;

const MAX_USERNAME_BYTES: usize = 250;

impl Access {
    /// Performs a change in the store. After an error, the change may or may not have been stored.
    async fn stored(&self, change: impl Future<Output = Result<(), AccessError>>) -> Result<(), AccessError> {
        let outcome = change.await;
        if outcome.is_err()
            && let Ok(as_stored) = Directory::load(self.store.as_ref()).await
        {
            self.publish(as_stored);
        }
        outcome
    }

    // --- users

    pub async fn add_user(&self, new: NewUser) -> Result<(), AccessError> {
        if new.username.trim().is_empty() {
            return Err(AccessError::invalid("Username can't be blank"));
        }
        if new.username.len() > MAX_USERNAME_BYTES
            || new.username.contains(':')
            || new.username.contains(char::is_control)
        {
            return Err(AccessError::invalid(format!(
                "Username must have at most {MAX_USERNAME_BYTES} bytes, no colon and no control characters"
            )));
        }
        check_password(&new.password)?;
        // Checked before computing the hash and again afterwards, because the hash takes a while.
        self.role_of_new_user(&self.snapshot(), &new)?;
        let password_hash = self.passwords.hash(&new.username, new.password.clone()).await?;

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
        self.stored(directory::save_account(self.store.as_ref(), &account)).await?;
        let mut directory = Directory::clone(&directory);
        directory.accounts.insert(account.username.clone(), Arc::new(account));
        self.publish(directory);
        Ok(())
    }

    fn role_of_new_user(&self, directory: &Directory, new: &NewUser) -> Result<String, AccessError> {
        let role = directory
            .role_named(&new.role)
            .ok_or_else(|| AccessError::new(AccessErrorKind::NotFound, format!("{} role not found", new.role)))?;
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
                Some(self.passwords.hash(username, password).await?)
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
        self.stored(directory::save_account(self.store.as_ref(), &account)).await?;
        self.publish(directory);
        Ok(())
    }

    pub async fn drop_user(&self, username: &str) -> Result<(), AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        directory.accounts.remove(username).ok_or_else(|| no_such_user(username))?;
        keep_a_super_user(&directory, || format!("User {username} cannot be dropped"))?;
        self.stored(directory::delete_account(self.store.as_ref(), username)).await?;
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
        self.stored(directory::save_role(self.store.as_ref(), &role)).await?;
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
        self.stored(directory::save_role(self.store.as_ref(), &role)).await?;
        self.publish(directory);
        Ok(role)
    }

    /// Returns the name of the dropped role. A role that any user has, active or not, stays.
    pub async fn drop_role(&self, id: &str) -> Result<String, AccessError> {
        let _changing = self.changing.lock().await;
        let mut directory = Directory::clone(&self.snapshot());
        let role =
            directory.roles.remove(id).ok_or_else(|| AccessError::new(AccessErrorKind::NotFound, "Role not found"))?;
        let holders =
            |active: bool| directory.accounts.values().any(|account| account.role == id && account.active == active);
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
        self.stored(directory::delete_role(self.store.as_ref(), id)).await?;
        self.publish(directory);
        Ok(role.name.clone())
    }
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

/// Rejects a change after which no active super_user would be left to undo it.
fn keep_a_super_user(directory: &Directory, refused: impl FnOnce() -> String) -> Result<(), AccessError> {
    if directory.has_active_super_user() {
        return Ok(());
    }
    let sentence = format!("{}: no active user with a super_user role would be left", refused());
    Err(AccessError::new(AccessErrorKind::Conflict, sentence))
}
