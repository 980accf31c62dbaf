//! Configurable limits: a configuration key and a value. The type that enforces a limit declares its key and default once;
//! configuration, error messages and documentation use them.

use std::borrow::Cow;
use std::time::Duration;

use crate::jobs::LimitReached;

/// A limit, and the configuration key that sets it. The name of the key ends with the unit of the value, where it has one:
/// `_bytes`, `_seconds`, `_milliseconds`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    key: Cow<'static, str>,
    value: u64,
}

impl Limit {
    /// The limit that `key` sets, with its default.
    pub const fn new(key: &'static str, default: u64) -> Self {
        Limit { key: Cow::Borrowed(key), value: default }
    }

    /// A limit that is not set by a configuration key of its own; `key` describes its source.
    pub fn set_by(key: String, value: u64) -> Self {
        Limit { key: Cow::Owned(key), value }
    }

    /// The same limit with another value.
    #[must_use]
    pub fn with_value(&self, value: u64) -> Self {
        Limit { key: self.key.clone(), value }
    }

    /// The configuration key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key of a limit that [`Limit::new`] made; empty for any other.
    pub const fn static_key(&self) -> &'static str {
        match &self.key {
            Cow::Borrowed(key) => key,
            Cow::Owned(_) => "",
        }
    }

    /// The value, in the unit that the key names.
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// The value as a size or a count, at most `usize::MAX`.
    pub fn size(&self) -> usize {
        usize::try_from(self.value).unwrap_or(usize::MAX)
    }

    /// The value as a time: in milliseconds if the key says so, otherwise in seconds.
    pub fn time(&self) -> Duration {
        if self.key.ends_with("milliseconds") {
            Duration::from_millis(self.value)
        } else {
            Duration::from_secs(self.value)
        }
    }

    /// The entry in a job's row for a limit that was reached. `reached` is `None` if it is unknown.
    pub fn reached(&self, reached: impl Into<Option<u64>>) -> LimitReached {
        LimitReached { key: self.key().into(), limit: self.value, reached: reached.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_determines_the_unit_of_time() {
        assert_eq!(Limit::new("a.wall_seconds", 3).time(), Duration::from_secs(3));
        assert_eq!(Limit::new("a.plan_milliseconds", 3).time(), Duration::from_millis(3));
        assert_eq!(Limit::set_by("grants.a wall-seconds".to_owned(), 3).time(), Duration::from_secs(3));
    }
}
