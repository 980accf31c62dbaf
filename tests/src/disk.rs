//! A small disk for one host that a test can fill and empty. It is an in-memory file system in the host's own mount
//! namespace. It needs no privileges where users may create namespaces.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jobhost_testkit::proc::Process;

/// Mounts the disk, then executes the program.
const MOUNT_AND_RUN: &str = r#"mkdir -p "$1" && mount -t tmpfs -o "size=$2" small-disk "$1" && shift 2 && exec "$@""#;

/// Returns the start of a command line that mounts a disk of this size at a directory and runs the rest of the line.
pub(crate) fn mounted(directory: &Path, bytes: u64) -> Vec<OsString> {
    let words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh"];
    let words = words.iter().map(OsString::from);
    words.chain([directory.as_os_str().to_owned(), bytes.to_string().into()]).collect()
}

/// The disk, accessed through the process that mounted it.
pub struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    pub(crate) fn of(process: Process, directory: &Path) -> Self {
        let inside = directory.strip_prefix("/").expect("an absolute path");
        SmallDisk { directory: PathBuf::from(format!("/proc/{}/root", process.0)).join(inside) }
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }

    /// Allocates this many bytes.
    pub fn take(&self, bytes: u64) {
        let mut file = std::fs::File::create(self.filler()).expect("a file");
        std::io::copy(&mut std::io::repeat(0).take(bytes), &mut file).expect("room for it");
    }

    /// Allocates all free space. May be called repeatedly.
    pub fn fill(&self) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.filler()).expect("a file");
        for piece in [&[0_u8; 1 << 16][..], &[0; 1]] {
            while file.write_all(piece).is_ok() {}
        }
    }

    /// Returns it back.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("the disk was filled");
    }

    /// Returns the names of the files on the disk, without the filler.
    pub fn file_names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.join(below)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name != "filler").collect()
    }
}
