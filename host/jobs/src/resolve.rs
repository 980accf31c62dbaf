//! Resolves a plan: what each name refers to, and whether this user and this plugin may access it. Runs when a job is
//! accepted, again when an attempt begins, because permissions and configuration may have changed, and once more to
//! find what a job has left behind. Changes nothing and keeps nothing open.

use serde_json::Value;

use super::JobParts;
use super::credentials::{S3Access, s3_access};
use super::granted::{Granted, Refused};
use super::secrets::{self, Secrets};
use super::urls;
use jobhost_access::Role;
use jobhost_contract::{Capability, FileSource, Plan, S3Object, Sink, Source, UrlSource};
use jobhost_model::table::SYSTEM_DATABASE;
use jobhost_model::{Encoding, Right, TableName, json};
use jobhost_objects::download::headers_from;
use jobhost_objects::{Directories, Download, ExportDirectories, HostScopes};
use jobhost_registry::Plugin;
use jobhost_search::{SearchError, SearchRequest, missing_table};

/// Why a plan is resolved.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// To accept a job: everything in the plan must exist and be allowed.
    Accept { plugin: &'a Plugin, has_inline: bool },
    /// To run an attempt: the plugin's grants must still cover the plan. Other errors are reported by the call that
    /// meets them.
    Run(&'a Plugin),
    /// To find what the job has left behind. No plugin is involved.
    Sweep,
}

/// Whose plan is resolved, and the parts of the request that it refers to.
pub(super) struct Resolver<'a> {
    pub parts: &'a JobParts,
    pub role: &'a Role,
    /// Contains handles in place of secrets; null if the plan does not refer to the request.
    pub request: &'a Value,
    pub secrets: &'a Secrets,
    pub purpose: Purpose<'a>,
}

/// The resolved plan, in the plan's order.
pub(super) struct Resolved {
    pub sources: Vec<ResolvedSource>,
    pub sinks: Vec<ResolvedSink>,
    pub searches: Vec<SearchRequest>,
}

pub(super) enum ResolvedSource {
    RequestField,
    File { directories: Directories, path: String, encoding: Option<Encoding> },
    Url(Box<Download>),
    S3 { access: Box<S3Access>, encoding: Option<Encoding> },
}

pub(super) enum ResolvedSink {
    File { exports: ExportDirectories, directory: String, name: String, encoding: Encoding },
    S3 { access: Box<S3Access>, media_type: String, encoding: Encoding },
}

