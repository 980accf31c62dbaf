//! Formats dates with the tokens of moment.js, such as `YYYY-MM-DD` and `dddd`, in English.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike};

/// Longer tokens come before their prefixes.
const TOKENS: &[&str] = &[
    "YYYYYY",
    "YYYYY",
    "YYYY",
    "YY",
    "Y",
    "MMMM",
    "MMM",
    "MM",
    "Mo",
    "M",
    "Qo",
    "Q",
    "DDDD",
    "DDDo",
    "DDD",
    "DD",
    "Do",
    "D",
    "dddd",
    "ddd",
    "dd",
    "do",
    "d",
    "wo",
    "ww",
    "w",
    "Wo",
    "WW",
    "W",
    "gggg",
    "gg",
    "GGGG",
    "GG",
    "e",
    "E",
    "A",
    "a",
    "Hmmss",
    "Hmm",
    "HH",
    "H",
    "hmmss",
    "hmm",
    "hh",
    "h",
    "kk",
    "k",
    "mm",
    "m",
    "ss",
    "s",
    "SSSSSSSSS",
    "SSSSSSSS",
    "SSSSSSS",
    "SSSSSS",
    "SSSSS",
    "SSSS",
    "SSS",
    "SS",
    "S",
    "X",
    "x",
    "ZZ",
    "Z",
    "zz",
    "z",
    "LTS",
    "LT",
    "LLLL",
    "LLL",
    "LL",
    "L",
    "llll",
    "lll",
    "ll",
    "l",
];

