//! The options of a CSV export: delimiter, quoting, header, the text for null and line ends. Pure.
//!
//! The CSV writer always produces commas, LF, quoted texts and empty nulls. In this form, nulls are unambiguous, so the text is
//! converted to the requested style without a change of its content.

use jobhost_plugin::Request;
use serde_json::Value;

const MAX_NULL_BYTES: usize = 64;

/// The options of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvStyle {
    delimiter: u8,
    /// Numbers and booleans are quoted, too.
    quotes_all: bool,
    has_header: bool,
    null: String,
    line_end: &'static str,
    /// Every cell is a JSON text.
    json_cells: bool,
}

impl Default for CsvStyle {
    fn default() -> Self {
        CsvStyle {
            delimiter: b',',
            quotes_all: false,
            has_header: true,
            null: String::new(),
            line_end: "\n",
            json_cells: false,
        }
    }
}

impl CsvStyle {
    /// Parses the options of a request. `is_csv` is whether the export is CSV; otherwise every option is an error.
    pub(crate) fn of(request: &Request, is_csv: bool) -> Result<Self, String> {
        const FIELDS: [&str; 6] = ["delimiter", "quote_all", "header", "null_value", "line_end", "types"];
        let mut style = CsvStyle::default();
        for field in FIELDS {
            let Some(value) = request.get(field) else { continue };
            if !is_csv {
                return Err(format!("'{field}' is an option of the format csv: leave it out, or export CSV"));
            }
            style.set(field, value)?;
        }
        let clashes = style.null.bytes().any(|byte| byte == style.delimiter || matches!(byte, b'"' | b'\r' | b'\n'));
        if clashes {
            return Err("'null_value' must not contain the delimiter, quotes or line ends".to_owned());
        }
        Ok(style)
    }

    pub(crate) fn has_json_cells(&self) -> bool {
        self.json_cells
    }

    fn set(&mut self, field: &str, value: &Value) -> Result<(), String> {
        let wrong = |must: &str| Err(format!("'{field}' must be {must}; it is {value}"));
        match (field, value) {
            ("delimiter", Value::String(word)) => match word.as_bytes() {
                b"tab" => self.delimiter = b'\t',
                // A character of numbers or words would split them.
                [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n.+-\0".contains(byte) => {
                    self.delimiter = *byte;
                }
                _ => {
                    return wrong(
                        "one ASCII character other than letters, digits, quotes, '.', '+' and '-', or \"tab\"",
                    );
                }
            },
            ("delimiter", _) => return wrong("one ASCII character or \"tab\""),
            ("quote_all", Value::Bool(flag)) => self.quotes_all = *flag,
            ("header", Value::Bool(flag)) => self.has_header = *flag,
            ("quote_all" | "header", _) => return wrong("true or false"),
            ("null_value", Value::String(text)) if text.len() <= MAX_NULL_BYTES => self.null.clone_from(text),
            ("null_value", _) => return wrong("a text of at most 64 bytes"),
            ("line_end", Value::String(word)) if word == "lf" => self.line_end = "\n",
            ("line_end", Value::String(word)) if word == "crlf" => self.line_end = "\r\n",
            ("line_end", _) => return wrong("\"lf\" or \"crlf\""),
            ("types", Value::String(word)) if word == "json" => self.json_cells = true,
            ("types", Value::String(word)) if word == "auto" => self.json_cells = false,
            _ => return wrong("\"auto\" or \"json\""),
        }
        Ok(())
    }
}

/// Converts CSV to a style. A chunk consists of whole rows and ends without the LF of its last row.
#[derive(Debug)]
pub(crate) struct Restyler {
    style: CsvStyle,
    /// No chunk has been converted yet.
    at_header: bool,
    is_plain: bool,
    text: Vec<u8>,
}

impl Restyler {
    pub(crate) fn new(style: CsvStyle) -> Self {
        let is_plain = CsvStyle { json_cells: false, ..style.clone() } == CsvStyle::default();
        Restyler { style, at_header: true, is_plain, text: Vec::new() }
    }

