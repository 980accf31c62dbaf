//! Requests: which fields, which rules, and which sentence when one is broken. The sentences are Harper's, which has two
//! families of them: one for the data and file loads, another for the URL load.

use jobhost_csv::{Reading, options};
use jobhost_load_plugin::{
    Asked, KEY_REQUIRED, MAX_NAME_CHARACTERS, asked, check_atomic, check_compression, check_load, is_action,
};
use jobhost_plugin::{Encoding, Refusal, Request, TableName};
use serde_json::Value;

const KEY_REQUIRED_DATA: &str = "a valid hash attribute must be provided with update record, check log for more info";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Data,
    File,
    Url,
}

impl Operation {
    /// The sentence about a record of an update that has no primary key.
    pub(crate) fn key_required(self) -> &'static str {
        match self {
            Operation::Data => KEY_REQUIRED_DATA,
            Operation::File | Operation::Url => KEY_REQUIRED,
        }
    }
}

/// A request that was found good.
#[derive(Debug)]
pub(crate) struct LoadRequest {
    pub(crate) operation: Operation,
    pub(crate) table: TableName,
    pub(crate) action: Asked,
    /// The path or the URL; empty for the data load.
    pub(crate) location: String,
    pub(crate) has_headers: bool,
    pub(crate) compression: Option<Encoding>,
    pub(crate) reading: Reading,
}

impl LoadRequest {
    pub(crate) fn check(operation: &str, request: &Request) -> Result<Self, Refusal> {
        let (operation, mut problems, separator) = match operation {
            "csv_data_load" => (Operation::Data, check_data_load(request), ","),
            "csv_file_load" => (Operation::File, check_file_load(request), ","),
            "csv_url_load" => (Operation::Url, check_url_load(request), ". "),
            _ => return Err(Refusal::new(format!("Operation '{operation}' not found"))),
        };
        let reading = options::reading(request.fields(), |field| request.raw(field)).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Reading::default()
        });
        let compression = check_compression(request, operation == Operation::Data).unwrap_or_else(|wrong| {
            problems.push(wrong);
            None
        });
        if !problems.is_empty() {
            return Err(Refusal::new(problems.join(separator)));
        }
        let location = match operation {
            Operation::Data => "",
            Operation::File => request.text("file_path").unwrap_or_default(),
            Operation::Url => request.text("csv_url").unwrap_or_default(),
        };
        Ok(LoadRequest {
            operation,
            table: request.table_name(),
            action: asked(request),
            location: location.to_owned(),
            reading,
            compression,
            has_headers: operation == Operation::Url && request.get("passthrough_headers").is_some(),
        })
    }
}

fn check_data_load(request: &Request) -> Vec<String> {
    let mut problems = check_load(request);
    match request.get("data") {
        Some(Value::String(_)) => {}
        // The two spaces are Harper's.
        None => problems.push("Data  is required".to_owned()),
        Some(_) => problems.push("'data' must be a string".to_owned()),
    }
    problems
}

fn check_file_load(request: &Request) -> Vec<String> {
    let mut problems = check_load(request);
    match request.get("file_path") {
        Some(Value::String(path)) if path.is_empty() => problems.push("No such file or directory ".to_owned()),
        Some(Value::String(_)) => {}
        None => problems.push("File path  is required".to_owned()),
        Some(_) => problems.push("'file_path' must be a string".to_owned()),
    }
    problems
}

fn check_url_load(request: &Request) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(name) = request.get("database").or_else(|| request.get("schema")) {
        problems.extend(check_text("schema", Some(name)));
    }
    let table = match request.names("table") {
        true => check_text("table", request.get("table")),
        false => Some("'table' is required".to_owned()),
    };
    problems.extend(table);
    if !is_action(request.get("action")) {
        problems.push("'action' must be one of [insert, update, upsert]".to_owned());
    }
    problems.extend(check_atomic(request));
    problems.extend(match request.names("csv_url") {
        true => check_text("csv_url", request.get("csv_url")).or_else(|| check_url(request.text("csv_url")?)),
        false => Some("'csv_url' is required".to_owned()),
    });
    if request.names("passthrough_headers") && !request.get("passthrough_headers").is_some_and(Value::is_object) {
        problems.push("'passthrough_headers' must be of type object".to_owned());
    }
    problems
}

/// What is wrong with a string field.
fn check_text(field: &str, value: Option<&Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if text.is_empty() => Some(format!("'{field}' is not allowed to be empty")),
        Some(Value::String(text)) => (field != "csv_url" && text.encode_utf16().count() > MAX_NAME_CHARACTERS)
            .then(|| format!("'{field}' length must be less than or equal to {MAX_NAME_CHARACTERS} characters long")),
        _ => Some(format!("'{field}' must be a string")),
    }
}

/// What is wrong with a URL. The host looks closer when it fetches it; this is about obvious mistakes.
fn check_url(url: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let known_form = scheme.starts_with(|character: char| character.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !known_form || !url.bytes().all(allowed) {
        return Some("'csv_url' must be a valid url".to_owned());
    }
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some(format!(
            "'csv_url' must be a valid url: it begins with {scheme}: and can only be http: or https:"
        ));
    }
    let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(address) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty().then(|| "'csv_url' must be a valid url".to_owned())
}

#[cfg(test)]
mod tests;
