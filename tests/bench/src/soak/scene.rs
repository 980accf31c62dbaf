//! Creates the users, tables and files of a soak. Nothing else may depend on how they are created.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use jobhost_testkit::failure::{Doing, Result};
use jobhost_testkit::{Client, Host};

pub const FILES: &str = "files";
pub const EXPORTS: &str = "exports";
pub const PASSWORD: &str = "pw";

pub const HONEST: [&str; 2] = ["ann", "ben"];
/// Users that may read and write the tables `prey` and `wide`.
pub const HOSTILE: [&str; 2] = ["mallory", "mallet"];
/// A user without any right.
pub const NOBODY: &str = "nil";
/// A user that is altered repeatedly, which makes the host forget cached logins.
pub const ALTERED: &str = "changeling";

/// Number of records that honest clients search.
pub const KNOWN: u64 = 1000;
/// Number of records of 1 kB that slow readers request: more than the buffers of a connection hold.
const PREY: u64 = 20_000;
const WIDE: u64 = 9_000;
const WIDE_AT_ONCE: u64 = 900;
const WITHIN: Duration = Duration::from_secs(120);

pub fn prepare(host: &Host, folder: &Path) -> Result<()> {
    let client = host.client()?;
    for table in ["honest", "known", "prey", "wide"] {
        let request = json!({"operation": "create_table", "database": "soak", "table": table, "primary_key": "id"});
        client.call(&request)?;
    }
    for name in HONEST {
        add_user(&client, name, &["honest", "known"])?;
    }
    for name in HOSTILE {
        add_user(&client, name, &["prey", "wide"])?;
    }
    add_user(&client, NOBODY, &[])?;
    add_user(&client, ALTERED, &[])?;
    let known: Vec<Value> = (0..KNOWN).map(|id| json!({"id": id, "name": format!("name {id}")})).collect();
    insert(&client, "known", Value::Array(known))?;
    for first in (0..WIDE).step_by(WIDE_AT_ONCE as usize) {
        let attributes = (first..first + WIDE_AT_ONCE).map(|number| (format!("attribute_{number}"), json!(1)));
        let record: Map<String, Value> = attributes.chain([("id".to_owned(), json!(first))]).collect();
        insert(&client, "wide", json!([record]))?;
    }
    let prey = write(folder, "prey.csv", &prey())?;
    write(folder, "refused.csv", &refused())?;
    let load = json!({"operation": "csv_file_load", "database": "soak", "table": "prey", "file_path": prey});
    let id = client.submit(&load.to_string())?;
    client.wait(&id, Duration::from_millis(5), WITHIN).map(drop)
}

fn add_user(client: &Client, name: &str, tables: &[&str]) -> Result<()> {
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let tables: Map<String, Value> = tables.iter().map(|table| ((*table).to_owned(), all.clone())).collect();
    let permission = json!({"super_user": false, "soak": {"tables": tables}});
    client.call(&json!({"operation": "add_role", "role": name, "permission": permission}))?;
    client.call(&json!({
        "operation": "add_user", "username": name, "password": PASSWORD, "role": name, "active": true,
    }))?;
    Ok(())
}

fn insert(client: &Client, table: &str, records: Value) -> Result<()> {
    client.call(&json!({"operation": "insert", "database": "soak", "table": table, "records": records})).map(drop)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(FILES).join(name);
    fs::write(&path, text).doing(|| format!("cannot write {}", path.display()))?;
    Ok(path.display().to_string())
}

fn prey() -> String {
    let rows: String = (0..PREY).map(|id| format!("{id},{}\n", "x".repeat(1000))).collect();
    format!("id,a\n{rows}")
}

/// Every row has a surplus cell with characters that take six times their size in JSON.
fn refused() -> String {
    format!("id,a\n{}", format!("1,{},x\n", "\u{1}".repeat(1000)).repeat(150))
}
