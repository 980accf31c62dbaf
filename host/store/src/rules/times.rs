//! Created and updated times when the clock goes back.
//!
//! Created times follow the order of arrival. When the clock goes back a little, the table's time stands still until the
//! clock has caught up. When it goes back far, because it had jumped forward before, that would give all later records a
//! time of the future: then they get the clock's time.

use jobhost_model::Timestamp;

/// Microseconds by which a clock goes back in a correction. More is a jump.
const TOLERANCE: u64 = 10_000_000;

/// True if the clock has gone back further than a correction does.
pub fn is_before(now: Timestamp, newest: Timestamp) -> bool {
    now.0.saturating_add(TOLERANCE) < newest.0
}

/// The time of a table's last change after a change at `now`.
pub fn last_change(now: Timestamp, last: Timestamp) -> Timestamp {
    if is_before(now, last) { now } else { last.max(now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_no_jumps() {
        assert!(!is_before(Timestamp(0), Timestamp(TOLERANCE)));
        assert!(is_before(Timestamp(0), Timestamp(TOLERANCE + 1)));
        assert!(!is_before(Timestamp(u64::MAX), Timestamp(u64::MAX)));
        assert_eq!(last_change(Timestamp(5), Timestamp(7)), Timestamp(7));
        assert_eq!(last_change(Timestamp(5), Timestamp(TOLERANCE + 6)), Timestamp(5));
    }
}
