use super::*;

#[tokio::test]
async fn hidden_and_missing_attributes_give_the_same_error() {
    let bench = bench().await;
    for database in ["other", "third"] {
        bench.store.change_catalog(CatalogChange::CreateDatabase { name: database.to_owned() }).await.unwrap();
        let (name, primary_key) = (TableName::new(database, "t"), "id".to_owned());
        let change = CatalogChange::CreateTable { name, primary_key, schema_defined: false, attributes: Vec::new() };
        bench.store.change_catalog(change).await.unwrap();
    }
    let table = |read: bool, name: &str, readable: bool| {
        json!({"tables": {"t": {"read": read, "insert": true, "update": false, "delete": false,
            "attribute_permissions": [{"attribute_name": name, "read": readable, "insert": false, "update": false}]}}})
    };
    let role =
        role(json!({"super_user": false, "other": table(true, "name", false), "third": table(false, "x", false),
        "data": {"tables": {
            "cat": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []},
            "dog": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": [
                {"attribute_name": "name", "read": true, "insert": false, "update": false}]}}}}));
    let missing = |names: &[(&str, &str)]| {
        names.iter().map(|(name, table)| format!("Attribute '{name}' does not exist on '{table}'")).collect::<Vec<_>>()
    };
    let denied = |sql: &str| {
        let (kind, text) = refused(bench.permitted(&role, "sql", json!({"sql": sql})));
        assert_eq!(kind, "denied", "{sql}: {text}");
        let body: Value = serde_json::from_str(&text).unwrap();
        let items: Vec<String> = serde_json::from_value(body["invalid_schema_items"].clone()).unwrap();
        (body["unauthorized_access"].clone(), items)
    };
    for (sql, expected) in [
        ("SELECT nix FROM data.dog", &[("nix", "data.dog")][..]),
        ("SELECT name FROM data.dog ORDER BY nix, zip", &[("nix", "data.dog"), ("zip", "data.dog")]),
        ("SELECT *, age FROM data.dog", &[("age", "data.dog")]),
        (
            "SELECT id FROM other.t WHERE (phone IS NULL AND id = 0) OR name = 'x'",
            &[("id", "other.t"), ("name", "other.t"), ("phone", "other.t")],
        ),
        (
            "SELECT c.*, o.* FROM data.cat c JOIN other.t o ON c.id = o.id ORDER BY o.name",
            &[("id", "other.t"), ("name", "other.t")],
        ),
        (
            "SELECT c.name, o.id, d.id, d.age FROM data.cat c, other.t o, data.dog d",
            &[("id", "other.t"), ("age", "data.dog")],
        ),
        ("SELECT owner, age FROM data.cat, data.dog", &[("age", "data.dog")]),
        ("SELECT count(*) FROM other.t", &[("id", "other.t")]),
    ] {
        assert_eq!(denied(sql), (json!([]), missing(expected)), "{sql}");
    }
    let all = bench.lines(&role, "sql", json!({"sql": "SELECT * FROM other.t"})).await;
    assert_eq!(all, (Vec::new(), Vec::new()), "nothing of it can be read");

    // A table that cannot be read hides nothing of the others, and its attributes are not revealed.
    for sql in [
        "SELECT o.name, t.id FROM other.t o JOIN third.t t ON o.id = t.id",
        "SELECT o.name, t.nix FROM other.t o JOIN third.t t ON o.id = t.absent",
    ] {
        let (unauthorized, items) = denied(sql);
        assert_eq!(unauthorized[0]["required_table_permissions"], json!(["read"]), "{sql}");
        assert_eq!(unauthorized.as_array().unwrap().len(), 1, "{sql}");
        assert_eq!(items, missing(&[("id", "other.t"), ("name", "other.t")]), "{sql}");
    }
    let absent = |table: &str| {
        let (unauthorized, items) = denied(&format!("SELECT o.name FROM other.t o JOIN {table} t ON o.id = t.x"));
        assert_eq!((unauthorized, items.len()), (json!([]), 3), "{table}");
        items[1..].to_vec()
    };
    let walker_sees_nothing_there = absent("data.nix");
    assert_eq!(walker_sees_nothing_there, absent("nix.nix"));
}
