use std::sync::Arc;

use serde_json::json;

use super::*;
use jobhost_model::Attribute;

fn catalog() -> Catalog {
    let table = Table {
        name: TableName::new("gold", "cd"),
        id: 1,
        primary_key: "id".to_owned(),
        schema_defined: false,
        attributes: vec![Attribute { name: "id".to_owned(), attribute_type: None, indexed: true }].into(),
    };
    let tables = BTreeMap::from([("cd".to_owned(), Arc::new(table))]);
    Catalog { databases: BTreeMap::from([("gold".to_owned(), tables)]) }
}

fn errors(request: Value) -> Value {
    let request = request.as_object().unwrap();
    serde_json::to_value(RoleRequest::to_add(request, &catalog()).unwrap_err()).unwrap()
}

fn main_errors(request: Value) -> Value {
    errors(request)["main_permissions"].clone()
}

fn table_errors(table: Value) -> Value {
    let permission = json!({"gold": {"tables": {"cd": table}}});
    errors(json!({"role": "x", "permission": permission}))["schema_permissions"]["gold_cd"].clone()
}

#[test]
fn a_valid_role_passes_unchanged() {
    let permission = json!({"super_user": false, "gold": {"tables": {"cd": {
        "read": true, "insert": true, "update": false, "delete": false,
        "attribute_permissions": [{"attribute_name": "id", "read": true, "insert": true, "update": false, "delete": false}],
    }}}});
    let request = json!({"operation": "add_role", "role": "loader", "permission": permission});
    let checked = RoleRequest::to_add(request.as_object().unwrap(), &catalog()).unwrap();
    assert_eq!(Value::Object(checked.permission), permission);
    assert_eq!((checked.role.as_deref(), checked.id), (Some("loader"), None));
    assert!(RoleRequest::to_alter(request.as_object().unwrap(), &catalog()).is_err(), "alter_role needs an id");
}

#[test]
fn all_errors_are_reported() {
    assert_eq!(
        errors(json!({"role": "x"})),
        json!({"main_permissions": ["Permission can't be blank"], "schema_permissions": {}})
    );
    assert_eq!(
        main_errors(json!({"a": 1, "b": 2})),
        json!(["Invalid keys in JSON body - 'a', 'b'", "Role can't be blank", "Permission can't be blank"])
    );
    assert_eq!(
        main_errors(json!({"role": "a b", "permission": 1})),
        json!(["Role is invalid", "Permission must be an object"])
    );
    for (permission, sentence) in [
        (
            json!({"super_user": true, "gold": {}}),
            "Roles with 'super_user' set to true cannot have other permissions set.",
        ),
        (json!({"super_user": "yes"}), "Value for 'super_user' permission must be a boolean"),
        (json!({"structure_user": 1}), "Value for 'structure_user' permission must be a boolean or Array"),
        (json!({"structure_user": ["zzz"]}), "database 'zzz' does not exist"),
        (json!({"zzz": {}}), "database 'zzz' does not exist"),
        (json!({"gold": 1}), "Permission for database 'gold' must be an object"),
        (json!({"gold": {"tables": []}}), "Value for 'tables' of database 'gold' must be an object"),
        (json!({"gold": {"tables": {"zzz": {}}}}), "Table 'gold.zzz' does not exist"),
    ] {
        assert_eq!(main_errors(json!({"role": "x", "permission": permission})), json!([sentence]));
    }
}

#[test]
fn tables_and_attributes_are_checked_key_by_key() {
    assert_eq!(
        table_errors(json!({"read": 1, "insert": true, "update": true, "x": 1})),
        json!([
            "Invalid table permission key value 'x'",
            "Table READ permission must be a boolean",
            "Missing table DELETE permission",
            "Missing 'attribute_permissions' array"
        ])
    );
    let with_attributes = |attributes: Value| {
        table_errors(
            json!({"read": false, "insert": true, "update": true, "delete": true, "attribute_permissions": attributes}),
        )
    };
    assert_eq!(with_attributes(json!(1)), json!(["Value for 'attribute_permissions' must be an array"]));
    assert_eq!(
        with_attributes(json!([
            {"read": true},
            {"attribute_name": "zip"},
            {"attribute_name": "id", "read": true, "insert": 1, "x": 1},
            1
        ])),
        json!([
            "Permission object in 'attribute_permission' missing an 'attribute_name'",
            "Invalid attribute 'zip' in 'attribute_permissions'",
            "Invalid attribute permission key value 'x'",
            "INSERT attribute permission for 'id' must be a boolean",
            "UPDATE attribute permission missing for 'id'",
            "Items of 'attribute_permissions' must be objects",
            "You have a conflict with TABLE permissions for 'gold.cd' being false and ATTRIBUTE permissions being true"
        ])
    );
}

#[test]
fn the_number_of_reported_errors_is_limited() {
    let permission: Map<String, Value> = (0..10_000).map(|number| (format!("db{number}"), json!({}))).collect();
    assert_eq!(main_errors(json!({"role": "x", "permission": permission})).as_array().unwrap().len(), MAX_ERRORS);
}
