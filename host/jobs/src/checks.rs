//! Whether a plan may become a job: is what it names there, may the user touch it, do the configuration and the plugin's
//! grant allow it?
//! Nothing is opened for good and nothing is changed here.

use serde_json::Value;

use super::JobParts;

use super::credentials::{S3Access, s3_access};
use super::error::SubmitError;
use super::granted::{Granted, Refused};
use super::secrets::{self, Secrets};
use jobhost_access::User;
use jobhost_contract::{Capability, Plan, S3Object, Sink, Source, UrlSource};
use jobhost_model::{Right, TableName, json};
use jobhost_objects::download::headers_from;
use jobhost_objects::{ObjectError, ObjectErrorKind};
use jobhost_registry::{NotAsked, NotGranted, Plugin};
use jobhost_search::{SearchError, SearchRequest, missing_table};

/// Who asks for what.
pub(super) struct Checks<'a> {
    pub parts: &'a JobParts,
    pub plugin: &'a Plugin,
    pub user: &'a User,
    /// With handles in the place of secrets.
    pub request: &'a Value,
    pub secrets: &'a Secrets,
    pub has_inline: bool,
}

impl Checks<'_> {
    pub async fn check(&self, plan: &Plan) -> Result<(), SubmitError> {
        let mut granted = Granted::new(self.parts, self.plugin);
        self.tables(plan, &mut granted)?;
        for query in &plan.queries {
            self.query(query, &mut granted)?;
        }
        for source in &plan.sources {
            self.source(source, &mut granted).await?;
        }
        for sink in &plan.sinks {
            self.sink(sink, &mut granted).await?;
        }
        granted.verdict().map_err(not_granted)
    }

    fn tables(&self, plan: &Plan, granted: &mut Granted<'_>) -> Result<(), SubmitError> {
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
        plan.tables.iter().try_for_each(|used| granted.rights(used)).map_err(not_asked)
    }

    fn query(&self, query: &str, granted: &mut Granted<'_>) -> Result<(), SubmitError> {
        let search = search_of(query).map_err(search_refused)?;
        let permitted = search.permitted(&self.user.role, &self.parts.store.catalogue()).map_err(search_refused)?;
        granted.read_tables(permitted.tables()).map_err(not_asked)
    }

    async fn source(&self, source: &Source, granted: &mut Granted<'_>) -> Result<(), SubmitError> {
        match source {
            Source::RequestField if self.has_inline => Ok(()),
            Source::RequestField => {
                let message = "The plan names the inline source, but the request has none";
                Err(SubmitError::Refused(message.to_owned()))
            }
            Source::File(path) => granted.file(path).await.map_err(refused),
            Source::Url(UrlSource { url, headers, media_types }) => {
                let url = self.parts.downloader.check_url(url, media_types).map_err(object_refused)?;
                granted.url(&url).map_err(not_asked)?;
                if let Some(pointer) = headers
                    && let Some(object) = secrets::revealed(self.request, self.secrets, pointer)
                {
                    headers_from(&object).map_err(object_refused)?;
                }
                Ok(())
            }
            Source::S3 { object, .. } => self.s3(Capability::ReadS3, object, granted),
        }
    }

    async fn sink(&self, sink: &Sink, granted: &mut Granted<'_>) -> Result<(), SubmitError> {
        match sink {
            Sink::File { directory, name, .. } => granted.export(directory, name).await.map_err(refused),
            Sink::S3 { object, .. } => self.s3(Capability::WriteS3, object, granted),
        }
    }

    fn s3(&self, capability: Capability, object: &S3Object, granted: &mut Granted<'_>) -> Result<(), SubmitError> {
        let S3Access { location, .. } =
            s3_access(self.parts, &self.user.role, self.request, self.secrets, object).map_err(object_refused)?;
        granted.s3(capability, &location).map_err(refused)
    }
}

/// The search that a query of a plan asks for.
pub(super) fn search_of(query: &str) -> Result<SearchRequest, SearchError> {
    let fields = json::object(query)
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
        SearchError::Exhausted(exhausted) => exhausted.into(),
    }
}

fn refused(error: Refused) -> SubmitError {
    match error {
        Refused::Object(error) => object_refused(error),
        Refused::NotAsked(error) => not_asked(error),
        Refused::NotGranted(error) => not_granted(error),
    }
}

fn not_asked(error: NotAsked) -> SubmitError {
    SubmitError::plugin(error.plugin.clone(), error.to_string())
}

fn not_granted(error: NotGranted) -> SubmitError {
    SubmitError::NotGranted(error.to_string())
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
