//! The option `compression`: how the file of a load is compressed. The host decompresses it.

use jobhost_plugin::schema::Field;
use jobhost_plugin::{Encoding, Request};
use serde_json::{Value, json};

const COMPRESSION: &str = "compression";

/// Returns the compression that a request names. `None` means that the host recognises it by the first bytes. `is_inline` is
/// whether the input is text in the request, which cannot be compressed.
pub fn check_compression(request: &Request, is_inline: bool) -> Result<Option<Encoding>, String> {
    let Some(value) = request.get(COMPRESSION) else { return Ok(None) };
    match value.as_str() {
        Some("auto") => Ok(None),
        Some("none") => Ok(Some(Encoding::Identity)),
        _ if is_inline => Err(format!(
            "'{COMPRESSION}' must be \"auto\" or \"none\" for text in the request, not {value}: load compressed data from a \
             file, a URL or S3"
        )),
        Some("gzip") => Ok(Some(Encoding::Gzip)),
        Some("zstd") => Ok(Some(Encoding::Zstd)),
        _ => Err(format!("'{COMPRESSION}' must be \"auto\", \"none\", \"gzip\" or \"zstd\", not {value}")),
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
        assert_eq!(check_compression(&request(json!(null)), false), Ok(None));
        assert_eq!(check_compression(&request(json!("auto")), false), Ok(None));
        assert_eq!(check_compression(&request(json!("none")), false), Ok(Some(Encoding::Identity)));
        assert_eq!(check_compression(&request(json!("gzip")), false), Ok(Some(Encoding::Gzip)));
        assert_eq!(check_compression(&request(json!("zstd")), false), Ok(Some(Encoding::Zstd)));
        for bad in [json!("zip"), json!(1), json!(true)] {
            let told = check_compression(&request(bad.clone()), false).unwrap_err();
            assert!(told.starts_with("'compression' must be") && told.ends_with(&bad.to_string()), "{told}");
        }
        assert!(check_compression(&request(json!("auto")), true).is_ok());
        assert!(check_compression(&request(json!("gzip")), true).unwrap_err().contains("text in the request"));
    }
}
