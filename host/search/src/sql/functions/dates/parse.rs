//! Parses dates.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

/// Maximum length of a date in bytes. Longer texts are not dates.
const MAX_BYTES: usize = 100;
/// Other common formats, including JavaScript's.
const OTHER_FORMATS: &[&str] = &["%a %b %d %Y %H:%M:%S GMT%z", "%b %d, %Y %H:%M:%S%.f %z", "%d %b %Y %H:%M:%S%.f %z"];
const OTHER_DAYS: &[&str] = &["%b %d, %Y", "%b %d %Y", "%d %b %Y", "%a %b %d %Y", "%m/%d/%Y"];

/// Parses ISO 8601 with or without dashes, also with a single digit for month or day, and some other formats. Without
/// an offset, the date is in UTC.
pub(super) fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text.len() > MAX_BYTES || text.is_empty() {
        return None;
    }
    iso(text).or_else(|| other(text))
}

fn iso(text: &str) -> Option<DateTime<Utc>> {
    let (day, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let day = iso_day(day)?;
    if rest.is_empty() {
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    let (time, minutes) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => (rest.get(..at)?, offset_minutes(rest.get(at..)?)?),
        None => (rest, 0),
    };
    day.and_time(iso_time(time.trim_end())?).and_utc().checked_sub_signed(TimeDelta::try_minutes(minutes.into())?)
}

/// Parses `2020-04-01`, `2020-4-1`, `2020/04/01`, `20200401`, `2020-04`, `2020-092` or `2020`.
fn iso_day(text: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    match parts.as_slice() {
        [all] if all.len() == 8 => NaiveDate::from_ymd_opt(
            digits(all.get(..4)?, 4)?.try_into().ok()?,
            digits(all.get(4..6)?, 2)?,
            digits(all.get(6..)?, 2)?,
        ),
        [year] => NaiveDate::from_ymd_opt(iso_year(year)?, 1, 1),
        [year, day] if day.len() == 3 => NaiveDate::from_yo_opt(iso_year(year)?, digits(day, 3)?),
        [year, month] => NaiveDate::from_ymd_opt(iso_year(year)?, digits(month, 2)?, 1),
        [year, month, day] => NaiveDate::from_ymd_opt(iso_year(year)?, digits(month, 2)?, digits(day, 2)?),
        _ => None,
    }
}

fn iso_year(text: &str) -> Option<i32> {
    if text.len() == 4 { digits(text, 4)?.try_into().ok() } else { None }
}

/// Parses `10`, `10:11` or `10:11:12`, optionally with a fraction of a second, and `24:00`.
fn iso_time(text: &str) -> Option<NaiveTime> {
    let (whole, fraction) =
        text.split_once(['.', ',']).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let parts: Vec<&str> = whole.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour] => (hour, &"0", &"0"),
        [hour, minute] => (hour, minute, &"0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let millis = match fraction {
        None => 0,
        Some(fraction) => {
            digits(fraction, 9)?;
            let padded = format!("{fraction}00");
            padded.get(..3)?.parse().ok()?
        }
    };
    NaiveTime::from_hms_milli_opt(digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?, millis)
}

/// Parses a number of at most `most` digits.
fn digits(text: &str, most: usize) -> Option<u32> {
    let are_digits = !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}

/// Parses `Z`, `+02`, `+0200` or `-06:00`. Returns minutes.
pub(super) fn offset_minutes(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = if let Some(rest) = text.strip_prefix('-') { (-1, rest) } else { (1, text.strip_prefix('+')?) };
    let rest = rest.replace(':', "");
    let hours: i32 = digits(rest.get(..2)?, 2)?.try_into().ok()?;
    let minutes: i32 = match rest.get(2..)? {
        "" => 0,
        minutes => digits(minutes, 2)?.try_into().ok()?,
    };
    Some(sign * (hours * 60 + minutes))
}

fn other(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.to_utc());
    }
    // JavaScript appends the name of the time zone.
    let text = text.split(" (").next().unwrap_or(text);
    let mut dates = OTHER_FORMATS.iter().filter_map(|format| DateTime::parse_from_str(text, format).ok());
    if let Some(date) = dates.next() {
        return Some(date.to_utc());
    }
    OTHER_DAYS.iter().find_map(|format| {
        let day = NaiveDate::parse_from_str(text, format).map(|day| day.and_time(NaiveTime::MIN));
        let date = day.or_else(|_| NaiveDateTime::parse_from_str(text, &format!("{format} %H:%M:%S")));
        date.ok().map(|date| date.and_utc())
    })
}
