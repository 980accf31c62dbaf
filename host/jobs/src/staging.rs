//! From the plan in a payload to what an attempt can open: sources, sinks, searches. Secrets are opened here, for the
//! attempt that needs them.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

use super::JobParts;
use super::checks::search_of;
use super::credentials::{S3Access, s3_access};
use super::granted::{Granted, Refused};
use super::payload::{Inline, Payload};
use super::secrets::{self, Secrets};
use super::spool::Spool;
use super::urls;
use jobhost_access::Role;
use jobhost_contract::{Capability, S3Object, Sink, Source};
use jobhost_objects::download::headers_from;
use jobhost_objects::staged::Origin;
use jobhost_objects::{Download, HostScopes, ObjectError, ObjectErrorKind, StagedSource, Target};
use jobhost_search::SearchRequest;
use jobhost_store::StoreError;

/// What one attempt can open, in the order of the plan.
pub(super) struct Staged {
    pub sources: Vec<Arc<StagedSource>>,
    pub targets: Vec<Target>,
    pub searches: Vec<SearchRequest>,
}

/// A payload being staged.
struct Staging<'a> {
    parts: &'a JobParts,
    spool: &'a Spool,
    job: Uuid,
    role: &'a Role,
    payload: &'a Payload,
    /// `None` where nothing is opened for a plugin.
    granted: Option<Granted<'a>>,
    /// With handles in the place of `secrets`; null where nothing of the plan looks into it.
    request: Value,
    secrets: Secrets,
}

pub(super) async fn stage(
    parts: &JobParts,
    spool: &Spool,
    job: Uuid,
    role: &Role,
    payload: &Payload,
    granted: Option<Granted<'_>>,
) -> Result<Staged, Refused> {
    let (request, secrets) = opened(parts, payload)?;
    let mut staging = Staging { parts, spool, job, role, payload, granted, request, secrets };
    staging.check_tables()?;
    let mut sources = Vec::new();
    for (index, source) in payload.plan.sources.iter().enumerate() {
        sources.push(Arc::new(StagedSource::new(staging.origin(index, source).await?)));
    }
    let mut targets = Vec::new();
    for (index, sink) in payload.plan.sinks.iter().enumerate() {
        targets.push(staging.target(index, sink).await?);
    }
    let mut searches = Vec::new();
    for query in &payload.plan.queries {
        let search = search_of(query);
        let search = search.map_err(|error| ObjectError::new(ObjectErrorKind::Invalid, error.to_string()))?;
        staging.check_query(&search)?;
        searches.push(search);
    }
    staging.verdict()?;
    Ok(Staged { sources, targets, searches })
}

/// Takes away what attempts that were cut short have left of the sinks. What was finished stays.
pub(super) async fn sweep(targets: &[Target]) {
    for target in targets {
        if let Err(error) = target.sweep().await {
            warn!(%error, "what an interrupted attempt has written could not be removed");
        }
    }
}

/// As [`sweep`], for a job that will have no further attempt.
pub(super) async fn sweep_job(parts: &JobParts, spool: &Spool, job: Uuid, user: &str) -> Result<(), StoreError> {
    let Some((payload, _)) = parts.store.job_payload(job).await? else { return Ok(()) };
    let Ok(payload) = serde_json::from_slice::<Payload>(&payload) else { return Ok(()) };
    if payload.plan.sinks.is_empty() {
        return Ok(());
    }
    let Some(user) = parts.access.user(user) else { return Ok(()) };
    match stage(parts, spool, job, &user.role, &payload, None).await {
        Ok(staged) => sweep(&staged.targets).await,
        Err(error) => warn!(%job, %error, "what the job has written could not be looked for"),
    }
    Ok(())
}

/// The request and its secrets, if the plan needs them.
fn opened(parts: &JobParts, payload: &Payload) -> Result<(Value, Secrets), ObjectError> {
    let in_source = |source: &Source| matches!(source, Source::Url(_) | Source::S3 { .. });
    let needed = payload.plan.sources.iter().any(in_source)
        || payload.plan.sinks.iter().any(|sink| matches!(sink, Sink::S3 { .. }));
    if !needed {
        return Ok((Value::Null, Secrets::new()));
    }
    let invalid = |message: String| ObjectError::new(ObjectErrorKind::Invalid, message);
    let request = jobhost_model::json::value(&payload.request)
        .map_err(|error| invalid(format!("the job's request cannot be read: {error}")))?;
    let secrets = match &payload.sealed {
        Some(sealed) => parts.sealer.open_sealed(sealed).map_err(|error| invalid(error.to_string()))?,
        None => Secrets::new(),
    };
    Ok((request, secrets))
}

