use super::*;

fn at(text: &str) -> DateTime<Utc> {
    parse::date(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn dates_are_parsed_in_every_supported_format() {
    for (text, millis) in [
        ("2020-04-01", Some(1_585_699_200_000)),
        ("2020-4-1", Some(1_585_699_200_000)),
        ("20200401", Some(1_585_699_200_000)),
        ("2020-092", Some(1_585_699_200_000)),
        ("4/1/2020", Some(1_585_699_200_000)),
        ("Apr 1, 2020", Some(1_585_699_200_000)),
        ("2020-04", Some(1_585_699_200_000)),
        ("2020-04-01T10:11", Some(1_585_735_860_000)),
        ("2020-04-01 10:11:12.5Z", Some(1_585_735_872_500)),
        ("2020-04-01T10:11:12.123456+02:00", Some(1_585_728_672_123)),
        ("2020-04-01T10:11:12.123-0600", Some(1_585_757_472_123)),
        ("Wed, 01 Apr 2020 00:00:00 GMT", Some(1_585_699_200_000)),
        ("Wed Apr 01 2020 02:00:00 GMT+0200 (Central European Summer Time)", Some(1_585_699_200_000)),
        ("", None),
        ("tomorrow", None),
        ("2020-13-01", None),
        ("1585699200000", None),
    ] {
        assert_eq!(parse::date(text).map(|date| date.timestamp_millis()), millis, "{text}");
    }
}

#[test]
fn formats_match_moment_js() {
    let date = at("2020-04-01T15:06:07.089Z").fixed_offset();
    for (pattern, expected) in [
        ("YYYY-MM-DDTHH:mm:ss.SSSZZ", "2020-04-01T15:06:07.089+0000"),
        ("YYYY-MM-DDTHH:mm:ssZ", "2020-04-01T15:06:07+00:00"),
        ("dddd, MMMM Do YYYY, h:mm:ss a", "Wednesday, April 1st 2020, 3:06:07 pm"),
        ("ddd dd d E DDD DDDD", "Wed We 3 3 92 092"),
        ("Q w W gggg-ww GGGG-WW", "2 14 14 2020-14 2020-14"),
        ("YY M MMM D H hh kk m s S SS SSSS A", "20 4 Apr 1 15 03 15 6 7 0 08 0890 PM"),
        ("X x", "1585753567 1585753567089"),
        ("[Today is] \\d [[a]", "Today is d [a"),
        ("LLLL | LTS | l", "Wednesday, April 1, 2020 3:06 PM | 3:06:07 PM | 4/1/2020"),
        ("é·", "é·"),
    ] {
        assert_eq!(format::format(&date, pattern), expected, "{pattern}");
    }
    for (day, week) in
        [("2020-12-26", "2020-52"), ("2020-12-27", "2021-01"), ("2021-01-02", "2021-01"), ("2021-01-03", "2021-02")]
    {
        assert_eq!(format::format(&at(day).fixed_offset(), "gggg-ww"), week, "{day}");
    }
}

#[test]
fn units_match_moment_js() {
    let unit = |name: &str| Unit::named(name).unwrap();
    for (date, count, name, expected) in [
        ("2020-01-31", 1.0, "month", "2020-02-29"),
        ("2020-04-01", -3.0, "years", "2017-04-01"),
        ("2020-04-01", 1.0, "Q", "2020-07-01"),
        ("2020-04-01", 1.4, "days", "2020-04-02"),
        ("2020-04-01", 1.5, "hours", "2020-04-01T01:30"),
        ("2020-04-01", 2.0, "w", "2020-04-15"),
        ("2020-04-01", 90.0, "m", "2020-04-01T01:30"),
    ] {
        assert_eq!(unit(name).add(at(date), count), Some(at(expected)), "{count} {name}");
    }
    assert_eq!(unit("years").add(at("2020-04-01"), 1e9), None);
    for (one, other, name, expected) in [
        ("2020-04-08", "2020-04-01", "days", 7.0),
        ("2020-04-01", "2020-04-08", "weeks", -1.0),
        ("2020-04-01T12:00", "2020-04-01", "d", 0.5),
        ("2020-04-01", "2019-04-01", "months", 12.0),
        ("2020-04-16", "2020-04-01", "months", 0.4838709677419355),
        ("2020-03-31", "2020-02-29", "months", 1.0),
        ("2020-01-15", "2020-03-31", "months", -2.5161290322580645),
        ("2020-07-01", "2020-04-01", "quarter", 1.0),
        ("2021-04-01", "2020-04-01", "year", 1.0),
        ("2020-04-01", "2020-03-31", "ms", 86_400_000.0),
    ] {
        assert_eq!(unit(name).between(at(one), at(other)), Some(expected), "{one} - {other} in {name}");
    }
    assert_eq!(Unit::named("dys"), None);
}
