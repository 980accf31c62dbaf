//! Loads a plugin from a file in these steps: size, digest, trust, compilation or cache, description, verification.
//! Every failure is one sentence for the person who installed the file.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::compile_cache::CompileCache;
use super::compiler::{CompileFailure, Compiler};
use super::files::{FileError, check_size, read_component, read_signature};
use super::grants::Grants;
use super::registry::{Plugin, concurrent_plans};
use super::trust::Trust;
use super::verify::verify;
use jobhost_contract::Description;
use jobhost_model::plain_text;
use jobhost_model::plain_text::truncated;
use jobhost_sandbox::{ContractVersion, Crash, CrashKind, Engine, GuestComponent, SandboxLimits};

/// Maximum length of a failure's message; longer ones are truncated.
const MAX_REASON_BYTES: usize = 1024;

/// What is needed to load plugins from files.
#[derive(Clone)]
pub struct Loader {
    pub engine: Engine,
    pub limits: Arc<SandboxLimits>,
    pub compiler: Compiler,
    pub cache: Option<Arc<CompileCache>>,
    pub trust: Arc<Trust>,
    pub grants: Arc<Grants>,
    /// Larger components are rejected: `plugins.component_bytes`.
    pub component_bytes: u64,
    /// Returns whether the host has a built-in operation with this name.
    pub builtin: fn(&str) -> bool,
    /// Interrupts compilations and calls of `describe`.
    pub stop: CancellationToken,
}

/// Why a file could not be loaded, and the digest of its content if it could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LoadFailure {
    pub digest: Option<String>,
    pub reason: String,
    /// The same bytes may load later: they could not be read, the compiler could not be started, or a busy machine
    /// left `describe` too little time. The load is retried.
    pub transient: bool,
}

impl LoadFailure {
    fn unread(error: &FileError) -> Self {
        let reason = plain_text::one_line(&error.to_string()).into_owned();
        LoadFailure { digest: None, reason, transient: error.may_pass() }
    }

    fn stopped(digest: Option<String>, what: &dyn std::fmt::Display) -> Self {
        LoadFailure { digest, reason: format!("loading it was stopped: {what}"), transient: true }
    }

    /// The message is one line of limited length, whatever text the component contains.
    fn unfit(digest: &str, reason: &str) -> Self {
        let reason = plain_text::one_line(truncated(reason, MAX_REASON_BYTES)).into_owned();
        LoadFailure { digest: Some(digest.to_owned()), reason, transient: false }
    }
}

impl Loader {
    /// Loads a plugin from a file and the signature next to it.
    pub async fn load(&self, file: &Path) -> Result<Plugin, LoadFailure> {
        let (path, most) = (file.to_owned(), self.component_bytes);
        let wants_signature = self.trust.wants_signature();
        let read = tokio::task::spawn_blocking(move || {
            let signature = if wants_signature { read_signature(&path)? } else { None };
            Ok((read_component(&path, most)?, signature))
        });
        let read = read.await.map_err(|error| LoadFailure::stopped(None, &error))?;
        let (component, signature) = read.map_err(|error| LoadFailure::unread(&error))?;
        let plugin = self.make(component, signature).await?;
        check_file_name(file, &plugin)?;
        Ok(plugin)
    }

    /// Loads a plugin from a component and its signature.
    pub async fn make(&self, component: Vec<u8>, signature: Option<Vec<u8>>) -> Result<Plugin, LoadFailure> {
        let loader = self.clone();
        let compiled = tokio::task::spawn_blocking(move || {
            let digest = hex::encode(Sha256::digest(&component));
            let small = check_size(component.len() as u64, loader.component_bytes).map_err(|error| error.to_string());
            let trusted = small.and_then(|()| loader.trust.check(&digest, &component, signature.as_deref()));
            let compiled = trusted.map_err(CompileFailure::lasting).and_then(|()| loader.compile(&digest, &component));
            (digest, compiled)
        });
        let (digest, component) = compiled.await.map_err(|error| LoadFailure::stopped(None, &error))?;
        let component = component.map_err(|failure| LoadFailure {
            transient: failure.may_pass,
            ..LoadFailure::unfit(&digest, &failure.reason)
        })?;
        let described = tokio::select! {
            () = self.stop.cancelled() => return Err(LoadFailure::stopped(Some(digest), &"the host stops")),
            described = described(&component, self.stop.clone()) => described,
        };
        let (description, again) = described.map_err(|crash| LoadFailure {
            transient: crash.kind == CrashKind::Limit,
            ..LoadFailure::unfit(&digest, &format!("describe failed: {crash}"))
        })?;
        if again != description {
            return Err(LoadFailure::unfit(&digest, "describe returned two different results; it must be pure"));
        }
        verify(&description, self.builtin).map_err(|unfit| LoadFailure::unfit(&digest, &unfit.to_string()))?;
        let grants = self.grants.of(&description.name);
        let component = component.with_limits(grants.limits(&description.name, &self.limits));
        Ok(Plugin { description, digest, component, grants, plans: Arc::new(Semaphore::new(concurrent_plans())) })
    }

    fn compile(&self, digest: &str, bytes: &[u8]) -> Result<GuestComponent, CompileFailure> {
        let version = ContractVersion::of(bytes).map_err(|error| CompileFailure::lasting(error.to_string()))?;
        let link =
            |compiled: &[u8]| GuestComponent::precompiled(&self.engine, version, compiled, Arc::clone(&self.limits));
        if let Some(cache) = &self.cache
            && let Some(compiled) = cache.get(digest)
            && let Ok(component) = link(&compiled)
        {
            return Ok(component);
        }
        let compiled = self.compiler.compile(bytes, &self.stop)?;
        let component = link(&compiled).map_err(|crash| {
            let reason = format!("it does not match the world jobhost:plugin/job-type of its version: {crash}");
            CompileFailure { may_pass: lacks_memory(&crash), reason }
        })?;
        if let Some(cache) = &self.cache {
            cache.put(digest, &compiled);
        }
        Ok(component)
    }
}

/// The machine lacked memory for the code. The engine has no error type for this.
fn lacks_memory(crash: &Crash) -> bool {
    crash.message.contains("Cannot allocate memory (os error 12)")
}

/// Calls `describe` twice, because both results must be equal. Runs on a blocking thread: a guest's computation must
/// not occupy the threads that answer requests.
async fn described(component: &GuestComponent, stop: CancellationToken) -> Result<(Description, Description), Crash> {
    let (handle, component) = (tokio::runtime::Handle::current(), component.clone());
    let asked = tokio::task::spawn_blocking(move || {
        handle.block_on(async {
            tokio::select! {
                () = stop.cancelled() => Err(Crash::contract("the host stops".to_owned())),
                answers = async { Ok((component.describe().await?, component.describe().await?)) } => answers,
            }
        })
    });
    asked.await.unwrap_or_else(|error| Err(Crash::contract(format!("it was stopped: {error}"))))
}

/// Grants are assigned by plugin name, so a component must have the name of its file, which the operator sees.
pub fn check_file_name(file: &Path, plugin: &Plugin) -> Result<(), LoadFailure> {
    let name = plugin.description.name.as_str();
    if file.file_stem().is_some_and(|stem| stem == name) {
        return Ok(());
    }
    let reason = format!("the plugin's name is '{name}', so its file must be named {name}.wasm");
    Err(LoadFailure::unfit(&plugin.digest, &reason))
}
