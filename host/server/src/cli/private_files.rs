//! Files that only the host's own user may access: the data directory, its keys, the first password.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tracing::warn;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What group and others may do.
const OTHERS: u32 = 0o077;

/// A directory for the host alone: made, or its mode mended.
pub fn open_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    mend(path, &File::open(path)?, DIRECTORY_MODE)
}

/// If there is such a file, its mode is mended. A copy or a backup that was restored may have lost it.
pub fn keep_private(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => mend(path, &File::open(path)?, FILE_MODE),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn mend(path: &Path, file: &File, mode: u32) -> io::Result<()> {
    let found = file.metadata()?.permissions().mode();
    if found & OTHERS == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    let (found, mode) = (format!("{:04o}", found & 0o7777), format!("{mode:04o}"));
    warn!(path = %path.display(), found, mode, "other users of this machine had access; the mode has been corrected");
    Ok(())
}

/// A file with one line, in the place of any that is there.
pub fn write(path: &Path, line: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_mode_that_lets_others_in_is_mended_and_a_stricter_one_stays() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        open_directory(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
        for (found, after) in [(0o755, 0o700), (0o770, 0o700), (0o2750, 0o700), (0o500, 0o500)] {
            fs::set_permissions(&data, Permissions::from_mode(found)).unwrap();
            open_directory(&data).unwrap();
            assert_eq!(mode(&data), after, "{found:o}");
        }
        fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        let key = data.join("token-key");
        keep_private(&key).unwrap();
        write(&key, "secret").unwrap();
        for (found, after) in [(0o644, 0o600), (0o660, 0o600), (0o400, 0o400)] {
            fs::set_permissions(&key, Permissions::from_mode(found)).unwrap();
            keep_private(&key).unwrap();
            assert_eq!(mode(&key), after, "{found:o}");
        }
    }
}
