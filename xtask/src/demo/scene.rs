//! The content of the demo: a user with rights on one table loads a real CSV file over HTTP and queries the result.

use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{Client, Host, Login, repository};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

const USER: &str = "loader";
const FILE: &str = "airports.csv";
/// Loading the file takes well under a second, so after a minute it hangs.
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Runs the demo and returns the user's credentials in the form that curl takes.
pub fn play(host: &Host) -> Result<String> {
    scene(host).map_err(|failure| host.explain(failure))
}

fn scene(host: &Host) -> Result<String> {
    let administrator = host.client()?;
    step("the administrator makes table demo.airports");
    administrator.call(&json!({"operation": "create_database", "database": "demo"}))?;
    let table = json!({"operation": "create_table", "database": "demo", "table": "airports", "primary_key": "iata"});
    administrator.call(&table)?;

    step(&format!("the administrator makes user {USER}, who may read and write that table and nothing else"));
    let rights = json!({"read": true, "insert": true, "update": true, "delete": false, "attribute_permissions": []});
    let permission = json!({"super_user": false, "demo": {"tables": {"airports": rights}}});
    administrator.call(&json!({"operation": "add_role", "role": USER, "permission": permission}))?;
    let password = random_password()?;
    administrator.call(
        &json!({"operation": "add_user", "username": USER, "password": password, "role": USER, "active": true}),
    )?;

    let user = Client::new(host.url(), Login::basic(USER, &password));
    let path = repository::data_set().join(FILE);
    let records = records(&path)?;
    step(&format!("{USER} loads {} ({records} records)", path.display()));
    let request = json!({"operation": "csv_file_load", "database": "demo", "table": "airports", "file_path": path});
    let started = user.call_when_ready(&request)?;
    println!("  {started}");
    let id = started.get("job_id").and_then(Value::as_str).unwrap_or_default();
    let row = finished(&user, id)?;
    println!("{}", indented(&row));
    let message = row.get("message").and_then(Value::as_str).unwrap_or_default();
    let expected = format!("successfully loaded {records} of {records} records");
    if row.get("status").and_then(Value::as_str) != Some("COMPLETE") || message != expected {
        return Err(Failure::new(format!("the job should be COMPLETE and say: {expected}")));
    }

    step("a few of the records");
    let found = user.call(&json!({
        "operation": "search_by_conditions", "database": "demo", "table": "airports", "limit": 3,
        "get_attributes": ["iata", "name", "city", "state", "latitude", "longitude"],
        "conditions": [{"search_attribute": "state", "search_type": "equals", "search_value": "HI"}],
    }))?;
    let found = found.as_array().cloned().unwrap_or_default();
    for record in &found {
        println!("  {record}");
    }
    if found.len() != 3 {
        return Err(Failure::new(format!("3 airports of Hawaii were asked for, {} came", found.len())));
    }
    Ok(format!("{USER}:{password}"))
}

/// Polls the job until it ends and prints its progress.
fn finished(user: &Client, id: &str) -> Result<Value> {
    let (started, live) = (Instant::now(), std::io::stdout().is_terminal());
    let mut shown = String::new();
    while started.elapsed() < LIMIT {
        let row = user.job(id)?;
        let status = row.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let progress = row.get("progress").filter(|progress| !progress.is_null());
        let line = progress.map_or_else(|| status.clone(), |progress| format!("{status} {progress}"));
        if line != shown {
            let end = if live { "" } else { "\n" };
            let start = if live { "\r\x1b[K" } else { "" };
            print!("{start}  {line}{end}");
            let _closed = std::io::stdout().flush();
            shown = line;
        }
        if status == "COMPLETE" || status == "ERROR" {
            println!("{}  ended after {} ms", if live { "\n" } else { "" }, started.elapsed().as_millis());
            return Ok(row);
        }
        std::thread::sleep(LOOK);
    }
    Err(Failure::new(format!("job {id} did not end within {} s; it was last {shown}", LIMIT.as_secs())))
}

/// Number of records in the file. No field of this data set contains a line break.
fn records(path: &std::path::Path) -> Result<usize> {
    let file = std::fs::File::open(path).doing(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::new(file).lines().count().saturating_sub(1))
}

fn random_password() -> Result<String> {
    let mut bytes = [0_u8; 12];
    let random = std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    random.doing(|| "cannot read /dev/urandom".to_owned())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn indented(row: &Value) -> String {
    let text = serde_json::to_string_pretty(row).unwrap_or_else(|_| row.to_string());
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn step(text: &str) {
    println!("\n- {text}");
}
