//! Requests: which fields, which rules, and which sentence when one is broken. The sentences are Harper's, where Harper
//! has the field, and in its order, joined by commas.

use jobhost_csv::{Reading, options};
use jobhost_load_plugin::{Asked, JsonOptions, asked, check_compression, check_json_options, check_load};
use jobhost_plugin::{Encoding, Refusal, Request, S3Credentials, S3Object, TableName};
use serde_json::{Map, Value};

const EXTENSIONS: &str = "S3 key must include one of the following valid file extensions - '.csv', '.json'";
/// Where the keys stand in the request.
const KEYS_POINTER: &str = "/s3";
const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];

/// How the records stand in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    /// One array of objects.
    Json,
    JsonLines,
}

/// A request that was found good.
#[derive(Debug)]
pub(crate) struct ImportRequest {
    pub(crate) table: TableName,
    pub(crate) action: Asked,
    pub(crate) object: S3Object,
    pub(crate) format: Format,
    pub(crate) compression: Option<Encoding>,
    /// For CSV.
    pub(crate) reading: Reading,
    /// For JSON.
    pub(crate) json: JsonOptions,
}

impl ImportRequest {
    pub(crate) fn check(request: &Request) -> Result<Self, Refusal> {
        let mut problems = check_load(request);
        let none = Map::new();
        let s3 = S3Fields(match request.get("s3") {
            Some(Value::Object(s3)) => s3,
            Some(_) => &none,
            None => {
                problems.push("S3 can't be blank".to_owned());
                &none
            }
        });
        let profile = s3.optional("profile", &mut problems);
        let credentials = match profile {
            Some(profile) => {
                problems.extend(KEYS.into_iter().find(|key| s3.get(key).is_some()).map(beside_profile));
                S3Credentials::Profile(profile)
            }
            None => {
                // Of the keys, only handles are seen here: that they are there is all that can be told.
                problems.extend(KEYS.into_iter().filter(|key| s3.get(key).is_none()).map(blank));
                S3Credentials::Request(KEYS_POINTER.to_owned())
            }
        };
        let bucket = s3.required("bucket", &mut problems);
        let key = s3.required("key", &mut problems);
        let format = match format_of(&key) {
            Some(format) => format,
            None => {
                if !key.is_empty() {
                    problems.push(EXTENSIONS.to_owned());
                }
                Format::Csv
            }
        };
        // A profile can bring its region along.
        let region = match &credentials {
            S3Credentials::Profile(_) => s3.optional("region", &mut problems).unwrap_or_default(),
            S3Credentials::Request(_) => s3.required("region", &mut problems),
        };
        let endpoint = s3.optional("endpoint", &mut problems);
        let path_style = match s3.get("path_style") {
            Some(Value::Bool(path_style)) => Some(*path_style),
            Some(_) => {
                problems.push("S3 path style must be true or false".to_owned());
                None
            }
            None => None,
        };
        let (mut reading, mut json) = (Reading::default(), JsonOptions::default());
        let options = match format {
            Format::Csv => {
                options::reading(request.fields(), |field| request.raw(field)).map(|options| reading = options)
            }
            Format::Json | Format::JsonLines => check_json_options(request).map(|options| json = options),
        };
        problems.extend(options.err().into_iter().flatten());
        let compression = check_compression(request, false).unwrap_or_else(|wrong| {
            problems.push(wrong);
            None
        });
        if !problems.is_empty() {
            return Err(Refusal::new(problems.join(",")));
        }
        let object = S3Object { bucket, key, region, endpoint, path_style, credentials };
        Ok(ImportRequest {
            table: request.table_name(),
            action: asked(request),
            object,
            format,
            compression,
            reading,
            json,
        })
    }
}

/// The fields of `s3`.
struct S3Fields<'a>(&'a Map<String, Value>);

impl S3Fields<'_> {
    /// A field that is there, neither null nor blank.
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    fn optional(&self, field: &str, problems: &mut Vec<String>) -> Option<String> {
        match self.get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                // The two spaces are Harper's.
                problems.push(format!("S3 {}  must be a 'String' value", words(field)));
                None
            }
            None => None,
        }
    }

    /// Empty where the field is missing or wrong.
    fn required(&self, field: &str, problems: &mut Vec<String>) -> String {
        if self.get(field).is_none() {
            problems.push(blank(field));
        }
        self.optional(field, problems).unwrap_or_default()
    }
}

fn blank(field: &str) -> String {
    format!("S3 {} can't be blank", words(field))
}

fn beside_profile(field: &str) -> String {
    format!("S3 {} and profile cannot be used together: send both keys or name a profile", words(field))
}

/// As Harper's sentences write the name of a field.
fn words(field: &str) -> String {
    field.replace('_', " ")
}

/// Returns the format for the end of a key; lower case only, as in Harper.
fn format_of(key: &str) -> Option<Format> {
    let name = match key.rsplit_once('.') {
        Some((name, "gz" | "zst")) => name,
        _ => key,
    };
    match name.rsplit_once('.')?.1 {
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
