//! Settings of the store, the administrator and tokens.

use jobhost_store_lmdb::EmbeddedOptions;

use super::{Setting, limit, number, secret, text};

pub const DATA_DIR: Setting = text(
    "data.dir",
    "./jobhost-data",
    "Directory for the store, the keys and the spool of jobs. Only one host can use it at a time.",
);
pub const DATA_MAX_BYTES: Setting = limit(
    || EmbeddedOptions::MAX_BYTES,
    "Maximum size of the embedded store. Only address space is reserved (1 TiB); the file grows with the data. When the \
         store is full, writes fail with a clear error and nothing is lost.",
);
pub const DATA_RESERVE_BYTES: Setting = number(
    "data.reserve_bytes",
    0,
    "Disk space that payloads, downloads and temporary files never use: it is reserved for the store. 0 means 1 GiB, or \
         5 % of the space that is free when the host starts if that is less.",
);
pub const DATA_USER_MAX_BYTES: Setting = number(
    "data.user_max_bytes",
    0,
    "Maximum size of the records that one user has written, in bytes of keys and values. Writes beyond it are refused, \
         and jobs end in ERROR. Super users have no limit. Records written while this was 0 (no limit) are not counted for \
         anyone. When a table shrinks, all its writers are credited in proportion.",
);
pub const DATA_SEALING_KEY: Setting = secret(
    "data.sealing_key",
    "Key that encrypts the secrets of waiting and running jobs: 64 hexadecimal digits. If it is not set, the first start \
         creates one in <data.dir>/sealing-key (mode 0600). Set it if readers of the disk must not be able to decrypt them.",
);
pub const ADMIN_USERNAME: Setting = text(
    "admin.username",
    "HDB_ADMIN",
    "Name of the administrator that the first start creates. The default is Harper's usual name.",
);
pub const ADMIN_PASSWORD: Setting = secret(
    "admin.password",
    "Password of that administrator. There is no default: if it is not set, the first start generates a random one and \
         writes it to <data.dir>/admin-password (mode 0600). It has no effect once a user exists.",
);
pub const TOKENS_OPERATION_LIFETIME_SECONDS: Setting =
    number("tokens.operation_lifetime_seconds", 86_400, "Lifetime of an operation token: 1 day, as in Harper.");
pub const TOKENS_REFRESH_LIFETIME_SECONDS: Setting =
    number("tokens.refresh_lifetime_seconds", 2_592_000, "Lifetime of a refresh token: 30 days, as in Harper.");