impl Resolver<'_> {
    pub async fn resolve(&self, plan: &Plan) -> Result<Resolved, Refused> {
        let mut granted = match self.purpose {
            Purpose::Accept { plugin, .. } | Purpose::Run(plugin) => Some(Granted::new(self.parts, plugin)),
            Purpose::Sweep => None,
        };
        self.tables(plan, granted.as_mut())?;
        let mut resolved = Resolved { sources: Vec::new(), sinks: Vec::new(), searches: Vec::new() };
        for query in &plan.queries {
            resolved.searches.push(self.query(query, granted.as_mut())?);
        }
        for source in &plan.sources {
            resolved.sources.push(self.source(source, granted.as_mut()).await?);
        }
        for sink in &plan.sinks {
            resolved.sinks.push(self.sink(sink, granted.as_mut()).await?);
        }
        granted.map_or(Ok(()), |granted| granted.verdict())?;
        Ok(resolved)
    }

    fn accepts(&self) -> bool {
        matches!(self.purpose, Purpose::Accept { .. })
    }

    fn tables(&self, plan: &Plan, granted: Option<&mut Granted<'_>>) -> Result<(), Refused> {
        if self.accepts() {
            let catalog = self.parts.store.catalog();
            // A table without rights is only described: any right on it is enough, but nobody describes the host's own.
            let needs = |used: &jobhost_contract::TableUse| match used.rights.is_empty() {
                true if used.table.database == SYSTEM_DATABASE => vec![Right::Insert],
                _ => used.rights.iter().flat_map(|right| right.needs()).copied().collect::<Vec<Right>>(),
            };
            let wanted: Vec<(TableName, Vec<Right>)> =
                plan.tables.iter().map(|used| (used.table.clone(), needs(used))).collect();
            self.role.check_tables(&catalog, &wanted).map_err(SearchError::Denied)?;
            if let Some((table, _)) = wanted.iter().find(|(table, _)| catalog.table(table).is_none()) {
                return Err(SearchError::NotFound(missing_table(&catalog, table)).into());
            }
        }
        let Some(granted) = granted else { return Ok(()) };
        Ok(plan.tables.iter().try_for_each(|used| granted.rights(used))?)
    }

    fn query(&self, query: &str, granted: Option<&mut Granted<'_>>) -> Result<SearchRequest, Refused> {
        let search = search_of(query)?;
        let permitted = search.permitted(self.role, &self.parts.store.catalog());
        match (permitted, granted) {
            (Ok(permitted), Some(granted)) => granted.read_tables(permitted.tables())?,
            (Err(refused), _) if self.accepts() => return Err(refused.into()),
            (Ok(_) | Err(_), _) => {}
        }
        Ok(search)
    }

    async fn source(&self, source: &Source, granted: Option<&mut Granted<'_>>) -> Result<ResolvedSource, Refused> {
        match source {
            Source::RequestField => match self.purpose {
                Purpose::Accept { has_inline: false, .. } => Err(Refused::NoInlineSource),
                _ => Ok(ResolvedSource::RequestField),
            },
            Source::File(FileSource { path, encoding }) => {
                let directories = match granted {
                    Some(granted) if self.accepts() => granted.openable_file(path).await?,
                    Some(granted) => granted.file(path).await?,
                    None => self.parts.directories.clone(),
                };
                Ok(ResolvedSource::File { directories, path: path.clone(), encoding: *encoding })
            }
            Source::Url(source) => Ok(ResolvedSource::Url(Box::new(self.url(source, granted)?))),
            Source::S3 { object, encoding } => {
                let access = Box::new(self.s3(Capability::ReadS3, object, granted)?);
                Ok(ResolvedSource::S3 { access, encoding: *encoding })
            }
        }
    }

    async fn sink(&self, sink: &Sink, granted: Option<&mut Granted<'_>>) -> Result<ResolvedSink, Refused> {
        match sink {
            Sink::File { directory, name, encoding } => {
                let exports = match granted {
                    Some(granted) if self.accepts() => granted.writable_file(directory, name).await?,
                    Some(granted) => granted.export(directory).await?,
                    None => self.parts.exports.clone(),
                };
                let (directory, name, encoding) = (directory.clone(), name.clone(), *encoding);
                Ok(ResolvedSink::File { exports, directory, name, encoding })
            }
            Sink::S3 { object, media_type, encoding } => {
                let access = Box::new(self.s3(Capability::WriteS3, object, granted)?);
                Ok(ResolvedSink::S3 { access, media_type: media_type.clone(), encoding: *encoding })
            }
        }
    }

    fn url(&self, source: &UrlSource, granted: Option<&mut Granted<'_>>) -> Result<Download, Refused> {
        let url = self.parts.downloader.check_url(urls::revealed(self.secrets, &source.url), &source.media_types)?;
        let hosts = match granted {
            Some(granted) => granted.url(&url)?,
            None => HostScopes::Any,
        };
        let pointer = source.headers.as_deref();
        let object = pointer.and_then(|pointer| secrets::revealed(self.request, self.secrets, pointer));
        let headers = object.map_or_else(|| Ok(http::HeaderMap::new()), |object| headers_from(&object))?;
        Ok(Download {
            url,
            hosts,
            headers,
            media_types: source.media_types.clone(),
            compression: source.encoding,
            first_bytes: None,
        })
    }

    fn s3(
        &self,
        capability: Capability,
        object: &S3Object,
        granted: Option<&mut Granted<'_>>,
    ) -> Result<S3Access, Refused> {
        let access = s3_access(self.parts, self.role, self.request, self.secrets, object)?;
        if let Some(granted) = granted {
            granted.s3(capability, &access.location)?;
        }
        Ok(access)
    }
}

/// Parses the search of a plan's query.
fn search_of(query: &str) -> Result<SearchRequest, SearchError> {
    let fields = json::object(query)
        .map_err(|error| SearchError::Invalid(format!("a query of the plan is not a JSON object: {error}")))?;
    let operation = fields.get("operation").and_then(Value::as_str).unwrap_or_default();
    SearchRequest::parse(operation, &fields)
}
