//! The options of a request for the CSV dialect and encoding: their values, JSON Schema and error messages. Without them, the
//! delimiter and the line end are detected.

use jobhost_load::{encoding_option, shown_value as shown};
use serde_json::{Value, json};

use crate::columns::{self, Columns};
use crate::dialect::Quoting;
use crate::reader::Reading;

/// Maximum number of lines that can be skipped, and maximum length of the text that begins a comment.
const MAX_SKIP_ROWS: u64 = 1_000_000;
const MAX_COMMENT_BYTES: usize = 16;
/// Options, and the maximum edit distance of a misspelt one: small for short names, because other words resemble them.
const MISSPELT: [(&str, usize); 11] = [
    ("compression", 2),
    ("encoding", 2),
    ("invalid_bytes", 2),
    ("delimiter", 2),
    ("skip_rows", 2),
    ("null_values", 2),
    ("quoted_text", 2),
    ("escape", 1),
    ("comment", 1),
    ("header", 1),
    ("columns", 1),
];

/// Parses the options of a request. Returns one message for each invalid field. `get` returns the value of a field, null
/// included.
pub fn reading<'v>(
    fields: impl Iterator<Item = &'v str>,
    get: impl Fn(&str) -> Option<&'v Value>,
) -> Result<Reading, Vec<String>> {
    let mut problems: Vec<String> = fields.filter_map(misspelt).collect();
    let mut take = |outcome: Result<(), String>| problems.extend(outcome.err());
    let mut reading = Reading::default();
    match Columns::of(&get) {
        Ok(columns) => reading.columns = columns,
        Err(wrong) => wrong.into_iter().for_each(|problem| take(Err(problem))),
    }
    take(delimiter(get("delimiter")).map(|delimiter| reading.delimiter = delimiter));
    let mut quoting = Quoting::default();
    match get("quote") {
        None => {}
        Some(Value::Null) => quoting.quote = None,
        Some(value) => take(character("quote", value).map(|quote| {
            quoting = Quoting { quote: Some(quote), escape: quote };
        })),
    }
    if let Some(value) = get("escape").filter(|value| !value.is_null()) {
        take(character("escape", value).map(|escape| quoting.escape = escape));
    }
    take(encoding_option(get("encoding")).map(|encoding| reading.encoding = encoding));
    take(invalid_bytes(get("invalid_bytes")).map(|replaces| reading.replaces_invalid_bytes = replaces));
    reading.quoting = quoting;
    take(skip_rows(get("skip_rows")).map(|lines| reading.skip_lines = lines));
    take(comment(get("comment")).map(|comment| reading.comment = comment));
    if problems.is_empty()
        && let Some(delimiter) = reading.delimiter
        && quoting.quote.is_some_and(|quote| quote == delimiter || quoting.escape == delimiter)
    {
        problems.push("'delimiter' must differ from 'quote' and 'escape'".to_owned());
    }
    if problems.is_empty() { Ok(reading) } else { Err(problems) }
}

/// The fields as JSON Schema.
pub fn schema() -> Vec<(&'static str, Value, bool)> {
    let mut fields = vec![
        (
            "delimiter",
            json!({ "type": ["string", "null"], "default": "auto",
                "description": "One ASCII character, \"tab\", or \"auto\": detected." }),
            false,
        ),
        (
            "quote",
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 1, "default": "\"",
                "description": "The character that opens and closes a quoted cell; null: cells are never quoted." }),
            false,
        ),
        (
            "escape",
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 1,
                "description": "The character that escapes a quote inside a quoted cell; a doubled quote always works." }),
            false,
        ),
        (
            "skip_rows",
            json!({ "type": ["integer", "null"], "minimum": 0, "maximum": MAX_SKIP_ROWS, "default": 0,
                "description": "Number of lines to skip before the header." }),
            false,
        ),
        (
            "comment",
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": MAX_COMMENT_BYTES,
                "description": "Lines that begin with this text are skipped." }),
            false,
        ),
        (
            "encoding",
            json!({ "type": ["string", "null"], "default": "auto",
                "description": "A label of the WHATWG Encoding Standard, or \"auto\": by byte order mark or media type, otherwise UTF-8." }),
            false,
        ),
        (
            "invalid_bytes",
            json!({ "enum": ["error", "replace", null], "default": "error",
                "description": "Whether invalid bytes end the load or become U+FFFD." }),
            false,
        ),
    ];
    fields.extend(columns::schema());
    fields
}

fn delimiter(value: Option<&Value>) -> Result<Option<u8>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "auto" => Ok(None),
        Some(Value::String(word)) if word == "tab" => Ok(Some(b'\t')),
        Some(value) => match single(value) {
            Some(byte) => Ok(Some(byte)),
            None => Err(format!("'delimiter' must be one ASCII character, \"tab\" or \"auto\", not {}", shown(value))),
        },
    }
}

