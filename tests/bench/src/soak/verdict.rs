//! The requirements that are checked at the end. Times are printed but not judged, because they depend on the machine
//! too.

use super::ledger::Honest;
use super::sample::{Returned, Sample};
use crate::bench::report::Table;
use jobhost_testkit::figures::thousands;

const MEBIBYTE: u64 = 1 << 20;

#[derive(Debug)]
pub struct Findings {
    /// The peaks before the attackers started, and while they ran.
    pub before: Sample,
    pub beside: Sample,
    pub returned: Returned,
    pub honest: Honest,
    /// Accepted jobs that have not ended.
    pub unfinished: u64,
    /// The number of attacks of each kind.
    pub attacks: Vec<(&'static str, u64)>,
}

pub struct Verdict {
    checks: Vec<Check>,
    honest: Honest,
    attacks: Vec<(&'static str, u64)>,
    /// Bytes before and after the attackers.
    disk: [u64; 2],
}

struct Check {
    what: &'static str,
    wanted: String,
    seen: String,
    met: bool,
}

impl Findings {
    /// `budget` is the host's `memory.total_bytes`.
    pub fn verdict(self, budget: u64) -> Verdict {
        let most = budget + budget / 10;
        let shown = |sample: Sample| {
            let memory = sample.memory / MEBIBYTE;
            format!("{memory} MiB, {} descriptors, {} threads", sample.descriptors, sample.threads)
        };
        let after = match self.returned.after {
            Some(after) => format!("{} after {:.1} s", shown(self.returned.last), after.as_secs_f64()),
            None => shown(self.returned.last),
        };
        let idle: Vec<&str> = self.attacks.iter().filter(|(_, times)| *times == 0).map(|(name, _)| *name).collect();
        let checks = vec![
            Check {
                what: "memory beside the attackers",
                wanted: format!("<= {} MiB: the budget and a tenth of it", most / MEBIBYTE),
                seen: format!("{} MiB", self.beside.memory / MEBIBYTE),
                met: self.beside.memory <= most,
            },
            Check {
                what: "given back within 10 s",
                wanted: format!("{} and {} more", shown(self.before), Sample::tolerance()),
                seen: after,
                met: self.returned.after.is_some(),
            },
            Check {
                what: "honest requests that failed",
                wanted: "0; 429 and 503 are no failures".to_owned(),
                seen: format!(
                    "{} of {}",
                    self.honest.failed,
                    thousands((self.honest.done + self.honest.failed) as f64)
                ),
                met: self.honest.failed == 0 && self.honest.done > 0,
            },
            Check {
                what: "accepted jobs that have not ended",
                wanted: "0".to_owned(),
                seen: self.unfinished.to_string(),
                met: self.unfinished == 0,
            },
            Check {
                what: "kinds of attackers that did nothing",
                wanted: "none".to_owned(),
                seen: if idle.is_empty() { "none".to_owned() } else { idle.join(", ") },
                met: idle.is_empty(),
            },
        ];
        Verdict {
            checks,
            honest: self.honest,
            attacks: self.attacks,
            disk: [self.before.disk, self.returned.last.disk],
        }
    }
}

impl Verdict {
    pub fn met(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new("Soak", &["what", "wanted", "seen", "met"]);
        for check in &self.checks {
            let met = if check.met { "yes" } else { "NO" };
            table.row([check.what.to_owned(), check.wanted.clone(), check.seen.clone(), met.to_owned()]);
        }
        for (name, [alone50, alone99], [beside50, beside99]) in &self.honest.times {
            let factor = if *alone99 > 0.0 { beside99 / alone99 } else { 0.0 };
            table.note(format!(
                "{name}: p50 / p99 {alone50:.1} / {alone99:.1} ms alone, {beside50:.1} / {beside99:.1} ms beside the \
                 attackers: {factor:.1} times"
            ));
        }
        let [before, after] = self.disk.map(|bytes| bytes / MEBIBYTE);
        table.note(format!(
            "The data directory had {before} MiB before the attackers came and {after} MiB when they left"
        ));
        table.note(format!("Told to come again (429, 503): {}", self.honest.busy));
        let attacks: Vec<String> = self.attacks.iter().map(|(name, times)| format!("{times} {name}")).collect();
        table.note(format!("Attacks: {}", attacks.join(", ")));
        self.honest.failures.iter().for_each(|failure| table.note(format!("FAILED {failure}")));
        table
    }
}

/// Returns the number of jobs that were accepted and have not ended, from the host's own metrics.
pub fn unfinished(metrics: &str) -> u64 {
    let sum = |name: &str| -> f64 {
        let series = metrics
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(series, _)| series.split('{').next() == Some(name));
        series.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    };
    let waiting = sum("jobhost_jobs_queued") + sum("jobhost_jobs_running");
    (sum("jobhost_jobs_accepted_total") - sum("jobhost_jobs_ended_total")).max(waiting).max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn findings() -> Findings {
        let sample = Sample { memory: 100 << 20, descriptors: 50, threads: 20, disk: 0 };
        Findings {
            before: sample,
            beside: sample,
            returned: Returned { after: Some(Duration::from_secs(1)), last: sample },
            honest: Honest { done: 10, ..Honest::default() },
            unfinished: 0,
            attacks: vec![("bombs", 3)],
        }
    }

    #[test]
    fn every_requirement_is_checked() {
        let budget = 1 << 30;
        assert!(findings().verdict(budget).met());
        let worse: [fn(&mut Findings); 6] = [
            |findings| findings.beside.memory = 1200 << 20,
            |findings| findings.returned.after = None,
            |findings| findings.honest.failed = 1,
            |findings| findings.honest.done = 0,
            |findings| findings.unfinished = 1,
            |findings| findings.attacks.push(("readers", 0)),
        ];
        for worsen in worse {
            let mut findings = findings();
            worsen(&mut findings);
            let verdict = findings.verdict(budget);
            assert!(!verdict.met(), "{}", verdict.table().markdown());
            assert!(verdict.table().markdown().contains(" NO |"));
        }
    }

    #[test]
    fn jobs_are_counted_across_all_series() {
        let text = "# TYPE x counter\njobhost_jobs_queued 0\njobhost_jobs_running 0\n\
                    jobhost_jobs_accepted_total{operation=\"a\"} 3\njobhost_jobs_accepted_total{operation=\"b\"} 2\n\
                    jobhost_jobs_ended_total{operation=\"a\",status=\"COMPLETE\"} 3\n\
                    jobhost_jobs_ended_total{operation=\"b\",status=\"ERROR\"} 1\n# EOF\n";
        assert_eq!(unfinished(text), 1);
        assert_eq!(unfinished(&text.replace("running 0", "running 4")), 4);
        assert_eq!(
            unfinished("jobhost_jobs_accepted_total{operation=\"a\"} 1\njobhost_jobs_ended_total{operation=\"a\"} 1"),
            0
        );
    }
}
