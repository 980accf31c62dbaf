//! The field `s3`: an object on an S3 server, for loads that Harper does not have. `import_from_s3` keeps Harper's
//! messages.

use jobhost_plugin::{Encoding, PlannedSource, Request, S3Credentials, S3Object, S3Source};
use serde_json::{Map, Value};

/// JSON Pointer to the access keys in the request.
const KEYS_POINTER: &str = "/s3";
const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];

/// Returns the object that a request names, or every problem with the fields.
/// `encoding` is the compression of the object; `None` means that of its first bytes.
pub fn check_s3(request: &Request, encoding: Option<Encoding>) -> Result<PlannedSource, Vec<String>> {
    let fields = match request.get("s3") {
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(vec!["'s3' must be an object".to_owned()]),
        None => return Err(vec!["'s3' is required".to_owned()]),
    };
    let mut problems = Vec::new();
    let mut text = |member: &str, is_required: bool| match given(fields, member) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => {
            problems.push(format!("'s3.{member}' must be a string"));
            None
        }
        None if is_required => {
            problems.push(format!("'s3.{member}' is required"));
            None
        }
        None => None,
    };
    let profile = text("profile", false);
    let bucket = text("bucket", true).unwrap_or_default();
    let key = text("key", true).unwrap_or_default();
    // The region may come from the profile.
    let region = text("region", profile.is_none()).unwrap_or_default();
    let endpoint = text("endpoint", false);
    let path_style = match given(fields, "path_style") {
        Some(Value::Bool(path_style)) => Some(*path_style),
        Some(_) => {
            problems.push("'s3.path_style' must be true or false".to_owned());
            None
        }
        None => None,
    };
    // The plugin sees handles instead of the keys, so it can only check that they are present.
    for key in KEYS.into_iter().filter(|key| given(fields, key).is_some() == profile.is_some()) {
        problems.push(match profile {
            Some(_) => format!("'s3.{key}' and 's3.profile' cannot be used together: send both keys or name a profile"),
            None => format!("'s3.{key}' is required, or 's3.profile'"),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let credentials = profile.map_or_else(|| S3Credentials::Request(KEYS_POINTER.to_owned()), S3Credentials::Profile);
    let object = S3Object { bucket, key, region, endpoint, path_style, credentials };
    Ok(PlannedSource::S3(S3Source { object, encoding }))
}

/// Returns a member that is present and neither null nor empty.
fn given<'a>(fields: &'a Map<String, Value>, member: &str) -> Option<&'a Value> {
    fields.get(member).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(s3: Value) -> Result<PlannedSource, String> {
        check_s3(&Request::parse(&json!({ "s3": s3 }).to_string()).unwrap(), None)
            .map_err(|problems| problems.join(". "))
    }

    #[test]
    fn an_object_needs_a_bucket_and_key_and_either_access_keys_or_a_profile() {
        assert_eq!(check(json!(null)).unwrap_err(), "'s3' is required");
        assert_eq!(check(json!([])).unwrap_err(), "'s3' must be an object");
        let told = check(json!({"bucket": 5, "path_style": "x"})).unwrap_err();
        for part in
            ["'s3.bucket' must be", "'s3.key' is", "'s3.region' is", "'s3.path_style'", "'s3.aws_secret_access_key'"]
        {
            assert!(told.contains(part), "{told}");
        }
        let both = json!({"bucket": "b", "key": "k", "profile": "p", "aws_access_key_id": {"$secret": "/s3"}});
        assert!(check(both).unwrap_err().contains("cannot be used together"));
        let PlannedSource::S3(source) = check(json!({"bucket": "b", "key": "k", "profile": "p"})).unwrap() else {
            panic!("an object of S3")
        };
        assert_eq!((source.object.bucket.as_str(), source.object.key.as_str()), ("b", "k"));
    }
}
