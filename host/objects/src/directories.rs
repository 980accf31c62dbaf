//! Local files: only regular files inside the configured directories. Each directory is held open, and paths are
//! resolved beneath it one component at a time, so that neither `..` nor a symbolic link leads out of it, not even a
//! link swapped in between check and use.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};

use super::{ObjectError, ObjectErrorKind};
use jobhost_model::Limit;

/// Opening a FIFO or device must not block the host; regular files ignore the flag.
const O_NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// The directories that jobs may read.
#[derive(Debug, Clone)]
pub struct Directories {
    allowed: Arc<Vec<Allowed>>,
    max_bytes: Limit,
}

/// No directories.
impl Default for Directories {
    fn default() -> Self {
        Directories { allowed: Arc::default(), max_bytes: Self::MAX_BYTES }
    }
}

/// A directory held open.
#[derive(Debug)]
pub(super) struct Allowed {
    root: PathBuf,
    dir: Mutex<Arc<Dir>>,
    /// The base of relative paths: the configured directory that contains `root`.
    base: PathBuf,
}

impl Allowed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&root, ambient_authority())?;
        Ok(Allowed { base: root.clone(), root, dir: Mutex::new(Arc::new(dir)) })
    }

    /// Returns the directory; reopens it if it was removed and created again. Its path must not contain a symbolic
    /// link now, because a link could point to a directory that the operator has not configured.
    fn dir(&self) -> io::Result<Arc<Dir>> {
        let mut held = self.dir.lock().unwrap_or_else(PoisonError::into_inner);
        if is_removed(&held) {
            let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
            let again = openat2(CWD, &self.root, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
                .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
            *held = Arc::new(Dir::from_std_file(again.into()));
        }
        Ok(Arc::clone(&held))
    }

    /// Returns the intersection with the scope: this directory if the scope contains it, or the scope if this
    /// directory contains it.
    fn narrowed(&self, scope: &Path) -> Option<Allowed> {
        let base = self.base.clone();
        if self.root.starts_with(scope) {
            return Some(Allowed { root: self.root.clone(), dir: Mutex::new(self.dir().ok()?), base });
        }
        let beneath = scope.strip_prefix(&self.root).ok()?;
        let dir = self.dir().ok()?.open_dir(beneath).ok()?;
        Some(Allowed { root: scope.to_owned(), dir: Mutex::new(Arc::new(dir)), base })
    }
}

/// A removed directory has no links, not even its own `.` entry.
fn is_removed(dir: &Dir) -> bool {
    fstat(dir.as_fd()).is_ok_and(|status| status.st_nlink == 0)
}

/// Returns what is both allowed and in one of the scopes. A path that leads out of a scope is denied like one that
/// leads out of a configured directory.
pub(super) fn narrowed(allowed: &[Allowed], scopes: &[PathBuf]) -> Arc<Vec<Allowed>> {
    let scopes = scopes.iter().map(|scope| scope.canonicalize().unwrap_or_else(|_| scope.clone()));
    Arc::new(scopes.flat_map(|scope| allowed.iter().filter_map(move |one| one.narrowed(&scope))).collect())
}

/// A configured directory that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{setting} names {path}, which cannot be opened: {source}; create it or remove it from the list")]
pub struct DirectoryError {
    pub setting: &'static str,
    pub path: String,
    pub source: io::Error,
}

impl Directories {
    /// Maximum size of a compressed file after decompression: 100 GiB.
    pub const MAX_BYTES: Limit = Limit::new("files.max_bytes", 100 << 30);

    pub fn open(paths: &[PathBuf]) -> Result<Self, DirectoryError> {
        let mut allowed = Vec::new();
        for path in paths {
            let failed =
                |source| DirectoryError { setting: "files.directories", path: path.display().to_string(), source };
            allowed.push(Allowed::open(path).map_err(failed)?);
        }
        Ok(Directories { allowed: Arc::new(allowed), max_bytes: Self::MAX_BYTES })
    }

    /// Sets the maximum size of a compressed file after decompression.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: Limit) -> Self {
        Directories { max_bytes, ..self }
    }

    /// Returns the maximum size of a compressed file after decompression.
    pub fn max_bytes(&self) -> &Limit {
        &self.max_bytes
    }

    /// Returns these directories restricted to the scopes.
    pub fn narrowed(&self, scopes: &[PathBuf]) -> Self {
        Directories { allowed: narrowed(&self.allowed, scopes), max_bytes: self.max_bytes.clone() }
    }

    /// Opens a regular file for reading. A relative path is resolved against the host's working directory if the
    /// result lies inside an allowed directory, otherwise against each allowed directory in turn. Blocks.
    pub fn open_file(&self, path: &str) -> Result<File, ObjectError> {
        if path.is_empty() {
            return Err(ObjectError::new(ObjectErrorKind::NotFound, "No such file or directory "));
        }
        if path.contains('\0') {
            return Err(ObjectError::new(ObjectErrorKind::Invalid, "file_path contains a NUL character"));
        }
        let candidates = candidates(&self.allowed, Path::new(path));
        if candidates.is_empty() {
            return Err(self.outside(path));
        }
        let mut first_error = None;
        for (dir, beneath) in candidates {
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(O_NONBLOCK);
            match dir.and_then(|dir| dir.open_with(&beneath, &options)) {
                Ok(file) => return regular(file.into_std(), path),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.map_or_else(|| self.outside(path), |error| refused(path, error)))
    }

    /// Returns the canonical directory of a file, as grants name it.
    pub fn directory_of(&self, path: &str) -> PathBuf {
        let path = real(&self.allowed, Path::new(path));
        path.parent().map_or_else(|| path.clone(), Path::to_owned)
    }

    fn outside(&self, path: &str) -> ObjectError {
        let parent = Path::new(path).parent().unwrap_or(Path::new("/")).display().to_string();
        ObjectError::new(
            ObjectErrorKind::Denied,
            format!(
                "Permission denied {path}: it is not in a directory that jobs may read. To allow it, add this to the \
             configuration and restart the host: [files] directories = [{parent:?}]"
            ),
        )
    }
}

