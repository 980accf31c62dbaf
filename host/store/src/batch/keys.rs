//! The keys of a batch's records: encoded into one arena while parsing, or generated if missing.

use super::BatchError;
use super::invalid;
use super::parser::{Findings, Parser};
use super::scan::Kind;
use jobhost_json_text::typed::check;
use jobhost_model::AttributeType;
use jobhost_model::key::{self, Key, KeyError};
use jobhost_model::table::Action;

const EMPTY_STRING: &[u8] = b"\"\"";

/// Parses an integer of at most 15 digits with an optional minus sign.
#[inline(always)]
fn small_integer(text: &[u8]) -> f64 {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let value = digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')));
    if digits.len() < text.len() { -(value as f64) } else { value as f64 }
}

impl Parser<'_> {
    /// Encodes the record's key into the arena. Returns the key if it was generated, because the record must be
    /// rewritten to contain it.
    #[inline(always)]
    pub(super) fn key(&mut self, findings: &Findings) -> Result<Option<Key>, BatchError> {
        let Some((from, to, kind)) = findings.key else {
            return self.generate(findings).map(Some);
        };
        let value = self.scanner.text.get(from..to).unwrap_or_default();
        match kind {
            Kind::Number { plain: true } => {
                key::encode_number(small_integer(value), &mut self.batch.keys);
                self.check_key_type(findings, kind, value).map(|()| None)
            }
            Kind::String { .. } if value == EMPTY_STRING && self.action == Action::Update => Err(self.no_key()),
            Kind::String { escaped: false } if value.len() <= key::MAX_KEY_BYTES => {
                key::encode_string(value.get(1..value.len() - 1).unwrap_or_default(), &mut self.batch.keys);
                self.check_key_type(findings, kind, value).map(|()| None)
            }
            Kind::Null => self.generate(findings).map(Some),
            _ => {
                self.unusual_key(kind, value).map_err(|error| invalid(self.number as usize, error.to_string()))?;
                self.check_key_type(findings, kind, value).map(|()| None)
            }
        }
    }

    #[inline(never)]
    fn unusual_key(&mut self, kind: Kind, value: &[u8]) -> Result<(), KeyError> {
        let key = match kind {
            Kind::Number { .. } => {
                // Must agree exactly with `Key::from_json`: a record has to be found by the key that a client sends.
                let number =
                    serde_json::from_slice::<serde_json::Number>(value).ok().and_then(|number| number.as_f64());
                Key::number(number.unwrap_or(f64::NAN))?
            }
            Kind::String { .. } => Key::string(serde_json::from_slice::<String>(value).unwrap_or_default())?,
            Kind::Array => return Err(KeyError::Type("array")),
            Kind::Object => return Err(KeyError::Type("object")),
            Kind::True | Kind::False | Kind::Null => return Err(KeyError::Type("boolean")),
        };
        key.encode(&mut self.batch.keys);
        Ok(())
    }

    fn check_key_type(&self, findings: &Findings, kind: Kind, value: &[u8]) -> Result<(), BatchError> {
        match findings.key_type {
            None => Ok(()),
            Some(declared) => check(declared, &self.table.primary_key, kind.json_type(), value)
                .map_err(|error| invalid(self.number as usize, error.to_string())),
        }
    }

    /// The error for an update without a key.
    #[cold]
    fn no_key(&self) -> BatchError {
        invalid(
            self.number as usize,
            "a valid hash attribute must be provided with update record, check log for more info",
        )
    }

    #[inline(never)]
    fn generate(&mut self, findings: &Findings) -> Result<Key, BatchError> {
        if self.action == Action::Update {
            return Err(self.no_key());
        }
        let declared = findings
            .key_type
            .or_else(|| self.table.attribute(&self.table.primary_key).and_then(|attribute| attribute.attribute_type));
        let key = match declared {
            Some(AttributeType::String | AttributeType::Id) => self.keys.uuid(),
            _ => self.keys.number(),
        };
        key.encode(&mut self.batch.keys);
        // Record numbers count from 1, indexes from 0.
        self.generated.push(self.number - 1);
        Ok(key)
    }
}
