//! Roles and users as the rest of the host sees them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::permissions::Permissions;
use jobhost_model::Timestamp;
use jobhost_model::table::{CREATED_TIME, UPDATED_TIME};
use jobhost_store::Quota;

/// The role of the first administrator.
pub const SUPER_USER_ROLE: &str = "super_user";

/// A named set of permissions.
#[derive(Debug, Clone)]
pub struct Role {
    pub id: String,
    pub name: String,
    /// The permissions as the client sent them. Operations that show roles return them unchanged.
    pub permission: Map<String, Value>,
    /// The parsed permissions, on which decisions are based.
    pub permissions: Permissions,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Role {
    pub fn new(
        id: String,
        name: String,
        permission: Map<String, Value>,
        created: Timestamp,
        updated: Timestamp,
    ) -> Self {
        let permissions = Permissions::parse(&permission);
        Role { id, name, permission, permissions, created, updated }
    }

    pub fn is_super_user(&self) -> bool {
        self.permissions.super_user
    }

    /// Returns the storage quota of a user with this role. A super_user has none, because he could raise it anyway.
    pub fn quota(&self, user: &str, most: Option<u64>) -> Option<Quota> {
        most.filter(|_| !self.is_super_user()).map(|bytes| Quota { user: Arc::from(user), bytes })
    }

    /// Returns the role in the format of `list_roles`, `add_role` and `user_info`.
    pub fn to_json(&self) -> Value {
        json!({
            "role": self.name,
            "permission": self.permission,
            "id": self.id,
            UPDATED_TIME: self.updated.to_json_millis(),
            CREATED_TIME: self.created.to_json_millis(),
        })
    }
}

/// A user and the user's role at the time of the lookup.
#[derive(Debug, Clone)]
pub struct User {
    pub username: String,
    pub role: Arc<Role>,
    pub active: bool,
}

impl User {
    /// Returns the user in the format of `list_users` and `user_info`.
    pub fn to_json(&self) -> Value {
        json!({ "active": self.active, "username": self.username, "role": self.role.to_json() })
    }
}
