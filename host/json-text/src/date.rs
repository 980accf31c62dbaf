//! Dates in requests: the one ISO 8601 grammar for all operations.
//!
//! `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. A full date may be followed by `T` or a space and `HH`, `HH:mm` or `HH:mm:ss`;
//! seconds may have a fraction after a point or a comma. A time may be followed by `Z`, `±HH`, `±HHmm` or `±HH:mm`.
//! Omitted parts are the first of their kind. Without a zone a date is in UTC, so that a request means the same on
//! every server.

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Number of fraction digits that count. Further digits are truncated.
const FRACTION_DIGITS: usize = 6;

/// Parses a date. Returns microseconds since the Unix epoch, negative before it, or `None` if the text has another
/// format or the day or time does not exist.
///
/// ```
/// use jobhost_json_text::date::parse;
///
/// assert_eq!(parse("1970-01-01T01:00+00:30"), Some(1_800_000_000));
/// assert_eq!(parse("1970-02-30"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let mut scanner = Scanner { rest: text.as_bytes() };
    let year = scanner.digits(4)?;
    let month = if scanner.accept(b"-") { scanner.digits(2)? } else { 1 };
    let has_day = scanner.accept(b"-");
    let day = if has_day { scanner.digits(2)? } else { 1 };
    let mut moment = day_number(year, month, day)? * DAY;
    if has_day && scanner.accept(b"T ") {
        moment += scanner.time()?;
        if !scanner.rest.is_empty() {
            moment -= scanner.zone()?;
        }
    }
    scanner.rest.is_empty().then_some(moment)
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

    /// Consumes the next byte if it is one of these. Returns whether it was.
    fn accept(&mut self, any: &[u8]) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if any.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Parses a time. Returns microseconds since midnight; 24:00 is the end of the day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        let (mut minute, mut second, mut fraction) = (0, 0, 0);
        if self.accept(b":") {
            minute = self.digits(2)?;
            if self.accept(b":") {
                second = self.digits(2)?;
                if self.accept(b".,") {
                    fraction = self.fraction()?;
                }
            }
        }
        let time = hour * HOUR + minute * MINUTE + second * SECOND + fraction;
        (minute < 60 && second < 60 && time <= DAY).then_some(time)
    }

    fn fraction(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        let digit = |index| digits.get(index).map_or(0, |byte: &u8| i64::from(byte - b'0'));
        (count > 0).then(|| (0..FRACTION_DIGITS).fold(0, |value, index| value * 10 + digit(index)))
    }

    /// Parses a zone. Returns its offset from UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.accept(b"Zz") {
            return Some(0);
        }
        let sign = if self.accept(b"+") { 1 } else { self.accept(b"-").then_some(-1)? };
        let hour = self.digits(2)?;
        let has_minute = self.accept(b":") || !self.rest.is_empty();
        let minute = if has_minute { self.digits(2)? } else { 0 };
        (hour < 24 && minute < 60).then_some(sign * (hour * HOUR + minute * MINUTE))
    }
}

/// Returns the number of days since the epoch, or `None` if the day does not exist.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years start in March, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_parsed_to_instants() {
        let cases = [
            ("1970", 0),
            ("2021", 1_609_459_200_000),
            ("2021-01", 1_609_459_200_000),
            ("2021-01-25", 1_611_532_800_000),
            ("2021-01-25T23:05", 1_611_615_900_000),
            ("2021-01-25 23:05", 1_611_615_900_000),
            ("2021-01-25T23:05:27", 1_611_615_927_000),
            ("2021-01-25T23:05:27.464Z", 1_611_615_927_464),
            ("2021-01-25T23:05:27,4", 1_611_615_927_400),
            ("2021-01-25T23:05:27.4649999Z", 1_611_615_927_464),
            ("2021-01-25T23:05:27.464+02:00", 1_611_608_727_464),
            ("2021-01-25T23:05:27.464+0000", 1_611_615_927_464),
            ("2021-01-25T23:05-0030", 1_611_617_700_000),
            ("2020-02-29T24:00:00Z", 1_583_020_800_000),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2099-01-01T00:00:00.000Z", 4_070_908_800_000),
            ("2021-01-25T23", 1_611_615_600_000),
            ("2021-01-25T23:05z", 1_611_615_900_000),
            ("2021-01-25T23:05+02", 1_611_608_700_000),
            ("2021-01-25T23-02", 1_611_622_800_000),
        ];
        for (text, instant) in cases {
            assert_eq!(parse(text).map(|moment| moment.div_euclid(1000)), Some(instant), "{text}");
        }
    }

    #[test]
    fn fractions_are_truncated_to_six_digits() {
        assert_eq!(parse("1970-01-01T00:00:00.123456789"), Some(123_456));
        assert_eq!(parse("1970-01-01T00:00:00,5"), Some(500_000));
        assert_eq!(parse("1969-12-31T23:59:59.9999999"), Some(-1));
    }

    /// Any variation of a date is either rejected or an instant within the years that four digits can express.
    #[test]
    fn fuzz_date() {
        let input = (bolero::produce::<Vec<u8>>().with().len(0usize..6), 0usize..30);
        bolero::check!().with_iterations(3_000).with_generator(input).for_each(|(changes, length)| {
            let mut text = b"2024-02-29T23:59:59.999+01:30".to_vec();
            for change in changes {
                let at = usize::from(change >> 3) % text.len();
                text[at] = b"0129-:TZ"[usize::from(change & 7)];
            }
            text.truncate(*length);
            let instant = parse(std::str::from_utf8(&text).unwrap());
            let (first, last) = (parse("0000-01-01T00:00+23:59").unwrap(), parse("9999-12-31T24:00-23:59").unwrap());
            assert!(instant.is_none_or(|instant| (first..=last).contains(&instant)), "{text:?}");
        });
    }

    #[test]
    fn other_formats_and_invalid_dates_are_rejected() {
        for text in [
            "",
            " ",
            "20210125",
            "2021-W04-1",
            "01/25/2021",
            "1611615798782",
            "2021-13-45",
            "2021-02-30",
            "2021-02-29",
            "2021-00-10",
            "2021-01-00",
            "2021-1-5",
            "21-01-25",
            "2021-01-25T",
            "2021-01-25T24:01",
            "2021-01-25T23:60",
            "2021-01-25T23:05:61",
            "2021-01-25T23:05:27.",
            "2021-01-25T23:05+2",
            "2021-01-25T23:05+02:",
            "2021-01-25T23:05+020",
            "2021-01-25t23",
            "2021-01-25T23:05+24:00",
            "2021-01-25Z",
            "2021-01T10:00",
            "2021-01-25T23:05Zx",
            "2021-01-25é",
            "-2021-01-25",
            "+02021-01-25",
            "now",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
