//! Records the experience of the honest clients: how long each of their requests took, how many were postponed, and
//! what failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::sample::Sample;
use crate::bench::meter::percentile;

/// Number of failures that are printed at the end. All are counted.
const SHOWN_FAILURES: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Health,
    GetJob,
    Insert,
    TinyJob,
    Search,
    /// Export, delete or change of an account: rare, and too diverse to be compared.
    Chore,
}

impl Act {
    /// The requests whose times are printed.
    pub const TIMED: [Act; 5] = [Act::Health, Act::GetJob, Act::Insert, Act::TinyJob, Act::Search];

    pub fn name(self) -> &'static str {
        match self {
            Act::Health => "/health",
            Act::GetJob => "get_job",
            Act::Insert => "small insert",
            Act::TinyJob => "tiny job",
            Act::Search => "search by id",
            Act::Chore => "chore",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Alone,
    Beside,
    After,
}

/// Milliseconds of one kind of request.
#[derive(Debug, Default, Clone)]
struct Times {
    interval: Vec<f64>,
    alone: Vec<f64>,
    beside: Vec<f64>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    times: [Times; Act::TIMED.len()],
    done: u64,
    busy: u64,
    failed: u64,
    failures: Vec<String>,
    /// When the first of them began.
    started: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Ledger(Mutex<State>);

/// The totals at the end.
#[derive(Debug, Clone, Default)]
pub struct Honest {
    pub done: u64,
    pub busy: u64,
    pub failed: u64,
    pub failures: Vec<String>,
    /// The name of a request, and its p50 and p99 in milliseconds, alone and beside the attackers.
    pub times: Vec<(&'static str, [f64; 2], [f64; 2])>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn turn(&self, phase: Phase) {
        self.state().phase = phase;
    }

    /// Records a success.
    pub fn done(&self, act: Act, since: Instant) {
        let milliseconds = since.elapsed().as_secs_f64() * 1e3;
        let mut state = self.state();
        state.started.get_or_insert(since);
        state.done += 1;
        let phase = state.phase;
        let place = Act::TIMED.iter().position(|timed| *timed == act);
        let Some(times) = place.and_then(|place| state.times.get_mut(place)) else { return };
        times.interval.push(milliseconds);
        match phase {
            Phase::Alone => times.alone.push(milliseconds),
            Phase::Beside => times.beside.push(milliseconds),
            Phase::After => {}
        }
    }

    /// Records a request that the host postponed.
    pub fn busy(&self) {
        self.state().busy += 1;
    }

    pub fn failed(&self, act: Act, why: &str) {
        let mut state = self.state();
        state.failed += 1;
        if state.failures.len() < SHOWN_FAILURES {
            let why: String = why.chars().take(300).collect();
            state.failures.push(format!("{}: {why}", act.name()));
        }
    }

    /// Returns one line of the table, for the time since the last one.
    pub fn line(&self, phase: &str, sample: &Sample) -> String {
        let mut state = self.state();
        let seconds = state.started.get_or_insert_with(Instant::now).elapsed().as_secs();
        let mut line = format!("{seconds:>6}  {phase:<7}{}", sample.cells());
        for times in &mut state.times {
            let [p50, p99] = both(&mut times.interval);
            line.push_str(&format!("  {:>15}", format!("{p50:.1} / {p99:.1}")));
            times.interval.clear();
        }
        let State { done, busy, failed, .. } = *state;
        format!("{line}  {done:>8} {busy:>6} {failed:>6}")
    }

    pub fn close(&self) -> Honest {
        let mut state = self.state();
        let names = Act::TIMED.iter().map(|act| act.name());
        let times =
            names.zip(&mut state.times).map(|(name, times)| (name, both(&mut times.alone), both(&mut times.beside)));
        let times = times.collect();
        Honest {
            done: state.done,
            busy: state.busy,
            failed: state.failed,
            failures: std::mem::take(&mut state.failures),
            times,
        }
    }
}

fn both(times: &mut [f64]) -> [f64; 2] {
    [percentile(times, 0.5), percentile(times, 0.99)]
}

/// Returns the heading of the table.
pub fn heading() -> String {
    let mut heading = format!("{:>6}  {:<7}{}", "s", "", Sample::heading());
    for act in Act::TIMED {
        heading.push_str(&format!("  {:>15}", act.name()));
    }
    format!("{heading}  {:>8} {:>6} {:>6}\n(times are p50 / p99 in ms)", "done", "busy", "failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_recorded_by_phase_and_each_line_starts_over() {
        let ledger = Ledger::default();
        ledger.done(Act::Insert, Instant::now());
        ledger.turn(Phase::Beside);
        ledger.done(Act::Insert, Instant::now());
        ledger.done(Act::Insert, Instant::now());
        ledger.done(Act::Chore, Instant::now());
        ledger.busy();
        ledger.failed(Act::Search, "not there");
        assert!(ledger.line("beside", &Sample::default()).ends_with("       4      1      1"));
        assert!(ledger.state().times.iter().all(|times| times.interval.is_empty()));
        let honest = ledger.close();
        assert_eq!((honest.done, honest.busy, honest.failed), (4, 1, 1));
        assert_eq!(honest.failures, ["search by id: not there"]);
        let (name, alone, beside) = honest.times[2];
        assert_eq!(name, "small insert");
        assert!(alone[0] > 0.0 && beside[1] > 0.0);
    }
}
