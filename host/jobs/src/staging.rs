//! Builds what an attempt can open from the plan in its payload: sources, sinks, searches. Opens the secrets for the
//! attempt that needs them.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

use super::JobParts;
use super::credentials::S3Access;
use super::granted::Refused;
use super::payload::{Inline, Payload};
use super::resolve::{Purpose, Resolved, ResolvedSink, ResolvedSource, Resolver};
use super::secrets::Secrets;
use super::spool::Spool;
use jobhost_access::Role;
use jobhost_contract::{Sink, Source};
use jobhost_objects::staged::Origin;
use jobhost_objects::{ObjectError, ObjectErrorKind, StagedSource, Target};
use jobhost_search::SearchRequest;
use jobhost_store::StoreError;

/// What one attempt can open, in the order of the plan.
pub(super) struct Staged {
    pub sources: Vec<Arc<StagedSource>>,
    pub targets: Vec<Target>,
    pub searches: Vec<SearchRequest>,
}

/// A job whose plan is staged.
pub(super) struct Staging<'a> {
    pub parts: &'a JobParts,
    pub spool: &'a Spool,
    pub job: Uuid,
    pub role: &'a Role,
    pub payload: &'a Payload,
    /// Ends the downloads of a run that reads only the beginning of its sources; `None` means at their end.
    pub first_bytes: Option<u64>,
}

impl Staging<'_> {
    pub async fn stage(&self, purpose: Purpose<'_>) -> Result<Staged, Refused> {
        let (request, secrets) = self.opened()?;
        let resolver = Resolver { parts: self.parts, role: self.role, request: &request, secrets: &secrets, purpose };
        let Resolved { sources, sinks, searches } = resolver.resolve(&self.payload.plan).await?;
        let mut staged = Staged { sources: Vec::new(), targets: Vec::new(), searches };
        for (index, source) in sources.into_iter().enumerate() {
            staged.sources.push(Arc::new(StagedSource::new(self.origin(index, source).await?)));
        }
        for (index, sink) in sinks.into_iter().enumerate() {
            staged.targets.push(self.target(index, sink).await?);
        }
        Ok(staged)
    }

    /// Returns the request and its secrets if the plan needs them.
    fn opened(&self) -> Result<(Value, Secrets), ObjectError> {
        let plan = &self.payload.plan;
        let in_source = |source: &Source| matches!(source, Source::Url(_) | Source::S3 { .. });
        let needed =
            plan.sources.iter().any(in_source) || plan.sinks.iter().any(|sink| matches!(sink, Sink::S3 { .. }));
        if !needed {
            return Ok((Value::Null, Secrets::new()));
        }
        let invalid = |message: String| ObjectError::new(ObjectErrorKind::Invalid, message);
        let request = jobhost_model::json::value(&self.payload.request)
            .map_err(|error| invalid(format!("the job's request cannot be read: {error}")))?;
        let secrets = match &self.payload.sealed {
            Some(sealed) => self.parts.sealer.open_sealed(sealed).map_err(|error| invalid(error.to_string()))?,
            None => Secrets::new(),
        };
        Ok((request, secrets))
    }

    async fn origin(&self, index: usize, source: ResolvedSource) -> Result<Origin, ObjectError> {
        Ok(match source {
            ResolvedSource::RequestField => match &self.payload.inline {
                Some(Inline::Text(text)) => Origin::Memory(Bytes::from(text.clone().into_bytes())),
                Some(Inline::Spooled) | None => Origin::Spooled(self.spool.inline_path(self.job)),
            },
            ResolvedSource::File { directories, path, encoding } => Origin::File { directories, path, encoding },
            ResolvedSource::Url(mut download) => {
                download.first_bytes = self.first_bytes;
                let (spool, room) = (self.directory().await?, self.spool.charged(self.job));
                Origin::Url { downloader: self.parts.downloader.clone(), download, spool, room, index }
            }
            ResolvedSource::S3 { access, encoding } => {
                let S3Access { location, keys } = *access;
                Origin::S3 { s3: self.parts.s3.clone(), location, keys, encoding }
            }
        })
    }

    async fn target(&self, index: usize, sink: ResolvedSink) -> Result<Target, ObjectError> {
        Ok(match sink {
            ResolvedSink::File { exports, directory, name, encoding } => {
                let token = format!("{}-{index}", self.job);
                Target::File { exports, directory, name, encoding, token }
            }
            ResolvedSink::S3 { access, media_type, encoding } => {
                let S3Access { location, keys } = *access;
                let note = self.directory().await?.join(format!("upload-{index}.json"));
                Target::S3 { s3: self.parts.s3.clone(), location, keys, media_type, encoding, note }
            }
        })
    }

    /// The job's spool directory.
    async fn directory(&self) -> Result<PathBuf, ObjectError> {
        let (maker, job) = (self.spool.clone(), self.job);
        let made = tokio::task::spawn_blocking(move || maker.make_directory(job)).await;
        made.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
            warn!(%job, %error, "the job's spool directory could not be created");
            let message = format!("the spool directory cannot be created: {error}");
            ObjectError::caused_by(ObjectErrorKind::Unavailable, message, error)
        })
    }
}

/// Removes what interrupted attempts have left of the sinks. Finished sinks are kept.
pub(super) async fn sweep(targets: &[Target]) {
    for target in targets {
        if let Err(error) = target.sweep().await {
            warn!(%error, "leftovers of an interrupted attempt could not be removed");
        }
    }
}

/// Like [`sweep`], for a job that has no further attempt.
pub(super) async fn sweep_job(parts: &JobParts, spool: &Spool, job: Uuid, user: &str) -> Result<(), StoreError> {
    let Some((payload, _)) = parts.store.job_payload(job).await? else { return Ok(()) };
    let Ok(payload) = serde_json::from_slice::<Payload>(&payload) else { return Ok(()) };
    if payload.plan.sinks.is_empty() {
        return Ok(());
    }
    let Some(user) = parts.access.user(user) else { return Ok(()) };
    let staging = Staging { parts, spool, job, role: &user.role, payload: &payload, first_bytes: None };
    match staging.stage(Purpose::Sweep).await {
        Ok(staged) => sweep(&staged.targets).await,
        Err(error) => warn!(%job, %error, "unfinished output of the job could not be searched for"),
    }
    Ok(())
}
