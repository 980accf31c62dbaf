//! Waiting for something that only polling can tell.

use std::time::{Duration, Instant};

/// How long a test waits before it says that something will never happen. Generous, because machines are slow and
/// shared; only a failing test ever waits this long.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Ask again and again until there is an answer. `what` completes the sentence "waited … for" in the failure.
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
