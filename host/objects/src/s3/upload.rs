//! Writes an object: small ones with a single request, larger ones in parts. An incomplete upload is aborted, either
//! at once or, if the host is killed, later with the note that was stored before the first part was sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::{Attribute, Attributes, ObjectStore, PutMultipartOptions, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::client::Store;
use super::credentials::S3Keys;
use super::errors::Failure;
use super::object::{Version, head};
use super::options::S3;
use super::pending::Pending;
use crate::{ObjectError, ObjectErrorKind};
use jobhost_model::S3Location;

const FIRST_PART: u64 = 8 * 1024 * 1024;
/// The part size doubles after this many parts. 10,000 parts of up to 4 GiB hold more than the largest object, while
/// an object of 8 GiB is written in parts of 8 MiB.
const PARTS_OF_A_SIZE: u32 = 1000;
const MAX_PARTS: u32 = 10_000;
const MAX_OBJECT_BYTES: u64 = 5 * 1024 * 1024 * 1024 * 1024;
/// Parts up to this size are sent in parallel; larger ones one at a time.
const PARALLEL_PART_BYTES: u64 = 16 * 1024 * 1024;
const ABORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Kept in the job's directory as long as there is an upload to abort.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    upload_id: String,
}

/// An object that is being written.
#[derive(Debug)]
pub struct Upload {
    store: Arc<Store>,
    note: PathBuf,
    media_type: String,
    /// Bytes that are not yet part of a part.
    pending: Pending,
    total_bytes: u64,
    /// Bytes that the server has accepted.
    moved: u64,
    started: Option<Started>,
    runtime: Handle,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug)]
struct Started {
    upload_id: String,
    /// The previous object; `Some(None)` if there was none, `None` if that is unknown. Tells whether a completion
    /// whose response was lost has taken effect.
    before: Option<Option<Version>>,
    sending: JoinSet<Result<(u32, u64, PartId), ObjectError>>,
    next_part: u32,
    done: Vec<(u32, PartId)>,
}

impl Upload {
    /// Sends nothing until there are bytes to send.
    pub fn new(
        s3: &S3,
        location: &S3Location,
        keys: &S3Keys,
        media_type: String,
        note: PathBuf,
    ) -> Result<Self, ObjectError> {
        Ok(Upload {
            store: Arc::new(s3.store(location, keys)?),
            note,
            media_type,
            pending: Pending::default(),
            total_bytes: 0,
            moved: 0,
            started: None,
            runtime: Handle::current(),
        })
    }

