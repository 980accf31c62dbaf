//! Date-times: which texts are one, and the instant they name, in milliseconds since the Unix epoch.

use std::ops::Range;

use jobhost_batch::{Block, JsonWriter};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The length of the shorter of the two plain forms; no plain number is as long.
pub(crate) const PLAIN_BYTES: usize = 20;
/// What follows the seconds, and padding.
const PLAIN_END: &[u8; 16] = b".000Z\"          ";
/// The farthest instant a JavaScript date can hold.
pub(crate) const MOST: i64 = 8_640_000_000_000_000;

/// A date-time with a zone, as an untyped column recognises it: `2021-01-02T03:04[:05[.6]]` and `Z` or `±hh:mm`. A text of
/// that form that names no real date or time is not one.
pub(crate) fn with_zone(text: &[u8]) -> Option<i64> {
    if text.len() < 17 || text.get(10) != Some(&b'T') {
        return None;
    }
    let mut scanner = Scanner { rest: text };
    let day = scanner.day()?;
    scanner.expect(b'T')?;
    let time = scanner.time()?;
    let zone = scanner.zone(false)?;
    scanner.end(day * DAY + time - zone)
}

/// A date or date-time as a column of type Date takes it: time and zone may be missing, without a zone it is UTC, a blank
/// may stand for the `T`, a zone may do without its colon.
pub(crate) fn lenient(text: &[u8]) -> Option<i64> {
    let mut scanner = Scanner { rest: text };
    let year = scanner.digits(4)?;
    let month = if scanner.accept(b'-') { scanner.digits(2)? } else { 1 };
    let date = if scanner.accept(b'-') { scanner.digits(2)? } else { 1 };
    let day = day_number(year, month, date)?;
    let mut instant = day * DAY;
    if scanner.accept(b'T') || scanner.accept(b' ') {
        instant += scanner.time()?;
    }
    if !scanner.rest.is_empty() {
        instant -= scanner.zone(true)?;
    }
    scanner.end(instant)
}

/// True for the two forms that need no arithmetic: `2021-01-02T03:04:05Z` and `2021-01-02T03:04:05.678Z`, naming a real
/// date and time.
#[inline]
pub(crate) fn is_plain_utc(text: &[u8]) -> bool {
    let Some((text, rest)) = text.split_first_chunk::<19>() else {
        return false;
    };
    match rest {
        b"Z" => {}
        [b'.', a, b, c, b'Z'] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {}
        _ => return false,
    }
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *text else {
        return false;
    };
    // A byte that is no digit gives a number beyond any bound.
    let pair = |tens: u8, ones: u8| match (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0')) {
        (tens @ 0..=9, ones @ 0..=9) => tens * 10 + ones,
        _ => u8::MAX,
    };
    let (century, year, month, date) = (pair(y1, y2), pair(y3, y4), pair(o1, o2), pair(d1, d2));
    let (hour, minute, second) = (pair(h1, h2), pair(m1, m2), pair(s1, s2));
    let in_range = century < 100 && year < 100 && hour < 24 && minute < 60 && second < 60 && date >= 1;
    if !in_range {
        return false;
    }
    let year = i64::from(century) * 100 + i64::from(year);
    date <= 28 && (1..=12).contains(&month) || date <= last_date(year, month)
}

/// Write `source[range]`, for which `is_plain_utc` is true, as `write` would write its instant.
#[inline(always)]
pub(crate) fn write_plain_utc(json: &mut JsonWriter<'_>, source: &[u8], range: Range<usize>) {
    json.byte(b'"');
    let has_fraction = range.len() > PLAIN_BYTES;
    let end = if has_fraction { range.end } else { range.end - 1 };
    json.raw(source, range.start..end);
    if has_fraction {
        json.byte(b'"');
    } else {
        json.block(Block::at(PLAIN_END, 0), 6);
    }
}

/// `2021-01-02T03:04:05.000Z`, as `Date.prototype.toISOString` writes it, as a JSON string.
pub(crate) fn write(json: &mut JsonWriter<'_>, instant: i64) {
    let (year, month, date) = civil(instant.div_euclid(DAY));
    let time = instant.rem_euclid(DAY);
    json.byte(b'"');
    if (0..=9999).contains(&year) {
        write_digits(json, year, 1000);
    } else {
        json.byte(if year < 0 { b'-' } else { b'+' });
        write_digits(json, year.abs(), 100_000);
    }
    let parts =
        [(b'-', month), (b'-', date), (b'T', time / HOUR), (b':', time / MINUTE % 60), (b':', time / 1000 % 60)];
    for (before, value) in parts {
        json.byte(before);
        write_digits(json, value, 10);
    }
    json.byte(b'.');
    write_digits(json, time % 1000, 100);
    json.text(b"Z\"");
}

