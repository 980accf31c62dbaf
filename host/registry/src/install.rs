//! Installs and removes plugins in the folder, for operations and the command line. A component is verified before it
//! is installed, and appears completely or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::load::{LoadFailure, Loader, check_file_name};
use super::registry::Plugin;
use super::trust::signature_path;

const MAX_NAME_BYTES: usize = 128;

/// Why a plugin was not installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(
        "the file name {0:?} must be lower case letters, digits, '.', '_' or '-', begin with a letter or digit, and end in .wasm"
    )]
    Name(String),
    #[error("the plugin cannot be loaded: {0}")]
    Unfit(#[from] LoadFailure),
    #[error("there is no plugin file {0}")]
    Missing(String),
    #[error("{path}: {source}")]
    Disk { path: String, source: io::Error },
}

/// Checks that the name cannot lead out of the folder.
pub fn check_name(name: &str) -> Result<(), InstallError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let good = name.len() <= MAX_NAME_BYTES
        && name.ends_with(".wasm")
        && name.len() > ".wasm".len()
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(fits);
    if good { Ok(()) } else { Err(InstallError::Name(name.to_owned())) }
}

/// Verifies the component, then installs it in the folder under the plugin's name and replaces any file of that name.
/// Returns the file's name. If `name` is given, it must equal that name.
pub async fn add(
    loader: &Loader,
    folder: &Path,
    name: Option<&str>,
    component: Vec<u8>,
    signature: Option<Vec<u8>>,
) -> Result<(String, Plugin), InstallError> {
    name.map_or(Ok(()), check_name)?;
    let plugin = loader.make(component.clone(), signature.clone()).await?;
    let name = name.map_or_else(|| format!("{}.wasm", plugin.description.name), str::to_owned);
    check_name(&name)?;
    check_file_name(Path::new(&name), &plugin)?;
    let path = folder.join(&name);
    let written = tokio::task::spawn_blocking(move || {
        if let Some(signature) = signature {
            replace(&signature_path(&path), &signature)?;
        }
        replace(&path, &component)
    });
    written
        .await
        .unwrap_or_else(|error| Err(InstallError::Disk { path: name.clone(), source: io::Error::other(error) }))?;
    Ok((name, plugin))
}

/// Removes a file and its signature from the folder. Blocks.
pub fn remove(folder: &Path, name: &str) -> Result<(), InstallError> {
    check_name(name)?;
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(InstallError::Missing(name.to_owned())),
        removed => removed.map_err(disk(&path))?,
    }
    match fs::remove_file(signature_path(&path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(disk(&path)),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", uuid::Uuid::new_v4()));
    let part = PathBuf::from(part);
    let written = File::create_new(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written.map_err(disk(path))
}

fn disk(path: &Path) -> impl Fn(io::Error) -> InstallError {
    move |source| InstallError::Disk { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        for bad in ["../x.wasm", "a/b.wasm", ".x.wasm", ".wasm", "x.wat", "X.wasm", "x\0.wasm", "", "-x.wasm"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name("csv-load.wasm").is_ok());
    }

    #[test]
    fn removing_a_plugin_removes_its_signature() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.wasm");
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        replace(&signature_path(&file), b"signature").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        remove(folder.path(), "x.wasm").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(remove(folder.path(), "x.wasm"), Err(InstallError::Missing(_))));
    }
}
