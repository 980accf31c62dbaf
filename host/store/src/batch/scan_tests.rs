//! Compares the scanner with `serde_json`.

use super::*;

fn accepts(text: &str) -> bool {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.skip_blanks();
    if scanner.value(100).is_err() {
        return false;
    }
    scanner.skip_blanks();
    scanner.at == text.len()
}

#[rustfmt::skip]
const HAND_PICKED: &[&str] = &[
    "", " ", "{}", "[]", "{ }", "[ ]", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\" : 1 , \"b\":[1 , 2]}", "{a:1}",
    "{\"a\"}", "{\"a\":}", "nul", "null", "nulll", "true", "tru", "false", "-", "0", "-0", "00", "01", "1.", ".5",
    "1.5", "1e5", "1E+5", "1e", "1e+", "1e999", "-1e999", "0e999", "1e-999", "+1", "0x1", "1_0", "NaN", "Infinity",
    "\"", "\"a", "\"\\\"", "\"\\\\\"", "\"\\u\"", "\"\\u00\"", "\"\\u0041\"", "\"\\ud800\"", "\"\\udc00\"",
    "\"\\ud800\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\x\"", "\"\t\"", "\"\u{7f}\"", "\"\u{0}\"",
    "\"é\u{10ffff}\"", "1 2", "[1 2]", "{\"a\":1 \"b\":2}", "[[[[]]]]", "[[[[]]]", "{\"a\":{\"a\":{}}}",
    "12345678901234567890123", "1.7976931348623157e308", "1.7976931348623159e308",
    "179769313486231580793728971405303415e274", "\u{feff}1", "/**/1", "'a'", "[\"12345678\"]", "[\"1234567\"]",
    "\"12345678\\n90\"",
];

#[track_caller]
fn agrees(text: &str) {
    let theirs = serde_json::from_str::<serde_json::Value>(text).is_ok();
    assert_eq!(accepts(text), theirs, "{text:?}");
}

#[test]
fn agrees_with_serde_json_on_hand_picked_texts() {
    for text in HAND_PICKED.iter().copied() {
        agrees(text);
    }
    for digits in [299, 300, 301, 308, 309, 310, 400] {
        agrees(&"9".repeat(digits));
        agrees(&format!("1{}", "0".repeat(digits)));
        agrees(&format!("{}.5", "9".repeat(digits)));
        agrees(&format!("0.{}", "9".repeat(digits)));
    }
}

#[test]
fn the_nesting_depth_is_limited() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Scanner::new(nested(32).as_bytes()).value(32).is_ok());
    let refused = Scanner::new(nested(33).as_bytes()).value(32).unwrap_err();
    assert_eq!(refused, Malformed { at: 32, why: TOO_DEEP });
}

/// Generates random JSON and then damages it at one place. The generator is written out to avoid a dependency.
#[test]
fn agrees_with_serde_json_on_random_texts() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    const PIECES: [&str; 40] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d800",
        "dc00",
        "\\n",
        " ",
        "\t",
        "\r",
        "0",
        "1",
        "9",
        "-",
        "+",
        ".",
        "e",
        "E",
        "true",
        "false",
        "null",
        "\"a\"",
        "\"a\":",
        "{\"a\":1}",
        "[1]",
        "é",
        "\u{1}",
        "12345678",
        "999999999999999999",
        "1e308",
        "1e309",
        "\"\\\"\"",
        "x",
        "/",
        "{}",
    ];
    for _ in 0..400_000 {
        let mut text = String::new();
        for _ in 0..random(9) + 1 {
            text.push_str(PIECES[random(PIECES.len())]);
        }
        agrees(&text);
    }
    for _ in 0..100_000 {
        let mut text =
            "{\"id\": 17, \"name\":\"Ann \\u00e9 \\\" x\",\"t\":[true,null,-1.5e3,{\"q\":\"\"}] ,\"z\":0}".to_owned();
        let piece = PIECES[random(PIECES.len())];
        let at = random(text.len());
        text.insert_str(if text.is_char_boundary(at) { at } else { 0 }, piece);
        if random(2) == 0 {
            let at = random(text.len());
            if text.is_char_boundary(at) {
                text.remove(at);
            }
        }
        agrees(&text);
    }
}
