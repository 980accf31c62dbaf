//! Whether a description can be put in service: names, bounds, schemas, pointers.

use crate::sandbox::{Description, Operation};

const MAX_OPERATIONS: usize = 64;
const MAX_NAME_BYTES: usize = 64;
const MAX_ALIASES: usize = 16;
const MAX_SECRETS: usize = 64;
const MAX_TEXT_BYTES: usize = 1024 * 1024;
const MAX_SUMMARY_BYTES: usize = 1024;

/// Why a description cannot be put in service, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its description says {0}")]
pub struct Unfit(String);

/// `builtin` tells whether the host itself has an operation of that name.
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
    if description.summary.len() > MAX_SUMMARY_BYTES {
        return unfit(format!(
            "a summary of {} bytes; at most {MAX_SUMMARY_BYTES} are allowed",
            description.summary.len()
        ));
    }
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
    if operation.summary.len() > MAX_SUMMARY_BYTES {
        return unfit(format!(
            "a summary of {} bytes; at most {MAX_SUMMARY_BYTES} are allowed",
            operation.summary.len()
        ));
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
    let schema = match crate::json::object(&operation.request_schema) {
        Ok(schema) => serde_json::Value::Object(schema),
        Err(error) => return unfit(format!("a request schema that is not a JSON object: {error}")),
    };
    // Against the schema of schemas: nothing that it refers to is looked up.
    if let Err(error) = jsonschema::meta::validate(&schema) {
        let place = error.instance_path().to_string();
        return unfit(format!("a request schema that is no JSON Schema: at {place:?} {}", error.masked()));
    }
    for pointer in operation.secrets.iter().chain(&operation.inline_source) {
        if !pointer.starts_with('/') {
            return unfit(format!("the pointer {pointer:?}; a JSON pointer to a field begins with /"));
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

fn is_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or("");
    version.len() <= MAX_NAME_BYTES
        && core.split('.').count() == 3
        && core.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Capability, OperationAccess};

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
                resumable: true,
            }],
        }
    }

    #[test]
    fn a_good_description_passes() {
        assert_eq!(verify(&description(), |_| false), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named() {
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
}
