use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use jobhost_model::{Attribute, Timestamp};

fn table(database: &str, name: &str) -> Table {
    let attribute = |name: &str| Attribute { name: name.to_owned(), attribute_type: None, indexed: true };
    Table {
        name: TableName::new(database, name),
        id: 1,
        primary_key: "id".to_owned(),
        schema_defined: false,
        attributes: ["id", "name", "age"].map(attribute).to_vec().into(),
    }
}

fn catalog() -> Catalog {
    let tables = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), Arc::new(table("gold", name)))).collect::<BTreeMap<_, _>>()
    };
    let gold = tables(&["cd", "cd2", "cf", "ex"]);
    Catalog { databases: BTreeMap::from([("gold".to_owned(), gold), ("silver".to_owned(), tables(&["x"]))]) }
}

fn role(permission: Value) -> Role {
    let Value::Object(permission) = permission else { panic!("an object") };
    Role::new("r".to_owned(), "r".to_owned(), permission, Timestamp(0), Timestamp(0))
}

/// The role used in the recordings.
fn loader() -> Role {
    role(json!({"super_user": false, "gold": {"tables": {
        "cd": {"read": true, "insert": true, "update": false, "delete": false, "attribute_permissions": []},
        "ex": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []},
        "cf": {"read": true, "insert": true, "update": true, "delete": false, "attribute_permissions": [
            {"attribute_name": "name", "read": true, "insert": false, "update": true}]},
        "cd2": {"read": false, "insert": false, "update": false, "delete": false, "attribute_permissions": []},
    }}}))
}

fn denied(result: Result<(), Denial>) -> (Value, Value) {
    let body = serde_json::to_value(result.unwrap_err()).unwrap();
    assert_eq!(
        body["error"],
        "This operation is not authorized due to role restrictions and/or invalid database items"
    );
    (body["unauthorized_access"].clone(), body["invalid_schema_items"].clone())
}

fn writing(role: &Role, table: (&str, &str), actions: &[Action]) -> Result<(), Denial> {
    role.check_tables(
        &catalog(),
        &[(
            TableName::new(table.0, table.1),
            actions.iter().flat_map(|&action| Right::of_action(action)).copied().collect(),
        )],
    )
}

#[test]
fn actions_require_the_same_rights_as_in_harper() {
    let loader = loader();
    assert_eq!(writing(&loader, ("gold", "cd"), &[Action::Insert]), Ok(()));
    let missing = json!([{"schema": "gold", "table": "cd", "required_table_permissions": ["update"],
        "required_attribute_permissions": []}]);
    for action in [Action::Update, Action::Upsert] {
        assert_eq!(denied(writing(&loader, ("gold", "cd"), &[action])), (missing.clone(), json!([])));
    }
    let both = json!([{"schema": "gold", "table": "ex", "required_table_permissions": ["insert", "update"],
        "required_attribute_permissions": []}]);
    assert_eq!(denied(writing(&loader, ("gold", "ex"), &[Action::Upsert, Action::Insert])), (both, json!([])));
    assert!(loader.check_table(&catalog(), &TableName::new("gold", "cd"), Right::Delete).is_err());
    assert!(loader.check_table(&catalog(), &TableName::new("gold", "cd"), Right::Read).is_ok());
}

#[test]
fn hidden_objects_look_like_missing_ones() {
    for (table, sentence) in [
        (("gold", "cd2"), "Table 'gold.cd2' does not exist"),
        (("gold", "zzz"), "Table 'gold.zzz' does not exist"),
        (("silver", "x"), "database 'silver' does not exist"),
        (("zzz", "x"), "database 'zzz' does not exist"),
    ] {
        assert_eq!(denied(writing(&loader(), table, &[Action::Insert])), (json!([]), json!([sentence])));
    }
    assert!(!loader().sees_table(&TableName::new("gold", "cd2")));
    assert!(!loader().sees_database("silver"));
}

#[test]
fn a_super_user_may_do_anything_except_write_the_system_database() {
    let boss = role(json!({"super_user": true}));
    assert_eq!(writing(&boss, ("gold", "zzz"), &[Action::Upsert]), Ok(()));
    let missing = json!([{"schema": "system", "table": "hdb_user", "required_table_permissions": ["insert", "update"],
        "required_attribute_permissions": []}]);
    assert_eq!(denied(writing(&boss, ("system", "hdb_user"), &[Action::Insert, Action::Update])), (missing, json!([])));
    let system = TableName::new("system", "hdb_job");
    assert_eq!(boss.check_table(&catalog(), &system, Right::Read), Ok(()));
    assert!(loader().check_table(&catalog(), &system, Right::Read).is_err());
    assert_eq!(boss.check_structure("create_table", "gold"), Ok(()));
}