/// Returns the canonical form of a path inside one of the directories; any other path is returned unchanged.
pub(super) fn real(allowed: &[Allowed], path: &Path) -> PathBuf {
    // The same order as in `candidates`: the working directory, then each allowed directory.
    let here = std::env::current_dir().map(|here| here.join(path)).unwrap_or_else(|_| path.to_owned());
    let from = std::iter::once(here).chain(allowed.iter().map(|one| one.base.join(path)));
    let mut found = from.filter_map(|path| path.canonicalize().ok());
    found.find(|path| allowed.iter().any(|one| path.starts_with(&one.root))).unwrap_or_else(|| path.to_owned())
}

/// Returns each allowed directory that may contain the path, unless it was removed, with the path relative to it.
pub(super) fn candidates(allowed: &[Allowed], path: &Path) -> Vec<(io::Result<Arc<Dir>>, PathBuf)> {
    let from_here = std::env::current_dir().map(|here| here.join(path)).unwrap_or_else(|_| path.to_owned());
    let beneath = |one: &Allowed, path: &Path| {
        let beneath = path.strip_prefix(&one.root).ok()?;
        Some(if beneath.as_os_str().is_empty() { PathBuf::from(".") } else { beneath.to_owned() })
    };
    let mut candidates: Vec<_> =
        allowed.iter().filter_map(|one| Some((one.dir(), beneath(one, &from_here)?))).collect();
    if path.is_relative() {
        candidates.extend(allowed.iter().filter_map(|one| Some((one.dir(), beneath(one, &one.base.join(path))?))));
    }
    candidates
}

fn regular(file: File, path: &str) -> Result<File, ObjectError> {
    let metadata = file.metadata().map_err(|error| refused(path, error))?;
    if metadata.is_file() {
        return Ok(file);
    }
    let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
    Err(ObjectError::new(ObjectErrorKind::Invalid, format!("{path} is {what}; file_path must name a file")))
}

fn refused(path: &str, error: io::Error) -> ObjectError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ObjectError::caused_by(ObjectErrorKind::NotFound, format!("No such file or directory {path}"), error)
        }
        // cap-std reports a path that leads out of its directory as a missing permission.
        io::ErrorKind::PermissionDenied => {
            ObjectError::caused_by(ObjectErrorKind::Denied, format!("Permission denied {path}"), error)
        }
        _ => ObjectError::caused_by(ObjectErrorKind::Invalid, format!("{path} cannot be opened: {error}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn kind(directories: &Directories, path: &Path) -> ObjectErrorKind {
        directories.open_file(path.to_str().unwrap()).unwrap_err().kind
    }

    #[test]
    fn only_regular_files_beneath_an_allowed_directory_open() {
        let root = tempfile::tempdir().unwrap();
        let allowed = root.path().join("in");
        std::fs::create_dir_all(allowed.join("sub")).unwrap();
        std::fs::write(allowed.join("sub/ok.csv"), "id\n1\n").unwrap();
        std::fs::write(root.path().join("secret"), "x").unwrap();
        symlink(root.path().join("secret"), allowed.join("out")).unwrap();
        symlink("sub/ok.csv", allowed.join("inside")).unwrap();
        let directories = Directories::open(std::slice::from_ref(&allowed)).unwrap();

        assert!(directories.open_file(allowed.join("sub/ok.csv").to_str().unwrap()).is_ok());
        assert!(directories.open_file(allowed.join("inside").to_str().unwrap()).is_ok());
        assert!(directories.open_file("sub/ok.csv").is_ok());
        assert_eq!(kind(&directories, &allowed.join("out")), ObjectErrorKind::Denied);
        assert_eq!(kind(&directories, &allowed.join("../secret")), ObjectErrorKind::Denied);
        assert_eq!(kind(&directories, &root.path().join("secret")), ObjectErrorKind::Denied);
        assert_eq!(kind(&directories, &allowed.join("nothere")), ObjectErrorKind::NotFound);
        assert_eq!(kind(&directories, &allowed.join("sub")), ObjectErrorKind::Invalid);
        assert_eq!(kind(&directories, Path::new("/proc/self/environ")), ObjectErrorKind::Denied);
    }

    #[test]
    fn a_recreated_directory_is_reopened_unless_it_is_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (allowed, secret) = (root.path().join("in"), root.path().join("secret"));
        for directory in [&allowed, &secret] {
            std::fs::create_dir(directory).unwrap();
        }
        std::fs::write(secret.join("a"), "x").unwrap();
        let directories = Directories::open(std::slice::from_ref(&allowed)).unwrap();
        let file = allowed.join("a");

        std::fs::remove_dir(&allowed).unwrap();
        assert_eq!(kind(&directories, &file), ObjectErrorKind::NotFound);
        symlink(&secret, &allowed).unwrap();
        assert_eq!(kind(&directories, &file), ObjectErrorKind::NotFound);
        std::fs::remove_file(&allowed).unwrap();
        std::fs::create_dir(&allowed).unwrap();
        std::fs::write(&file, "id\n").unwrap();
        assert!(directories.open_file(file.to_str().unwrap()).is_ok());
        assert!(directories.narrowed(&[allowed]).open_file(file.to_str().unwrap()).is_ok());
    }
}
