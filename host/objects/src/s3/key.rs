//! Keys of objects. A path of the client library cannot have empty segments, so a key such as `/a` or `a//b` is split: what
//! stands before the last empty segment becomes part of the base URL of requests.

use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const MAX_BYTES: usize = 1024;
/// As the client library encodes paths, because the signature covers the encoded form.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A valid key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Begins with a slash; `None` for a key without empty segments.
    base: Option<String>,
    pub path: Path,
}

impl Key {
    /// Parses a key, or says what is wrong with it. The library resolves `.` and `..`, as every URL parser does.
    pub fn parse(key: &str) -> Result<Self, &'static str> {
        if key.is_empty() {
            return Err("is empty");
        }
        if key.len() > MAX_BYTES {
            return Err("is longer than 1024 bytes");
        }
        if key.chars().any(char::is_control) {
            return Err("contains a control character");
        }
        if key.ends_with('/') {
            return Err("ends with '/'");
        }
        if key.split('/').any(|segment| segment == "." || segment == "..") {
            return Err("contains '.' or '..' between slashes, which a URL cannot express");
        }
        let (base, path) = match (key.rfind("//"), key.strip_prefix('/')) {
            (Some(at), _) => (key.get(..=at), key.get(at + 2..).unwrap_or_default()),
            (None, Some(path)) => (Some(""), path),
            (None, None) => (None, key),
        };
        let path = Path::parse(path).map_err(|_| "cannot be used")?;
        Ok(Key { base: base.map(|base| format!("/{}", utf8_percent_encode(base, &ENCODED))), path })
    }

    /// The object's URL, as requests have it.
    pub fn url(&self, bucket_url: &str) -> String {
        format!("{}/{}", self.base_url(bucket_url), utf8_percent_encode(self.path.as_ref(), &ENCODED))
    }

    /// The URL that the client library appends the path to.
    pub fn base_url(&self, bucket_url: &str) -> String {
        format!("{bucket_url}{}", self.base.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_empty_segments_are_split() {
        let url = |text: &str| Key::parse(text).unwrap().url("http://h/b");
        for key in ["a", "a/b.csv", "/x", "//x", "a//b", "a//b//c/d", "/a//b"] {
            assert_eq!(url(key), format!("http://h/b/{key}"));
        }
        assert_eq!(url("ü x//y"), "http://h/b/%C3%BC%20x//y");
    }

    #[test]
    fn impossible_keys_are_refused() {
        for key in ["", "a/", "/", "//", "a/../b", "./x", "a\n", &"x".repeat(1025)] {
            assert!(Key::parse(key).is_err(), "{key}");
        }
    }
}
