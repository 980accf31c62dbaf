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
    /// As the client sent it, echoed by the operations that show roles.
    pub permission: Map<String, Value>,
    /// What decisions are made on.
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

    /// What a user of this role may store. A super user could set the bound anyway.
    pub fn quota(&self, user: &str, most: Option<u64>) -> Option<Quota> {
        most.filter(|_| !self.is_super_user()).map(|bytes| Quota { user: Arc::from(user), bytes })
    }

    /// The role as `list_roles`, `add_role` and `user_info` show it.
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

/// A user and the role in force at the moment the user was looked up.
#[derive(Debug, Clone)]
pub struct User {
    pub username: String,
    pub role: Arc<Role>,
    pub active: bool,
}

impl User {
    /// The user as `list_users` and `user_info` show it.
    pub fn to_json(&self) -> Value {
        json!({ "active": self.active, "username": self.username, "role": self.role.to_json() })
    }
}