#[test]
fn attributes_that_are_not_listed_are_denied() {
    let cf = table("gold", "cf");
    let loader = loader();
    let missing = json!([{"schema": "gold", "table": "cf", "required_table_permissions": [],
        "required_attribute_permissions": [
            {"attribute_name": "id", "required_permissions": ["insert"]},
            {"attribute_name": "name", "required_permissions": ["insert"]}]}]);
    assert_eq!(denied(loader.check_attributes(&cf, Action::Insert, ["id", "name", "id"])), (missing, json!([])));
    // The key gets the rights of the listed attributes: without it, the right to update them could not be used.
    assert_eq!(loader.check_attributes(&cf, Action::Update, ["id", "name"]), Ok(()));
    assert_eq!(loader.check_readable(&cf, ["id", "name"]), Ok(()));
    assert_eq!(loader.check_attributes(&table("gold", "cd"), Action::Insert, ["anything"]), Ok(()));
    // An attribute without any right looks like one that does not exist, whether it exists or not.
    let unknown = |names: &[&str]| {
        let sentences = names.iter().map(|name| format!("Attribute '{name}' does not exist on 'gold.cf'"));
        (json!([]), json!(sentences.collect::<Vec<_>>()))
    };
    let hidden = ["age", "new", "__createdtime__"];
    assert_eq!(denied(loader.check_attributes(&cf, Action::Update, hidden)), unknown(&hidden));
    assert_eq!(denied(loader.check_readable(&cf, hidden)), unknown(&hidden));
    let (unauthorized, invalid) = denied(loader.check_attributes(&cf, Action::Insert, ["new", "name"]));
    assert_eq!(unauthorized[0]["required_attribute_permissions"][0]["attribute_name"], "name");
    assert_eq!(invalid, unknown(&["new"]).1);
    // Listed but dropped: a record can add it again, but it cannot be read.
    let mut without_name = cf.clone();
    without_name.attributes.retain(|attribute| attribute.name != "name");
    assert_eq!(loader.check_attributes(&without_name, Action::Update, ["name"]), Ok(()));
    assert_eq!(denied(loader.check_readable(&without_name, ["name"])), unknown(&["name"]));
    // A role has no rights on the attributes of a table that it cannot see.
    assert!(loader.check_attributes(&table("silver", "x"), Action::Insert, ["id"]).is_err());
    assert!(loader.check_attributes(&table("silver", "x"), Action::Insert, [""]).is_err());
}

#[test]
fn structure_users_change_only_their_databases() {
    let builder = role(json!({"super_user": false, "structure_user": ["gold"]}));
    assert_eq!(builder.check_structure("create_table", "gold"), Ok(()));
    assert_eq!(writing(&builder, ("gold", "cd"), &[Action::Upsert]), Ok(()));
    let (unauthorized, _) = denied(builder.check_structure("create_table", "silver"));
    assert_eq!(unauthorized, json!(["User does not have access to perform 'create_table' against schema 'silver'"]));
    let (unauthorized, _) = denied(loader().check_structure("create_table", "gold"));
    assert_eq!(unauthorized, json!(["Operation 'create_table' is restricted to 'super_user' roles"]));
    assert_eq!(role(json!({"structure_user": true})).check_structure("create_database", "new"), Ok(()));
}

#[test]
fn permissions_that_are_not_exactly_true_grant_nothing() {
    for permission in [
        json!({}),
        json!({"super_user": "true"}),
        json!({"super_user": 1, "gold": []}),
        json!({"gold": {"tables": {"cd": {"insert": "true"}}}}),
        json!({"gold": {"tables": {"cd": true}}}),
        json!({"structure_user": "gold"}),
    ] {
        let role = role(permission.clone());
        assert!(!role.is_super_user());
        assert!(writing(&role, ("gold", "cd"), &[Action::Insert]).is_err(), "{permission}");
    }
}

#[test]
fn thousands_of_attributes_are_looked_at_once_each() {
    let names: Vec<String> = (0..10_000).map(|number| format!("a{number}")).collect();
    let listed: Vec<Value> = names
        .iter()
        .map(|name| json!({"attribute_name": name, "read": true, "insert": false, "update": false}))
        .collect();
    let reader = role(json!({"super_user": false, "gold": {"tables": {"cf": {
        "read": true, "insert": true, "update": false, "delete": false, "attribute_permissions": listed}}}}));
    let mut wide = table("gold", "cf");
    wide.attributes.extend(names.iter().map(|name| Attribute {
        name: name.clone(),
        attribute_type: None,
        indexed: true,
    }));
    assert_eq!(reader.check_readable(&wide, names.iter().map(String::as_str)), Ok(()));
    assert!(
        wide.attributes.iter().filter(|attribute| reader.attribute_permissions(&wide, &attribute.name).read).count()
            > 9_999
    );
    let twice = names.iter().chain(&names).map(String::as_str);
    let Err(denial) = reader.check_attributes(&wide, Action::Insert, twice) else { panic!("nothing may be inserted") };
    let body = serde_json::to_value(denial).unwrap();
    let missing = &body["unauthorized_access"][0]["required_attribute_permissions"];
    assert_eq!(missing.as_array().unwrap().len(), names.len());
}
