//! Writes dates and times as ISO 8601 text, in the same way as loads of CSV: always with milliseconds, and with more
//! digits if they are not zero.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// Days between 0001-01-01 and 1970-01-01.
const EPOCH_FROM_YEAR_ONE: i32 = 719_163;
const NANOSECONDS: i64 = 1_000_000_000;

/// The number of units in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PerSecond(pub(crate) i64);

/// `2021-01-02`; `None` if no calendar reaches.
pub(crate) fn date(days: i32, text: &mut String) -> Option<()> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_FROM_YEAR_ONE)?)?;
    write_date(date, text);
    Some(())
}

/// Writes `2021-01-02T03:04:05.000`, with a `Z` if it is UTC.
pub(crate) fn timestamp(value: i64, unit: PerSecond, is_utc: bool, text: &mut String) -> Option<()> {
    let (seconds, nanoseconds) = split(value, unit)?;
    let instant = DateTime::from_timestamp(seconds, nanoseconds)?.naive_utc();
    write_date(instant.date(), text);
    text.push('T');
    write_clock(instant.time().num_seconds_from_midnight(), nanoseconds, text);
    if is_utc {
        text.push('Z');
    }
    Some(())
}

/// Writes `03:04:05.000`. Returns `None` for a time that is not within a day.
pub(crate) fn time(value: i64, unit: PerSecond, text: &mut String) -> Option<()> {
    let (seconds, nanoseconds) = split(value, unit)?;
    let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds < 86_400)?;
    write_clock(seconds, nanoseconds, text);
    Some(())
}

fn split(value: i64, unit: PerSecond) -> Option<(i64, u32)> {
    let parts = value.rem_euclid(unit.0) * (NANOSECONDS / unit.0);
    Some((value.div_euclid(unit.0), u32::try_from(parts).ok()?))
}

fn write_date(date: NaiveDate, text: &mut String) {
    let (year, month, day) = (date.year(), date.month(), date.day());
    // Writing to a string cannot fail.
    let _ = match year {
        0..=9999 => write!(text, "{year:04}-{month:02}-{day:02}"),
        // The format that JavaScript uses for years of more than four digits.
        _ => write!(text, "{}{:06}-{month:02}-{day:02}", if year < 0 { '-' } else { '+' }, year.unsigned_abs()),
    };
}

fn write_clock(seconds: u32, nanoseconds: u32, text: &mut String) {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = match nanoseconds {
        parts if parts % 1_000_000 == 0 => {
            write!(text, "{hours:02}:{minutes:02}:{seconds:02}.{:03}", parts / 1_000_000)
        }
        parts if parts % 1_000 == 0 => write!(text, "{hours:02}:{minutes:02}:{seconds:02}.{:06}", parts / 1_000),
        parts => write!(text, "{hours:02}:{minutes:02}:{seconds:02}.{parts:09}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut String) -> Option<()>) -> Option<String> {
        let mut text = String::new();
        write(&mut text).map(|()| text)
    }

    #[test]
    fn timestamps_are_written_exactly() {
        let (ms, us, ns) = (PerSecond(1_000), PerSecond(1_000_000), PerSecond(NANOSECONDS));
        let instant = |value, unit, is_utc| shown(|text| timestamp(value, unit, is_utc, text));
        assert_eq!(instant(1_600_000_000_000, ms, true).as_deref(), Some("2020-09-13T12:26:40.000Z"));
        assert_eq!(instant(1_600_000_000_000_001, us, false).as_deref(), Some("2020-09-13T12:26:40.000001"));
        assert_eq!(instant(-1, ns, true).as_deref(), Some("1969-12-31T23:59:59.999999999Z"));
        assert_eq!(instant(253_402_300_800_000, ms, true).as_deref(), Some("+010000-01-01T00:00:00.000Z"));
        assert_eq!(instant(i64::MAX, ms, true), None);
        assert_eq!(shown(|text| date(-719_529, text)).as_deref(), Some("-000001-12-31"));
        assert_eq!(shown(|text| date(18_628, text)).as_deref(), Some("2021-01-01"));
        assert_eq!(shown(|text| date(i32::MAX, text)), None);
        assert_eq!(shown(|text| time(86_399_999, ms, text)).as_deref(), Some("23:59:59.999"));
        assert_eq!(shown(|text| time(86_400_000, ms, text)), None);
    }
}
