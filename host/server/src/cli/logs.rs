//! Structured logs on stderr.

use prometheus_client::metrics::counter::Counter;
use tracing::error;
use tracing_subscriber::EnvFilter;

use super::stderr::LineWriter;
use crate::config::{Config, LogFormat};

/// Lines that cannot be written to stderr are counted in `lost`.
pub fn start(config: &Config, lost: Counter) -> Result<(), String> {
    let level = config.log_level.trim();
    // A bare level applies to the host only, because the engine's compiler writes megabytes at `debug`.
    let directives = match level.contains(['=', ',']) {
        true => level.to_owned(),
        false => format!("warn,jobhost={level}"),
    };
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("log.level = {:?}, but it must be a level or a filter: {error}", config.log_level))?;
    // The subscriber prints its internal errors with a macro that panics if stderr cannot be written.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LineWriter::stderr(lost))
        .log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|error| format!("logging could not be started: {error}"))?;
    // Rust's default hook bypasses the log and would block forever on a pipe that nobody reads.
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a thread panicked")));
    Ok(())
}
