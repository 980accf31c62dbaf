//! Access control: users, roles, permissions, passwords and tokens.
//!
//! This crate knows the trait `Store`, which keeps its documents, and nothing about HTTP. No password leaves this crate
//! in any form, not even hashed, and no error or log line here contains one.

mod accounts;
mod check;
mod denial;
mod directory;
mod error;
mod hash_queue;
mod passwords;
mod permissions;
mod register;
mod role;
mod tokens;
mod turns;
mod validate;
mod verified;

pub use accounts::{Access, AccessOptions, FirstAdmin, NewUser, UserChange};
pub use denial::{AttributeDenial, Denial, TableDenial, Unauthorized};
pub use error::{AccessError, AccessErrorKind, AuthenticationError};
pub use passwords::{HashCost, random_password};
pub use permissions::{AttributePermissions, Permissions, StructureRight, TablePermissions};
pub use role::{Role, SUPER_USER_ROLE, User};
pub use tokens::{SigningKey, TokenPair, TokenUse};
pub use validate::{RoleErrors, RoleRequest};
