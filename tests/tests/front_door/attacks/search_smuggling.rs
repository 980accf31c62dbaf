//! Exports whose `search_operation` is not a search: operations that write or administer, nested operations, SQL that
//! writes or accesses anything but tables of records, and names that only look like a search.

use jobhost_tests::Options;
use jobhost_tests::exports::{everything, export_local};
use serde_json::{Value, json};

use super::Victim;
use super::operations::{builtin, of_plugins};

#[test]
fn no_operation_but_a_search_can_be_exported() {
    let victim = Victim::start(Options::new());
    let searches = ["search_by_id", "search_by_hash", "search_by_value", "search_by_conditions", "sql"];
    let mut names = builtin();
    names.extend(of_plugins(&victim));
    names.retain(|name| !searches.contains(&name.as_str()));
    assert!(names.len() > 30, "{names:?}");
    names.extend(look_alikes().map(str::to_owned));
    for name in names {
        // All members that any of these operations needs.
        let mut search = everything("t");
        let more = json!({
            "operation": name, "ids": [1], "records": [{"id": 1, "a": "changed"}, {"id": 2}], "username": "HDB_ADMIN",
            "password": "evil", "role": "super_user", "active": false, "permission": {"super_user": true}, "id": "x",
            "data": "id\n2\n", "date": "2099-01-01", "sql": "SELECT 1", "file": "evil.wasm", "component": "AAAA",
            "name": "csv-load", "primary_key": "id", "search_operation": everything("t"), "format": "json",
            "path": victim.exports(), "filename": "g",
        });
        search.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        victim.refused(&name, victim.post(&export_local(&victim, "json", "f", search)));
    }
    assert!(victim.exported().is_empty(), "{:?}", victim.exported());
    let users = victim.post(&json!({"operation": "list_users"})).ok();
    assert_eq!(users.as_array().map(Vec::len), Some(1), "{users}");
    victim.assert_unharmed();
}

/// Names that a careless comparison would accept as a search.
fn look_alikes() -> impl Iterator<Item = &'static str> {
    [
        "SQL",
        "Sql",
        " sql",
        "sql ",
        "sql\n",
        "sql\u{0}",
        "sql;delete",
        "ѕql",
        "ｓｑｌ",
        "sq\u{200b}l",
        "s\u{301}ql",
        "search_by_value ",
        "Search_By_Value",
        "search_by_valuе",
        "search_by_value\u{0}",
        "searchByValue",
        "search-by-value",
        "sql,insert",
        "constructor",
        "__proto__",
        "",
    ]
    .into_iter()
}

#[test]
fn no_search_within_a_search_runs() {
    let victim = Victim::start(Options::new());
    let nested = json!({"operation": "export_local", "search_operation": everything("t")});
    let within = json!({"operation": {"operation": "sql"}, "sql": "SELECT 1"});
    let several = json!([everything("t"), {"operation": "delete"}]);
    let as_text = json!(everything("t").to_string());
    for search in [nested, within, several, as_text, json!(null), json!(true), json!({}), json!({"operation": null})] {
        victim.refused(&search.to_string(), victim.post(&export_local(&victim, "json", "f", search)));
    }
    // A member that no search has is ignored, whatever its case.
    let mut search = everything("t");
    search["Operation"] = json!("delete");
    search["search_operation"] = json!({"operation": "drop_table", "table": "t"});
    victim.run_for_result(&export_local(&victim, "json", "f", search));
    // Of two members the last one counts, and the host executes exactly what it has checked.
    let request = export_local(&victim, "json", "g", json!("HERE")).to_string();
    let twice =
        r#"{"operation": "sql", "sql": "SELECT 1 AS a", "operation": "delete", "table": "t", "database": "gold"}"#;
    let body = request.replace("\"HERE\"", twice);
    let reply = victim.send(victim.admin(), "POST", "/", Some("application/json"), body.as_bytes());
    victim.refused("delete behind sql", reply);
    assert_eq!(victim.exported(), ["f.json"]);
    victim.assert_unharmed();
}

