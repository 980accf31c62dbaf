//! A snapshot of all accounts and roles, and their format in the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::AccessError;
use super::role::{Role, User};
use jobhost_model::Timestamp;
use jobhost_store::DocumentStore;

const USERS: &str = "user";
const ROLES: &str = "role";

/// A user as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub username: String,
    /// The id of the role.
    pub role: String,
    pub active: bool,
    pub password_hash: String,
    /// A random number that changes with every change of the password.
    pub generation: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A role as stored.
#[derive(Serialize, Deserialize)]
struct RoleDocument {
    id: String,
    role: String,
    #[serde(deserialize_with = "jobhost_model::json::members")]
    permission: Map<String, Value>,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Clone, Default)]
pub(super) struct Directory {
    pub accounts: HashMap<String, Arc<Account>>,
    pub roles: BTreeMap<String, Arc<Role>>,
}

impl Directory {
    pub async fn load(store: &dyn DocumentStore) -> Result<Self, AccessError> {
        let mut directory = Directory::default();
        for (name, document) in store.documents(ROLES).await? {
            let role: RoleDocument = read_document("role", &name, &document)?;
            let loaded = Role::new(role.id, role.role, role.permission, role.created, role.updated);
            directory.roles.insert(loaded.id.clone(), Arc::new(loaded));
        }
        for (name, document) in store.documents(USERS).await? {
            let account: Account = read_document("user", &name, &document)?;
            directory.accounts.insert(account.username.clone(), Arc::new(account));
        }
        Ok(directory)
    }

    pub fn user(&self, account: &Account) -> Option<User> {
        let role = Arc::clone(self.roles.get(&account.role)?);
        Some(User { username: account.username.clone(), role, active: account.active })
    }

    /// Finds the role that a client refers to: by name or, failing that, by id.
    pub fn role_named(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.values().find(|role| role.name == name).or_else(|| self.roles.get(name))
    }

    /// Returns whether there is an active super_user.
    pub fn has_active_super_user(&self) -> bool {
        let super_role = |account: &Account| self.roles.get(&account.role).is_some_and(|role| role.is_super_user());
        self.accounts.values().any(|account| account.active && super_role(account))
    }
}

pub(super) async fn save_account(store: &dyn DocumentStore, account: &Account) -> Result<(), AccessError> {
    let document = write_document(account)?;
    Ok(store.put_document(USERS, &account.username, document).await?)
}

pub(super) async fn delete_account(store: &dyn DocumentStore, username: &str) -> Result<(), AccessError> {
    store.delete_document(USERS, username).await?;
    Ok(())
}

pub(super) async fn save_role(store: &dyn DocumentStore, role: &Role) -> Result<(), AccessError> {
    let document = write_document(&RoleDocument {
        id: role.id.clone(),
        role: role.name.clone(),
        permission: role.permission.clone(),
        created: role.created,
        updated: role.updated,
    })?;
    Ok(store.put_document(ROLES, &role.id, document).await?)
}

pub(super) async fn delete_role(store: &dyn DocumentStore, id: &str) -> Result<(), AccessError> {
    store.delete_document(ROLES, id).await?;
    Ok(())
}

fn read_document<T: for<'d> Deserialize<'d>>(kind: &str, name: &str, document: &[u8]) -> Result<T, AccessError> {
    serde_json::from_slice(document)
        .map_err(|error| AccessError::caused_by(&format!("The stored {kind} '{name}' cannot be read"), error))
}

fn write_document<T: Serialize>(document: &T) -> Result<Vec<u8>, AccessError> {
    serde_json::to_vec(document).map_err(|error| AccessError::caused_by("A user or role cannot be stored", error))
}
