//! The plugins in service and the operations they bring. One immutable catalogue is published at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use crate::sandbox::{Description, GuestComponent, Operation};

/// A plugin in service.
pub struct Plugin {
    pub description: Description,
    /// sha256 of the component, in hexadecimal.
    pub digest: String,
    pub component: GuestComponent,
}

impl Plugin {
    /// `name@version`, as job rows show it.
    pub fn label(&self) -> String {
        format!("{}@{}", self.description.name, self.description.version)
    }
}

/// An operation, and the plugin that brings it.
#[derive(Clone)]
pub struct PluginOperation {
    pub plugin: Arc<Plugin>,
    pub operation: Operation,
}

/// A file in the plugin folder that is not in service, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFailure {
    pub file: PathBuf,
    pub reason: String,
}

#[derive(Default)]
struct Published {
    operations: BTreeMap<String, Arc<PluginOperation>>,
    failures: Vec<PluginFailure>,
}

/// What is in service now.
#[derive(Default)]
pub struct Catalogue {
    published: RwLock<Arc<Published>>,
}

impl Catalogue {
    /// The operation that answers to this name or alias.
    pub fn operation(&self, name: &str) -> Option<Arc<PluginOperation>> {
        self.now().operations.get(name).cloned()
    }

    pub fn failures(&self) -> Vec<PluginFailure> {
        self.now().failures.clone()
    }

    /// Puts these plugins in service, all at once. Where two bring the same operation the first one keeps it and the
    /// other is listed as failed.
    pub fn publish(&self, plugins: Vec<(PathBuf, Plugin)>, mut failures: Vec<PluginFailure>) {
        let mut operations: BTreeMap<String, Arc<PluginOperation>> = BTreeMap::new();
        for (file, plugin) in plugins {
            let plugin = Arc::new(plugin);
            let taken = names(&plugin.description).find_map(|name| operations.get_key_value(name));
            if let Some((name, holder)) = taken {
                let reason = format!("its operation '{name}' is brought by {} already", holder.plugin.label());
                failures.push(PluginFailure { file, reason });
                continue;
            }
            for operation in &plugin.description.operations {
                let entry = Arc::new(PluginOperation { plugin: Arc::clone(&plugin), operation: operation.clone() });
                for name in operation_names(operation) {
                    operations.insert(name.to_owned(), Arc::clone(&entry));
                }
            }
        }
        let published = Arc::new(Published { operations, failures });
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = published;
    }

    fn now(&self) -> Arc<Published> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn names(description: &Description) -> impl Iterator<Item = &str> {
    description.operations.iter().flat_map(operation_names)
}

fn operation_names(operation: &Operation) -> impl Iterator<Item = &str> {
    std::iter::once(operation.name.as_str()).chain(operation.aliases.iter().map(String::as_str))
}
