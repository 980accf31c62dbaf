//! Searches the files that a host leaves behind for a secret.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use rustix::fs::{SeekFrom, seek};

const CHUNK: usize = 1024 * 1024;

/// Returns the files below a directory that contain the bytes. Holes of sparse files are skipped, because a store may
/// reserve more space than the disk has.
pub fn files_with(directory: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        // The host is running, so a file may disappear at any time.
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            found.extend(files_with(&path, needle));
        } else if metadata.is_file() && File::open(&path).is_ok_and(|file| contains(file, needle)) {
            found.push(path);
        }
    }
    found
}

/// Returns the encodings in which a text may be written by accident: unchanged, in a URL, in hexadecimal, and in base64
/// at any position inside of a longer text.
pub fn spellings(secret: &str) -> Vec<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let in_url = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let in_url: String = secret.bytes().map(in_url).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Base64 turns three bytes into four digits. The digits depend on the number of bytes before the text, and the
    // digits at both ends depend on the neighbouring bytes.
    let base64 = |before: usize| {
        let digits = BASE64.encode(format!("{}{secret}", "x".repeat(before)));
        let (from, to) = (before.div_ceil(3) * 4, digits.len() - 3);
        digits[from..to].to_owned()
    };
    vec![secret.to_owned(), in_url, hex, base64(0), base64(1), base64(2)]
}

fn contains(mut file: File, needle: &[u8]) -> bool {
    let mut position = 0;
    // ENXIO: there is no data after `position`.
    while let Ok(start) = seek(&file, SeekFrom::Data(position)) {
        let end = seek(&file, SeekFrom::Hole(start)).expect("the end of the data");
        seek(&file, SeekFrom::Start(start)).expect("a seek");
        let mut window: Vec<u8> = Vec::with_capacity(CHUNK + needle.len());
        let mut left = end - start;
        while left > 0 {
            let kept = window.len().min(needle.len() - 1);
            window.drain(..window.len() - kept);
            let read = (&mut file).take(left.min(CHUNK as u64)).read_to_end(&mut window).expect("a read");
            if window.windows(needle.len()).any(|bytes| bytes == needle) {
                return true;
            }
            if read == 0 {
                break;
            }
            left = left.saturating_sub(read as u64);
        }
        position = end;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_base64_at_any_position() {
        for before in ["", "a", "ab", "abc", "abcd"] {
            let text = BASE64.encode(format!("{before}the secret/of the test&more"));
            let known = spellings("the secret/of the test");
            assert!(known.iter().any(|spelling| text.contains(spelling)), "{text}: {known:?}");
        }
        assert!(spellings("a/b c and more").contains(&"a%2Fb%20c%20and%20more".to_owned()));
    }

    #[test]
    fn a_secret_is_found_beyond_holes_and_across_chunks() {
        use std::os::unix::fs::FileExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let sub = directory.path().join("sub");
        std::fs::create_dir(&sub).expect("a directory");
        let file = File::create(sub.join("sparse")).expect("a file");
        file.set_len(1 << 40).expect("a hole");
        file.write_all_at(b"needle", (1 << 30) + CHUNK as u64 - 3).expect("a write");
        std::fs::write(directory.path().join("other"), "hay").expect("a file");
        assert_eq!(files_with(directory.path(), b"needle"), [sub.join("sparse")]);
        assert!(files_with(directory.path(), b"pin").is_empty());
    }
}