#[test]
fn no_sql_of_an_export_writes_or_leaves_the_tables() {
    let victim = Victim::start(Options::new());
    let outside = victim.outside().join("evil");
    let outside = outside.display();
    let statements = [
        "INSERT OR REPLACE INTO gold.t (id, a) VALUES (1, 'x')".to_owned(),
        "REPLACE INTO gold.t (id, a) VALUES (1, 'x')".to_owned(),
        "MERGE INTO gold.t USING gold.t s ON t.id = s.id WHEN MATCHED THEN DELETE".to_owned(),
        "TRUNCATE TABLE gold.t".to_owned(),
        "DROP TABLE gold.t".to_owned(),
        "ALTER TABLE gold.t RENAME TO u".to_owned(),
        "CREATE TABLE gold.u AS SELECT * FROM gold.t".to_owned(),
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END".to_owned(),
        format!("ATTACH DATABASE '{outside}' AS evil"),
        format!("VACUUM INTO '{outside}'"),
        format!("COPY gold.t TO '{outside}'"),
        format!("SELECT * FROM gold.t INTO OUTFILE '{outside}'"),
        format!("SELECT writefile('{outside}', 'x') AS w FROM gold.t"),
        "SELECT readfile('/etc/passwd') AS f".to_owned(),
        "SELECT load_extension('/tmp/evil.so') AS e".to_owned(),
        "SELECT edit('x') AS e".to_owned(),
        "SELECT fts3_tokenizer('simple') AS e".to_owned(),
        "PRAGMA writable_schema = 1".to_owned(),
        "PRAGMA temp_store_directory = '/tmp'".to_owned(),
        "SELECT * FROM pragma_function_list".to_owned(),
        "SELECT * FROM pragma_table_info('t')".to_owned(),
        "SELECT * FROM sqlite_master".to_owned(),
        "SELECT * FROM temp.sqlite_master".to_owned(),
        "SELECT * FROM main.sqlite_schema".to_owned(),
        "SELECT * FROM system.hdb_user".to_owned(),
        "SELECT * FROM system.hdb_role".to_owned(),
        "SELECT * FROM system.hdb_job".to_owned(),
        "SELECT * FROM `system`.`hdb_user`".to_owned(),
        "SELECT * FROM gold.t, system.hdb_user".to_owned(),
        "SELECT (SELECT password FROM system.hdb_user) AS p FROM gold.t".to_owned(),
        "SELECT * FROM json_each('[1]')".to_owned(),
        "SELECT * FROM generate_series(1, 10)".to_owned(),
        "SELECT * FROM gold.t; DELETE FROM gold.t".to_owned(),
        "SELECT * FROM gold.t;;DROP TABLE gold.t".to_owned(),
        "SELECT * FROM gold.t /* */; /* */ DELETE FROM gold.t".to_owned(),
        "BEGIN; SELECT * FROM gold.t; COMMIT".to_owned(),
        "WITH x AS (DELETE FROM gold.t RETURNING *) SELECT * FROM x".to_owned(),
        "WITH x AS (INSERT INTO gold.t (id) VALUES (2) RETURNING *) SELECT * FROM x".to_owned(),
        "EXPLAIN QUERY PLAN SELECT * FROM gold.t".to_owned(),
        "EXPLAIN DELETE FROM gold.t".to_owned(),
        "SELECT * FROM gold.t FOR UPDATE".to_owned(),
        "SELECT * FROM gold.t WHERE id = $1".to_owned(),
        "SELECT * FROM gold.t WHERE id = ?".to_owned(),
        "CALL evil()".to_owned(),
        "SET x = 1".to_owned(),
        "SHOW TABLES".to_owned(),
        "USE system".to_owned(),
        "DELETE\u{a0}FROM gold.t".to_owned(),
        "SELECT 1 AS a\u{0}; DELETE FROM gold.t".to_owned(),
        "SELECT * FROM \"gold.t\"; --".to_owned(),
    ];
    for statement in statements {
        let sql = json!({"operation": "sql", "sql": statement});
        victim.refused(&statement, victim.post(&sql));
        victim.refused(&statement, victim.post(&export_local(&victim, "json", "f", sql)));
    }
    // As operations these write; an export only reads.
    for statement in [
        "DELETE FROM gold.t",
        "INSERT INTO gold.t (id) VALUES (2)",
        "INSERT INTO gold.t (id) SELECT id + 1 FROM gold.t",
        "UPDATE gold.t SET a = 'x'",
        "delete from gold.t -- SELECT * FROM gold.t",
        "/* SELECT */ DELETE FROM gold.t",
    ] {
        let sql = json!({"operation": "sql", "sql": statement});
        victim.refused(statement, victim.post(&export_local(&victim, "json", "f", sql)));
    }
    assert!(victim.exported().is_empty(), "{:?}", victim.exported());
    victim.assert_unharmed();
}

#[test]
fn tables_of_the_system_cannot_be_searched_exported_or_loaded() {
    let victim = Victim::start(Options::new());
    for database in ["system", "SYSTEM", "System", "system ", "system\u{0}"] {
        for table in ["hdb_user", "hdb_role", "hdb_job"] {
            let mut search = everything(table);
            search["database"] = json!(database);
            search["attribute"] = json!("username");
            let load = json!({
                "operation": "csv_data_load", "database": database, "table": table, "data": "username\nevil\n",
            });
            let insert = json!({
                "operation": "insert", "database": database, "table": table, "records": [{"username": "evil"}],
            });
            let drop = json!({"operation": "drop_table", "database": database, "table": table});
            let delete = json!({
                "operation": "delete_records_before", "database": database, "table": table, "date": "2099-01-01",
            });
            let export = export_local(&victim, "json", "f", search.clone());
            for request in [search, load, insert, drop, delete, export] {
                let what = format!("{} {database:?}.{table}", request["operation"]);
                victim.refused(&what, victim.post(&request));
            }
        }
    }
    for database in ["system", "SYSTEM"] {
        let reply = victim.post(&json!({"operation": "drop_database", "database": database}));
        victim.refused(database, reply);
    }
    let info: Value = victim.post(&json!({"operation": "user_info"})).ok();
    assert_eq!(info["username"], "HDB_ADMIN");
    victim.assert_unharmed();
}
