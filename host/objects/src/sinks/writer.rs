//! An open sink. Encoding and disk I/O run on blocking threads, one piece behind the caller, so that the job can
//! produce the next piece in the meantime.

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::encoder::Encoder;
use super::file::UnfinishedFile;
use super::{Target, check_token, stopped};
use crate::s3::Upload;
use crate::{ObjectError, ObjectErrorKind};
use jobhost_model::{Encoding, Receipt};

/// Leaves nothing behind if dropped before `finish`: the file is removed at once, and a task aborts the upload.
#[derive(Debug)]
pub struct ObjectWriter {
    state: State,
    upload: Option<Box<Upload>>,
    /// Stored bytes after the last finished piece.
    stored_bytes: u64,
}

#[derive(Debug)]
enum State {
    Ready(Box<Stage>),
    Working(JoinHandle<Result<Box<Stage>, ObjectError>>),
    /// Finished, failed, or cancelled in the middle of a call.
    Closed,
}

/// The state that the blocking threads use.
#[derive(Debug)]
struct Stage {
    encoder: Encoder,
    file: Option<UnfinishedFile>,
    /// Encoded bytes to upload; always empty for a file.
    encoded: Vec<u8>,
}

impl ObjectWriter {
    /// Returns `Denied`, `NotFound`, `Invalid` or `Unavailable`.
    pub async fn create(target: Target) -> Result<Self, ObjectError> {
        match target.sweep().await {
            Err(error) if error.kind == ObjectErrorKind::Unavailable => return Err(error),
            Err(error) => tracing::warn!(%error, "leftovers of an earlier attempt could not be removed"),
            Ok(()) => {}
        }
        let (stage, upload) = match target {
            Target::File { exports, directory, name, encoding, token } => {
                check_token(&token)?;
                let created = tokio::task::spawn_blocking(move || {
                    let file = UnfinishedFile::create(&exports, &directory, &name, &token)?;
                    Stage::new(encoding, Some(file))
                });
                (created.await.unwrap_or_else(|error| Err(stopped(error)))?, None)
            }
            Target::S3 { s3, location, keys, media_type, encoding, note } => {
                check_media_type(&media_type)?;
                let upload = Upload::new(&s3, &location, &keys, media_type, note)?;
                (Stage::new(encoding, None)?, Some(Box::new(upload)))
            }
        };
        Ok(ObjectWriter { state: State::Ready(Box::new(stage)), upload, stored_bytes: 0 })
    }

    /// Appends bytes. Waits while the destination is behind. After an error, nothing more can be written.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let mut stage = self.ready().await?;
        self.state = State::Working(tokio::task::spawn_blocking(move || {
            stage.push(bytes)?;
            Ok(stage)
        }));
        Ok(())
    }

    /// Makes the result durable and visible.
    pub async fn finish(&mut self) -> Result<Receipt, ObjectError> {
        let mut stage = self.ready().await?;
        let work = tokio::task::spawn_blocking(move || {
            let path = stage.finish()?;
            Ok((stage, path))
        });
        let (stage, path) = work.await.unwrap_or_else(|error| Err(stopped(error)))?;
        self.stored_bytes = stage.encoder.size();
        let (etag, location) = match self.upload.as_mut() {
            Some(upload) => {
                upload.push(Bytes::from(stage.encoded)).await?;
                (upload.finish().await?, upload.url())
            }
            None => (None, path),
        };
        Ok(Receipt { size: stage.encoder.size(), etag, checksum_crc32: stage.encoder.checksum(), location })
    }

    /// Like dropping the writer, but waits until nothing is left.
    pub async fn abort(&mut self) {
        // The last piece may still be running; its stage removes the file.
        drop(self.ready().await);
        if let Some(upload) = self.upload.as_mut() {
            upload.abort().await;
        }
    }

    /// Stored bytes that were written to the file or accepted by the server.
    pub fn moved(&self) -> u64 {
        self.upload.as_ref().map_or(self.stored_bytes, |upload| upload.moved())
    }

    /// Waits until the last piece is done and takes the stage. The writer is closed until the stage is put back.
    async fn ready(&mut self) -> Result<Box<Stage>, ObjectError> {
        let mut stage = match std::mem::replace(&mut self.state, State::Closed) {
            State::Ready(stage) => stage,
            State::Working(work) => work.await.unwrap_or_else(|error| Err(stopped(error)))?,
            State::Closed => {
                return Err(ObjectError::new(
                    ObjectErrorKind::Invalid,
                    "the sink is finished or has failed; nothing more can be written to it",
                ));
            }
        };
        self.stored_bytes = stage.encoder.size();
        if let Some(upload) = self.upload.as_mut() {
            upload.push(Bytes::from(std::mem::take(&mut stage.encoded))).await?;
        }
        Ok(stage)
    }
}

impl Stage {
    fn new(encoding: Encoding, file: Option<UnfinishedFile>) -> Result<Self, ObjectError> {
        Ok(Stage { encoder: Encoder::new(encoding).map_err(not_encoded)?, file, encoded: Vec::new() })
    }

    fn push(&mut self, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let stored = self.encoder.push(bytes).map_err(not_encoded)?;
        self.store(stored)
    }

    /// Returns the path of the file; empty for an upload.
    fn finish(&mut self) -> Result<String, ObjectError> {
        let stored = self.encoder.finish().map_err(not_encoded)?;
        self.store(stored)?;
        self.file.as_mut().map_or(Ok(String::new()), UnfinishedFile::finish)
    }

    fn store(&mut self, stored: Vec<u8>) -> Result<(), ObjectError> {
        match self.file.as_mut() {
            Some(file) => file.write(&stored),
            None => {
                self.encoded = stored;
                Ok(())
            }
        }
    }
}

/// The media type is sent in a header.
fn check_media_type(media_type: &str) -> Result<(), ObjectError> {
    let fine = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if (1..=255).contains(&media_type.len()) && media_type.bytes().all(fine) {
        return Ok(());
    }
    Err(ObjectError::new(
        ObjectErrorKind::Invalid,
        "the media type of an S3 object is 1 to 255 printable ASCII characters, like application/octet-stream",
    ))
}

fn not_encoded(error: std::io::Error) -> ObjectError {
    ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("compressing failed: {error}"), error)
}
