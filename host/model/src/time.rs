//! Timestamps and clocks.

/// Microseconds since the Unix epoch. Harper's clients see milliseconds with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns milliseconds with a fraction, the format of `__createdtime__` and `__updatedtime__`.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Returns whole milliseconds, the format of the times in job rows.
    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Appends the time in milliseconds. Writes a fraction only if it is not zero.
    pub fn write_millis(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_millis().to_string().as_bytes());
        let fraction = self.0 % 1000;
        if fraction != 0 {
            let digits = format!(".{fraction:03}");
            out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
        }
    }

    /// Returns milliseconds as a JSON number, with a fraction only if it is not zero.
    pub fn to_json_millis(self) -> serde_json::Value {
        if self.0.is_multiple_of(1000) { self.as_millis().into() } else { self.as_millis_f64().into() }
    }
}

/// A source of time, so that tests can control it.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}