/// What is wrong with the file itself is told when it is opened.
fn still_granted(checked: Result<(), Refused>) -> Result<(), Refused> {
    match checked {
        Err(Refused::Object(_)) => Ok(()),
        checked => checked,
    }
}

impl Staging<'_> {
    fn check_tables(&mut self) -> Result<(), Refused> {
        let Some(granted) = &mut self.granted else { return Ok(()) };
        Ok(self.payload.plan.tables.iter().try_for_each(|used| granted.rights(used))?)
    }

    /// A query that the user may not make any more is refused when it is opened.
    fn check_query(&mut self, search: &SearchRequest) -> Result<(), Refused> {
        let Some(granted) = &mut self.granted else { return Ok(()) };
        match search.permitted(self.role, &self.parts.store.catalogue()) {
            Ok(permitted) => Ok(granted.read_tables(permitted.tables())?),
            Err(_) => Ok(()),
        }
    }

    fn verdict(&mut self) -> Result<(), Refused> {
        let Some(granted) = &mut self.granted else { return Ok(()) };
        Ok(granted.verdict()?)
    }

    fn s3(&mut self, capability: Capability, object: &S3Object) -> Result<S3Access, Refused> {
        let access = s3_access(self.parts, self.role, &self.request, &self.secrets, object)?;
        if let Some(granted) = &mut self.granted {
            granted.s3(capability, &access.location)?;
        }
        Ok(access)
    }

    async fn origin(&mut self, index: usize, source: &Source) -> Result<Origin, Refused> {
        Ok(match source {
            Source::RequestField => match &self.payload.inline {
                Some(Inline::Text(text)) => Origin::Memory(Bytes::from(text.clone().into_bytes())),
                Some(Inline::Spooled) | None => Origin::Spooled(self.spool.inline_path(self.job)),
            },
            Source::File(path) => {
                let directories = match &mut self.granted {
                    Some(granted) => {
                        still_granted(granted.file(path).await)?;
                        granted.directories()
                    }
                    None => self.parts.directories.clone(),
                };
                Origin::File { directories, path: path.clone() }
            }
            Source::Url(source) => {
                let object = source.headers.as_deref();
                let object = object.and_then(|pointer| secrets::revealed(&self.request, &self.secrets, pointer));
                let url =
                    self.parts.downloader.check_url(urls::revealed(&self.secrets, &source.url), &source.media_types)?;
                if let Some(granted) = &mut self.granted {
                    granted.url(&url)?;
                }
                let download = Download {
                    url,
                    hosts: self.granted.as_ref().map_or(HostScopes::Any, Granted::hosts),
                    headers: object.map_or_else(|| Ok(http::HeaderMap::new()), |object| headers_from(&object))?,
                    media_types: source.media_types.clone(),
                };
                let (spool, room) = (self.directory().await?, self.spool.charged(self.job));
                let (downloader, download) = (self.parts.downloader.clone(), Box::new(download));
                Origin::Url { downloader, download, spool, room, index }
            }
            Source::S3 { object, encoding } => {
                let access = self.s3(Capability::ReadS3, object)?;
                Origin::S3 {
                    s3: self.parts.s3.clone(),
                    location: access.location,
                    keys: access.keys,
                    encoding: *encoding,
                }
            }
        })
    }

    async fn target(&mut self, index: usize, sink: &Sink) -> Result<Target, Refused> {
        Ok(match sink {
            Sink::File { directory, name, encoding } => {
                let exports = match &mut self.granted {
                    Some(granted) => {
                        still_granted(granted.export(directory, name).await)?;
                        granted.exports()
                    }
                    None => self.parts.exports.clone(),
                };
                let token = format!("{}-{index}", self.job);
                let (directory, name, encoding) = (directory.clone(), name.clone(), *encoding);
                Target::File { exports, directory, name, encoding, token }
            }
            Sink::S3 { object, media_type, encoding } => {
                let access = self.s3(Capability::WriteS3, object)?;
                Target::S3 {
                    s3: self.parts.s3.clone(),
                    location: access.location,
                    keys: access.keys,
                    media_type: media_type.clone(),
                    encoding: *encoding,
                    note: self.directory().await?.join(format!("upload-{index}.json")),
                }
            }
        })
    }

    /// The job's spool directory.
    async fn directory(&self) -> Result<PathBuf, ObjectError> {
        let (maker, job) = (self.spool.clone(), self.job);
        let made = tokio::task::spawn_blocking(move || maker.make_directory(job)).await;
        made.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
            warn!(%job, %error, "the job's spool directory could not be made");
            let message = format!("the spool directory cannot be made: {error}");
            ObjectError::caused_by(ObjectErrorKind::Unavailable, message, error)
        })
    }
}