    pub fn url(&self) -> String {
        self.store.placement.url()
    }

    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Appends bytes. Waits while the maximum number of parts is in flight.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.total_bytes += bytes.len() as u64;
        if self.total_bytes > MAX_OBJECT_BYTES {
            return Err(ObjectError::new(
                ObjectErrorKind::Limit,
                "the object is larger than 5 TiB, the maximum of S3; export it in parts",
            ));
        }
        self.pending.push(bytes);
        loop {
            let size = part_size(self.started.as_ref().map_or(0, |started| started.next_part));
            if self.pending.size() < size {
                return Ok(());
            }
            self.send_part(size).await?;
        }
    }

    /// Makes the object visible. Returns its entity tag without quotes, if the server reports one.
    pub async fn finish(&mut self) -> Result<Option<String>, ObjectError> {
        if self.started.is_none() {
            return self.put_whole().await;
        }
        if self.pending.size() > 0 {
            self.send_part(self.pending.size()).await?;
        }
        while self.one_part_done().await? {}
        let etag = self.complete().await?;
        self.started = None;
        forget(&self.note).await;
        Ok(etag.map(|etag| etag.trim_matches('"').to_owned()))
    }

    /// Leaves nothing behind. An upload that cannot be aborted now is kept in the note.
    pub async fn abort(&mut self) {
        self.pending = Pending::default();
        if let Some(started) = self.started.take() {
            abandon(Arc::clone(&self.store), started, self.note.clone()).await;
        }
    }

    async fn put_whole(&mut self) -> Result<Option<String>, ObjectError> {
        let payload: PutPayload = self.pending.take(u64::MAX).into_iter().collect();
        let options = PutOptions { attributes: attributes(&self.media_type), ..PutOptions::default() };
        let store = &self.store;
        let put = store.bounded(store.patient.put_opts(&store.placement.key.path, payload, options)).await;
        let put = put.map_err(|failure| store.explain(failure))?;
        self.moved = self.total_bytes;
        Ok(put.e_tag.map(|etag| etag.trim_matches('"').to_owned()))
    }

    /// Sends the first `size` pending bytes as a part.
    async fn send_part(&mut self, size: u64) -> Result<(), ObjectError> {
        if self.started.is_none() {
            self.started = Some(self.start().await?);
        }
        let parallel = if size > PARALLEL_PART_BYTES { 1 } else { 2 };
        while self.started.as_ref().is_some_and(|started| started.sending.len() >= parallel) {
            self.one_part_done().await?;
        }
        let store = Arc::clone(&self.store);
        let Some(started) = self.started.as_mut() else { return Ok(()) };
        let (number, upload_id) = (started.next_part, started.upload_id.clone());
        if number >= MAX_PARTS {
            return Err(ObjectError::new(
                ObjectErrorKind::Limit,
                format!("the upload has more than {MAX_PARTS} parts"),
            ));
        }
        started.next_part += 1;
        let part: PutPayload = self.pending.take(size).into_iter().collect();
        started.sending.spawn_on(
            async move {
                let index = usize::try_from(number).unwrap_or(usize::MAX);
                let request = store.patient.put_part(&store.placement.key.path, &upload_id, index, part);
                match store.bounded(request).await {
                    Ok(part) => Ok((number, size, part)),
                    Err(failure) => Err(store.explain(failure)),
                }
            },
            &self.runtime,
        );
        Ok(())
    }

    async fn start(&self) -> Result<Started, ObjectError> {
        let store = &self.store;
        let explain = |failure| store.explain(failure);
        let before = match head(store).await {
            Ok((version, _)) => Some(Some(version)),
            Err(failure) if failure.status() == Some(404) => Some(None),
            Err(failure @ Failure::Refused) => return Err(explain(failure)),
            // Without permission to read, the previous object and thus the outcome of a lost response stay unknown.
            Err(_) => None,
        };
        let options = PutMultipartOptions { attributes: attributes(&self.media_type), ..Default::default() };
        let upload_id = store.bounded(store.brief.create_multipart_opts(&store.placement.key.path, options)).await;
        let started = Started {
            upload_id: upload_id.map_err(explain)?,
            before,
            sending: JoinSet::new(),
            next_part: 0,
            done: Vec::new(),
        };
        match remember(&self.note, &Note { upload_id: started.upload_id.clone() }).await {
            Ok(()) => Ok(started),
            Err(error) => {
                abandon(Arc::clone(store), started, self.note.clone()).await;
                Err(ObjectError::caused_by(
                    ObjectErrorKind::Unavailable,
                    format!("the upload cannot be recorded in the job's directory: {error}"),
                    error,
                ))
            }
        }
    }

    /// Waits for one part. Returns false if none is in flight.
    async fn one_part_done(&mut self) -> Result<bool, ObjectError> {
        let Some(started) = self.started.as_mut() else { return Ok(false) };
        match started.sending.join_next().await {
            None => Ok(false),
            Some(Ok(Ok((number, size, part)))) => {
                started.done.push((number, part));
                self.moved += size;
                Ok(true)
            }
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(ObjectError::caused_by(
                ObjectErrorKind::Unavailable,
                format!("sending a part was stopped: {error}"),
                error,
            )),
        }
    }

    async fn complete(&mut self) -> Result<Option<String>, ObjectError> {
        let store = &self.store;
        let Some(started) = self.started.as_mut() else { return Ok(None) };
        started.done.sort_by_key(|(number, _)| *number);
        let parts = started.done.iter().map(|(_, part)| part.clone()).collect();
        let request = store.patient.complete_multipart(&store.placement.key.path, &started.upload_id, parts);
        match store.bounded(request).await {
            Ok(put) => Ok(put.e_tag),
            Err(failure) => match (head(store).await, started.before.as_ref()) {
                // A response was lost, and the retried request failed because the first one had succeeded.
                (Ok((now, _)), Some(before)) if now.size == self.total_bytes && before.as_ref() != Some(&now) => {
                    Ok(now.etag)
                }
                _ => Err(store.explain(failure)),
            },
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(started) = self.started.take() {
            self.runtime.spawn(abandon(Arc::clone(&self.store), started, self.note.clone()));
        }
    }
}

