//! From the bytes of a file to a plugin: size, digest, trust, compile or take from the cache, describe, verify. Whatever
//! is wrong is one sentence for whoever put the file there.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::catalogue::Plugin;
use super::compile_cache::CompileCache;
use super::trust::{Trust, read_signature};
use super::verify::verify;
use crate::sandbox::{Engine, GuestComponent, SandboxLimits};

/// A component larger than this is not read.
pub const MAX_COMPONENT_BYTES: u64 = 64 * 1024 * 1024;

/// What is needed to make plugins of files.
#[derive(Clone)]
pub struct Loader {
    pub engine: Engine,
    pub limits: Arc<SandboxLimits>,
    pub cache: Option<Arc<CompileCache>>,
    pub trust: Arc<Trust>,
    /// Whether the host itself has an operation of that name.
    pub builtin: fn(&str) -> bool,
}

/// Why a file is not a plugin, and the digest of its content if it could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LoadFailure {
    pub digest: Option<String>,
    pub reason: String,
}

impl LoadFailure {
    fn unread(reason: String) -> Self {
        LoadFailure { digest: None, reason }
    }
}

impl Loader {
    /// Reads a file and makes a plugin of it. Its signature lies beside it.
    pub async fn load(&self, file: &Path) -> Result<Plugin, LoadFailure> {
        let path = file.to_owned();
        let read = tokio::task::spawn_blocking(move || Ok((read_component(&path)?, read_signature(&path))));
        let read = read.await.unwrap_or_else(|error| Err(format!("reading it was stopped: {error}")));
        let (component, signature) = read.map_err(LoadFailure::unread)?;
        self.make(component, signature).await
    }

    /// Makes a plugin of a component and the signature that came with it.
    pub async fn make(&self, component: Vec<u8>, signature: Option<Vec<u8>>) -> Result<Plugin, LoadFailure> {
        let loader = self.clone();
        let compiled = tokio::task::spawn_blocking(move || {
            let digest = hex::encode(Sha256::digest(&component));
            let trusted = loader.trust.check(&digest, &component, signature.as_deref());
            let compiled = trusted.and_then(|()| loader.compile(&digest, &component));
            (digest, compiled)
        });
        let (digest, component) =
            compiled.await.map_err(|error| LoadFailure::unread(format!("compiling it was stopped: {error}")))?;
        let failed = |reason: String| LoadFailure { digest: Some(digest.clone()), reason };
        let component = component.map_err(failed)?;
        let description = component.describe().await.map_err(|crash| failed(format!("describe failed: {crash}")))?;
        let again = component.describe().await.map_err(|crash| failed(format!("describe failed: {crash}")))?;
        if again != description {
            return Err(failed("describe gave two different answers; it must be pure".to_owned()));
        }
        verify(&description, self.builtin).map_err(|unfit| failed(unfit.to_string()))?;
        Ok(Plugin { description, digest, component })
    }

    fn compile(&self, digest: &str, bytes: &[u8]) -> Result<GuestComponent, String> {
        if let Some(cache) = &self.cache
            && let Some(compiled) = cache.get(digest)
            && let Ok(component) = GuestComponent::precompiled(&self.engine, &compiled, Arc::clone(&self.limits))
        {
            return Ok(component);
        }
        let component = GuestComponent::compile(&self.engine, bytes, Arc::clone(&self.limits))
            .map_err(|crash| format!("it is not a component of world jobhost:plugin/job-type@0.1.0: {crash}"))?;
        if let Some(cache) = &self.cache
            && let Some(compiled) = component.compiled()
        {
            cache.put(digest, &compiled);
        }
        Ok(component)
    }
}

/// Reads a component file whose size is bounded.
pub fn read_component(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let size = metadata.len();
    if size > MAX_COMPONENT_BYTES {
        return Err(format!("it has {size} bytes; a component may have {MAX_COMPONENT_BYTES}"));
    }
    std::fs::read(path).map_err(unreadable)
}
