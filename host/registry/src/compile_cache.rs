//! A cache of compiled components on disk. The engine runs an entry's content as machine code, so an entry is used
//! only if this host wrote it: each entry carries an authentication code made with the host's key. A corrupted,
//! foreign or outdated entry is a miss and never an error.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tracing::{debug, warn};

use jobhost_private_files::{KeyFileError, create_directory, open_key, replace};
use jobhost_sandbox::Engine;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const CODE_BYTES: usize = 32;
const EXTENSION: &str = "cwasm";
/// Maximum entries. The oldest ones are removed first.
const MAX_ENTRIES: usize = 128;
/// Larger entries are neither written nor read.
const MAX_ENTRY_BYTES: u64 = 512 * 1024 * 1024;

/// The directory of compiled components, private to the host.
#[derive(Debug, Clone)]
pub struct CompileCache {
    directory: PathBuf,
    key: Vec<u8>,
    /// Changes with the engine's version and settings and with the processor.
    engine: u64,
}

impl CompileCache {
    /// Opens the directory and creates it if necessary. Blocks.
    pub fn open(directory: &Path, engine: &Engine) -> io::Result<Self> {
        create_directory(directory)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let key = key(&directory.join(KEY_FILE)).map_err(io::Error::other)?;
        Ok(CompileCache { directory: directory.to_owned(), key, engine: hasher.finish() })
    }

    /// Returns the compiled component with this sha256, if the entry is complete and authentic. Blocks.
    pub fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(digest);
        if fs::metadata(&path).ok()?.len() > MAX_ENTRY_BYTES {
            return None;
        }
        let mut entry = fs::read(&path).ok()?;
        let code = entry.split_off(entry.len().checked_sub(CODE_BYTES)?);
        if self.code_of(digest, &entry)?.verify_slice(&code).is_err() {
            warn!(file = %path.display(), "a cached compiled component is damaged or from another host; compiling it again");
            return None;
        }
        Some(entry)
    }

    /// Stores a compiled component. An error is logged and otherwise ignored. Blocks.
    pub fn put(&self, digest: &str, compiled: &[u8]) {
        let stored = self.write(digest, compiled).and_then(|()| self.thin_out());
        if let Err(error) = stored {
            warn!(%error, directory = %self.directory.display(), "a compiled component could not be cached");
        }
    }

    fn write(&self, digest: &str, compiled: &[u8]) -> io::Result<()> {
        if compiled.len() as u64 > MAX_ENTRY_BYTES {
            return Ok(());
        }
        let code = self.code_of(digest, compiled).ok_or_else(|| io::Error::other("the key cannot be used"))?;
        replace(&self.path(digest), &[compiled, &code.finalize().into_bytes()])
    }

    fn thin_out(&self) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == EXTENSION) {
                entries.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        entries.sort();
        let surplus = entries.len().saturating_sub(MAX_ENTRIES);
        for (_, path) in entries.into_iter().take(surplus) {
            debug!(file = %path.display(), "removing an old compiled component");
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("{digest}-{:016x}.{EXTENSION}", self.engine))
    }

    /// The code covers the name too, so that an entry cannot be replaced with another one.
    fn code_of(&self, digest: &str, compiled: &[u8]) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        code.update(digest.as_bytes());
        code.update(&self.engine.to_be_bytes());
        code.update(compiled);
        Some(code)
    }
}

/// Hosts may share a cache: a second host uses the first one's key. A key of the wrong length is replaced, which
/// invalidates the whole cache and only costs time.
fn key(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let open = || open_key(path, KEY_BYTES, KEY_BYTES..=KEY_BYTES);
    match open() {
        Err(error @ KeyFileError::Length { .. }) => {
            warn!(%error, "the compile cache gets a new key; plugins are compiled again");
            fs::remove_file(path).map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
            open()
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_host_wrote_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = CompileCache::open(directory.path(), &engine).unwrap();
        assert!(cache.get("ab").is_none());
        cache.put("ab", b"machine code");
        assert_eq!(cache.get("ab").as_deref(), Some(&b"machine code"[..]));
        let again = CompileCache::open(directory.path(), &engine).unwrap();
        assert!(again.get("ab").is_some());

        fs::copy(cache.path("ab"), cache.path("cd")).unwrap();
        assert!(cache.get("cd").is_none(), "an entry under another name is a miss");
        let mut damaged = fs::read(cache.path("ab")).unwrap();
        damaged[3] ^= 1;
        fs::write(cache.path("ab"), damaged).unwrap();
        assert!(cache.get("ab").is_none(), "a damaged entry is a miss");
        fs::write(cache.path("ab"), b"short").unwrap();
        assert!(cache.get("ab").is_none());

        let elsewhere = tempfile::tempdir().unwrap();
        let foreign = CompileCache::open(elsewhere.path(), &engine).unwrap();
        foreign.put("ef", b"machine code");
        fs::copy(foreign.path("ef"), cache.path("ef")).unwrap();
        assert!(cache.get("ef").is_none(), "an entry of another host is a miss");
    }

    #[test]
    fn a_damaged_key_is_replaced_and_the_cache_is_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        CompileCache::open(directory.path(), &engine).unwrap().put("ab", b"machine code");
        fs::write(directory.path().join(KEY_FILE), b"short").unwrap();
        let cache = CompileCache::open(directory.path(), &engine).unwrap();
        assert!(cache.get("ab").is_none());
        cache.put("ab", b"machine code");
        let again = CompileCache::open(directory.path(), &engine).unwrap();
        assert_eq!(again.get("ab").as_deref(), Some(&b"machine code"[..]));
    }

    #[test]
    fn the_cache_is_limited_in_size() {
        let directory = tempfile::tempdir().unwrap();
        let cache = CompileCache::open(directory.path(), &Engine::default()).unwrap();
        for number in 0..MAX_ENTRIES + 5 {
            cache.put(&format!("{number:04}"), b"x");
        }
        let entries = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(entries, MAX_ENTRIES + 1, "the entries and the key");
        assert!(cache.get(&format!("{:04}", MAX_ENTRIES + 4)).is_some());
    }
}
