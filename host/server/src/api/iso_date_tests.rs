use super::*;

#[test]
fn forms_of_iso_8601() {
    let expected = Some(Timestamp(1_611_612_327_464_000));
    for text in [
        "2021-01-25T22:05:27.464Z",
        "2021-01-25T22:05:27.464+0000",
        "2021-01-25T22:05:27.464",
        "2021-01-25 22:05:27,464",
        "2021-01-26T00:05:27.464+02:00",
        "2021-01-25T20:05:27.464-02",
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
    assert_eq!(parse("2021"), Some(Timestamp(1_609_459_200_000_000)));
    assert_eq!(parse("2021-01"), parse("2021-01-01T00"));
    assert_eq!(parse("2099-01-01"), parse("2099-01-01T00:00Z"));
    assert_eq!(parse("1969-12-31"), Some(Timestamp(0)));
}

#[test]
fn everything_else_is_refused() {
    for text in [
        "",
        "x",
        "2021-1-1",
        "2021-13-01",
        "2021-02-30",
        "20210125",
        "01/25/2021",
        "2021-01-25T",
        "2021-01-25T25:00",
        "2021-01-25T22:05:27.464+2",
        "2021-01-25T22:05:27.",
        "2021-01-25T22:05:27.1234567890",
        "2021-01-25T22:05+99:00",
        "2021-01-25-01",
        "٢٠٢١",
        "2021-01-25T22:05:27.464Zz",
        "+2021-01-25",
        "1611615798782",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

/// Texts near to dates are an instant of the years that four digits can write, or none.
#[test]
fn fuzz_iso_date() {
    let input = (bolero::produce::<Vec<u8>>().with().len(0usize..6), 0usize..31);
    bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(changes, length)| {
        let mut text = b"2024-02-29T23:59:59.999+01:30".to_vec();
        for change in changes {
            let at = usize::from(change >> 3) % text.len();
            text[at] = b"0129-:TZ"[usize::from(change & 7)];
        }
        text.truncate(*length);
        let instant = parse(std::str::from_utf8(&text).unwrap());
        assert!(instant.is_none_or(|instant| instant.as_millis() < 253_402_387_200_000), "{text:?} {instant:?}");
    });
}
