//! Credentials for S3 servers, from a request or from a profile in the operator's file. They are never shown.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{ObjectError, ObjectErrorKind};

/// Larger than any credentials file in practice.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Session tokens have from a few hundred bytes to a few KiB.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// The credentials that sign requests.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl std::fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("S3Keys(…)")
    }
}

/// A section of a credentials file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Profile {
    pub keys: S3Keys,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

impl S3Keys {
    /// Parses the members of a request's object: `aws_access_key_id`, `aws_secret_access_key` and `session_token` or
    /// `aws_session_token`. Returns `Invalid` with the member's name but never its value.
    pub fn from_json(object: &Map<String, Value>) -> Result<S3Keys, ObjectError> {
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => check(name, text).map(|()| Some(text.clone())),
            Some(_) => Err(invalid(format!("{name} must be a string"))),
        };
        let required = |name: &str| text(name)?.ok_or_else(|| invalid(format!("{name} is missing.")));
        Ok(S3Keys {
            access_key_id: required("aws_access_key_id")?,
            secret_access_key: required("aws_secret_access_key")?,
            session_token: match text("session_token")? {
                Some(token) => Some(token),
                None => text("aws_session_token")?,
            },
        })
    }

    /// Removes the credentials from a server's text, in case the server repeats them.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        let secrets = [Some(&self.secret_access_key), self.session_token.as_ref(), Some(&self.access_key_id)];
        for secret in secrets.into_iter().flatten() {
            clean = clean.replace(secret.as_str(), "…");
        }
        clean
    }
}

/// Credentials are sent in headers.
fn check(name: &str, value: &str) -> Result<(), ObjectError> {
    if value.is_empty() {
        return Err(invalid(format!("{name} is missing.")));
    }
    if value.len() > MAX_KEY_BYTES || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!(
            "{name} must be at most {MAX_KEY_BYTES} printable ASCII characters without blanks; check what was pasted"
        )));
    }
    Ok(())
}

/// Reads a profile: section `[name]` or `[profile name]`.
pub fn profile(file: Option<&Path>, name: &str) -> Result<S3Profile, ObjectError> {
    let Some(file) = file else {
        return Err(ObjectError::new(
            ObjectErrorKind::Denied,
            format!("S3 profile '{name}' cannot be used: the operator has not set s3.credentials_file"),
        ));
    };
    let shown = file.display();
    let unreadable = |what: String| {
        ObjectError::new(
            ObjectErrorKind::Unavailable,
            format!("S3 profile '{name}' cannot be read from {shown} (s3.credentials_file): {what}"),
        )
    };
    let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_FILE_BYTES {
        return Err(unreadable(format!("the file has {size} bytes, more than {MAX_FILE_BYTES}")));
    }
    let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let entries = section(&text, name).ok_or_else(|| {
        ObjectError::new(
            ObjectErrorKind::NotFound,
            format!("S3 profile '{name}' is not in {shown}; add a section [{name}] or name another profile"),
        )
    })?;
    let value = |key: &str| entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let required = |key: &str| {
        let value = value(key).filter(|value| check(key, value).is_ok());
        value.ok_or_else(|| invalid(format!("S3 profile '{name}' in {shown} has no usable {key}; add it there")))
    };
    Ok(S3Profile {
        keys: S3Keys {
            access_key_id: required("aws_access_key_id")?,
            secret_access_key: required("aws_secret_access_key")?,
            session_token: match value("aws_session_token") {
                Some(_) => Some(required("aws_session_token")?),
                None => None,
            },
        },
        region: value("region"),
        endpoint: value("endpoint_url"),
    })
}

