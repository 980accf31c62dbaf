//! The options of JSON loads: `columns` and `encoding`.

use jobhost_load::{Encoding, encoding_option};
use jobhost_plugin::Request;
use jobhost_plugin::schema::Field;
use serde_json::json;

use crate::columns::{check_columns, columns_field};

/// The options of a JSON load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// The attributes to load; `None`: all.
    pub columns: Option<Vec<String>>,
    /// `None`: by byte order mark or media type, otherwise UTF-8.
    pub encoding: Option<&'static Encoding>,
}

/// Parses the options of a request. Returns one message for each invalid field.
pub fn check_json_options(request: &Request) -> Result<JsonOptions, Vec<String>> {
    match (check_columns(request), encoding_option(request.raw("encoding"))) {
        (Ok(columns), Ok(encoding)) => Ok(JsonOptions { columns, encoding }),
        (columns, encoding) => {
            Err(columns.err().map(|refusal| refusal.message).into_iter().chain(encoding.err()).collect())
        }
    }
}

/// Returns the JSON Schemas of the fields.
pub fn json_fields() -> Vec<Field<'static>> {
    let encoding = json!({ "type": ["string", "null"], "default": "auto",
        "description": "A label of the WHATWG Encoding Standard, or \"auto\": by byte order mark or media type, otherwise UTF-8." });
    vec![columns_field(), ("encoding", encoding, false)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invalid_option_is_reported() {
        let check = |request: &str| check_json_options(&Request::parse(request).unwrap());
        assert_eq!(check("{}"), Ok(JsonOptions::default()));
        let options = check(r#"{"columns":["a"],"encoding":"latin1"}"#).unwrap();
        assert_eq!(options.encoding.map(Encoding::name), Some("windows-1252"));
        let problems = check(r#"{"columns":"a","encoding":"x"}"#).unwrap_err();
        assert!(
            problems[0].starts_with("'columns' must") && problems[1].starts_with("'encoding' must"),
            "{problems:?}"
        );
    }
}
