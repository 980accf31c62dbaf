//! Created and updated times if the clock moves backwards.
//!
//! Created times follow the order of arrival. If the clock moves back a little, the table keeps using its newest time
//! until the clock has caught up. If it moves far back, because it had been wrong before, that would give all later
//! records a time in the future, so they get the clock's time instead.

use jobhost_model::Timestamp;

/// Maximum backward step of a clock correction, in microseconds. A larger step is a jump.
const TOLERANCE: u64 = 10_000_000;

/// Returns whether the clock moved back further than a correction does.
pub fn is_before(now: Timestamp, newest: Timestamp) -> bool {
    now.0.saturating_add(TOLERANCE) < newest.0
}

/// Returns the time of a table's last change, after a change at `now`.
pub fn last_change(now: Timestamp, last: Timestamp) -> Timestamp {
    if is_before(now, last) { now } else { last.max(now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_correction_is_not_a_jump() {
        assert!(!is_before(Timestamp(0), Timestamp(TOLERANCE)));
        assert!(is_before(Timestamp(0), Timestamp(TOLERANCE + 1)));
        assert!(!is_before(Timestamp(u64::MAX), Timestamp(u64::MAX)));
        assert_eq!(last_change(Timestamp(5), Timestamp(7)), Timestamp(7));
        assert_eq!(last_change(Timestamp(5), Timestamp(TOLERANCE + 6)), Timestamp(5));
    }
}
