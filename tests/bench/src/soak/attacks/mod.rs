//! The attackers: each kind runs on loopback in a loop with a pause. They ignore refusals and continue; only the number
//! of attacks is counted.

mod bodies;
mod leaving;
mod logins;
mod queries;
mod readers;
mod rejects;
mod socket;
mod values;
mod wide;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::scene::{FILES, HOSTILE};
use jobhost_testkit::Host;
use jobhost_testkit::failure::{Failure, Result};
use socket::Socket;

/// Attackers run at the lowest priority, in the terms of nice(1).
const ATTACKERS_NICENESS: i32 = 19;

/// A stop takes effect within this time.
const SLICE: Duration = Duration::from_millis(50);

/// One kind of attacker: its name, how many run at once, and one round of its attack.
pub struct Kind {
    name: &'static str,
    clients: usize,
    attack: fn(&Target),
}

static KINDS: [Kind; 8] = [
    Kind { name: "value bombs", clients: 2, attack: values::attack },
    Kind { name: "slow readers", clients: 1, attack: readers::attack },
    Kind { name: "slow and strange bodies", clients: 1, attack: bodies::attack },
    Kind { name: "wrong passwords", clients: 8, attack: logins::attack },
    Kind { name: "clients that left", clients: 2, attack: leaving::attack },
    Kind { name: "jobs with many rejects", clients: 1, attack: rejects::attack },
    Kind { name: "laborious queries", clients: 2, attack: queries::attack },
    Kind { name: "descriptions of a wide table", clients: 2, attack: wide::attack },
];

/// Returns all kinds, or those with one of `words` in their name.
pub fn kinds(words: &[String]) -> Result<Vec<&'static Kind>> {
    let names = || KINDS.each_ref().map(|kind| kind.name).join(", ");
    if let Some(word) = words.iter().find(|word| !KINDS.iter().any(|kind| kind.name.contains(word.as_str()))) {
        return Err(Failure::new(format!("--attack {word}: no attacker has this in its name"))
            .remedy(format!("use a word of one of these: {}", names())));
    }
    let wanted = |kind: &&Kind| words.is_empty() || words.iter().any(|word| kind.name.contains(word.as_str()));
    Ok(KINDS.iter().filter(wanted).collect())
}

/// What an attacker knows and may use.
pub struct Target {
    address: SocketAddr,
    files: PathBuf,
    /// Number of the attacker among those of its kind.
    number: u64,
    stop: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
}

impl Target {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Counts an attack.
    fn count(&self) -> u64 {
        self.times.fetch_add(1, Ordering::Relaxed)
    }

    fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.is_over() && Instant::now() < end {
            thread::sleep(SLICE.min(end.saturating_duration_since(Instant::now())));
        }
    }

    fn open(&self) -> Option<Socket> {
        let socket = Socket::open(self.address);
        if socket.is_none() {
            // There are too many connections already, or the host has ended.
            self.pause(SLICE);
        }
        socket
    }

    /// Sends a complete request. Returns the status of the response, if there was one.
    fn ask(&self, user: &str, body: &str) -> Option<u16> {
        let mut socket = self.open()?;
        socket.send(&socket::request(user, body));
        self.count();
        socket.status()
    }

    /// The user name of this attacker.
    fn user(&self) -> &'static str {
        let [first, second] = HOSTILE;
        if self.number.is_multiple_of(2) { first } else { second }
    }

    fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }
}

/// All attackers, running at once.
pub struct Mob {
    stop: Arc<AtomicBool>,
    times: Vec<(&'static str, Arc<AtomicU64>)>,
    members: Vec<JoinHandle<()>>,
}

impl Mob {
    pub fn start(host: &Host, folder: &Path, kinds: &[&'static Kind]) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let address = host.address()?;
        let (mut times, mut members) = (Vec::new(), Vec::new());
        for kind in kinds {
            let count = Arc::<AtomicU64>::default();
            for number in 0..kind.clients {
                let target = Target {
                    address,
                    files: folder.join(FILES),
                    number: number as u64,
                    stop: Arc::clone(&stop),
                    times: Arc::clone(&count),
                };
                let attack = kind.attack;
                members.push(thread::spawn(move || {
                    // Attackers and host share the processors. The result must show what the host costs honest clients,
                    // not what attacking costs.
                    let _as_it_was = rustix::process::nice(ATTACKERS_NICENESS);
                    while !target.is_over() {
                        attack(&target);
                    }
                }));
            }
            times.push((kind.name, count));
        }
        Ok(Self { stop, times, members })
    }

    /// Stops all attackers. Returns how many attacks each kind made.
    pub fn stop(mut self) -> Vec<(&'static str, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        for member in self.members.drain(..) {
            // An attacker that crashed has stopped too.
            let _left = member.join();
        }
        self.times.iter().map(|(name, times)| (*name, times.load(Ordering::Relaxed))).collect()
    }
}

impl Drop for Mob {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
