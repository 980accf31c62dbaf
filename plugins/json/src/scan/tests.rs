use proptest::prelude::*;

use super::*;

/// Scans a whole text.
fn scan(text: &str, depth: u32) -> Result<Kind, Malformed> {
    let padded = [text.as_bytes(), &[0; BLOCK]].concat();
    let mut scanner = Scanner::new(&padded, 0, text.len());
    scanner.skip_blanks();
    let kind = scanner.value(depth)?;
    scanner.skip_blanks();
    if scanner.at == text.len() { Ok(kind) } else { Err(scanner.malformed("the end")) }
}

#[track_caller]
fn agrees(text: &str) {
    let theirs = serde_json::from_str::<serde_json::Value>(text).is_ok();
    // A number at the end of the text may be incomplete, so its range is not checked yet.
    let ours = scan(&format!("{text} "), 100).is_ok();
    assert_eq!(ours, theirs, "{text:?}");
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "{}",
    "[]",
    "{ }",
    "[ ]",
    "[1,]",
    "[,1]",
    "{\"a\":1,}",
    "{\"a\" : 1 , \"b\":[1 , 2]}",
    "{a:1}",
    "{\"a\"}",
    "{\"a\":}",
    "nul",
    "null",
    "nulll",
    "true",
    "tru",
    "false",
    "-",
    "0",
    "-0",
    "00",
    "01",
    "1.",
    ".5",
    "1.5",
    "1e5",
    "1E+5",
    "1e",
    "1e+",
    "1e999",
    "-1e999",
    "0e999",
    "1e-999",
    "+1",
    "0x1",
    "1_0",
    "NaN",
    "Infinity",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\u\"",
    "\"\\u00\"",
    "\"\\u0041\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\udc00\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud800x\"",
    "\"\\x\"",
    "\"\t\"",
    "\"\u{7f}\"",
    "\"\u{0}\"",
    "\"é\u{10ffff}\"",
    "1 2",
    "[1 2]",
    "{\"a\":1 \"b\":2}",
    "[[[[]]]]",
    "[[[[]]]",
    "{\"a\":{\"a\":{}}}",
    "12345678901234567890123",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "179769313486231580793728971405303415e274",
    "\u{feff}1",
    "/**/1",
    "'a'",
    "[\"1234567890123456\"]",
    "[\"123456789012345\"]",
    "[\"12345678901234567\"]",
    "\"123456789012345678\\n90\"",
    "[\r\n1,\t2\n]",
    "\"a\nb\"",
    "\u{0}",
    "[1\u{0}]",
];

#[test]
fn agrees_with_serde_json_on_hand_picked_texts() {
    TEXTS.iter().for_each(|text| agrees(text));
    for digits in [299, 300, 301, 308, 309, 310, 400] {
        agrees(&"9".repeat(digits));
        agrees(&format!("1{}", "0".repeat(digits)));
        agrees(&format!("{}.5", "9".repeat(digits)));
        agrees(&format!("0.{}", "9".repeat(digits)));
    }
}

#[test]
fn the_depth_is_limited() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(scan(&nested(32), 32), Ok(Kind::Array));
    assert_eq!(scan(&nested(33), 32), Err(Malformed { at: 32, why: Why::TooDeep }));
}

#[test]
fn a_truncated_text_is_incomplete_and_not_invalid() {
    let text = "{\"a\\u00e9\\ud83d\\ude00\\n\":[1,-2.5e-3,true,false,null,{\"b\" : \"c\"}]}";
    for cut in 0..text.len() {
        let Err(malformed) = scan(&text[..cut], 32) else { panic!("{cut}") };
        assert_eq!(malformed.why, Why::Ends, "{:?}", &text[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_serde_json_on_pieces(
        text in "(\\{|\\}|\\[|\\]|,|:|\"|\\\\|\\\\u|d800|dc00|\\\\n| |\t|\r|\n|0|1|9|-|\\+|\\.|e|E|true|null|\"a\"|\"a\":|\\{\"a\":1\\}|é|1e308|1e309|x){1,9}",
    ) {
        agrees(&text);
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_texts(at in 0usize..60, piece in "[{}\\[\\],:\"\\\\ 0-9eE.+-]{0,2}", remove in 0usize..3) {
        let mut text = "{\"id\": 17, \"name\":\"Ann \\u00e9 \\\" x\",\"t\":[true,-1.5e3,{\"q\":\"\"}]}".to_owned();
        text.replace_range(at..at + remove, &piece);
        agrees(&text);
    }
}