/// Returns the entries of a section, in either spelling or both. Indented lines belong to unsupported nested settings
/// and are skipped.
fn section(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut entries = None;
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(header, _)| header)
        {
            let header = header.trim();
            let after_word = header.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
            inside = header == name || after_word.is_some_and(|rest| rest.trim() == name);
            if inside {
                entries.get_or_insert_with(Vec::new);
            }
            continue;
        }
        if !inside || line.starts_with([' ', '\t']) {
            continue;
        }
        if let (Some(entries), Some((key, value))) = (entries.as_mut(), trimmed.split_once('=')) {
            let value = value.trim();
            if !value.is_empty() {
                entries.push((key.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    entries
}

fn invalid(message: String) -> ObjectError {
    ObjectError::new(ObjectErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &str = "; comment\n[default]\naws_access_key_id=D\naws_secret_access_key = d+/=x\n\n\
        [profile lake]\nregion = eu-west-1\nAWS_ACCESS_KEY_ID = L\r\naws_secret_access_key = l\n\
        aws_session_token = t\nendpoint_url = http://lake:9000\ns3 =\n  region = nested\n[empty]\n[half]\naws_access_key_id = H\n";

    fn read(name: &str) -> Result<S3Profile, ObjectError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("credentials");
        std::fs::write(&file, FILE).unwrap();
        profile(Some(&file), name)
    }

    #[test]
    fn profiles_are_read_as_aws_tools_write_them() {
        let default = read("default").unwrap();
        assert_eq!((default.keys.access_key_id.as_str(), default.keys.secret_access_key.as_str()), ("D", "d+/=x"));
        assert_eq!((default.keys.session_token, default.region, default.endpoint), (None, None, None));
        let lake = read("lake").unwrap();
        assert_eq!((lake.keys.access_key_id.as_str(), lake.keys.session_token.as_deref()), ("L", Some("t")));
        assert_eq!(lake.region.as_deref(), Some("eu-west-1"));
        assert_eq!(lake.endpoint.as_deref(), Some("http://lake:9000"));
    }

    #[test]
    fn an_error_in_a_profile_names_the_file_but_not_its_content() {
        for (name, kind) in [("nope", ObjectErrorKind::NotFound), ("half", ObjectErrorKind::Invalid)] {
            let error = read(name).unwrap_err();
            assert_eq!(error.kind, kind);
            assert!(error.message.contains(name) && error.message.contains("credentials"), "{error}");
            assert!(!error.message.contains(" H") && !error.message.contains("d+/"), "{error}");
        }
        assert_eq!(read("empty").unwrap_err().kind, ObjectErrorKind::Invalid);
        assert_eq!(profile(None, "x").unwrap_err().kind, ObjectErrorKind::Denied);
        assert_eq!(profile(Some(Path::new("/nowhere/x")), "x").unwrap_err().kind, ObjectErrorKind::Unavailable);
    }

    #[test]
    fn credentials_of_a_request_are_checked_and_never_shown() {
        let keys = |value: Value| S3Keys::from_json(value.as_object().unwrap());
        let good = keys(json!({"aws_access_key_id": "A", "aws_secret_access_key": "SECRET", "session_token": "TOKEN"}));
        let good = good.unwrap();
        assert_eq!(format!("{good:?}"), "S3Keys(…)");
        assert_eq!(good.scrub("SECRET and TOKEN"), "… and …");
        let aws = json!({"aws_access_key_id": "A", "aws_secret_access_key": "S", "aws_session_token": "T"});
        assert_eq!(keys(aws).unwrap().session_token.as_deref(), Some("T"));
        let missing = keys(json!({"aws_access_key_id": "A"})).unwrap_err();
        assert_eq!(missing.message, "aws_secret_access_key is missing.");
        for secret in ["line\nbreak", "bl ank", "ünicode"] {
            let error = keys(json!({"aws_access_key_id": "A", "aws_secret_access_key": secret})).unwrap_err();
            assert!(error.kind == ObjectErrorKind::Invalid && !error.message.contains(secret), "{error}");
        }
    }

    /// From input similar to profiles, only entries of the named section are read.
    #[test]
    fn fuzz_profiles() {
        let pieces = [
            "[",
            "]",
            "[lake]\n",
            "[profile lake]\n",
            "[other]\n",
            "profile",
            " ",
            "\t",
            "=",
            "\n",
            "\r\n",
            "#",
            ";",
            "lake",
            "aws_access_key_id=A\n",
            "aws_secret_access_key = s+/=\n",
            "region=eu\n",
            "s3 =\n  region = nested\n",
            "é",
        ];
        let input = bolero::produce::<Vec<u8>>().with().len(0usize..12);
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|picks| {
            let text: String = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
            let Some(entries) = section(&text, "lake") else { return };
            assert!(text.contains("lake"), "{text:?}");
            assert!(entries.iter().all(|(_, value)| value != "nested" && !value.is_empty()), "{text:?}: {entries:?}");
            let after = text.find("lake").unwrap_or_default();
            let keys = |text: &str| text.matches("aws_access_key_id").count();
            let taken = entries.iter().filter(|(key, _)| key == "aws_access_key_id").count();
            assert!(taken <= keys(&text[after..]), "{text:?}: {entries:?}");
        });
    }
}
