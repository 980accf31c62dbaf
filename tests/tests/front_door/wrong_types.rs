//! A value of the wrong type is refused with the name of its field. It never succeeds and is never treated as not
//! found.

use jobhost_tests::{Host, Options};
use serde_json::{Value, json};

#[test]
fn a_value_of_the_wrong_type_is_refused_with_the_name_of_its_field() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let date = "2020-01-01";
    let conditions = json!([{"search_attribute": "a", "search_type": "equals", "search_value": 1}]);
    let cases: [(&str, Value, &[&str]); 13] = [
        ("get_job", json!({"id": "x"}), &["id"]),
        ("get_job_log", json!({"id": "x"}), &["id"]),
        ("cancel_job", json!({"id": "x"}), &["id"]),
        ("describe_table", json!({}), &["database", "table"]),
        ("search_by_id", json!({"ids": [1], "get_attributes": ["*"]}), &["database", "table"]),
        ("search_by_value", json!({"attribute": "a", "value": 1, "get_attributes": ["*"]}), &["table", "attribute"]),
        ("search_by_conditions", json!({"conditions": conditions, "get_attributes": ["*"]}), &["table", "operator"]),
        ("delete", json!({"ids": [1]}), &["database", "table"]),
        ("create_attribute", json!({"attribute": "a"}), &["database", "table", "attribute"]),
        ("drop_attribute", json!({"attribute": "a"}), &["database", "table", "attribute"]),
        ("csv_data_load", json!({"data": "id\n1"}), &["data"]),
        ("csv_url_load", json!({"csv_url": "http://x/"}), &["table", "csv_url"]),
        ("delete_records_before", json!({"date": date}), &["table", "date"]),
    ];
    for (operation, fields, names) in cases {
        let mut good = json!({"operation": operation, "database": "gold", "table": "t"});
        let members = fields.as_object().expect("an object").clone();
        good.as_object_mut().expect("an object").extend(members);
        for name in names {
            for wrong in [json!(true), json!({"a": 1})] {
                let mut request = good.clone();
                request[*name] = wrong;
                let told = host.post(&request).refused(400);
                assert!(told.contains(&format!("'{name}' must be")), "{request}: {told}");
            }
        }
    }
    // Operations on records accept a number as a name, but it is never the id of a job.
    let told = host.post(&json!({"operation": "get_job", "id": 5})).refused(400);
    assert_eq!(told, "'id' must be a string");
}

#[test]
fn errors_name_keys_as_the_client_named_them() {
    let host = Host::start(Options::new().set("server.max_write_records", 2));
    host.create_table("t");
    for (operation, documented) in
        [("search_by_id", "ids"), ("search_by_hash", "hash_values"), ("delete", "hash_values")]
    {
        let good = json!({"operation": operation, "database": "gold", "table": "t", "get_attributes": ["*"]});
        let told = host.post(&good).refused(400);
        assert_eq!(told, format!("'{documented}' is required"), "{operation}");
        for name in ["ids", "hash_values"] {
            let mut request = good.clone();
            for (wrong, says) in [(json!(1), "must be an array"), (json!([{}]), "must be strings or numbers")] {
                request[name] = wrong;
                assert_eq!(host.post(&request).refused(400), format!("'{name}' {says}"), "{operation}");
            }
            request[name] = json!([1, 2, 3]);
            if operation == "delete" {
                assert!(host.post(&request).refused(400).starts_with(&format!("'{name}' has 3 items")));
            }
        }
    }
}

#[test]
fn text_in_double_quotes_is_an_error_that_suggests_single_quotes() {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.insert("t", json!([{"id": 1, "city": "O'Fallon"}]));
    let told = |condition: &str| {
        let statement = format!("SELECT * FROM gold.t WHERE {condition}");
        host.post(&json!({"operation": "sql", "sql": statement})).refused(400)
    };
    let hint = "; if it is meant as text, write it in single quotes: ";
    assert_eq!(told("city = \"Honolulu\""), format!("unknown attribute 'Honolulu'{hint}'Honolulu'"));
    assert_eq!(told("city = \"O'Fallon\""), format!("unknown attribute 'O'Fallon'{hint}'O''Fallon'"));
    assert_eq!(told("city = Honolulu"), "unknown attribute 'Honolulu'");
    assert_eq!(host.sql("SELECT id FROM gold.t WHERE city = 'O''Fallon'"), json!([{"id": 1}]));
    assert_eq!(host.sql("SELECT id FROM gold.t WHERE \"city\" = 'O''Fallon'"), json!([{"id": 1}]));
}
