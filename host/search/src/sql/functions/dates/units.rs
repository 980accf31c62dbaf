//! Units of time, and arithmetic with them.

use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Years,
    Quarters,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl Unit {
    /// Parses a unit in the singular, in the plural or abbreviated. Only abbreviations are case-sensitive: `M` is a
    /// month, `m` a minute.
    pub fn named(name: &str) -> Option<Unit> {
        let short = match name {
            "M" => Some(Unit::Months),
            "Q" => Some(Unit::Quarters),
            _ => None,
        };
        let long = || match name.to_ascii_lowercase().as_str() {
            "y" | "year" | "years" => Some(Unit::Years),
            "quarter" | "quarters" => Some(Unit::Quarters),
            "month" | "months" => Some(Unit::Months),
            "w" | "week" | "weeks" => Some(Unit::Weeks),
            "d" | "day" | "days" => Some(Unit::Days),
            "h" | "hour" | "hours" => Some(Unit::Hours),
            "m" | "minute" | "minutes" => Some(Unit::Minutes),
            "s" | "second" | "seconds" => Some(Unit::Seconds),
            "ms" | "millisecond" | "milliseconds" => Some(Unit::Milliseconds),
            _ => None,
        };
        short.or_else(long)
    }

    /// Returns the length of the unit in months, days or milliseconds. Months and days are added as whole units.
    fn size(self) -> Size {
        match self {
            Unit::Years => Size::Months(12.0),
            Unit::Quarters => Size::Months(3.0),
            Unit::Months => Size::Months(1.0),
            Unit::Weeks => Size::Days(7.0),
            Unit::Days => Size::Days(1.0),
            Unit::Hours => Size::Millis(3_600_000.0),
            Unit::Minutes => Size::Millis(60_000.0),
            Unit::Seconds => Size::Millis(1000.0),
            Unit::Milliseconds => Size::Millis(1.0),
        }
    }

    /// Adds units to a date. Returns `None` if the result is not a valid date.
    pub fn add(self, date: DateTime<Utc>, count: f64) -> Option<DateTime<Utc>> {
        match self.size() {
            Size::Months(months) => add_months(date, whole((count * months).round())?),
            Size::Days(days) => {
                let days = whole((count * days).round())?;
                date.checked_add_signed(TimeDelta::try_days(days)?)
            }
            Size::Millis(millis) => date.checked_add_signed(TimeDelta::try_milliseconds(whole(count * millis)?)?),
        }
    }

    /// Returns `one` minus `other` in this unit, with a fraction.
    pub fn between(self, one: DateTime<Utc>, other: DateTime<Utc>) -> Option<f64> {
        match self.size() {
            Size::Months(months) => Some(months_between(one, other)? / months),
            Size::Days(days) => Some(millis_between(one, other) / (days * MILLIS_OF_DAY)),
            Size::Millis(millis) => Some(millis_between(one, other) / millis),
        }
    }
}

const MILLIS_OF_DAY: f64 = 86_400_000.0;

enum Size {
    Months(f64),
    Days(f64),
    Millis(f64),
}

/// Converts a number to an integer small enough for date arithmetic.
fn whole(number: f64) -> Option<i64> {
    (number.abs() < 1e16).then_some(number as i64)
}

/// Adds months. If the target month is too short, the result is its last day.
fn add_months(date: DateTime<Utc>, months: i64) -> Option<DateTime<Utc>> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }
}

fn millis_between(one: DateTime<Utc>, other: DateTime<Utc>) -> f64 {
    one.timestamp_millis().saturating_sub(other.timestamp_millis()) as f64
}

/// Returns the difference in months: whole months, plus the elapsed part of the last one.
fn months_between(one: DateTime<Utc>, other: DateTime<Utc>) -> Option<f64> {
    if one.day() < other.day() {
        return Some(-months_between_from_later_day(other, one)?);
    }
    months_between_from_later_day(one, other)
}

/// Requires that the day of the month of `one` is not before that of `other`, as in moment.js.
fn months_between_from_later_day(one: DateTime<Utc>, other: DateTime<Utc>) -> Option<f64> {
    let months = |date: DateTime<Utc>| i64::from(date.year()) * 12 + i64::from(date.month());
    let whole = months(other) - months(one);
    let anchor = add_months(one, whole)?;
    let rest = millis_between(other, anchor);
    let part = if rest < 0.0 {
        rest / millis_between(anchor, add_months(one, whole - 1)?)
    } else {
        rest / millis_between(add_months(one, whole + 1)?, anchor)
    };
    Some(0.0 - (whole as f64 + part))
}
