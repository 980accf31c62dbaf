//! The directories that exports may write to. As in `directories`, each is held open and paths are resolved beneath
//! it, so that no path leads out of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use rustix::fs::{Access, AtFlags};

use super::directories::{Allowed, DirectoryError, candidates, narrowed, real};
use super::{ObjectError, ObjectErrorKind};

/// Prefix of the names of unfinished files.
pub(super) const UNFINISHED_PREFIX: &str = ".jobhost-";
/// The maximum length of a file name on common file systems.
const MAX_NAME_BYTES: usize = 255;

#[derive(Debug, Clone, Default)]
pub struct ExportDirectories {
    allowed: Arc<Vec<Allowed>>,
}

impl ExportDirectories {
    pub fn open(paths: &[PathBuf]) -> Result<Self, DirectoryError> {
        let mut allowed = Vec::new();
        for path in paths {
            let failed = |source| DirectoryError {
                setting: "files.export_directories",
                path: path.display().to_string(),
                source,
            };
            allowed.push(Allowed::open(path).map_err(failed)?);
        }
        Ok(ExportDirectories { allowed: Arc::new(allowed) })
    }

    /// Returns the canonical path of a directory, as grants name it.
    pub fn real(&self, directory: &str) -> PathBuf {
        real(&self.allowed, Path::new(directory))
    }

    /// Returns these directories restricted to the scopes.
    pub fn narrowed(&self, scopes: &[PathBuf]) -> Self {
        ExportDirectories { allowed: narrowed(&self.allowed, scopes) }
    }

    /// Checks whether a file with this name could be written to this directory now. Blocks.
    pub fn check(&self, directory: &str, name: &str) -> Result<(), ObjectError> {
        let dir = self.open_directory(directory)?;
        check_name(name)?;
        match dir.symlink_metadata(name) {
            Ok(metadata) if metadata.is_dir() => Err(ObjectError::new(
                ObjectErrorKind::Invalid,
                format!("'{name}' is a directory in '{directory}'; choose another filename"),
            )),
            _ => Ok(()),
        }
    }

    /// Opens an existing directory that files may be created in: a configured one, or one beneath it.
    pub(super) fn open_directory(&self, path: &str) -> Result<Dir, ObjectError> {
        if path.is_empty() {
            return Err(ObjectError::new(ObjectErrorKind::Invalid, "path is missing."));
        }
        if path.contains('\0') {
            return Err(ObjectError::new(ObjectErrorKind::Invalid, "path contains a NUL character"));
        }
        let candidates = candidates(&self.allowed, Path::new(path));
        let mut first_error = None;
        for (dir, beneath) in candidates {
            match dir.and_then(|dir| dir.open_dir(&beneath)).and_then(writable) {
                Ok(dir) => return Ok(dir),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.map_or_else(|| outside(path), |error| refused(path, error)))
    }
}

fn writable(dir: Dir) -> io::Result<Dir> {
    rustix::fs::accessat(&dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
    Ok(dir)
}

/// Checks that the name is a valid file name and does not have the prefix of unfinished files.
pub(super) fn check_name(name: &str) -> Result<(), ObjectError> {
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME_BYTES {
        "is longer than 255 bytes"
    } else if name.contains('/') {
        "contains '/'; put the directory in path"
    } else if name.chars().any(char::is_control) {
        "contains a control character"
    } else if matches!(name, "." | "..") {
        "names a directory"
    } else if name.starts_with(UNFINISHED_PREFIX) {
        "begins with '.jobhost-', which is reserved for unfinished files"
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(100).collect();
    Err(ObjectError::new(ObjectErrorKind::Invalid, format!("filename {shown:?} {fault}; use a plain file name")))
}

fn outside(path: &str) -> ObjectError {
    ObjectError::new(
        ObjectErrorKind::Denied,
        format!(
            "access to path '{path}' is denied: it is not in a directory that exports may write to. To allow it, add \
             this to the configuration and restart the host: [files] export_directories = [{path:?}]"
        ),
    )
}

/// Returns the error messages that clients know.
fn refused(path: &str, error: io::Error) -> ObjectError {
    let (kind, message) = match error.kind() {
        io::ErrorKind::NotFound => (ObjectErrorKind::NotFound, format!("path '{path}' does not exist")),
        io::ErrorKind::NotADirectory => {
            (ObjectErrorKind::Invalid, format!("path '{path}' is not a directory, please supply a valid folder path"))
        }
        // cap-std reports a path that leads out of its directory as a missing permission.
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ObjectErrorKind::Denied, format!("access to path '{path}' is denied"))
        }
        _ => (ObjectErrorKind::Invalid, format!("path '{path}' cannot be used: {error}")),
    };
    ObjectError::caused_by(kind, message, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_existing_directories_beneath_a_configured_one_are_writable() {
        let root = tempfile::tempdir().unwrap();
        let allowed = root.path().join("out");
        std::fs::create_dir_all(allowed.join("sub")).unwrap();
        std::fs::create_dir_all(allowed.join("taken.csv")).unwrap();
        std::fs::create_dir(root.path().join("other")).unwrap();
        std::fs::write(allowed.join("file"), "x").unwrap();
        symlink(root.path().join("other"), allowed.join("leads-out")).unwrap();
        let directories = ExportDirectories::open(std::slice::from_ref(&allowed)).unwrap();
        let path = |name: &str| allowed.join(name).to_str().unwrap().to_owned();

        for good in [path(""), path("sub"), path("sub/"), "sub".to_owned()] {
            assert!(directories.check(&good, "x.csv").is_ok(), "{good}");
        }
        let refusal = |path: &str| directories.check(path, "x.csv").unwrap_err();
        let nowhere = refusal(&path("nowhere"));
        assert_eq!(nowhere.message, format!("path '{}' does not exist", path("nowhere")));
        assert_eq!(nowhere.kind, ObjectErrorKind::NotFound);
        let file = refusal(&path("file"));
        assert_eq!(
            file.message,
            format!("path '{}' is not a directory, please supply a valid folder path", path("file"))
        );
        for bad in ["leads-out", "../other", "sub/../../other"] {
            let error = refusal(&path(bad));
            assert_eq!(
                (error.kind, error.message),
                (ObjectErrorKind::Denied, format!("access to path '{}' is denied", path(bad)))
            );
        }
        let outside = refusal("/nonexistent/dir");
        assert_eq!(outside.kind, ObjectErrorKind::Denied);
        assert!(outside.message.ends_with("[files] export_directories = [\"/nonexistent/dir\"]"), "{outside}");
        assert_eq!(directories.check(&path(""), "taken.csv").unwrap_err().kind, ObjectErrorKind::Invalid);
        assert_eq!(ExportDirectories::default().check("/tmp", "x").unwrap_err().kind, ObjectErrorKind::Denied);
    }

    #[test]
    fn names_are_plain_names() {
        for name in ["a.csv", "…", ".hidden", "a b", &"x".repeat(255)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/a", "a\0", "a\n", ".jobhost-1.part", &"x".repeat(256)] {
            assert_eq!(check_name(name).unwrap_err().kind, ObjectErrorKind::Invalid, "{name}");
        }
    }
}
