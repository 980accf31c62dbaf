//! The option `compression`: how the file of a load is compressed. The host decompresses it.

use jobhost_plugin::schema::Field;
use jobhost_plugin::{Encoding, Request};
use serde_json::{Value, json};

const COMPRESSION: &str = "compression";

/// Returns the compression that a request names. `None` means that the host recognises it by the first bytes.
pub fn check_compression(request: &Request) -> Result<Option<Encoding>, String> {
    match request.get(COMPRESSION) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some("auto") => Ok(None),
            Some("none") => Ok(Some(Encoding::Identity)),
            Some("gzip") => Ok(Some(Encoding::Gzip)),
            Some("zstd") => Ok(Some(Encoding::Zstd)),
            _ => Err(format!("'{COMPRESSION}' must be \"auto\", \"none\", \"gzip\" or \"zstd\", not {value}")),
        },
    }
}

/// Like [`check_compression`], for text in the request, which cannot be compressed.
pub fn check_no_compression(request: &Request) -> Result<(), String> {
    match request.get(COMPRESSION) {
        None => Ok(()),
        Some(value) if matches!(value.as_str(), Some("auto" | "none")) => Ok(()),
        Some(value) => Err(format!(
            "'{COMPRESSION}' must be \"auto\" or \"none\" for text in the request, not {value}: load compressed data from a \
             file, a URL or S3"
        )),
    }
}

/// Returns the JSON Schema of the field.
pub fn compression_field() -> Field<'static> {
    let schema: Value = json!({
        "enum": ["auto", "none", "gzip", "zstd", null],
        "default": "auto",
        "description": "How the file is compressed. auto: gzip or zstd if its first bytes say so."
    });
    (COMPRESSION, schema, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compression_is_one_of_four_words() {
        let request = |value: Value| Request::parse(&json!({ "compression": value }).to_string()).unwrap();
        assert_eq!(check_compression(&request(json!(null))), Ok(None));
        assert_eq!(check_compression(&request(json!("auto"))), Ok(None));
        assert_eq!(check_compression(&request(json!("none"))), Ok(Some(Encoding::Identity)));
        assert_eq!(check_compression(&request(json!("gzip"))), Ok(Some(Encoding::Gzip)));
        assert_eq!(check_compression(&request(json!("zstd"))), Ok(Some(Encoding::Zstd)));
        for bad in [json!("zip"), json!(1), json!(true)] {
            let told = check_compression(&request(bad.clone())).unwrap_err();
            assert!(told.starts_with("'compression' must be") && told.ends_with(&bad.to_string()), "{told}");
        }
        assert!(check_no_compression(&request(json!("auto"))).is_ok());
        assert!(check_no_compression(&request(json!("gzip"))).unwrap_err().contains("text in the request"));
    }
}
