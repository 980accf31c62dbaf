//! Honest clients, which stay within their limits: two users, and the administrator's maintenance. A request that
//! neither succeeds nor is postponed (429, 503) is a failure.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ledger::{Act, Honest, Ledger};
use super::scene::{ALTERED, EXPORTS, HONEST, KNOWN, PASSWORD};
use jobhost_testkit::failure::Result;
use jobhost_testkit::{Client, Host, Login, Reply};

/// Pause between two requests of one client. The load must be bearable, not reach the limit.
const PAUSE: Duration = Duration::from_millis(10);
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);
const CHORE_EVERY: Duration = Duration::from_secs(5);
const HEALTH_EVERY: Duration = Duration::from_millis(50);
/// A job that takes longer than this counts as lost.
const JOB_WITHIN: Duration = Duration::from_secs(60);

/// All honest clients, running at once.
pub struct Crew {
    stop: Arc<AtomicBool>,
    members: Vec<JoinHandle<()>>,
}

impl Crew {
    pub fn start(host: &Host, folder: &Path, ledger: &Arc<Ledger>) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let mut members = Vec::new();
        let mut hire = |client: Client, work: fn(&mut Member)| {
            let (stop, ledger) = (Arc::clone(&stop), Arc::clone(ledger));
            let exports = folder.join(EXPORTS);
            members.push(thread::spawn(move || {
                let mut member = Member { client, stop, ledger, exports };
                while !member.stop.load(Ordering::Relaxed) {
                    work(&mut member);
                }
            }));
        };
        let client = |user| Client::new(host.url(), Login::basic(user, PASSWORD));
        for user in HONEST {
            for work in [jobs, records] {
                hire(client(user), work);
            }
        }
        hire(host.client()?, chores);
        hire(client(HONEST[0]), health);
        Ok(Self { stop, members })
    }

    /// Stops all clients after their current request.
    pub fn stop(mut self, ledger: &Ledger) -> Honest {
        self.stop.store(true, Ordering::Relaxed);
        for member in self.members.drain(..) {
            if member.join().is_err() {
                ledger.failed(Act::Chore, "an honest client crashed");
            }
        }
        ledger.close()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Member {
    client: Client,
    stop: Arc<AtomicBool>,
    ledger: Arc<Ledger>,
    exports: PathBuf,
}

impl Member {
    /// Sends a request that must succeed or be postponed. Returns the reply if it succeeded.
    fn ask(&mut self, act: Act, request: &Value) -> Option<Value> {
        let Reply { status, body, text, .. } = self.asked(act, |client| client.exchange(request))?;
        match status {
            200 => Some(body),
            429 | 503 => {
                self.ledger.busy();
                thread::sleep(PAUSE * 5);
                None
            }
            _ => {
                self.ledger.failed(act, &format!("{status} {text}"));
                None
            }
        }
    }

    fn asked<T>(&self, act: Act, work: impl FnOnce(&Client) -> Result<T>) -> Option<T> {
        work(&self.client)
            .map_err(|failure| {
                self.ledger.failed(act, &failure.to_string());
                // Keeps a client from sending a million requests to a host that has ended.
                thread::sleep(AFTER_FAILURE);
            })
            .ok()
    }

    /// Runs a job to its end. Returns its row if it succeeded.
    fn run(&mut self, act: Act, request: &Value) -> Option<Value> {
        let started = Instant::now();
        let accepted = self.ask(act, request)?;
        let Some(id) = accepted.get("job_id").and_then(Value::as_str).map(str::to_owned) else {
            self.ledger.failed(act, &format!("no job_id in {accepted}"));
            return None;
        };
        let look = json!({"operation": "get_job", "id": id});
        loop {
            let asked = Instant::now();
            let row = self.ask(Act::GetJob, &look).and_then(|rows| rows.get(0).cloned());
            if let Some(row) = &row {
                self.ledger.done(Act::GetJob, asked);
                match row.get("status").and_then(Value::as_str) {
                    Some("COMPLETE") => {
                        self.ledger.done(act, started);
                        return Some(row.clone());
                    }
                    Some("IN_PROGRESS") => {}
                    _ => {
                        self.ledger.failed(act, &row.to_string());
                        return None;
                    }
                }
            }
            if started.elapsed() > JOB_WITHIN {
                self.ledger.failed(act, &format!("the job {id} has not ended after {JOB_WITHIN:?}"));
                return None;
            }
            thread::sleep(LOOK);
        }
    }
}

/// Returns a key that no other record has.
fn new_key() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn jobs(member: &mut Member) {
    let (first, second) = (new_key(), new_key());
    let data = format!("id,name\n{first},one\n{second},two\n");
    member.run(
        Act::TinyJob,
        &json!({"operation": "csv_data_load", "database": "soak", "table": "honest", "action": "insert", "data": data}),
    );
    thread::sleep(PAUSE);
}

fn records(member: &mut Member) {
    let key = new_key();
    let records = json!([{"id": key, "name": "small"}]);
    let started = Instant::now();
    let insert = json!({"operation": "insert", "database": "soak", "table": "honest", "records": records});
    if member.ask(Act::Insert, &insert).is_some() {
        member.ledger.done(Act::Insert, started);
    }
    let ids: Vec<u64> = (0..10).map(|number| (key * 37 + number * 97) % KNOWN).collect();
    let search = json!({
        "operation": "search_by_id", "database": "soak", "table": "known", "ids": ids, "get_attributes": ["id", "name"],
    });
    let started = Instant::now();
    if let Some(found) = member.ask(Act::Search, &search) {
        match found.as_array().map(Vec::len) {
            Some(10) => member.ledger.done(Act::Search, started),
            _ => member.ledger.failed(Act::Search, &format!("the records {ids:?} were sought and {found} was found")),
        }
    }
    thread::sleep(PAUSE);
}

fn health(member: &mut Member) {
    let started = Instant::now();
    match member.asked(Act::Health, |client| client.page("/health")) {
        Some((200, _)) => member.ledger.done(Act::Health, started),
        Some((status, text)) => member.ledger.failed(Act::Health, &format!("{status} {text}")),
        None => {}
    }
    thread::sleep(HEALTH_EVERY);
}

/// Runs an export, deletes old records, and changes an account.
fn chores(member: &mut Member) {
    let export = json!({
        "operation": "export_local", "format": "json", "path": member.exports, "filename": "known",
        "search_operation": {
            "operation": "search_by_value", "database": "soak", "table": "known", "attribute": "id", "value": "*",
            "get_attributes": ["*"],
        },
    });
    let exported = member.run(Act::Chore, &export);
    // Uses the host's clock: records from before this round are old when the round ends.
    let old = exported.as_ref().and_then(|row| row.get("start_datetime_converted")).cloned();
    for altered in [true, false] {
        let started = Instant::now();
        let alter = json!({"operation": "alter_user", "username": ALTERED, "active": altered});
        if member.ask(Act::Chore, &alter).is_some() {
            member.ledger.done(Act::Chore, started);
        }
    }
    let end = Instant::now() + CHORE_EVERY;
    while Instant::now() < end && !member.stop.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
    }
    if let Some(date) = old {
        let delete = json!({"operation": "delete_records_before", "database": "soak", "table": "honest", "date": date});
        member.run(Act::Chore, &delete);
    }
}
