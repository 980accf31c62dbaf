//! Timestamps and clocks.

/// A moment in microseconds since the Unix epoch. Harper's clients see milliseconds with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds with a fraction, as `__createdtime__` and `__updatedtime__` show it.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Whole milliseconds, as the times of a job row show it.
    pub fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Appends milliseconds with as much of a fraction as there is.
    pub fn write_millis(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_millis().to_string().as_bytes());
        let fraction = self.0 % 1000;
        if fraction != 0 {
            let digits = format!(".{fraction:03}");
            out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
        }
    }

    /// Milliseconds as a JSON number, with a fraction only if there is one.
    pub fn to_json_millis(self) -> serde_json::Value {
        if self.0.is_multiple_of(1000) { self.as_millis().into() } else { self.as_millis_f64().into() }
    }
}

/// Where the time comes from, so that tests decide what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}
