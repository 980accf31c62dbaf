//! From the bytes of a file to a plugin: size, digest, trust, compile or take from the cache, describe, verify. Whatever
//! is wrong is one sentence for whoever put the file there.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::catalogue::{Plugin, concurrent_plans};
use super::compile_cache::CompileCache;
use super::compiler::Compiler;
use super::grants::Grants;
use super::trust::{Trust, read_signature};
use super::verify::verify;
use crate::capabilities::job_log::truncated;
use crate::sandbox::{ContractVersion, Crash, CrashKind, Description, Engine, GuestComponent, SandboxLimits};

/// The sentence why a component is no plugin is cut here.
const MAX_REASON_BYTES: usize = 1024;

/// What is needed to make plugins of files.
#[derive(Clone)]
pub struct Loader {
    pub engine: Engine,
    pub limits: Arc<SandboxLimits>,
    pub compiler: Compiler,
    pub cache: Option<Arc<CompileCache>>,
    pub trust: Arc<Trust>,
    pub grants: Arc<Grants>,
    /// A larger component is not read: `plugins.component_bytes`.
    pub component_bytes: u64,
    /// Whether the host itself has an operation of that name.
    pub builtin: fn(&str) -> bool,
}

/// Why a file is not a plugin, and the digest of its content if it could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LoadFailure {
    pub digest: Option<String>,
    pub reason: String,
    /// The same bytes may be fit at another time: they could not be read, or a busy machine gave `describe` too little time.
    pub transient: bool,
}

impl LoadFailure {
    fn unread(reason: String) -> Self {
        LoadFailure { digest: None, reason, transient: true }
    }

    /// The sentence is one line of bounded length, whatever the component has put into it.
    fn unfit(digest: &str, reason: &str) -> Self {
        let reason = truncated(reason, MAX_REASON_BYTES).replace(['\n', '\r', '\0'], " ");
        LoadFailure { digest: Some(digest.to_owned()), reason, transient: false }
    }
}

impl Loader {
    /// Reads a file and makes a plugin of it. Its signature lies beside it.
    pub async fn load(&self, file: &Path) -> Result<Plugin, LoadFailure> {
        let (path, most) = (file.to_owned(), self.component_bytes);
        let read = tokio::task::spawn_blocking(move || Ok((read_component(&path, most)?, read_signature(&path))));
        let read = read.await.unwrap_or_else(|error| Err(format!("reading it was stopped: {error}")));
        let (component, signature) = read.map_err(LoadFailure::unread)?;
        let plugin = self.make(component, signature).await?;
        check_file_name(file, &plugin)?;
        Ok(plugin)
    }

    /// Makes a plugin of a component and the signature that came with it.
    pub async fn make(&self, component: Vec<u8>, signature: Option<Vec<u8>>) -> Result<Plugin, LoadFailure> {
        let loader = self.clone();
        let compiled = tokio::task::spawn_blocking(move || {
            let digest = hex::encode(Sha256::digest(&component));
            let small = check_size(component.len() as u64, loader.component_bytes);
            let trusted = small.and_then(|()| loader.trust.check(&digest, &component, signature.as_deref()));
            let compiled = trusted.and_then(|()| loader.compile(&digest, &component));
            (digest, compiled)
        });
        let (digest, component) =
            compiled.await.map_err(|error| LoadFailure::unread(format!("compiling it was stopped: {error}")))?;
        let component = component.map_err(|reason| LoadFailure::unfit(&digest, &reason))?;
        let (description, again) = described(&component).await.map_err(|crash| LoadFailure {
            transient: crash.kind == CrashKind::Limit,
            ..LoadFailure::unfit(&digest, &format!("describe failed: {crash}"))
        })?;
        if again != description {
            return Err(LoadFailure::unfit(&digest, "describe gave two different answers; it must be pure"));
        }
        verify(&description, self.builtin).map_err(|unfit| LoadFailure::unfit(&digest, &unfit.to_string()))?;
        let grants = self.grants.of(&description.name);
        let component = component.with_limits(grants.limits(&description.name, &self.limits));
        Ok(Plugin { description, digest, component, grants, plans: Arc::new(Semaphore::new(concurrent_plans())) })
    }

    fn compile(&self, digest: &str, bytes: &[u8]) -> Result<GuestComponent, String> {
        let version = ContractVersion::of(bytes).map_err(|error| error.to_string())?;
        let link =
            |compiled: &[u8]| GuestComponent::precompiled(&self.engine, version, compiled, Arc::clone(&self.limits));
        if let Some(cache) = &self.cache
            && let Some(compiled) = cache.get(digest)
            && let Ok(component) = link(&compiled)
        {
            return Ok(component);
        }
        let compiled = self.compiler.compile(bytes)?;
        let component = link(&compiled)
            .map_err(|crash| format!("it does not fit the world jobhost:plugin/job-type of its version: {crash}"))?;
        if let Some(cache) = &self.cache {
            cache.put(digest, &compiled);
        }
        Ok(component)
    }
}

/// Two answers, which should be the same. On a thread of its own: what a guest computes must not hold up the threads that
/// answer requests.
async fn described(component: &GuestComponent) -> Result<(Description, Description), Crash> {
    let (handle, component) = (tokio::runtime::Handle::current(), component.clone());
    let asked = tokio::task::spawn_blocking(move || {
        handle.block_on(async { Ok((component.describe().await?, component.describe().await?)) })
    });
    asked.await.unwrap_or_else(|error| Err(Crash::contract(format!("it was stopped: {error}"))))
}

/// Grants go by a plugin's name, so no component may bear a name that is not that of its file, which the operator sees.
pub fn check_file_name(file: &Path, plugin: &Plugin) -> Result<(), LoadFailure> {
    let name = plugin.description.name.as_str();
    if file.file_stem().is_some_and(|stem| stem == name) {
        return Ok(());
    }
    let reason = format!("it says that its name is '{name}': the file must be named {name}.wasm");
    Err(LoadFailure::unfit(&plugin.digest, &reason))
}

/// Reads a component file whose size is bounded.
pub fn read_component(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    // Opening a FIFO must not wait for somebody who writes to it.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    check_size(metadata.len().max(bytes.len() as u64), most)?;
    Ok(bytes)
}

/// Whether a component of this size may be loaded.
pub fn check_size(bytes: u64, most: u64) -> Result<(), String> {
    if bytes <= most {
        return Ok(());
    }
    Err(format!("it has {bytes} bytes; a component may have {most} (plugins.component_bytes)"))
}
