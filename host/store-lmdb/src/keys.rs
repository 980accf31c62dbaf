//! Reads primary keys back from the texts of stored records. The heap stores no other copy of them.

use jobhost_model::key::{self, Key};
use jobhost_store::StoreError;
use jobhost_store::batch::members;

/// Integers with up to this many digits are exact in a double.
const EXACT_DIGITS: usize = 15;

pub(super) struct KeyReader {
    /// `{"name":`, the start of nearly every record.
    opening: Vec<u8>,
    /// The attribute name with its quotes, as it appears in stored records.
    name: Vec<u8>,
}

impl KeyReader {
    pub fn new(primary_key: &str) -> Self {
        let name = members::quoted(primary_key);
        KeyReader { opening: [b"{", name.as_slice(), b":"].concat(), name }
    }

    /// Appends the encoded key of a record to `out`.
    pub fn append_key(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        if let Some(rest) = text.strip_prefix(self.opening.as_slice())
            && append_plain(rest, out).is_some()
        {
            return Ok(());
        }
        self.append_any(text, out)
    }

    fn append_any(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        let unreadable = || StoreError::damaged("the primary key of a record");
        let mut list = Vec::new();
        members::members(text, &mut list).map_err(|_| unreadable())?;
        let member = list.iter().find(|member| member.name == self.name).ok_or_else(unreadable)?;
        let value = serde_json::from_slice(member.value).map_err(|_| unreadable())?;
        let key = Key::from_json(&value).ok().flatten().ok_or_else(unreadable)?;
        key.encode(out);
        Ok(())
    }
}

/// Fast path: encodes a key at the start of the record if it is a short integer or a string without escapes.
fn append_plain(rest: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match rest.split_first()? {
        (b'"', rest) => {
            let text = rest.get(..memchr::memchr2(b'"', b'\\', rest)?)?;
            if rest.get(text.len()) != Some(&b'"') || text.len() > key::MAX_KEY_BYTES {
                return None;
            }
            key::encode_string(text, out);
        }
        _ => {
            let digits = rest.strip_prefix(b"-").unwrap_or(rest);
            let count = digits.iter().position(|byte| !byte.is_ascii_digit())?;
            if count == 0 || count > EXACT_DIGITS || !matches!(digits.get(count), Some(b',' | b'}')) {
                return None;
            }
            let digits = digits.get(..count)?;
            let value = digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0')) as f64;
            key::encode_number(if rest.first() == Some(&b'-') { -value } else { value }, out);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_model::{Action, SystemClock, Table, TableName};
    use jobhost_store::{Batch, BatchLimits, KeySource};

    #[test]
    fn keys_read_from_stored_records_equal_those_of_the_batch() {
        let source = KeySource::new(std::sync::Arc::new(SystemClock));
        for name in ["id", "na\"me", "é"] {
            let table = Table {
                name: TableName::new("data", "dog"),
                id: 1,
                primary_key: name.to_owned(),
                schema_defined: false,
                attributes: Vec::new().into(),
            };
            let reader = KeyReader::new(name);
            let quoted = serde_json::to_string(name).unwrap();
            for value in [
                "1",
                "0",
                "-0",
                "-17",
                "123456789012345",
                "1234567890123456",
                "9007199254740993",
                "123456789012345678901",
                "1.0",
                "0.1",
                "-2.5e-3",
                "1e22",
                "1E400",
                "\"\"",
                "\"a\"",
                "\"a\\\"b\"",
                "\"\\u0061\"",
                "\"é\\n\"",
                "\"1\"",
                "\"67e55044-10b1-426f-9247-bb680e5fe0c8\"",
                "\"67E55044-10B1-426F-9247-BB680E5FE0C8\"",
            ] {
                for record in [
                    format!("{{{quoted}:{value}}}"),
                    format!("{{{quoted}:{value},\"x\":1}}"),
                    format!("{{{quoted}: {value} }}"),
                    format!("{{\"x\":{{\"id\":1}},{quoted}:{value}}}"),
                    format!("{{ \"x\":[], {quoted} : {value}}}"),
                ] {
                    let Ok(batch) = Batch::parse(record, &table, Action::Insert, &BatchLimits::default(), &source)
                    else {
                        assert_eq!(value, "1E400");
                        continue;
                    };
                    for (lifted, text) in batch.encoded() {
                        let mut read = b"before".to_vec();
                        reader.append_key(text, &mut read).unwrap();
                        assert_eq!(read.strip_prefix(b"before"), Some(lifted), "{}", String::from_utf8_lossy(text));
                    }
                }
            }
        }
    }

    #[test]
    fn a_stored_record_without_a_key_is_reported_as_damaged() {
        let reader = KeyReader::new("id");
        for text in [
            "",
            "{",
            "{}",
            "{\"id\":",
            "{\"id\":1",
            "{\"id\":true}",
            "{\"id\":null}",
            "{\"id\":\"a",
            "{\"ID\":1}",
            "[1]",
        ] {
            assert!(reader.append_key(text.as_bytes(), &mut Vec::new()).is_err(), "{text}");
        }
    }
}