/// The size of the part with this index, counted from 0.
fn part_size(index: u32) -> u64 {
    FIRST_PART << (index / PARTS_OF_A_SIZE).min(9)
}

fn attributes(media_type: &str) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, media_type.to_owned())])
}

/// Stops the parts in flight and aborts the upload. Parts that arrived later would be kept and billed.
async fn abandon(store: Arc<Store>, mut started: Started, note: PathBuf) {
    started.sending.shutdown().await;
    match tokio::time::timeout(ABORT_TIMEOUT, abort(&store, &started.upload_id)).await {
        Ok(Ok(())) => forget(&note).await,
        Ok(Err(failure)) => {
            let why = store.explain(failure);
            tracing::warn!(%why, object = %store.placement.url(), "an unfinished upload could not be aborted");
        }
        Err(_) => tracing::warn!(object = %store.placement.url(), "aborting an unfinished upload took too long"),
    }
}

async fn abort(store: &Store, upload_id: &String) -> Result<(), Failure> {
    let request = store.brief.abort_multipart(&store.placement.key.path, upload_id);
    match store.bounded(request).await {
        Err(failure) if failure.code() == "NoSuchUpload" || failure.status() == Some(404) => Ok(()),
        other => other,
    }
}

/// Aborts the upload recorded in a note, if there is one. Idempotent.
pub async fn sweep(s3: &S3, location: &S3Location, keys: &S3Keys, note: &Path) -> Result<(), ObjectError> {
    let text = match tokio::fs::read(note).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(ObjectError::caused_by(
                ObjectErrorKind::Unavailable,
                format!("the record of an unfinished upload cannot be read: {error}"),
                error,
            ));
        }
    };
    // Notes are renamed into place, so an unreadable one was not written by this host.
    if let Ok(Note { upload_id }) = serde_json::from_slice(&text) {
        let store = s3.store(location, keys)?;
        let aborted = tokio::time::timeout(ABORT_TIMEOUT, abort(&store, &upload_id)).await;
        aborted.unwrap_or(Err(Failure::Timeout)).map_err(|failure| store.explain(failure))?;
    }
    forget(note).await;
    Ok(())
}

/// The note is durable when this returns.
async fn remember(path: &Path, note: &Note) -> std::io::Result<()> {
    let text = serde_json::to_vec(note)?;
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let part = path.with_extension("part");
        std::fs::write(&part, text)?;
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &path)?;
        match path.parent() {
            Some(directory) => std::fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    });
    written.await.map_err(std::io::Error::other)?
}

/// A note that remains costs one unnecessary request later.
async fn forget(path: &Path) {
    let _ = tokio::fs::remove_file(path).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_the_largest_object_fits_and_common_ones_stay_small() {
        assert_eq!(part_size(0), 8 * 1024 * 1024);
        assert_eq!(part_size(999), 8 * 1024 * 1024);
        assert_eq!(part_size(1000), 16 * 1024 * 1024);
        let all: u64 = (0..MAX_PARTS).map(part_size).sum();
        assert!(all >= MAX_OBJECT_BYTES);
        assert!(part_size(MAX_PARTS - 1) <= 5 * 1024 * 1024 * 1024);
    }

    #[tokio::test]
    async fn notes_are_complete_and_can_be_removed_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sink-0.json");
        remember(&path, &Note { upload_id: "id".to_owned() }).await.unwrap();
        let note: Note = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(note.upload_id, "id");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        forget(&path).await;
        forget(&path).await;
        assert!(!path.exists());
    }
}
