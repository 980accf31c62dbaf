//! Writes a file under a temporary name until it is complete and durable. Everything here blocks.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use crate::export_directories::UNFINISHED_PREFIX;
use crate::{ExportDirectories, ObjectError, ObjectErrorKind};

/// Readable for the group; the process's umask may restrict it further.
const MODE: u32 = 0o640;
const BUFFER_BYTES: usize = 256 * 1024;

/// Removed if dropped before `finish`.
#[derive(Debug)]
pub struct UnfinishedFile {
    dir: Dir,
    unfinished: String,
    name: String,
    path: String,
    file: Option<BufWriter<File>>,
}

impl UnfinishedFile {
    pub fn create(
        directories: &ExportDirectories,
        directory: &str,
        name: &str,
        token: &str,
    ) -> Result<Self, ObjectError> {
        directories.check(directory, name)?;
        let dir = directories.open_directory(directory)?;
        let path = format!("{}/{name}", directory.strip_suffix('/').unwrap_or(directory));
        let unfinished = unfinished_name(token);
        let failed = |error: io::Error| not_written(&path, error);
        // Left by an earlier attempt of the same job.
        remove(&dir, &unfinished).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(MODE);
        let file = dir.open_with(&unfinished, &options).map_err(failed)?.into_std();
        let file = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(UnfinishedFile { dir, unfinished, name: name.to_owned(), path, file })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        file.write_all(bytes).map_err(|error| not_written(&self.path, error))
    }

    /// Renames the file into place durably. Returns its path.
    pub fn finish(&mut self) -> Result<String, ObjectError> {
        let Some(file) = self.file.take() else { return Ok(self.path.clone()) };
        match self.publish(file) {
            Ok(()) => Ok(self.path.clone()),
            Err(error) => {
                let _ = remove(&self.dir, &self.unfinished);
                Err(not_written(&self.path, error))
            }
        }
    }

    fn publish(&self, file: BufWriter<File>) -> io::Result<()> {
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        self.dir.rename(&self.unfinished, &self.dir, &self.name)?;
        // The handle may have been opened with O_PATH, which cannot be synced.
        self.dir.open(".")?.sync_all()
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Discards the buffer without writing it.
            let _ = file.into_parts();
            let _ = remove(&self.dir, &self.unfinished);
        }
    }
}

/// Removes what a killed attempt left.
pub fn sweep(directories: &ExportDirectories, directory: &str, token: &str) -> Result<(), ObjectError> {
    let dir = match directories.open_directory(directory) {
        Ok(dir) => dir,
        // If the directory is gone, so is the file.
        Err(error) if error.kind == ObjectErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let unfinished = unfinished_name(token);
    remove(&dir, &unfinished).map_err(|error| {
        let message = format!("the unfinished file {unfinished} cannot be removed from '{directory}': {error}");
        ObjectError::caused_by(ObjectErrorKind::Unavailable, message, error)
    })
}

fn unfinished_name(token: &str) -> String {
    format!("{UNFINISHED_PREFIX}{token}.part")
}

fn remove(dir: &Dir, name: &str) -> io::Result<()> {
    match dir.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn not_written(path: &str, error: io::Error) -> ObjectError {
    let (kind, remedy) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ObjectErrorKind::Unavailable, "; make room there")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ObjectErrorKind::Denied, "; let the host write there")
        }
        io::ErrorKind::IsADirectory => (ObjectErrorKind::Invalid, "; choose another filename"),
        _ => (ObjectErrorKind::Unavailable, ""),
    };
    ObjectError::caused_by(kind, format!("'{path}' cannot be written: {error}{remedy}"), error)
}
