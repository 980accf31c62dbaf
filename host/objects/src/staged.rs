//! A source of a plan, ready to be read. Inline and local sources are used in place. A URL is downloaded to the job's
//! spool directory when it is first opened and kept there, so that a second pass or attempt reads the same bytes. An
//! S3 object is not kept, because it can be read again; its entity tag shows whether it has changed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use super::decoder::{MAGIC_BYTES, encoding_of};
use super::directories::Directories;
use super::download::{Download, Downloader, SPOOLED_MODE};
use super::reader::{Compression, Content, ObjectReader};
use super::s3::{RemoteObject, S3, S3Keys};
use super::stored_file::StoredFile;
use super::{ObjectError, ObjectErrorKind};
use jobhost_budget::DiskHeld;
use jobhost_model::{Encoding, ObjectInfo, S3Location};

/// Where a source's bytes come from.
#[derive(Debug)]
pub enum Origin {
    /// Small data that came with the request.
    Memory(Bytes),
    /// Data that came with the request, in a file of the job's spool directory.
    Spooled(PathBuf),
    /// A file in one of the operator's directories. `encoding` is that of the stored bytes; `None` means that of the
    /// first bytes.
    File { directories: Directories, path: String, encoding: Option<Encoding> },
    /// Downloaded into `spool`, an existing directory, and charged to `room` before it is written.
    Url { downloader: Downloader, download: Box<Download>, spool: PathBuf, room: DiskHeld, index: usize },
    /// An object of an S3 server, read in place.
    S3 { s3: S3, location: S3Location, keys: S3Keys, encoding: Option<Encoding> },
}

#[derive(Debug)]
pub struct StagedSource {
    origin: Origin,
    ready: OnceCell<(ObjectInfo, Content)>,
}

/// Written next to a complete download.
#[derive(Debug, Serialize, Deserialize)]
struct FetchedNote {
    media_type: Option<String>,
}

impl StagedSource {
    pub fn new(origin: Origin) -> Self {
        StagedSource { origin, ready: OnceCell::new() }
    }

    pub async fn open(self: Arc<Self>, offset: u64) -> Result<ObjectReader, ObjectError> {
        let (info, content) = self.ready.get_or_try_init(|| self.stage()).await?;
        ObjectReader::open(info.clone(), content.clone(), offset).await
    }

    async fn stage(&self) -> Result<(ObjectInfo, Content), ObjectError> {
        match &self.origin {
            Origin::Memory(bytes) => {
                let info = ObjectInfo { size: Some(bytes.len() as u64), etag: "inline".to_owned(), media_type: None };
                Ok((info, Content::Memory(bytes.clone())))
            }
            Origin::Spooled(path) => open_spooled(path.clone(), None).await,
            Origin::File { directories, path, encoding } => {
                let (directories, path, encoding) = (directories.clone(), path.clone(), *encoding);
                blocking(move || local(&directories, &path, encoding)).await
            }
            Origin::Url { downloader, download, spool, room, index } => {
                fetch(downloader, download, spool, room, *index).await
            }
            Origin::S3 { s3, location, keys, encoding } => look(s3, location, keys, *encoding).await,
        }
    }
}

async fn look(
    s3: &S3,
    location: &S3Location,
    keys: &S3Keys,
    encoding: Option<Encoding>,
) -> Result<(ObjectInfo, Content), ObjectError> {
    let object = RemoteObject::look(s3, location, keys).await?;
    let (size, max_bytes) = (object.size(), s3.max_bytes());
    if size > max_bytes.value() {
        let (most, key) = (max_bytes.value(), max_bytes.key());
        return Err(ObjectError::new(
            ObjectErrorKind::Limit,
            format!("the object has {size} bytes, more than {most} ({key}); split it into smaller objects"),
        ));
    }
    let encoding = match encoding {
        Some(encoding) => encoding,
        None => encoding_of(&object.start(MAGIC_BYTES).await?),
    };
    let info = ObjectInfo {
        size: (encoding == Encoding::Identity).then_some(size),
        etag: object.etag(),
        media_type: object.media_type().map(str::to_owned),
    };
    Ok((info, Content::S3(object, Compression { encoding, max_bytes })))
}

async fn fetch(
    downloader: &Downloader,
    download: &Download,
    spool: &Path,
    room: &DiskHeld,
    index: usize,
) -> Result<(ObjectInfo, Content), ObjectError> {
    let body = spool.join(format!("source-{index}"));
    let note = spool.join(format!("source-{index}.json"));
    let part = spool.join(format!("source-{index}.part"));
    let disk = |error: std::io::Error| {
        ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("the download cannot be stored: {error}"), error)
    };
    // A complete download of an earlier attempt is reused, because that attempt's checkpoint is an offset in it.
    let complete = tokio::fs::read(&note).await.ok().and_then(|text| serde_json::from_slice::<FetchedNote>(&text).ok());
    let media_type = match complete {
        Some(note) => note.media_type,
        None => {
            let fetched = downloader.fetch(download, &part, room).await;
            if fetched.is_err() {
                let _ = tokio::fs::remove_file(&part).await;
            }
            let fetched = fetched?;
            tokio::fs::rename(&part, &body).await.map_err(disk)?;
            let text = serde_json::to_vec(&FetchedNote { media_type: fetched.media_type.clone() })
                .map_err(|error| disk(error.into()))?;
            let mut options = tokio::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(SPOOLED_MODE);
            let mut file = options.open(&part).await.map_err(disk)?;
            file.write_all(&text).await.map_err(disk)?;
            file.flush().await.map_err(disk)?;
            tokio::fs::rename(&part, &note).await.map_err(disk)?;
            fetched.media_type
        }
    };
    open_spooled(body, media_type).await
}

fn local(
    directories: &Directories,
    path: &str,
    encoding: Option<Encoding>,
) -> Result<(ObjectInfo, Content), ObjectError> {
    let file = StoredFile::new(directories.open_file(path)?)?;
    let encoding = encoding.map_or_else(|| file.encoding(), Ok)?;
    Ok(described(file, Compression { encoding, max_bytes: directories.max_bytes().clone() }, None))
}

/// What is spooled has been decoded.
async fn open_spooled(path: PathBuf, media_type: Option<String>) -> Result<(ObjectInfo, Content), ObjectError> {
    blocking(move || {
        let file = File::open(&path).map_err(|error| {
            ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("the spooled input is gone: {error}"), error)
        })?;
        Ok(described(StoredFile::new(file)?, Compression::NONE, media_type))
    })
    .await
}

fn described(file: StoredFile, compression: Compression, media_type: Option<String>) -> (ObjectInfo, Content) {
    let size = (compression.encoding == Encoding::Identity).then_some(file.size);
    let info = ObjectInfo { size, etag: file.etag.clone(), media_type };
    (info, Content::File(Arc::new(file), compression))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("opening was stopped: {error}"), error))
    })
}
