//! Reads an object: one request determines the version, then ranges of exactly that version are read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::{Attribute, GetOptions, GetRange, ObjectMeta, ObjectStore};
use tokio_util::task::AbortOnDropHandle;

use super::client::Store;
use super::credentials::S3Keys;
use super::errors::{CHANGED, Failure};
use super::options::S3;
use crate::{ObjectError, ObjectErrorKind, media_type};
use jobhost_model::S3Location;

/// The first range is short, because many readers need no more. Later ranges double up to the maximum. One range is
/// read ahead, so a reader holds at most two of the largest.
const FIRST_RANGE: u64 = 512 * 1024;
const LARGEST_RANGE: u64 = 8 * 1024 * 1024;
/// How often an interrupted range is resumed, in addition to the library's own retries.
const MAX_RESUMES: usize = 3;

/// One version of an object.
#[derive(Debug)]
pub struct RemoteObject {
    store: Store,
    version: Version,
    media_type: Option<String>,
}

/// Distinguishes the versions of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub size: u64,
    pub etag: Option<String>,
    pub modified: i64,
}

impl RemoteObject {
    /// Opens an object. Returns `NotFound`, `Denied`, `Invalid` or `Unavailable`. The caller checks the size limit,
    /// because it knows the encoding.
    pub async fn look(s3: &S3, location: &S3Location, keys: &S3Keys) -> Result<Arc<Self>, ObjectError> {
        let store = s3.store(location, keys)?;
        let head = match head(&store).await {
            Ok(head) => head,
            // A response to HEAD has no body, and so does not explain the error.
            Err(failure) if failure.status().is_some() && failure.code().is_empty() => {
                return Err(store.explain(why(&store).await.unwrap_or(failure)));
            }
            Err(failure) => return Err(store.explain(failure)),
        };
        let (version, media_type) = head;
        Ok(Arc::new(RemoteObject { store, version, media_type }))
    }

    pub fn size(&self) -> u64 {
        self.version.size
    }

    /// The tag stays the same while the object does.
    pub fn etag(&self) -> String {
        match &self.version.etag {
            Some(etag) => etag.clone(),
            None => format!("{}-{}", self.version.size, self.version.modified),
        }
    }

    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// Returns the first bytes, fewer if the object has fewer.
    pub async fn start(&self, bytes: usize) -> Result<Bytes, ObjectError> {
        match self.size().min(bytes as u64) {
            0 => Ok(Bytes::new()),
            end => self.range(0..end).await,
        }
    }

    /// Returns the bytes of the whole range from this version.
    async fn range(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut taken = BytesMut::with_capacity(length);
        let mut resumes = 0;
        loop {
            let before = taken.len();
            let failure = match self.fetch(range.start + before as u64..range.end, &mut taken, length).await {
                Ok(()) if taken.len() == length => return Ok(taken.freeze()),
                Ok(()) => Failure::Broken("the body ended early".to_owned()),
                Err(failure) => failure,
            };
            // The library has already retried. Resume only if more bytes arrived.
            if !matches!(failure, Failure::Broken(_)) || resumes == MAX_RESUMES || taken.len() == before {
                return Err(self.explain(failure));
            }
            resumes += 1;
        }
    }

    async fn fetch(&self, range: Range<u64>, taken: &mut BytesMut, most: usize) -> Result<(), Failure> {
        let changed = || Failure::answer(412, "");
        // A weak tag never matches in If-Match. The response's version is compared in any case.
        let if_match = self.version.etag.clone().filter(|etag| !etag.starts_with("W/"));
        let options = GetOptions { range: Some(GetRange::Bounded(range)), if_match, ..GetOptions::default() };
        self.store
            .bounded(async {
                let got = self.store.patient.get_opts(&self.store.placement.key.path, options).await?;
                if !Version::of(&got.meta).same_as(&self.version) {
                    return Ok(Err(changed()));
                }
                let mut body = got.into_stream();
                while let Some(bytes) = body.try_next().await? {
                    if taken.len() + bytes.len() > most {
                        return Ok(Err(Failure::Nonsense("it sent more than was requested".to_owned())));
                    }
                    taken.extend_from_slice(&bytes);
                }
                Ok(Ok(()))
            })
            .await?
    }

    /// An object that is gone or has become shorter has changed.
    fn explain(&self, failure: Failure) -> ObjectError {
        if matches!(failure.status(), Some(404 | 412 | 416)) && failure.code() != "NoSuchBucket" {
            return ObjectError::caused_by(ObjectErrorKind::Unavailable, CHANGED, failure);
        }
        self.store.explain(failure)
    }
}

impl Version {
    fn of(meta: &ObjectMeta) -> Self {
        Version { size: meta.size, etag: meta.e_tag.clone(), modified: meta.last_modified.timestamp() }
    }

    fn same_as(&self, other: &Version) -> bool {
        self.size == other.size
            && match (&self.etag, &other.etag) {
                (Some(one), Some(other)) => one == other,
                _ => self.modified == other.modified,
            }
    }
}

/// Returns the current version and media type.
pub(super) async fn head(store: &Store) -> Result<(Version, Option<String>), Failure> {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let got = store.bounded(store.brief.get_opts(&store.placement.key.path, options)).await?;
    let named = got.attributes.get(&Attribute::ContentType);
    Ok((Version::of(&got.meta), named.and_then(|value| media_type::named(value))))
}

/// Returns the server's reason for an error.
async fn why(store: &Store) -> Option<Failure> {
    let options = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
    store.bounded(store.brief.get_opts(&store.placement.key.path, options)).await.err()
}

/// The bytes of an object from an offset on, in ranges, one of which is read ahead.
#[derive(Debug)]
pub struct Chunks {
    object: Arc<RemoteObject>,
    /// Where the next range to request begins.
    next: u64,
    length: u64,
    coming: Option<AbortOnDropHandle<Result<Bytes, ObjectError>>>,
    moved: Arc<AtomicU64>,
}

impl Chunks {
    /// `moved` counts the received bytes.
    pub fn new(object: Arc<RemoteObject>, offset: u64, moved: Arc<AtomicU64>) -> Self {
        Chunks { object, next: offset, length: FIRST_RANGE, coming: None, moved }
    }

    /// Returns `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        if self.coming.is_none() {
            self.ask();
        }
        // The future stays in place while it is awaited, so that a cancelled call loses nothing.
        let Some(coming) = self.coming.as_mut() else { return Ok(None) };
        let bytes = coming.await.unwrap_or_else(|error| {
            Err(ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("reading was stopped: {error}"), error))
        });
        self.coming = None;
        let bytes = bytes?;
        self.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.ask();
        Ok(Some(bytes))
    }

    fn ask(&mut self) {
        let end = self.object.size().min(self.next.saturating_add(self.length));
        if self.next >= end {
            return;
        }
        let (object, range) = (Arc::clone(&self.object), self.next..end);
        self.next = end;
        self.length = (self.length * 2).min(LARGEST_RANGE);
        self.coming = Some(AbortOnDropHandle::new(tokio::spawn(async move { object.range(range).await })));
    }
}
