//! Dates in requests, in the forms of ISO 8601 that clients of Harper use. A time without a zone is UTC: the host's own
//! zone, which Harper takes, is nothing that a client can know.

use chrono::{FixedOffset, NaiveDate, NaiveTime};

use jobhost_model::Timestamp;

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; then perhaps a `T` or blank and `HH`, `HH:mm` or `HH:mm:ss[.fraction]`; then perhaps
/// `Z`, `±HH`, `±HHmm` or `±HH:mm`. A moment before 1970 is taken for the beginning of 1970.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date = parse_date(date)?;
    let (time, offset) = time.map_or(Some((NaiveTime::MIN, 0)), parse_time)?;
    let moment = date.and_time(time).and_local_timezone(FixedOffset::east_opt(offset)?).single()?;
    Some(Timestamp(u64::try_from(moment.timestamp_micros()).unwrap_or(0)))
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits(day, 2))?;
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// The time of day, and the zone in seconds east of Greenwich.
fn parse_time(text: &str) -> Option<(NaiveTime, i32)> {
    let (time, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text.get(..at)?, parse_zone(text.get(at..)?)?),
        None => (text, 0),
    };
    let (time, fraction) = match time.split_once(['.', ',']) {
        Some((time, fraction)) => (time, fraction),
        None => (time, "0"),
    };
    let mut parts = time.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |minute| digits(minute, 2))?;
    let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
    if parts.next().is_some() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u32.checked_pow(9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?)?;
    let nanos = digits(fraction, fraction.len())?.checked_mul(scale)?;
    Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, offset))
}

fn parse_zone(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "00"),
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
#[path = "iso_date_tests.rs"]
mod tests;
