//! Settings of the log.

use super::{Setting, text};

pub const LOG_LEVEL: Setting =
    text("log.level", "info", "error, warn, info, debug or trace, or a filter such as info,jobhost::jobs=debug.");
pub const LOG_FORMAT: Setting = text("log.format", "text", "text for people, json for machines. Logs go to stderr.");