/// Write `value` with leading zeros; `unit` is the weight of the first digit.
fn write_digits(json: &mut JsonWriter<'_>, value: i64, unit: i64) {
    let mut unit = unit;
    while unit > 0 {
        json.byte(b'0' + (value / unit % 10) as u8);
        unit /= 10;
    }
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    }

    fn accept(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }

    fn end(&self, instant: i64) -> Option<i64> {
        (self.rest.is_empty() && instant.abs() <= MOST).then_some(instant)
    }

    /// Days since the epoch.
    fn day(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.expect(b'-')?;
        let month = self.digits(2)?;
        self.expect(b'-')?;
        day_number(year, month, self.digits(2)?)
    }

    /// Milliseconds since midnight. 24:00 is the end of the day; what is finer than a millisecond is cut off.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.expect(b':')?;
        let minute = self.digits(2)?;
        let (mut second, mut milli) = (0, 0);
        if self.accept(b':') {
            second = self.digits(2)?;
            if self.accept(b'.') {
                milli = self.fraction()?;
            }
        }
        let time = hour * HOUR + minute * MINUTE + second * 1000 + milli;
        (minute < 60 && second < 60 && time <= DAY).then_some(time)
    }

    fn fraction(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        let digit = |index| digits.get(index).map_or(0, |byte: &u8| i64::from(byte - b'0'));
        (count > 0).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    /// The zone's distance from UTC in milliseconds.
    fn zone(&mut self, colon_optional: bool) -> Option<i64> {
        if self.accept(b'Z') {
            return Some(0);
        }
        let sign = if self.accept(b'+') { 1 } else { self.expect(b'-').map(|()| -1)? };
        let hour = self.digits(2)?;
        if !self.accept(b':') && !colon_optional {
            return None;
        }
        let minute = self.digits(2)?;
        (hour < 24 && minute < 60).then_some(sign * (hour * HOUR + minute * MINUTE))
    }
}

/// The last date of a month, 0 if there is no such month.
fn last_date(year: i64, month: u8) -> u8 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days since the epoch; `None` if there is no such day.
fn day_number(year: i64, month: i64, date: i64) -> Option<i64> {
    let last = i64::from(last_date(year, u8::try_from(month).ok()?));
    if !(1..=last).contains(&date) {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

/// Year, month and date of a day.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use jobhost_batch::JsonBuffer;

    use super::*;

    fn written(write: impl FnOnce(&mut JsonWriter<'_>)) -> String {
        let mut buffer = JsonBuffer::default();
        let mut writer = buffer.room(40);
        write(&mut writer);
        let count = writer.position();
        assert!(buffer.commit(count));
        String::from_utf8(buffer.as_bytes().to_vec()).unwrap().trim_matches('"').to_owned()
    }

    fn printed(text: &str) -> Option<String> {
        let instant = with_zone(text.as_bytes());
        let date = instant.map(|instant| written(|json| write(json, instant)));
        if is_plain_utc(text.as_bytes()) {
            let plain = written(|json| write_plain_utc(json, text.as_bytes(), 0..text.len()));
            assert_eq!(Some(&plain), date.as_ref(), "the short way gives the same");
        }
        date
    }

    #[test]
    fn date_times_with_a_zone_become_utc() {
        let cases = [
            ("2021-01-02T03:04:05Z", "2021-01-02T03:04:05.000Z"),
            ("2021-01-02T03:04Z", "2021-01-02T03:04:00.000Z"),
            ("2021-01-02T03:04:05.1Z", "2021-01-02T03:04:05.100Z"),
            ("2021-01-02T03:04:05.123456Z", "2021-01-02T03:04:05.123Z"),
            ("2021-01-02T03:04:05+02:00", "2021-01-02T01:04:05.000Z"),
            ("2020-02-29T23:59:59-00:30", "2020-03-01T00:29:59.000Z"),
            ("2021-12-31T24:00:00Z", "2022-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00+01:00", "-000001-12-31T23:00:00.000Z"),
            ("9999-12-31T23:59:59-01:00", "+010000-01-01T00:59:59.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ];
        for (text, date) in cases {
            assert_eq!(printed(text).as_deref(), Some(date), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_stays_text() {
        for text in [
            "2021-01-02",
            "2021-01-02T03:04:05",
            "2021-01-02 03:04:05Z",
            "2021-01-02T03:04:05+0200",
            "2021-01-02T03:04:05.Z",
            "2021-01-02t03:04:05z",
            "2021-02-30T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2021-19-39T29:59:59Z",
            "2021-13-45T25:61:61Z",
            "2021-01-02T24:00:01Z",
            "2021-01-02T03:04:05+25:00",
            "2021-01-02T03:04:05Zx",
        ] {
            assert_eq!(printed(text), None, "{text}");
        }
    }

    /// Texts near to dates; where both readers take one, they take it for the same instant.
    #[test]
    fn fuzz_date() {
        let input = (bolero::produce::<Vec<u8>>().with().len(0usize..6), 0usize..30);
        bolero::check!().with_iterations(3_000).with_generator(input).for_each(|(changes, length)| {
            let mut text = b"2024-02-29T23:59:59.999+01:30".to_vec();
            for change in changes {
                let at = usize::from(change >> 3) % text.len();
                let other = b"0129-:TZ".get(usize::from(change & 7)).copied();
                text[at] = other.unwrap_or(b'0');
            }
            text.truncate(*length);
            let text = String::from_utf8(text).unwrap();
            printed(&text);
            if let Some(instant) = with_zone(text.as_bytes()) {
                assert_eq!(lenient(text.as_bytes()), Some(instant));
            }
        });
    }

    #[test]
    fn a_date_column_takes_more_forms() {
        let day = with_zone(b"2021-01-02T00:00Z");
        for text in
            ["2021-01-02", "2021-01-02T00:00", "2021-01-02 00:00:00.000", "2021-01-02T02:00+0200", "2021-01-02Z"]
        {
            assert_eq!(lenient(text.as_bytes()), day, "{text}");
        }
        assert_eq!(lenient(b"2021"), with_zone(b"2021-01-01T00:00Z"));
        assert_eq!(lenient(b"2021-02-30"), None);
        assert_eq!(lenient(b"yesterday"), None);
    }
}
