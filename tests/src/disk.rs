//! A small disk for one host, which a test can fill and empty: a file system in memory that only the host's own mount
//! namespace has. Needs no rights where users may make namespaces.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jobhost_testkit::proc::Process;

/// Mounts the disk, then becomes the program.
const MOUNT_AND_RUN: &str = r#"mkdir -p "$1" && mount -t tmpfs -o "size=$2" small-disk "$1" && shift 2 && exec "$@""#;

/// A command line that runs what ends it with a disk of this size at a directory.
pub(crate) fn mounted(directory: &Path, bytes: u64) -> Vec<OsString> {
    let words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh"];
    let words = words.iter().map(OsString::from);
    words.chain([directory.as_os_str().to_owned(), bytes.to_string().into()]).collect()
}

/// The disk, seen through the process that has it.
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

    /// Takes so many bytes.
    pub fn take(&self, bytes: u64) {
        let mut file = std::fs::File::create(self.filler()).expect("a file");
        std::io::copy(&mut std::io::repeat(0).take(bytes), &mut file).expect("room for it");
    }

    /// Takes what is free, to the last byte. May be called again.
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

    /// The files on it, without the filler.
    pub fn file_names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.join(below)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name != "filler").collect()
    }
}
