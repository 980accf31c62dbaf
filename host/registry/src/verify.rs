//! Verifies a plugin's description: names, limits, schemas, pointers.

use serde_json::Value;

use jobhost_contract::{Description, Operation};
use jobhost_model::plain_text::is_unsafe;

const MAX_OPERATIONS: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_ALIASES: usize = 16;
const MAX_SECRETS: usize = 64;
const MAX_TEXT_BYTES: usize = 1024 * 1024;
const MAX_SUMMARY_BYTES: usize = 1024;

/// Why a description is rejected, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its description says {0}")]
pub struct Unfit(String);

/// `builtin` returns whether the host has a built-in operation with that name.
pub fn verify(description: &Description, builtin: impl Fn(&str) -> bool) -> Result<(), Unfit> {
    let unfit = |text: String| Err(Unfit(text));
    if !is_name(&description.name, '-') {
        return unfit(format!(
            "name = {:?}; it must be lower-kebab-case, 1 to {MAX_NAME_BYTES} characters",
            description.name
        ));
    }
    if !is_version(&description.version) {
        return unfit(format!("version = {:?}; it must be a semantic version like 1.0.0", description.version));
    }
    verify_summary(&description.summary).map_err(Unfit)?;
    let asked: std::collections::BTreeSet<_> = description.capabilities.iter().collect();
    if asked.len() != description.capabilities.len() {
        return unfit("a capability twice".to_owned());
    }
    if description.operations.is_empty() || description.operations.len() > MAX_OPERATIONS {
        let count = description.operations.len();
        return unfit(format!("{count} operations; there must be 1 to {MAX_OPERATIONS}"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for operation in &description.operations {
        verify_operation(operation)?;
        for name in std::iter::once(&operation.name).chain(&operation.aliases) {
            if !is_name(name, '_') {
                return unfit(format!(
                    "operation name {name:?}; it must be lower_snake_case, 1 to {MAX_NAME_BYTES} characters"
                ));
            }
            if !seen.insert(name) {
                return unfit(format!("the operation name {name:?} twice"));
            }
            if builtin(name) {
                return unfit(format!("operation {name:?}, which is an operation of the host itself"));
            }
        }
    }
    Ok(())
}

fn verify_operation(operation: &Operation) -> Result<(), Unfit> {
    let unfit = |text: String| Err(Unfit(format!("of operation {:?}: {text}", operation.name)));
    if let Err(told) = verify_summary(&operation.summary) {
        return unfit(told);
    }
    if operation.aliases.len() > MAX_ALIASES {
        return unfit(format!("{} aliases; at most {MAX_ALIASES} are allowed", operation.aliases.len()));
    }
    if operation.secrets.len() > MAX_SECRETS {
        return unfit(format!("{} secret fields; at most {MAX_SECRETS} are allowed", operation.secrets.len()));
    }
    if operation.request_schema.len() > MAX_TEXT_BYTES {
        return unfit(format!("a request schema of more than {MAX_TEXT_BYTES} bytes"));
    }
    let schema = match jobhost_model::json::object(&operation.request_schema) {
        Ok(schema) => Value::Object(schema),
        Err(error) => return unfit(format!("a request schema that is not a JSON object: {error}")),
    };
    if let Some(text) = unplain(&schema) {
        return unfit(format!("a request schema with {text:?}; its texts must have no control characters"));
    }
    // Validates against the meta-schema only; references are not resolved.
    if let Err(error) = jsonschema::meta::validate(&schema) {
        let place = error.instance_path().to_string();
        return unfit(format!("a request schema that is not a JSON Schema: at {place:?} {}", error.masked()));
    }
    for pointer in operation.secrets.iter().chain(&operation.inline_source) {
        if !pointer.starts_with('/') {
            return unfit(format!("the pointer {pointer:?}; a JSON pointer to a field begins with /"));
        }
        if pointer.contains(is_unsafe) {
            return unfit(format!("the pointer {pointer:?}; it must have no control characters"));
        }
    }
    Ok(())
}

fn is_name(name: &str, separator: char) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

fn verify_summary(summary: &str) -> Result<(), String> {
    if summary.len() > MAX_SUMMARY_BYTES {
        return Err(format!("a summary of {} bytes; at most {MAX_SUMMARY_BYTES} are allowed", summary.len()));
    }
    if summary.contains(is_unsafe) {
        return Err(format!("the summary {summary:?}; it must be one line without control characters"));
    }
    Ok(())
}

/// Returns a text in a schema that is unsafe to display. Descriptions may have several lines.
fn unplain(schema: &Value) -> Option<&str> {
    let bad = |text: &&str| text.contains(|c| is_unsafe(c) && !matches!(c, '\n' | '\t'));
    match schema {
        Value::String(text) => Some(text.as_str()).filter(bad),
        Value::Array(entries) => entries.iter().find_map(unplain),
        Value::Object(members) => {
            members.iter().find_map(|(name, member)| Some(name.as_str()).filter(bad).or_else(|| unplain(member)))
        }
        _ => None,
    }
}

/// Returns whether the text is a semantic version: `1.2.3`, optionally followed by `-` and a pre-release, then `+` and
/// build metadata.
fn is_version(version: &str) -> bool {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    version.len() <= MAX_NAME_BYTES
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.into_iter().chain(build).all(|words| words.split('.').all(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_contract::{Capability, OperationAccess, OperationReply};

    fn description() -> Description {
        Description {
            name: "csv-load".to_owned(),
            version: "0.1.0".to_owned(),
            summary: String::new(),
            capabilities: vec![Capability::Insert],
            operations: vec![Operation {
                name: "csv_data_load".to_owned(),
                aliases: vec![],
                summary: String::new(),
                request_schema: "{}".to_owned(),
                secrets: vec!["/passthrough_headers/*".to_owned()],
                inline_source: Some("/data".to_owned()),
                access: OperationAccess::TablePermission,
                reply: OperationReply::JobId,
                resumable: true,
            }],
        }
    }

    #[test]
    fn a_good_description_passes() {
        assert_eq!(verify(&description(), |_| false), Ok(()));
    }

    #[test]
    fn errors_name_the_faulty_part_of_a_description() {
        let mut bad = description();
        bad.operations[0].aliases = vec!["csv_data_load".to_owned()];
        assert!(verify(&bad, |_| false).unwrap_err().to_string().contains("twice"));
        let mut bad = description();
        bad.operations[0].name = "Csv".to_owned();
        assert!(verify(&bad, |_| false).unwrap_err().to_string().contains("lower_snake_case"));
        let mut bad = description();
        bad.operations[0].request_schema = "[]".to_owned();
        assert!(verify(&bad, |_| false).unwrap_err().to_string().contains("JSON object"));
        let mut bad = description();
        bad.operations[0].request_schema = r#"{"properties": {"a": {"type": "strnig"}}}"#.to_owned();
        let told = verify(&bad, |_| false).unwrap_err().to_string();
        assert!(told.contains("/properties/a/type"), "{told}");
        assert!(verify(&description(), |name| name == "csv_data_load").is_err());
        let mut bad = description();
        bad.version = "one".to_owned();
        assert!(verify(&bad, |_| false).is_err());
    }
    #[test]
    fn a_version_is_semantic_and_nothing_else() {
        for good in ["1.0.0", "0.1.0", "10.20.30-rc.1", "1.2.3-a-b+build.5", "1.2.3+x"] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "1.0.0-",
            "1.0.0+",
            "1.0.0-a..b",
            "1.0.0-a+b+c",
            "1.0.0-\u{1b}[2J",
            "1.0.0-a\nb",
            "1.0.0-é",
            "1.0.0- ",
            "1.0.0-a/b",
            "1.0.0-a\u{202e}b",
            "v1.0.0",
        ] {
            assert!(!is_version(bad), "{bad:?}");
        }
    }

    #[test]
    fn no_text_commands_a_terminal_or_begins_a_line() {
        type Spoil = fn(&mut Description, String);
        let places: [(&str, Spoil); 9] = [
            ("name", |of, text| of.name = text),
            ("version", |of, text| of.version = format!("1.0.0-{text}")),
            ("summary", |of, text| of.summary = text),
            ("summary", |of, text| of.operations[0].summary = text),
            ("operation name", |of, text| of.operations[0].name = text),
            ("operation name", |of, text| of.operations[0].aliases = vec![text]),
            ("pointer", |of, text| of.operations[0].secrets = vec![format!("/{text}")]),
            ("pointer", |of, text| of.operations[0].inline_source = Some(format!("/{text}"))),
            ("request schema", |of, text| {
                of.operations[0].request_schema = serde_json::json!({ "title": text }).to_string();
            }),
        ];
        for character in
            ['\0', '\r', '\u{7}', '\u{1b}', '\u{7f}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}']
        {
            for (place, spoil) in places {
                let mut bad = description();
                spoil(&mut bad, format!("a{character}b"));
                let told = verify(&bad, |_| false).unwrap_err().to_string();
                assert!(told.contains(place) && !told.contains(is_unsafe), "{place} {character:?}: {told}");
            }
        }
        let mut lines = description();
        lines.operations[0].request_schema = r#"{"description": "two\nlines"}"#.to_owned();
        assert_eq!(verify(&lines, |_| false), Ok(()));
        lines.summary = "two\nlines".to_owned();
        assert!(verify(&lines, |_| false).is_err());
    }
}
