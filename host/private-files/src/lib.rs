//! Files and directories that only the host's own user may access: keys, passwords, caches of machine code. All such
//! files are written here, so that mode, durability and races are handled in one place. A file appears under its name
//! only when it is complete and durable. Nothing here may log content or include it in an error.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;
use tempfile::{Builder, NamedTempFile};
use tracing::warn;

#[cfg(test)]
mod tests;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{} cannot be read or written: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is not a regular file; put the key there, or remove it and a new key is made", .path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "{} has {found} bytes, but a key has {}; restore the file, or remove it and a new key is made",
        .path.display(), count(.expected)
    )]
    Length { path: PathBuf, found: u64, expected: RangeInclusive<usize> },
}

fn count(expected: &RangeInclusive<usize>) -> String {
    let (least, most) = (expected.start(), expected.end());
    if least == most { format!("{least} bytes") } else { format!("{least} to {most} bytes") }
}

/// Returns the key in this file, or creates the file with a random key of `generated` bytes. If several processes
/// create it at once, all return the same key. A key whose length is not `expected` is rejected and never replaced,
/// because data may depend on it.
pub fn open_key(path: &Path, generated: usize, expected: RangeInclusive<usize>) -> Result<Vec<u8>, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    if let Some(key) = read_key(path, &expected)? {
        return Ok(key);
    }
    let mut key = vec![0; generated];
    rand::rng().fill_bytes(&mut key);
    match create(path, &[&key], Existing::Keep, &mut File::sync_all) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read_key(path, &expected)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Returns `None` if the file does not exist.
fn read_key(path: &Path, expected: &RangeInclusive<usize>) -> Result<Option<Vec<u8>>, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    let Some(file) = open_existing(path).map_err(failed)? else { return Ok(None) };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path: path.to_owned() });
    }
    repair_mode(path, &file, FILE_MODE).map_err(failed)?;
    let most = u64::try_from(*expected.end()).unwrap_or(u64::MAX);
    let mut key = Vec::new();
    (&file).take(most.saturating_add(1)).read_to_end(&mut key).map_err(failed)?;
    if expected.contains(&key.len()) {
        return Ok(Some(key));
    }
    let found = metadata.len();
    Err(KeyFileError::Length { path: path.to_owned(), found, expected: expected.clone() })
}

/// Writes a file and replaces any existing one. Readers see either the old content or the new, never a mixture.
pub fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    create(path, parts, Existing::Replace, &mut File::sync_all)
}

/// Creates a directory for the host alone if it is missing. An existing directory keeps its mode, because it may be
/// shared on purpose.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// Creates a directory for the host alone if it is missing, or repairs its mode if others have access.
pub fn open_directory(path: &Path) -> io::Result<()> {
    create_directory(path)?;
    repair_mode(path, &File::open(path)?, DIRECTORY_MODE)
}

/// Repairs the mode of a file, if it exists. A copy or a restored backup may have lost the mode.
pub fn keep_private(path: &Path) -> io::Result<()> {
    match open_existing(path)? {
        Some(file) if file.metadata()?.is_file() => repair_mode(path, &file, FILE_MODE),
        _ => Ok(()),
    }
}

/// Opening a pipe must not wait for a writer.
fn open_existing(path: &Path) -> io::Result<Option<File>> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    match OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn repair_mode(path: &Path, file: &File, mode: u32) -> io::Result<()> {
    let found = file.metadata()?.permissions().mode();
    if found & OTHERS == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    let (found, mode) = (format!("{:04o}", found & 0o7777), format!("{mode:04o}"));
    warn!(path = %path.display(), found, mode, "other users of this machine had access; the mode has been corrected");
    Ok(())
}

#[derive(Clone, Copy)]
enum Existing {
    Keep,
    Replace,
}

/// The file is synced before it gets its name, and the directory afterwards, so that a crash leaves either the whole
/// file or none.
fn create(path: &Path, parts: &[&[u8]], existing: Existing, sync: &mut Sync<'_>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = temporary(directory)?;
    for part in parts {
        file.write_all(part)?;
    }
    sync(file.as_file())?;
    match existing {
        Existing::Keep => file.persist_noclobber(path)?,
        Existing::Replace => file.persist(path)?,
    };
    sync(&File::open(directory)?)
}

type Sync<'a> = dyn FnMut(&File) -> io::Result<()> + 'a;

/// Creates a file that is removed on drop unless it has got its name.
fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(FILE_MODE);
    Builder::new().prefix(".").suffix(".part").permissions(permissions).tempfile_in(directory)
}
