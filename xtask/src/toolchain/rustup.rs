//! The usual way to get the target: `rustup target add`. Its time is limited, because behind some firewalls the
//! download neither succeeds nor fails.

use super::TARGET;
use jobhost_testkit::failure::{Failure, Result};
use jobhost_testkit::process;
use std::process::Command;
use std::time::Duration;

/// About the time for 20 MB at a megabit per second.
const LIMIT: Duration = Duration::from_secs(180);

pub fn add() -> Result<()> {
    if Command::new("rustup").arg("--version").output().is_err() {
        return Err(Failure::new("rustup is not installed"));
    }
    println!("{TARGET}: asking rustup for the target (at most {} s)", LIMIT.as_secs());
    process::bounded(Command::new("rustup").args(["target", "add", TARGET]), LIMIT)?;
    if super::has_target(&super::current_rustc()) {
        return Ok(());
    }
    Err(Failure::new("rustup says that it added the target, but the current rustc does not have it")
        .remedy("check that `which rustc` and RUSTC name the toolchain that `rustup show` calls active"))
}
