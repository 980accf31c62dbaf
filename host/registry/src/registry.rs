//! The plugins in service and their operations. An immutable snapshot is published at a time, so that readers see
//! either all of a change or none of it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use super::grants::{PluginGrants, Touched};
use jobhost_contract::{Capability, Description, Operation};
use jobhost_sandbox::GuestComponent;

/// A plugin in service.
pub struct Plugin {
    pub description: Description,
    /// sha256 of the component, in hexadecimal.
    pub digest: String,
    pub component: GuestComponent,
    pub grants: Arc<PluginGrants>,
    /// Limits concurrent calls of `plan`, so that one plugin's slow plans do not delay other plugins'.
    pub plans: Arc<Semaphore>,
}

/// Maximum concurrent calls of `plan` per plugin: one per core, and at least two in case one does not end.
pub fn concurrent_plans() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

/// A plan uses a capability that the plugin's description does not request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The plugin {plugin} planned to use {} on {touched}, but its description does not ask for it: its author must add the \
     capability to the description",
    .capability.word()
)]
pub struct NotAsked {
    pub plugin: String,
    capability: Capability,
    touched: Touched,
}

/// A plan exceeds what the operator grants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The plugin {plugin} is not granted {missing}. To allow it, add this to the configuration and restart the host: {line}"
)]
pub struct NotGranted {
    plugin: String,
    missing: String,
    line: String,
}

impl Plugin {
    pub fn asks_for(&self, capability: Capability, touched: &Touched) -> Result<(), NotAsked> {
        if self.description.capabilities.contains(&capability) {
            return Ok(());
        }
        Err(NotAsked { plugin: self.label(), capability, touched: touched.clone() })
    }

    /// Returns the error that names all of these, and the lines that would grant them.
    pub fn not_granted(&self, missing: Vec<(Capability, Touched)>) -> NotGranted {
        let mut lines = Vec::new();
        let mut words = Vec::new();
        for (capability, touched) in missing {
            let line = format!("{} {touched}", capability.word());
            if !lines.contains(&line) {
                words.push(format!("{} on {touched}", capability.word()));
                lines.push(line);
            }
        }
        let line = self.grants.with_lines(&self.description.name, &lines);
        NotGranted { plugin: self.label(), missing: words.join(", "), line }
    }

    /// `name@version`, as shown in job rows.
    pub fn label(&self) -> String {
        format!("{}@{}", self.description.name, self.description.version)
    }

    /// The names and aliases of its operations.
    pub fn operation_names(&self) -> impl Iterator<Item = &str> {
        self.description.operations.iter().flat_map(operation_names)
    }
}

/// An operation, and the plugin that provides it.
#[derive(Clone)]
pub struct PluginOperation {
    pub plugin: Arc<Plugin>,
    pub operation: Operation,
}

/// A file in the plugin folder.
#[derive(Clone)]
pub struct PluginFile {
    /// The file's name without its directory.
    pub file: String,
    /// sha256 of the content; `None` if the file could not be read.
    pub digest: Option<String>,
    /// The plugin in service from this file: its current content, or the last valid one.
    pub plugin: Option<Arc<Plugin>>,
    /// Why the current content is not in service.
    pub failure: Option<String>,
}

#[derive(Default)]
struct Published {
    operations: BTreeMap<String, Arc<PluginOperation>>,
    files: Vec<PluginFile>,
}

/// The registry: publishes the current snapshot.
#[derive(Default)]
pub struct Registry {
    published: RwLock<Arc<Published>>,
}

impl Registry {
    /// Returns the operation with this name or alias.
    pub fn operation(&self, name: &str) -> Option<Arc<PluginOperation>> {
        self.now().operations.get(name).cloned()
    }

    /// All files of the folder, ordered by name.
    pub fn files(&self) -> Vec<PluginFile> {
        self.now().files.clone()
    }

    /// Replaces the whole snapshot. The plugins' operation names must not collide.
    pub(super) fn publish(&self, files: Vec<PluginFile>) {
        let mut operations = BTreeMap::new();
        for plugin in files.iter().filter_map(|file| file.plugin.as_ref()) {
            for operation in &plugin.description.operations {
                let entry = Arc::new(PluginOperation { plugin: Arc::clone(plugin), operation: operation.clone() });
                for name in operation_names(operation) {
                    operations.insert(name.to_owned(), Arc::clone(&entry));
                }
            }
        }
        let published = Arc::new(Published { operations, files });
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = published;
    }

    /// Publishes plugins without a folder, for tests.
    pub fn publish_plugins(&self, plugins: Vec<Arc<Plugin>>) {
        let file = |plugin: Arc<Plugin>| PluginFile {
            file: format!("{}.wasm", plugin.description.name),
            digest: Some(plugin.digest.clone()),
            plugin: Some(plugin),
            failure: None,
        };
        self.publish(plugins.into_iter().map(file).collect());
    }

    fn now(&self) -> Arc<Published> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn operation_names(operation: &Operation) -> impl Iterator<Item = &str> {
    std::iter::once(operation.name.as_str()).chain(operation.aliases.iter().map(String::as_str))
}