pub(super) fn format(date: &DateTime<FixedOffset>, pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        // Text in brackets or after a backslash is copied literally.
        if let Some((inside, behind)) = rest.strip_prefix('[').and_then(|open| open.split_once(']'))
            && !inside.contains('[')
        {
            out.push_str(inside);
            rest = behind;
            continue;
        }
        let escaped = rest.strip_prefix('\\');
        let at = escaped.unwrap_or(rest);
        match TOKENS.iter().find(|token| at.starts_with(**token)) {
            Some(token) => {
                if escaped.is_some() {
                    out.push_str(token)
                } else {
                    push(date, token, &mut out)
                }
                rest = at.get(token.len()..).unwrap_or_default();
            }
            None => {
                if first != '\\' {
                    out.push(first);
                }
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

fn push(date: &DateTime<FixedOffset>, token: &str, out: &mut String) {
    if let Some(long) = long_form(token) {
        out.push_str(&format(date, long));
        return;
    }
    let hour = date.hour();
    let hour_of_12 = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
    let weekday = date.weekday().num_days_from_sunday();
    let year = date.year();
    let _ = match token {
        "YYYYYY" => write!(out, "{year:+07}"),
        "YYYYY" => write!(out, "{year:05}"),
        "YYYY" => write!(out, "{year:04}"),
        "YY" => write!(out, "{:02}", year.rem_euclid(100)),
        "Y" if year > 9999 => write!(out, "+{year}"),
        "Y" => write!(out, "{year:04}"),
        "MMMM" => write!(out, "{}", date.format("%B")),
        "MMM" => write!(out, "{}", date.format("%b")),
        "MM" => write!(out, "{:02}", date.month()),
        "Mo" => ordinal(date.month(), out),
        "M" => write!(out, "{}", date.month()),
        "Qo" => ordinal(date.month0() / 3 + 1, out),
        "Q" => write!(out, "{}", date.month0() / 3 + 1),
        "DDDD" => write!(out, "{:03}", date.ordinal()),
        "DDDo" => ordinal(date.ordinal(), out),
        "DDD" => write!(out, "{}", date.ordinal()),
        "DD" => write!(out, "{:02}", date.day()),
        "Do" => ordinal(date.day(), out),
        "D" => write!(out, "{}", date.day()),
        "dddd" => write!(out, "{}", date.format("%A")),
        "ddd" => write!(out, "{}", date.format("%a")),
        "dd" => write!(out, "{}", date.format("%a").to_string().get(..2).unwrap_or_default()),
        "do" => ordinal(weekday, out),
        "d" | "e" => write!(out, "{weekday}"),
        "E" => write!(out, "{}", date.weekday().number_from_monday()),
        "wo" => ordinal(week(date).1, out),
        "ww" => write!(out, "{:02}", week(date).1),
        "w" => write!(out, "{}", week(date).1),
        "gggg" => write!(out, "{:04}", week(date).0),
        "gg" => write!(out, "{:02}", week(date).0.rem_euclid(100)),
        "Wo" => ordinal(date.iso_week().week(), out),
        "WW" => write!(out, "{:02}", date.iso_week().week()),
        "W" => write!(out, "{}", date.iso_week().week()),
        "GGGG" => write!(out, "{:04}", date.iso_week().year()),
        "GG" => write!(out, "{:02}", date.iso_week().year().rem_euclid(100)),
        "A" => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
        "a" => write!(out, "{}", if hour < 12 { "am" } else { "pm" }),
        "HH" => write!(out, "{hour:02}"),
        "H" => write!(out, "{hour}"),
        "hh" => write!(out, "{hour_of_12:02}"),
        "h" => write!(out, "{hour_of_12}"),
        "kk" => write!(out, "{:02}", if hour == 0 { 24 } else { hour }),
        "k" => write!(out, "{}", if hour == 0 { 24 } else { hour }),
        "mm" => write!(out, "{:02}", date.minute()),
        "m" => write!(out, "{}", date.minute()),
        "ss" => write!(out, "{:02}", date.second()),
        "s" => write!(out, "{}", date.second()),
        "X" => write!(out, "{}", date.timestamp()),
        "x" => write!(out, "{}", date.timestamp_millis()),
        "Z" => offset(date, ":", out),
        "ZZ" => offset(date, "", out),
        "z" => write!(out, "UTC"),
        "zz" => write!(out, "Coordinated Universal Time"),
        _ => {
            // One digit of the fraction per S.
            let digits = format!("{:03}000000", date.timestamp_subsec_millis());
            write!(out, "{}", digits.get(..token.len()).unwrap_or_default())
        }
    };
}

fn long_form(token: &str) -> Option<&'static str> {
    Some(match token {
        "Hmmss" => "H[]mm[]ss",
        "Hmm" => "H[]mm",
        "hmmss" => "h[]mm[]ss",
        "hmm" => "h[]mm",
        "LTS" => "h:mm:ss A",
        "LT" => "h:mm A",
        "LLLL" => "dddd, MMMM D, YYYY h:mm A",
        "LLL" => "MMMM D, YYYY h:mm A",
        "LL" => "MMMM D, YYYY",
        "L" => "MM/DD/YYYY",
        "llll" => "ddd, MMM D, YYYY h:mm A",
        "lll" => "MMM D, YYYY h:mm A",
        "ll" => "MMM D, YYYY",
        "l" => "M/D/YYYY",
        _ => return None,
    })
}

fn ordinal(number: u32, out: &mut String) -> std::fmt::Result {
    let ending = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    write!(out, "{number}{ending}")
}

fn offset(date: &DateTime<FixedOffset>, between: &str, out: &mut String) -> std::fmt::Result {
    let minutes = date.offset().local_minus_utc() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    write!(out, "{sign}{:02}{between}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Returns year and number of the week. Weeks start on Sunday, and the first week contains January 1.
fn week(date: &DateTime<FixedOffset>) -> (i32, u32) {
    let days_of_first_week_before =
        |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, |first| first.weekday().num_days_from_sunday());
    let year = date.year();
    let week = (date.ordinal0() + days_of_first_week_before(year)) / 7 + 1;
    let days = if date.date_naive().leap_year() { 366 } else { 365 };
    let is_next = date.ordinal0() + days_of_first_week_before(year.saturating_add(1)) >= days;
    if is_next { (year.saturating_add(1), 1) } else { (year, week) }
}
