//! Structured logs on stderr.

use prometheus_client::metrics::counter::Counter;
use tracing::error;
use tracing_subscriber::EnvFilter;

use super::stderr::LineWriter;
use crate::config::{Config, LogFormat};

/// Lines that stderr does not take are counted in `lost`.
pub fn start(config: &Config, lost: Counter) -> Result<(), String> {
    let level = config.log_level.trim();
    // A level alone is meant for the host: the engine's compiler writes megabytes at `debug`.
    let directives = match level.contains(['=', ',']) {
        true => level.to_owned(),
        false => format!("warn,jobhost={level}"),
    };
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("log.level = {:?}, but it must be a level or a filter: {error}", config.log_level))?;
    // The log's own complaints about itself would be printed in a way that panics where stderr cannot be written.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LineWriter::stderr(lost))
        .log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|error| format!("logging could not be started: {error}"))?;
    // Rust's own message goes to stderr past the log, and would wait for ever at a pipe that nobody reads.
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a thread panicked")));
    Ok(())
}
