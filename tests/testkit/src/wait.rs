//! Waits for conditions that can only be polled.

use std::time::{Duration, Instant};

/// How long a test waits until it fails. Generous, because machines are slow and shared; only a failing test waits this
/// long.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Polls until there is a value. `what` completes the sentence "waited … for" in the error.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
