//! The command line.

mod logs;
mod parts;
mod plugin;
mod print;
mod serve;
mod signals;
mod stderr;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, ConfigError, Sources, Values};
use jobhost_metrics::Metrics;
use jobhost_registry::compiler;

/// A host for long-running data jobs in which every job type is a sandboxed WebAssembly component.
#[derive(Parser)]
#[command(name = "jobhost", version)]
struct Command {
    #[command(subcommand)]
    subcommand: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Run the host until SIGTERM or SIGINT.
    Serve(Settings),
    /// Print the effective configuration, with the reason for each default.
    Config(Settings),
    /// What the host itself runs to compile a component.
    #[command(name = compiler::COMMAND, hide = true)]
    CompileComponent {
        #[arg(long)]
        stack_bytes: usize,
        #[arg(long)]
        memory_bytes: u64,
        #[arg(long)]
        cpu_seconds: u64,
    },
    /// Look at the plugin folder and change it.
    Plugin {
        #[command(subcommand)]
        command: plugin::PluginCommand,
    },
}

#[derive(Args)]
struct Settings {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "JOBHOST_CONFIG")]
    config: Option<PathBuf>,
    /// Set one key, for example --set server.listen=127.0.0.1:0; wins over file and environment. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    fn values(self) -> Result<Values, ConfigError> {
        config::gather(&Sources { file: self.config, environment: std::env::vars_os().collect(), flags: self.set })
    }

    fn config(self) -> Result<Config, String> {
        let values = self.values().map_err(|error| error.to_string())?;
        Config::from_values(&values).map_err(|error| error.to_string())
    }
}

/// Uses one heap for all threads. By default the C library keeps one for each, and memory that one job's thread frees
/// is not reused by the next. In measurements, this doubles the memory of a load and makes it grow with the load
/// (docs/benchmarks.md); a single heap slows down neither loads nor tiny jobs.
fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    #[allow(
        unsafe_code,
        reason = "the C library's allocator is set by a C call. It is made before any other thread exists, takes two \
                  numbers, and when it fails the default stays"
    )]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

pub fn run() -> ExitCode {
    share_one_heap();
    let result = match Command::parse().subcommand {
        Subcommands::Serve(settings) => serve(settings),
        Subcommands::Config(settings) => print_config(settings),
        Subcommands::CompileComponent { stack_bytes, memory_bytes, cpu_seconds } => {
            compiler::compile_here(stack_bytes, memory_bytes, cpu_seconds)
        }
        Subcommands::Plugin { command } => plugin::run(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            print::failure(&message);
            ExitCode::FAILURE
        }
    }
}

fn print_config(settings: Settings) -> Result<(), String> {
    let values = settings.values().map_err(|error| error.to_string())?;
    Config::from_values(&values).map_err(|error| error.to_string())?;
    print::line(config::show(&values).trim_end())
}

fn serve(settings: Settings) -> Result<(), String> {
    let config = settings.config()?;
    let metrics = Arc::<Metrics>::default();
    logs::start(&config, metrics.log_lines_lost())?;
    serve::serve(&config, metrics).map_err(|error| error.to_string())
}
