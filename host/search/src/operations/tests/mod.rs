mod hidden;
mod order;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::query::Separator;
use jobhost_access::Role;
use jobhost_model::{Action, RowShape, SystemClock, TableName, Timestamp};
use jobhost_store::{
    Batch, BatchLimits, CatalogChange, CatalogStore, MemoryStore, ScanOrder, Store, TableWrite, WriteGroup,
};

struct Bench {
    store: Arc<dyn Store>,
}

async fn bench() -> Bench {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock), 1 << 30));
    for name in ["dog", "cat"] {
        let (name, primary_key) = (TableName::new("data", name), "id".to_owned());
        let change = CatalogChange::CreateTable { name, primary_key, schema_defined: false, attributes: Vec::new() };
        store.change_catalog(change).await.unwrap();
    }
    let bench = Bench { store };
    bench.insert("dog", r#"{"id":3,"name":"Rex","age":7,"zip":null}"#).await;
    bench.insert("dog", r#"{"id":1,"name":"Ada","age":5,"tags":["a", {"b": 1}]}"#).await;
    bench.insert("dog", r#"{"id":2,"age":6,"name":"Bo\"b"}"#).await;
    bench.insert("cat", r#"{"id":1,"name":"Tom","owner":"Ann"}"#).await;
    bench
}

impl Bench {
    async fn insert(&self, table: &str, text: &str) {
        let name = TableName::new("data", table);
        let known = Arc::clone(self.store.catalog().table(&name).unwrap());
        let batch =
            Batch::parse(text.as_bytes().to_vec(), &known, Action::Insert, &BatchLimits::default(), &self.store.keys())
                .unwrap();
        let writes = vec![TableWrite { table: name, action: Action::Insert, batch }];
        self.store.apply(WriteGroup { writes, ..WriteGroup::default() }).await.unwrap();
    }

    fn permitted(&self, role: &Role, operation: &str, fields: Value) -> Result<PermittedSearch, SearchError> {
        let fields: Map<String, Value> = fields.as_object().unwrap().clone();
        SearchRequest::parse(operation, &fields)?.permitted(role, &self.store.catalog())
    }

    /// Returns columns and rows of a search in the format that jobs see.
    async fn lines(&self, role: &Role, operation: &str, fields: Value) -> (Vec<String>, Vec<String>) {
        let search = self.permitted(role, operation, fields).unwrap();
        let (store, limits) = (Arc::clone(&self.store), SearchLimits::default());
        let mut rows =
            search.open(store, RowShape::Arrays, Separator::NewLine, ScanOrder::Arrival, &limits).await.unwrap();
        let mut text = Vec::new();
        while rows.next(&mut text).await.unwrap() {}
        let text = String::from_utf8(text).unwrap();
        (rows.columns().to_vec(), text.lines().map(str::to_owned).collect())
    }
}

fn role(permission: Value) -> Role {
    let Value::Object(permission) = permission else { panic!("an object") };
    Role::new("r".to_owned(), "r".to_owned(), permission, Timestamp(0), Timestamp(0))
}

fn boss() -> Role {
    role(json!({"super_user": true}))
}

/// A role that may read `id` and `name` of dogs, and nothing of cats.
fn walker() -> Role {
    role(json!({"super_user": false, "data": {"tables": {
        "dog": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": [
            {"attribute_name": "name", "read": true, "insert": false, "update": false}]},
    }}}))
}

fn refused(result: Result<PermittedSearch, SearchError>) -> (&'static str, String) {
    match result.unwrap_err() {
        SearchError::Invalid(sentence) => ("invalid", sentence),
        SearchError::NotFound(sentence) => ("not found", sentence),
        SearchError::Denied(denial) => ("denied", serde_json::to_string(&denial).unwrap()),
        SearchError::Store(error) => ("store", error.to_string()),
        SearchError::Exhausted(exhausted) => ("exhausted", exhausted.to_string()),
    }
}

#[tokio::test]
async fn every_kind_of_search_returns_rows() {
    let bench = bench().await;
    let names = json!(["id", "name"]);
    for (operation, fields, expected) in [
        (
            "search_by_hash",
            json!({"table": "dog", "hash_values": [2, 9, 1], "get_attributes": names}),
            &[r#"[2,"Bo\"b"]"#, r#"[1,"Ada"]"#][..],
        ),
        ("search_by_id", json!({"table": "dog", "ids": [], "get_attributes": names}), &[]),
        (
            "search_by_value",
            json!({"table": "dog", "attribute": "name", "value": "*", "get_attributes": names}),
            &[r#"[3,"Rex"]"#, r#"[1,"Ada"]"#, r#"[2,"Bo\"b"]"#],
        ),
        (
            "search_by_value",
            json!({"table": "dog", "attribute": "name", "value": "*", "get_attributes": names, "limit": 2}),
            &[r#"[1,"Ada"]"#, r#"[2,"Bo\"b"]"#],
        ),
        (
            "search_by_value",
            json!({"table": "dog", "attribute": "age", "value": "*", "get_attributes": names, "desc": true}),
            &[r#"[3,"Rex"]"#, r#"[2,"Bo\"b"]"#, r#"[1,"Ada"]"#],
        ),
        (
            "search_by_conditions",
            json!({"table": "dog", "get_attributes": ["tags", "id"],
                "conditions": [{"attribute": "age", "comparator": "less_than", "value": 7}]}),
            &[r#"[["a",{"b":1}],1]"#, "[null,2]"],
        ),
        (
            "sql",
            json!({"sql": "SELECT id, name FROM data.dog WHERE age > 5 ORDER BY id"}),
            &[r#"[2,"Bo\"b"]"#, r#"[3,"Rex"]"#],
        ),
    ] {
        let (_, rows) = bench.lines(&boss(), operation, fields.clone()).await;
        assert_eq!(rows, expected, "{operation} {fields}");
    }
}

#[tokio::test]
async fn a_wildcard_returns_the_key_then_the_times_then_other_attributes_by_name() {
    let bench = bench().await;
    let expected = ["id", "__createdtime__", "__updatedtime__", "age", "name", "tags", "zip"];
    let all = json!({"table": "dog", "attribute": "id", "value": "*"});
    assert_eq!(bench.lines(&boss(), "search_by_value", all.clone()).await.0, expected);
    assert_eq!(bench.lines(&boss(), "sql", json!({"sql": "SELECT * FROM data.dog"})).await.0, expected);
    assert_eq!(bench.lines(&walker(), "search_by_value", all).await.0, ["id", "name"]);
    assert_eq!(bench.lines(&walker(), "sql", json!({"sql": "SELECT * FROM data.dog"})).await.0, ["id", "name"]);
}

#[tokio::test]
async fn errors_have_harpers_messages() {
    let bench = bench().await;
    let long = "x".repeat(300);
    for (operation, fields, kind, sentence) in [
        (
            "search_by_hash",
            json!({}),
            "invalid",
            "'table' is required. 'hash_values' is required. 'get_attributes' is required",
        ),
        (
            "search_by_id",
            json!({"table": "dog", "ids": 1, "get_attributes": ["*"]}),
            "invalid",
            "'ids' must be an array",
        ),
        ("search_by_value", json!({"table": "dog"}), "invalid", "'attribute' is required. 'value' is required"),
        (
            "search_by_value",
            json!({"table": "dog", "attribute": "zap", "value": "*"}),
            "invalid",
            "unknown attribute 'zap'",
        ),
        (
            "search_by_value",
            json!({"table": "dog", "attribute": "id", "value": 1, "limit": 0}),
            "invalid",
            "'limit' must be greater than or equal to 1",
        ),
        (
            "search_by_value",
            json!({"table": "nix", "attribute": "id", "value": 1}),
            "not found",
            "Table 'data.nix' does not exist",
        ),
        (
            "search_by_value",
            json!({"schema": "nix", "table": "dog", "attribute": "id", "value": 1}),
            "not found",
            "database 'nix' does not exist",
        ),
        (
            "search_by_conditions",
            json!({"table": "dog", "conditions": []}),
            "invalid",
            "'conditions' must contain at least 1 items",
        ),
        (
            "search_by_conditions",
            json!({"table": "a/b", "conditions": [{"attribute": "a", "comparator": "like", "value": 1}]}),
            "invalid",
            "'table' names cannot include backticks or forward slashes. Unknown query comparator \"like\"",
        ),
        ("sql", json!({}), "invalid", "The 'sql' parameter is missing from the request body"),
        ("sql", json!({"sql": null}), "invalid", "The 'sql' parameter is missing from the request body"),
        ("sql", json!({"sql": 5}), "invalid", "'sql' must be a string"),
        ("sql", json!({"sql": "SELECT * FROM data.nix"}), "not found", "Table 'data.nix' does not exist"),
        (
            "sql",
            json!({"sql": "SELEKT 1"}),
            "invalid",
            "Invalid SQL at: SELEKT. Please ensure your SQL is valid. Try adding backticks to reserved words and schema table references.",
        ),
    ] {
        let found = refused(bench.permitted(&boss(), operation, fields.clone()));
        assert_eq!(found, (kind, sentence.to_owned()), "{operation} {fields}");
    }
    let no_search = SearchRequest::parse(&long, &Map::new()).unwrap_err().to_string();
    assert!(no_search.contains("is not a search operation: use search_by_id") && no_search.len() < 250, "{no_search}");
}

#[tokio::test]
async fn a_role_reads_only_what_it_is_allowed_to() {
    let bench = bench().await;
    let unknown = |names: &[&str]| {
        let items: Vec<_> =
            names.iter().map(|name| format!("Attribute '{name}' does not exist on 'data.dog'")).collect();
        json!({"unauthorized_access": [], "invalid_schema_items": items})
    };
    let cats_hidden = json!({"unauthorized_access": [], "invalid_schema_items": ["Table 'data.cat' does not exist"]});
    for (operation, fields, expected) in [
        // Denials are reported before other errors.
        ("search_by_value", json!({"table": "cat"}), cats_hidden.clone()),
        ("search_by_value", json!({"table": "dog", "attribute": "age", "value": "*"}), unknown(&["age"])),
        (
            "search_by_conditions",
            json!({"table": "dog", "get_attributes": ["age"], "conditions": [{"attribute": "zip", "value": 1}],
                "sort": {"attribute": "tags"}}),
            unknown(&["zip", "age", "tags"]),
        ),
        // A missing attribute gives the same error as a hidden one.
        ("search_by_value", json!({"table": "dog", "attribute": "nix", "value": "*"}), unknown(&["nix"])),
        (
            "search_by_id",
            json!({"table": "dog", "ids": [1], "get_attributes": ["nix", "age", "name"]}),
            unknown(&["nix", "age"]),
        ),
        ("sql", json!({"sql": "SELECT name FROM data.dog WHERE age > 5"}), unknown(&["age"])),
        ("sql", json!({"sql": "SELECT count(*) FROM data.dog GROUP BY zip"}), unknown(&["zip"])),
        ("sql", json!({"sql": "SELECT d.name FROM data.dog d, data.cat c"}), cats_hidden),
    ] {
        let (kind, text) = refused(bench.permitted(&walker(), operation, fields.clone()));
        let mut body: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        body.remove("error");
        assert_eq!((kind, json!(body)), ("denied", expected), "{operation} {fields}");
    }
    for sql in [
        "SELECT name FROM data.dog ORDER BY name",
        "SELECT name AS age FROM data.dog ORDER BY age",
        "SELECT count(*) AS c FROM data.dog",
    ] {
        assert!(bench.permitted(&walker(), "sql", json!({"sql": sql})).is_ok(), "{sql}");
    }
}

#[tokio::test]
async fn wide_rows_of_a_small_page_are_returned_in_limited_steps() {
    let bench = bench().await;
    let members: Vec<_> = (0..2000).map(|number| format!("\"attribute number {number}\":1")).collect();
    bench.insert("cat", &format!("{{\"id\":0,{}}}", members.join(","))).await;
    let many: Vec<_> = (10..400).map(|id| format!("{{\"id\":{id}}}")).collect();
    bench.insert("cat", &many.join("\n")).await;
    let search = bench.permitted(&boss(), "search_by_value", json!({"table": "cat", "attribute": "id", "value": "*"}));
    let (store, limits) = (Arc::clone(&bench.store), SearchLimits::default());
    let search = search.unwrap();
    let mut rows = search.open(store, RowShape::Objects, Separator::NewLine, ScanOrder::Key, &limits).await.unwrap();
    let (mut all, mut steps) = (Vec::new(), 0);
    loop {
        let mut step = Vec::new();
        let more = rows.next(&mut step).await.unwrap();
        assert!(step.len() < 512 << 10, "{} bytes at once", step.len());
        all.extend_from_slice(&step);
        steps += 1;
        if !more {
            break;
        }
    }
    let lines: Vec<_> = std::str::from_utf8(&all).unwrap().split('\n').collect();
    assert_eq!(lines.len(), 392);
    assert!(steps > 10);
    for (line, id) in lines.iter().zip([0, 1].into_iter().chain(10..400)) {
        let row: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
        assert_eq!(row["id"], json!(id));
        assert_eq!(row.len(), 2005);
    }
}

/// Searches with random members are either rejected or opened. A role without rights can open nothing.
#[test]
fn fuzz_search() {
    let operations = ["search_by_id", "search_by_hash", "search_by_value", "search_by_conditions", "sql", "delete", ""];
    let members = [
        "database",
        "schema",
        "table",
        "ids",
        "hash_values",
        "get_attributes",
        "attribute",
        "search_attribute",
        "value",
        "search_value",
        "limit",
        "offset",
        "desc",
        "sort",
        "conditions",
        "operator",
        "sql",
    ];
    let condition =
        |comparator: &str, value: Value| json!({"attribute": "age", "comparator": comparator, "value": value});
    let values = [
        json!(null),
        json!(""),
        json!("*"),
        json!("data"),
        json!("dog"),
        json!("name"),
        json!("and"),
        json!("a`b/c"),
        json!(true),
        json!(-1),
        json!(0),
        json!(2.5),
        json!(1e300),
        json!(u64::MAX),
        json!([]),
        json!(["*"]),
        json!(["name", 1, null]),
        json!([[[]]]),
        json!({}),
        json!({"attribute": "age"}),
        json!({"attribute": "age", "descending": true, "next": {}}),
        json!([condition("equals", json!(5))]),
        json!([condition("between", json!([1, "x"]))]),
        json!([condition("contains", json!("e")), {"operator": "or", "conditions": [condition("gt", json!(1))]}]),
        json!([condition("no such", json!({}))]),
        json!("SELECT * FROM data.dog"),
        json!("SELECT name FROM data.secret"),
        json!("DELETE FROM data.dog"),
        json!("SELECT"),
        json!("x".repeat(300)),
    ];
    let store = MemoryStore::new(Arc::new(SystemClock), 1 << 30);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (name, primary_key) = (TableName::new("data", "dog"), "id".to_owned());
    let change = CatalogChange::CreateTable { name, primary_key, schema_defined: false, attributes: Vec::new() };
    runtime.block_on(store.change_catalog(change)).unwrap();
    let catalog = store.catalog();
    let nobody = role(json!({"super_user": false}));
    let input = (0usize..7, bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..6));
    bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(operation, changes)| {
        let mut fields = json!({"database": "data", "table": "dog", "get_attributes": ["*"]});
        for (member, value) in changes {
            let member = members[usize::from(*member) % members.len()];
            fields[member] = values[usize::from(*value) % values.len()].clone();
        }
        let fields = fields.as_object().unwrap();
        let Ok(search) = SearchRequest::parse(operations[*operation], fields) else { return };
        let _ = search.clone().permitted(&boss(), &catalog);
        assert!(search.permitted(&nobody, &catalog).is_err(), "{} {fields:?}", operations[*operation]);
    });
}
