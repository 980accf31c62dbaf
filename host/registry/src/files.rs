//! Reads the files of the plugin folder, which may contain anything. Reading never blocks on a pipe, accepts regular
//! files only, and is limited in size.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use jobhost_model::Limit;

use super::trust::{MAX_SIGNATURE_FILE_BYTES, signature_path};

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it has {bytes} bytes; a component may have {most} ({})", COMPONENT_BYTES.key())]
    TooLarge { bytes: u64, most: u64 },
    #[error("its signature cannot be used: {0}")]
    Signature(Box<FileError>),
}

impl FileError {
    /// Returns whether a retry may succeed although the file has not changed.
    pub fn may_pass(&self) -> bool {
        match self {
            FileError::Unreadable(_) => true,
            FileError::NotRegular | FileError::TooLarge { .. } => false,
            FileError::Signature(error) => error.may_pass(),
        }
    }
}

/// Size of a component.
pub const COMPONENT_BYTES: Limit = Limit::new("plugins.component_bytes", 64 << 20);

/// Reads a component file. Blocks.
pub fn read_component(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let (file, metadata) = open_regular(path)?;
    check_size(metadata.len(), most)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    check_size(bytes.len() as u64, most)?;
    Ok(bytes)
}

/// Checks that a component of this size may be loaded.
pub fn check_size(bytes: u64, most: u64) -> Result<(), FileError> {
    if bytes <= most { Ok(()) } else { Err(FileError::TooLarge { bytes, most }) }
}

/// Reads the signature next to a component file, if there is one. Blocks.
pub fn read_signature(component: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let file = match open_regular(&signature_path(component)) {
        Err(FileError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| FileError::Signature(Box::new(error)))?.0,
    };
    // A signature of the wrong size is returned as it is, to distinguish it from a missing one.
    let mut bytes = Vec::new();
    let read = file.take(MAX_SIGNATURE_FILE_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| FileError::Signature(Box::new(error.into())))?;
    Ok(Some(bytes))
}

fn open_regular(path: &Path) -> Result<(File, Metadata), FileError> {
    // Opening a device may have side effects, so the type is checked before opening.
    if !std::fs::metadata(path)?.is_file() {
        return Err(FileError::NotRegular);
    }
    // The file may have been replaced by a FIFO in between, and opening one must not wait for a writer.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(FileError::NotRegular) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_none_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("x.wasm");
        let fifo = |path: &Path| {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        };
        fifo(&component);
        fifo(&signature_path(&component));
        assert!(matches!(read_component(&component, 10), Err(FileError::NotRegular)));
        let refused = read_signature(&component).unwrap_err();
        assert!(!refused.may_pass() && refused.to_string().contains("signature"), "{refused}");
        let device = folder.path().join("zero.wasm");
        std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
        assert!(matches!(read_component(&device, 10), Err(FileError::NotRegular)));
        assert!(matches!(read_signature(&device), Ok(None)));
    }

    #[test]
    fn no_more_is_read_than_a_component_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("x.wasm");
        std::fs::write(&component, b"12345").unwrap();
        assert_eq!(read_component(&component, 5).unwrap(), b"12345");
        let refused = read_component(&component, 4).unwrap_err();
        assert!(refused.to_string().contains("plugins.component_bytes") && !refused.may_pass());
        assert!(read_component(&folder.path().join("y.wasm"), 4).unwrap_err().may_pass());
    }
}