fn character(field: &str, value: &Value) -> Result<u8, String> {
    single(value).ok_or_else(|| format!("'{field}' must be one ASCII character, not {}", shown(value)))
}

/// An ASCII character other than CR, LF and NUL.
fn single(value: &Value) -> Option<u8> {
    match value.as_str()?.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
        _ => None,
    }
}

fn skip_rows(value: Option<&Value>) -> Result<u64, String> {
    match value {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value
            .as_u64()
            .filter(|lines| *lines <= MAX_SKIP_ROWS)
            .ok_or_else(|| format!("'skip_rows' must be a number from 0 to {MAX_SKIP_ROWS}, not {}", shown(value))),
    }
}

fn comment(value: Option<&Value>) -> Result<Option<Vec<u8>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(mark)) if (1..=MAX_COMMENT_BYTES).contains(&mark.len()) && !mark.contains(['\r', '\n']) => {
            Ok(Some(mark.as_bytes().to_vec()))
        }
        Some(value) => {
            Err(format!("'comment' must be a text of 1 to {MAX_COMMENT_BYTES} bytes on one line, not {}", shown(value)))
        }
    }
}

fn invalid_bytes(value: Option<&Value>) -> Result<bool, String> {
    match value.map(|value| (value, value.as_str())) {
        None | Some((Value::Null, _) | (_, Some("error"))) => Ok(false),
        Some((_, Some("replace"))) => Ok(true),
        Some((value, _)) => Err(format!("'invalid_bytes' must be \"error\" or \"replace\", not {}", shown(value))),
    }
}

/// Reports a field whose name is close to that of an option, because it would be ignored.
fn misspelt(field: &str) -> Option<String> {
    let distance = |option: &str| strsim::osa_distance(&field.to_ascii_lowercase(), option);
    let near = |(option, most): &&(&str, usize)| field.len() < 32 && field != *option && distance(option) <= *most;
    let (option, _) = MISSPELT.iter().find(near)?;
    Some(format!("'{field}' is not a field of this operation; did you mean '{option}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &Value) -> Result<Reading, Vec<String>> {
        let fields = request.as_object().unwrap();
        reading(fields.keys().map(String::as_str), |field| fields.get(field))
    }

    #[test]
    fn valid_options_are_parsed() {
        assert_eq!(of(&json!({})), Ok(Reading::default()));
        let all = json!({"delimiter": "tab", "quote": "'", "escape": "\\", "skip_rows": 2, "comment": "#"});
        let reading = of(&all).unwrap();
        assert_eq!((reading.delimiter, reading.skip_lines, reading.comment), (Some(b'\t'), 2, Some(b"#".to_vec())));
        assert_eq!(reading.quoting, Quoting { quote: Some(b'\''), escape: b'\\' });
        assert_eq!(of(&json!({"quote": null})).unwrap().quoting.quote, None);
        assert_eq!(of(&json!({"delimiter": "auto"})).unwrap().delimiter, None);
    }

    #[test]
    fn an_invalid_option_is_reported_with_its_value_and_the_valid_ones() {
        for (request, sentence) in [
            (json!({"delimiter": ";;"}), "'delimiter' must be one ASCII character, \"tab\" or \"auto\", not \";;\""),
            (json!({"delimiter": "\n"}), "'delimiter' must be one ASCII character, \"tab\" or \"auto\", not \"\\n\""),
            (json!({"delimiter": 5}), "not 5"),
            (json!({"quote": "ab"}), "'quote' must be one ASCII character"),
            (json!({"escape": "é"}), "'escape' must be one ASCII character"),
            (json!({"skip_rows": -1}), "'skip_rows' must be a number from 0 to 1000000, not -1"),
            (json!({"encoding": "utf-9"}), "'encoding' must be \"auto\" or a label of the WHATWG Encoding Standard"),
            (json!({"invalid_bytes": "skip"}), "'invalid_bytes' must be \"error\" or \"replace\", not \"skip\""),
            (json!({"comment": ""}), "'comment' must be a text of 1 to 16 bytes"),
            (json!({"delimeter": ";"}), "'delimeter' is not a field of this operation; did you mean 'delimiter'?"),
            (json!({"skiprows": 1}), "did you mean 'skip_rows'?"),
            (json!({"delimiter": ";", "quote": ";"}), "'delimiter' must differ"),
        ] {
            let problems = of(&request).unwrap_err().join(",");
            assert!(problems.contains(sentence), "{request}: {problems}");
        }
        assert!(of(&json!({"table": "t", "data": "x", "action": "insert", "file_path": "a", "note": 1, "quota": 2, "shape": 3})).is_ok());
    }
}
