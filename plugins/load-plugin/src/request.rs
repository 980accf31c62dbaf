//! The fields that all loads share, and the error message for each invalid one. The messages are Harper's.

use jobhost_plugin::{Action, Plan, PlannedSource, Request, TableName, TableUse, check_name};
use serde_json::Value;

pub const MAX_NAME_CHARACTERS: usize = 250;
/// The error message for a record of an update that has no primary key.
pub const KEY_REQUIRED: &str = "a valid hash attribute must be provided with update record";

/// What a load does with its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// An absent action means `insert`.
    action: Option<Action>,
    is_atomic: bool,
}

impl Asked {
    /// Returns whether all records become visible together, when the load has succeeded.
    pub fn is_atomic(self) -> bool {
        self.is_atomic
    }

    /// Returns the plan of a load.
    pub fn plan(self, table: TableName, source: PlannedSource) -> Plan {
        Plan {
            tables: vec![TableUse::new(table, self.planned())],
            sources: vec![source],
            autocommit: !self.is_atomic,
            ..Plan::default()
        }
    }

    /// The action to name in the plan. As in Harper, a request without an action needs the permissions for insert and
    /// update.
    pub fn planned(self) -> Action {
        self.action.unwrap_or(Action::Upsert)
    }

    pub fn run(self) -> Action {
        self.action.unwrap_or(Action::Insert)
    }

    /// Returns `sentence` if every record must have a primary key.
    pub fn key_required(self, sentence: &'static str) -> Option<&'static str> {
        (self.run() == Action::Update).then_some(sentence)
    }
}

/// Returns what a valid request asks for.
pub fn asked(request: &Request) -> Asked {
    let is_atomic = !matches!(request.get("atomic"), Some(Value::Bool(false)));
    Asked { action: request.text("action").and_then(action), is_atomic }
}

/// Checks the field `atomic`.
pub fn check_atomic(request: &Request) -> Option<String> {
    let is_valid = request.get("atomic").is_none_or(|value| value.is_boolean() || value.is_null());
    (!is_valid).then(|| "'atomic' must be true or false".to_owned())
}

fn action(name: &str) -> Option<Action> {
    match name {
        "insert" => Some(Action::Insert),
        "update" => Some(Action::Update),
        "upsert" => Some(Action::Upsert),
        _ => None,
    }
}

/// Returns true if the value is absent, null or one of the three actions.
pub fn is_action(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_str().and_then(action).is_some())
}

/// Checks the fields that all loads share. The URL load has its own error messages. The caller joins them with commas.
pub fn check_load(request: &Request) -> Vec<String> {
    let mut problems = check_target(request);
    if !is_action(request.get("action")) {
        problems.push("Action is required and must be either insert, update, or upsert".to_owned());
    }
    problems.extend(check_atomic(request));
    problems
}

/// Checks the fields that name the table.
pub fn check_target(request: &Request) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |label: &str, name: &Value| {
        problems.extend(check_name(name).into_iter().map(|problem| format!("{label} {problem}")));
    };
    // Harper copies `database` over `schema` and then checks both.
    let database = request.get("database");
    if let Some(name) = database {
        check("Database", name);
    }
    if let Some(name) = database.or_else(|| request.get("schema")) {
        check("Schema", name);
    }
    match request.get("table") {
        Some(name) => check("Table", name),
        None => problems.push("Table can't be blank".to_owned()),
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(value: Value) -> Request {
        Request::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn without_an_action_a_load_inserts_but_also_needs_the_right_to_update() {
        let asked_of = |value| asked(&request(value));
        let nothing = asked_of(json!({"action": null}));
        assert_eq!((nothing.planned(), nothing.run()), (Action::Upsert, Action::Insert));
        let update = asked_of(json!({"action": "update"}));
        assert_eq!((update.planned(), update.run()), (Action::Update, Action::Update));
        assert_eq!(update.key_required(KEY_REQUIRED), Some(KEY_REQUIRED));
        assert_eq!(nothing.key_required(KEY_REQUIRED), None);
    }

    #[test]
    fn problems_are_reported_in_the_order_of_harper() {
        let problems = check_load(&request(json!({"database": "a/b", "table": "x`y", "action": "merge"})));
        let slashes = "names cannot include backticks or forward slashes";
        assert_eq!(
            problems,
            [
                format!("Database {slashes}"),
                format!("Schema {slashes}"),
                format!("Table {slashes}"),
                "Action is required and must be either insert, update, or upsert".to_owned(),
            ]
        );
        assert!(check_load(&request(json!({"table": "t", "action": "upsert"}))).is_empty());
    }
}
