//! `jobhost plugin`: lists, checks, adds and removes the files of the plugin folder. A running host picks up the change
//! automatically.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use super::{Settings, print};
use crate::api;
use crate::config::Config;
use jobhost_model::plain_text;
use jobhost_registry::files::{FileError, read_component, read_signature};
use jobhost_registry::{Compiler, Loader, Plugin, PluginFolder, Registry, install};
use jobhost_sandbox::engine;

#[derive(Subcommand)]
pub enum PluginCommand {
    /// List the files of the plugin folder: which can be loaded, and why the others cannot.
    List(#[command(flatten)] Settings),
    /// Check a component without installing it.
    Check {
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Check a component, then install it in the plugin folder under the plugin's name, with its signature FILE.sig if present.
    Add {
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a file from the plugin folder.
    Remove {
        /// Its name in the folder.
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
}

pub fn run(command: PluginCommand) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    match command {
        PluginCommand::List(settings) => {
            let config = settings.config()?;
            std::fs::read_dir(&config.plugins_dir).map_err(|error| {
                format!("plugins.dir = {}: it cannot be read: {error}", config.plugins_dir.display())
            })?;
            let folder = PluginFolder::new(config.plugins_dir.clone(), loader(&config)?, Arc::<Registry>::default());
            for file in runtime.block_on(Arc::new(folder).reload()) {
                let name = plain_text::one_line(&file.file);
                print::line(&match (&file.failure, &file.plugin) {
                    (Some(reason), _) => format!("{name}: rejected: {reason}"),
                    (None, Some(plugin)) => format!("{name}: {}", line(plugin)),
                    (None, None) => name.into_owned(),
                })?;
            }
            Ok(())
        }
        PluginCommand::Check { file, settings } => {
            let config = settings.config()?;
            let (component, signature) = read(&file, &config)?;
            let plugin = runtime.block_on(loader(&config)?.make(component, signature));
            let plugin = plugin.map_err(|failure| format!("{}: {failure}", file.display()))?;
            let expected = format!("{}.wasm", plugin.description.name);
            if file.file_name().is_none_or(|name| name != expected.as_str()) {
                let note = "the plugin folder needs the file name";
                print::line(&format!("note: {note} {expected}; `jobhost plugin add` uses it"))?;
            }
            print::line(&line(&plugin))
        }
        PluginCommand::Add { file, settings } => {
            let config = settings.config()?;
            let (component, signature) = read(&file, &config)?;
            let loader = loader(&config)?;
            let added = install::add(&loader, &config.plugins_dir, None, component, signature);
            let (name, plugin) = runtime.block_on(added).map_err(|error| error.to_string())?;
            print::line(&format!("{}: {}", config.plugins_dir.join(name).display(), line(&plugin)))
        }
        PluginCommand::Remove { name, settings } => {
            let config = settings.config()?;
            install::remove(&config.plugins_dir, &name).map_err(|error| error.to_string())?;
            print::line(&format!("{} removed", config.plugins_dir.join(name).display()))
        }
    }
}

/// Reads a component and the signature beside it.
fn read(file: &Path, config: &Config) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let told = |error: FileError| format!("{}: {error}", file.display());
    let signature = read_signature(file).map_err(told)?;
    Ok((read_component(file, config.component_bytes).map_err(told)?, signature))
}

/// Omits the compile cache, which belongs to the host that may be running.
fn loader(config: &Config) -> Result<Loader, String> {
    Ok(Loader {
        engine: engine::start(config.sandbox.stack_bytes.size()).map_err(|error| error.to_string())?,
        limits: Arc::new(config.sandbox.clone()),
        compiler: Compiler::new(config.compile.clone()),
        cache: None,
        trust: Arc::new(config.trust.clone()),
        grants: Arc::new(config.grants.clone()),
        component_bytes: config.component_bytes,
        builtin: api::is_builtin,
        stop: CancellationToken::new(),
    })
}

fn line(plugin: &Plugin) -> String {
    let operations: Vec<&str> = plugin.operation_names().collect();
    let mut line = format!("{} sha256 {} provides {}", plugin.label(), plugin.digest, operations.join(", "));
    let asks: Vec<&str> = plugin.description.capabilities.iter().map(|capability| capability.word()).collect();
    let granted = plugin.grants.lines();
    line.push_str(&format!("; requests {}", if asks.is_empty() { "nothing".to_owned() } else { asks.join(", ") }));
    line.push_str(&format!("; granted {}", if granted.is_empty() { "nothing".to_owned() } else { granted.join(", ") }));
    line
}