    /// Converts the next chunk.
    pub(crate) fn chunk<'t>(&'t mut self, chunk: &'t [u8]) -> &'t [u8] {
        if self.is_plain || chunk.is_empty() {
            return chunk;
        }
        self.text.clear();
        let mut rest = chunk;
        if std::mem::take(&mut self.at_header) {
            if !self.style.has_header {
                let end = cells(rest).find(|cell| cell.ends_line).map_or(rest.len(), |cell| cell.end + 1);
                rest = rest.get(end..).unwrap_or_default();
            }
        } else {
            // A later chunk begins with the LF of the previous row.
            rest = rest.get(1..).unwrap_or_default();
            self.text.extend_from_slice(self.style.line_end.as_bytes());
        }
        for cell in cells(rest) {
            let content = rest.get(cell.start..cell.end).unwrap_or_default();
            match content.first() {
                None => self.text.extend_from_slice(self.style.null.as_bytes()),
                Some(b'"') => self.text.extend_from_slice(content),
                Some(_) if self.style.quotes_all => {
                    self.text.push(b'"');
                    self.text.extend_from_slice(content);
                    self.text.push(b'"');
                }
                Some(_) => self.text.extend_from_slice(content),
            }
            if cell.end < rest.len() {
                match cell.ends_line {
                    true => self.text.extend_from_slice(self.style.line_end.as_bytes()),
                    false => self.text.push(self.style.delimiter),
                }
            }
        }
        &self.text
    }
}

/// The range of a cell, including its quotes, and whether it is the last one of its row.
struct Place {
    start: usize,
    end: usize,
    ends_line: bool,
}

/// The cells of whole rows.
fn cells(rows: &[u8]) -> impl Iterator<Item = Place> + '_ {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let mut quoted = false;
        let ends = |byte: &u8| {
            quoted ^= *byte == b'"';
            !quoted && matches!(byte, b',' | b'\n')
        };
        let length = rows.get(start..)?.iter().position(ends);
        let end = length.map_or(rows.len(), |length| start + length);
        next = length.map(|_| end + 1);
        Some(Place { start, end, ends_line: rows.get(end) != Some(&b',') })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn style(request: Value) -> Result<CsvStyle, String> {
        CsvStyle::of(&Request::parse(&request.to_string()).unwrap(), true)
    }

    fn restyled(options: Value, chunks: &[&str]) -> String {
        let mut restyler = Restyler::new(style(options).unwrap());
        let mut text = Vec::new();
        for chunk in chunks {
            text.extend_from_slice(restyler.chunk(chunk.as_bytes()));
        }
        String::from_utf8(text).unwrap()
    }

    const CHUNKS: [&str; 2] = ["\"id\",\"a, b\"\n1,\"x\"\"\ny\"\n2,", "\n,true"];

    #[test]
    fn every_style_has_the_same_content() {
        assert_eq!(restyled(json!({}), &CHUNKS), CHUNKS.concat());
        assert_eq!(
            restyled(json!({"delimiter": ";", "null_value": "NA", "line_end": "crlf"}), &CHUNKS),
            "\"id\";\"a, b\"\r\n1;\"x\"\"\ny\"\r\n2;NA\r\nNA;true"
        );
        assert_eq!(
            restyled(json!({"delimiter": "tab", "quote_all": true}), &CHUNKS),
            "\"id\"\t\"a, b\"\n\"1\"\t\"x\"\"\ny\"\n\"2\"\t\n\t\"true\""
        );
        assert_eq!(restyled(json!({"header": false}), &CHUNKS), "1,\"x\"\"\ny\"\n2,\n,true");
        assert_eq!(restyled(json!({"header": false, "null_value": "-"}), &["\"a\"\n", "\n"]), "-\n-");
    }

    #[test]
    fn an_invalid_option_is_reported_with_its_value_and_the_valid_ones() {
        for (request, sentence) in [
            (json!({"delimiter": "1"}), "'delimiter' must be one ASCII character other than letters"),
            (json!({"delimiter": ";;"}), "it is \";;\""),
            (json!({"quote_all": "yes"}), "'quote_all' must be true or false; it is \"yes\""),
            (json!({"null_value": 5}), "'null_value' must be a text of at most 64 bytes; it is 5"),
            (json!({"null_value": "a,b"}), "must not contain the delimiter"),
            (json!({"types": "text"}), "'types' must be \"auto\" or \"json\"; it is \"text\""),
            (json!({"line_end": "cr"}), "'line_end' must be \"lf\" or \"crlf\"; it is \"cr\""),
        ] {
            let problem = style(request.clone()).unwrap_err();
            assert!(problem.contains(sentence), "{request}: {problem}");
        }
        let json = Request::parse("{\"delimiter\":\";\"}").unwrap();
        assert!(CsvStyle::of(&json, false).unwrap_err().contains("'delimiter' is an option of the format csv"));
    }
}
