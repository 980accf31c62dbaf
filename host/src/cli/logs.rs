//! Structured logs on stderr.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

pub fn start(config: &Config) -> Result<(), String> {
    let level = config.log_level.trim();
    // A level alone is meant for the host: the engine's compiler writes megabytes at `debug`.
    let directives = match level.contains(['=', ',']) {
        true => level.to_owned(),
        false => format!("warn,jobhost={level}"),
    };
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("log.level = {:?}, but it must be a level or a filter: {error}", config.log_level))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|error| format!("logging could not be started: {error}"))
}
