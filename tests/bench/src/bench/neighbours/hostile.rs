//! The hostile jobs: several of one kind at once, each of which is submitted again as soon as it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::dataset::Dataset;
use crate::bench::tiny::WITHIN;
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::{Client, Host};

/// Guests in `tests/guests`. They access nothing, so they need no grants.
pub const GUESTS: [&str; 6] = ["floods", "hoards", "plans", "sleeps", "spins", "traps"];

/// A table and its primary key, which the file does not have. So every load adds new records.
pub const FRESH: (&str, &str) = ("fresh", "generated");

/// Polling interval for a hostile job: short enough to submit the next one promptly, and long enough not to cause the
/// load itself.
const LOOK: Duration = Duration::from_millis(10);
/// Time for the first jobs to start misbehaving.
const WARM_UP: Duration = Duration::from_millis(500);

/// The kind of jobs and how many run at once.
#[derive(Debug, Clone)]
pub struct Kind {
    what: &'static str,
    count: u32,
    requests: Vec<String>,
}

impl Kind {
    pub fn all(count: u32, data: &Dataset) -> Vec<Self> {
        let hostile = |what, request: &Value| Kind { what, count, requests: vec![request.to_string()] };
        let mut kinds = vec![
            hostile("endless loops (spins)", &json!({"operation": "spin"})),
            hostile("jobs that take all memory (hoards)", &json!({"operation": "hoard"})),
            hostile("jobs that sleep (sleeps)", &json!({"operation": "sleep"})),
            hostile("panics (traps)", &json!({"operation": "trap"})),
            hostile("jobs that log 100 MB (floods)", &json!({"operation": "flood", "mode": "log"})),
            hostile("requests whose plan never ends (plans)", &json!({"operation": "plan_forever"})),
        ];
        let load = json!({
            "operation": "csv_file_load", "database": "bench", "table": FRESH.0, "file_path": data.path,
        });
        // Committed group by group, because otherwise all changes of a load are one transaction.
        let changes = json!({
            "operation": "csv_file_load", "database": "bench", "table": "people", "action": "upsert",
            "file_path": data.path, "atomic": false,
        });
        let all = kinds.iter().flat_map(|kind| kind.requests.clone()).collect();
        kinds.push(Kind { what: "one of each of them", count: GUESTS.len() as u32, requests: all });
        for (what, request) in
            [("fair loads of a large file", &load), ("fair loads that change all records of a table", &changes)]
        {
            let requests = vec![request.to_string()];
            kinds.extend([1, 4].map(|count| Kind { what, count, requests: requests.clone() }));
        }
        kinds
    }

    pub fn title(&self) -> String {
        match self.requests.len() {
            1 => format!("{} {}", self.count, self.what),
            _ => self.what.to_owned(),
        }
    }
}

/// Hostile clients that run until they are stopped.
pub struct Mob {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicU64>,
    members: Vec<JoinHandle<Result<Option<String>>>>,
}

impl Mob {
    /// Starts the clients, and returns when all of them have a job under way.
    pub fn start(host: &Host, kind: &Kind) -> Result<Self> {
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut members = Vec::new();
        for request in kind.requests.iter().cycle().take(kind.count as usize) {
            let (client, request) = (host.client()?, request.clone());
            let (stop, ended) = (Arc::clone(&stop), Arc::clone(&ended));
            members.push(thread::spawn(move || pester(client, &request, &stop, &ended)));
        }
        thread::sleep(WARM_UP);
        Ok(Self { stop, ended, members })
    }

    /// Stops all clients and returns how many jobs had ended on their own.
    pub fn stop(mut self, client: &Client) -> Result<u64> {
        let ended = self.ended.load(Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
        for member in self.members.drain(..) {
            let left = member.join().unwrap_or_else(|_| Err(Failure::new("a hostile client crashed")))?;
            if let Some(id) = left {
                client.call(&json!({"operation": "cancel_job", "id": id}))?;
                let started = Instant::now();
                while !has_ended(client, &id)? {
                    if started.elapsed() > WITHIN {
                        return Err(Failure::new(format!("the cancelled job {id} has not ended within {WITHIN:?}")));
                    }
                    thread::sleep(LOOK);
                }
            }
        }
        Ok(ended)
    }
}

impl Drop for Mob {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends the request again and again; returns the job that was under way when it was told to stop.
fn pester(client: Client, request: &str, stop: &AtomicBool, ended: &AtomicU64) -> Result<Option<String>> {
    while !stop.load(Ordering::Relaxed) {
        // If planning never ends, there is no job.
        if let Some(id) = client.attempt(request)? {
            while !has_ended(&client, &id)? {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Some(id));
                }
                thread::sleep(LOOK);
            }
        }
        ended.fetch_add(1, Ordering::Relaxed);
    }
    Ok(None)
}

fn has_ended(client: &Client, id: &str) -> Result<bool> {
    let row = client.job(id)?;
    Ok(!matches!(row.get("status").and_then(Value::as_str), Some("IN_PROGRESS")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::dataset::Keys;

    #[test]
    fn every_guest_has_a_kind_and_is_part_of_the_mix() {
        let data = Dataset { path: "/x.csv".into(), rows: 1, bytes: 1, keys: Keys::Sequential };
        let kinds = Kind::all(4, &data);
        for guest in GUESTS {
            assert!(kinds.iter().any(|kind| kind.what.contains(&format!("({guest})"))), "{guest}");
        }
        let crowd = kinds.iter().find(|kind| kind.requests.len() > 1).unwrap();
        assert_eq!((crowd.count as usize, crowd.requests.len()), (GUESTS.len(), GUESTS.len()));
        assert_eq!(kinds[0].title(), "4 endless loops (spins)");
    }
}
