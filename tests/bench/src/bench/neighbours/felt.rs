//! Measures what one well-behaved client experiences: the latency of starting tiny jobs, the time until they end, and
//! searches by key.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::meter::percentile;
use crate::bench::ours::expect_loaded;
use crate::bench::tiny::{self, ROWS, WITHIN};
use jobhost_testkit::Client;
use jobhost_testkit::failure::{Failure, Result};

/// Interval between two polls of a job. Polling without a pause would occupy a processor.
const PAUSE: Duration = Duration::from_millis(1);
const KNOWN: u32 = 1000;
const SOUGHT: u32 = 10;

#[derive(Debug, Clone, Copy)]
pub enum Quantity {
    Reply,
    Complete,
    Search,
}

impl Quantity {
    pub const ALL: [Quantity; 3] = [Quantity::Reply, Quantity::Complete, Quantity::Search];
}

/// Milliseconds of every request.
#[derive(Debug, Default)]
pub struct Felt {
    reply: Vec<f64>,
    complete: Vec<f64>,
    search: Vec<f64>,
}

/// Median and 99th percentile of each kind of request.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    reply: (f64, f64),
    complete: (f64, f64),
    search: (f64, f64),
}

/// Creates the records that are searched.
pub fn prepare(client: &Client) -> Result<()> {
    let records: Vec<Value> = (0..KNOWN).map(|id| json!({"id": id, "name": format!("name {id}")})).collect();
    client.call(&json!({"operation": "insert", "database": "bench", "table": "known", "records": records}))?;
    Ok(())
}

impl Felt {
    /// Runs `rounds` tiny jobs, numbered from `first`, and as many searches.
    pub fn measure(client: &Client, first: u32, rounds: u32) -> Result<Self> {
        let mut felt = Self::default();
        for number in first..first + rounds {
            felt.job(client, number)?;
            felt.search(client, number)?;
        }
        Ok(felt)
    }

    pub fn append(&mut self, mut other: Self) {
        self.reply.append(&mut other.reply);
        self.complete.append(&mut other.complete);
        self.search.append(&mut other.search);
    }

    fn job(&mut self, client: &Client, number: u32) -> Result<()> {
        let request = tiny::request(number);
        let start = Instant::now();
        let id = client.submit(&request)?;
        self.reply.push(milliseconds(start));
        let row = client.wait(&id, PAUSE, WITHIN)?;
        self.complete.push(milliseconds(start));
        expect_loaded(&row, ROWS)
    }

    fn search(&mut self, client: &Client, number: u32) -> Result<()> {
        let ids: Vec<u32> = (0..SOUGHT).map(|index| (number.wrapping_mul(37) + index * 97) % KNOWN).collect();
        let request = json!({
            "operation": "search_by_id", "database": "bench", "table": "known", "ids": ids,
            "get_attributes": ["id", "name"],
        });
        let start = Instant::now();
        let found = client.call(&request)?;
        self.search.push(milliseconds(start));
        match found.as_array().map(Vec::len) {
            Some(records) if records == ids.len() => Ok(()),
            _ => Err(Failure::new(format!("the records {ids:?} were looked for and {found} was found"))),
        }
    }

    pub fn figures(&mut self) -> Figures {
        let both = |times: &mut Vec<f64>| (percentile(times, 0.5), percentile(times, 0.99));
        Figures { reply: both(&mut self.reply), complete: both(&mut self.complete), search: both(&mut self.search) }
    }
}

impl Figures {
    pub fn of(&self, quantity: Quantity) -> (f64, f64) {
        match quantity {
            Quantity::Reply => self.reply,
            Quantity::Complete => self.complete,
            Quantity::Search => self.search,
        }
    }

    pub fn json(&self) -> Value {
        let both = |(p50, p99): (f64, f64)| json!({"p50": p50, "p99": p99});
        json!({"reply": both(self.reply), "complete": both(self.complete), "search": both(self.search)})
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_include_everything_that_was_appended() {
        let felt = |times: &[f64]| Felt { reply: times.to_vec(), complete: times.to_vec(), search: times.to_vec() };
        let mut all = felt(&[3.0, 1.0]);
        all.append(felt(&[2.0]));
        for quantity in Quantity::ALL {
            assert_eq!(all.figures().of(quantity), (2.0, 3.0), "{quantity:?}");
        }
    }
}
