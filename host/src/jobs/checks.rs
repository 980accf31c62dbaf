//! Whether a plan may become a job: is what it names there, may the user touch it, does the configuration allow it?
//! Nothing is opened for good and nothing is changed here.

use serde_json::{Map, Value};

use super::JobParts;
use super::admission::SubmitError;
use super::credentials::{S3Access, s3_access};
use super::secrets::{self, Secrets};
use crate::access::{Right, User};
use crate::capabilities::{Plan, S3Object, Sink, Source, UrlSource};
use crate::objects::download::headers_from;
use crate::objects::{ObjectError, ObjectErrorKind};
use crate::records::TableName;
use crate::searches::{SearchError, SearchRequest, missing_table};

/// Who asks for what.
pub(super) struct Checks<'a> {
    pub parts: &'a JobParts,
    pub user: &'a User,
    /// With handles in the place of secrets.
    pub request: &'a Value,
    pub secrets: &'a Secrets,
    pub has_inline: bool,
}

impl Checks<'_> {
    pub async fn check(&self, plan: &Plan) -> Result<(), SubmitError> {
        self.tables(plan)?;
        for query in &plan.queries {
            self.query(query)?;
        }
        for source in &plan.sources {
            self.source(source).await?;
        }
        for sink in &plan.sinks {
            self.sink(sink).await?;
        }
        Ok(())
    }

    fn tables(&self, plan: &Plan) -> Result<(), SubmitError> {
        let catalogue = self.parts.store.catalogue();
        let wanted: Vec<(TableName, Vec<Right>)> = plan
            .tables
            .iter()
            .map(|used| (used.table.clone(), used.rights.iter().flat_map(|right| right.needs()).copied().collect()))
            .collect();
        self.user.role.check_tables(&catalogue, &wanted).map_err(SubmitError::Denied)?;
        for (table, _) in &wanted {
            if catalogue.table(table).is_none() {
                return Err(SubmitError::NotFound(missing_table(&catalogue, table)));
            }
        }
        Ok(())
    }

    fn query(&self, query: &str) -> Result<(), SubmitError> {
        let search = search_of(query).map_err(search_refused)?;
        search.permitted(&self.user.role, &self.parts.store.catalogue()).map_err(search_refused)?;
        Ok(())
    }

    async fn source(&self, source: &Source) -> Result<(), SubmitError> {
        match source {
            Source::RequestField if self.has_inline => Ok(()),
            Source::RequestField => {
                let message = "The plan names the inline source, but the request has none";
                Err(SubmitError::Refused(message.to_owned()))
            }
            Source::File(path) => {
                let (directories, path) = (self.parts.directories.clone(), path.clone());
                let opened = tokio::task::spawn_blocking(move || directories.open_file(&path).map(drop)).await;
                opened.map_err(|error| SubmitError::Unavailable(error.to_string()))?.map_err(object_refused)
            }
            Source::Url(UrlSource { url, headers, .. }) => {
                self.parts.downloader.check_url(url).map_err(object_refused)?;
                if let Some(pointer) = headers
                    && let Some(object) = secrets::revealed(self.request, self.secrets, pointer)
                {
                    headers_from(&object).map_err(object_refused)?;
                }
                Ok(())
            }
            Source::S3 { object, .. } => self.s3(object),
        }
    }

    async fn sink(&self, sink: &Sink) -> Result<(), SubmitError> {
        match sink {
            Sink::File { directory, name, .. } => {
                let (exports, directory, name) = (self.parts.exports.clone(), directory.clone(), name.clone());
                let checked = tokio::task::spawn_blocking(move || exports.check(&directory, &name)).await;
                checked.map_err(|error| SubmitError::Unavailable(error.to_string()))?.map_err(object_refused)
            }
            Sink::S3 { object, .. } => self.s3(object),
        }
    }

    fn s3(&self, object: &S3Object) -> Result<(), SubmitError> {
        let S3Access { location, .. } =
            s3_access(self.parts, &self.user.role, self.request, self.secrets, object).map_err(object_refused)?;
        self.parts.s3.check(&location).map_err(object_refused)
    }
}

/// The search that a query of a plan asks for.
pub(super) fn search_of(query: &str) -> Result<SearchRequest, SearchError> {
    let fields: Map<String, Value> = serde_json::from_str(query)
        .map_err(|error| SearchError::Invalid(format!("a query of the plan is no JSON object: {error}")))?;
    let operation = fields.get("operation").and_then(Value::as_str).unwrap_or_default();
    SearchRequest::parse(operation, &fields)
}

fn search_refused(error: SearchError) -> SubmitError {
    match error {
        SearchError::Invalid(message) => SubmitError::Refused(message),
        SearchError::NotFound(message) => SubmitError::NotFound(message),
        SearchError::Denied(denial) => SubmitError::Denied(denial),
        SearchError::Store(error) => error.into(),
    }
}

fn object_refused(error: ObjectError) -> SubmitError {
    match error.kind {
        ObjectErrorKind::Denied => SubmitError::NotGranted(error.message),
        ObjectErrorKind::Unavailable => SubmitError::Unavailable(error.message),
        ObjectErrorKind::NotFound | ObjectErrorKind::Invalid | ObjectErrorKind::Limit => {
            SubmitError::Refused(error.message)
        }
    }
}
