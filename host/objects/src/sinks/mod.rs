//! Sinks of a plan: a file in one of the operator's directories or an object of an S3 server. Bytes are encoded,
//! counted and stored as they arrive, with limited memory. The result becomes visible when it is finished; otherwise
//! nothing is left.

mod encoder;
mod file;
mod writer;

use std::path::PathBuf;

use super::s3::{self, S3, S3Keys};
use super::{ExportDirectories, ObjectError, ObjectErrorKind};
use jobhost_model::{Encoding, S3Location};

pub use writer::ObjectWriter;

/// The destination of a sink. Also identifies what an interrupted attempt may have left.
#[derive(Debug, Clone)]
pub enum Target {
    File {
        exports: ExportDirectories,
        /// As named in the request.
        directory: String,
        name: String,
        encoding: Encoding,
        /// Unique for the job and the sink, and the same in all attempts; 1 to 100 letters, digits, '-' or '_'.
        token: String,
    },
    S3 {
        s3: S3,
        location: S3Location,
        keys: S3Keys,
        media_type: String,
        encoding: Encoding,
        /// A path in the job's existing directory, used by this sink only. A file there records an unfinished upload.
        note: PathBuf,
    },
}

impl Target {
    /// Removes what a killed attempt left: the unfinished file or upload. Idempotent.
    pub async fn sweep(&self) -> Result<(), ObjectError> {
        match self {
            Target::File { exports, directory, token, .. } => {
                check_token(token)?;
                let (exports, directory, token) = (exports.clone(), directory.clone(), token.clone());
                let swept = tokio::task::spawn_blocking(move || file::sweep(&exports, &directory, &token));
                swept.await.unwrap_or_else(|error| Err(stopped(error)))
            }
            Target::S3 { s3, location, keys, note, .. } => s3::sweep(s3, location, keys, note).await,
        }
    }
}

/// The token becomes part of a file name.
fn check_token(token: &str) -> Result<(), ObjectError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=100).contains(&token.len()) && token.bytes().all(fine) {
        return Ok(());
    }
    Err(ObjectError::new(ObjectErrorKind::Invalid, "a sink's token must have 1 to 100 letters, digits, '-' or '_'"))
}

fn stopped(error: tokio::task::JoinError) -> ObjectError {
    ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("writing was stopped: {error}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn target(directory: &Path, encoding: Encoding) -> Target {
        Target::File {
            exports: ExportDirectories::open(&[directory.to_owned()]).unwrap(),
            directory: format!("{}/", directory.display()),
            name: "dogs.csv".to_owned(),
            encoding,
            token: "job-0".to_owned(),
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_file_appears_when_it_is_finished_and_replaces_the_old_one_whole() {
        let root = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut writer = ObjectWriter::create(target(root.path(), Encoding::Identity)).await.unwrap();
            writer.write(text.as_bytes().to_vec()).await.unwrap();
            writer.write(b"\n".to_vec()).await.unwrap();
            assert!(names(root.path()).contains(&".jobhost-job-0.part".to_owned()));
            let receipt = writer.finish().await.unwrap();
            assert_eq!(receipt.size, text.len() as u64 + 1);
            assert_eq!((receipt.etag, writer.moved()), (None, text.len() as u64 + 1));
            assert_eq!(receipt.location, format!("{}/dogs.csv", root.path().display()));
            assert_eq!(names(root.path()), ["dogs.csv"]);
            assert_eq!(std::fs::read_to_string(root.path().join("dogs.csv")).unwrap(), format!("{text}\n"));
            assert_eq!(writer.write(vec![0]).await.unwrap_err().kind, ObjectErrorKind::Invalid);
        }
    }

    #[tokio::test]
    async fn an_unfinished_sink_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("dogs.csv"), "old").unwrap();
        let mut aborted = ObjectWriter::create(target(root.path(), Encoding::Gzip)).await.unwrap();
        aborted.write(vec![7; 1_000_000]).await.unwrap();
        aborted.abort().await;
        assert_eq!(names(root.path()), ["dogs.csv"]);

        drop(ObjectWriter::create(target(root.path(), Encoding::Zstd)).await.unwrap());
        assert_eq!(names(root.path()), ["dogs.csv"]);

        // A killed host runs no destructors.
        let killed = ObjectWriter::create(target(root.path(), Encoding::Identity)).await.unwrap();
        std::mem::forget(killed);
        assert_eq!(names(root.path()), [".jobhost-job-0.part", "dogs.csv"]);
        for _ in 0..2 {
            target(root.path(), Encoding::Identity).sweep().await.unwrap();
            assert_eq!(names(root.path()), ["dogs.csv"]);
        }
        assert_eq!(std::fs::read_to_string(root.path().join("dogs.csv")).unwrap(), "old");
    }

    #[tokio::test]
    async fn names_are_checked_before_anything_is_created() {
        let root = tempfile::tempdir().unwrap();
        for bad in ["../dogs.csv", "", ".jobhost-x"] {
            let mut target = target(root.path(), Encoding::Identity);
            if let Target::File { name, .. } = &mut target {
                *name = bad.to_owned();
            }
            assert_eq!(ObjectWriter::create(target).await.unwrap_err().kind, ObjectErrorKind::Invalid);
        }
        assert!(check_token("../x").is_err() && check_token("").is_err() && check_token("Ab-1_").is_ok());
        assert!(names(root.path()).is_empty());
    }
}
