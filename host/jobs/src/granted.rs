//! Checks a plan against two lists that must agree: the capabilities that the plugin requests in its description, and
//! those that the operator grants. Runs when a job is accepted and again when an attempt begins, because the
//! configuration may have changed in between.

use std::path::PathBuf;

use url::Url;

use super::JobParts;
use jobhost_contract::{Capability, TableRight, TableUse};
use jobhost_model::{S3Location, TableName};
use jobhost_objects::{Directories, ExportDirectories, HostScopes, ObjectError, ObjectErrorKind};
use jobhost_registry::grants::DirectoryScopes;
use jobhost_registry::{NotAsked, NotGranted, Plugin, Touched};
use jobhost_search::SearchError;

/// What one plugin may do on this host, and which grants a plan lacks.
pub(super) struct Granted<'a> {
    parts: &'a JobParts,
    plugin: &'a Plugin,
    missing: Vec<(Capability, Touched)>,
}

/// Why something that a plan names is unavailable.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("The plan names the inline source, but the request has none")]
    NoInlineSource,
    /// A table or a query.
    #[error("{0}")]
    Records(#[from] SearchError),
    /// The object does not exist, or nobody may access it.
    #[error("{0}")]
    Object(#[from] ObjectError),
    #[error("{0}")]
    NotAsked(#[from] NotAsked),
    #[error("{0}")]
    NotGranted(#[from] NotGranted),
}

impl<'a> Granted<'a> {
    pub fn new(parts: &'a JobParts, plugin: &'a Plugin) -> Self {
        Granted { parts, plugin, missing: Vec::new() }
    }

    /// Reports all missing grants in one error.
    pub fn verdict(self) -> Result<(), NotGranted> {
        if self.missing.is_empty() { Ok(()) } else { Err(self.plugin.not_granted(self.missing)) }
    }

    fn need(&mut self, capability: Capability, touched: Touched, granted: bool) -> Result<(), NotAsked> {
        self.plugin.asks_for(capability, &touched)?;
        if !granted {
            self.missing.push((capability, touched));
        }
        Ok(())
    }

    fn need_table(&mut self, capability: Capability, table: &TableName) -> Result<(), NotAsked> {
        let touched = Touched::Table(table.clone());
        let granted = self.plugin.grants.covers(capability, &touched);
        self.need(capability, touched, granted)
    }

    pub fn rights(&mut self, used: &TableUse) -> Result<(), NotAsked> {
        for right in &used.rights {
            let capabilities: &[Capability] = match right {
                TableRight::Insert => &[Capability::Insert],
                TableRight::Update => &[Capability::Update],
                TableRight::Upsert => &[Capability::Insert, Capability::Update],
                TableRight::Delete => &[Capability::Delete],
            };
            for capability in capabilities {
                self.need_table(*capability, &used.table)?;
            }
        }
        Ok(())
    }

    pub fn read_tables<'t>(&mut self, tables: impl IntoIterator<Item = &'t TableName>) -> Result<(), NotAsked> {
        tables.into_iter().try_for_each(|table| self.need_table(Capability::Query, table))
    }

    /// The directories that this plugin's jobs may read from.
    fn directories(&self) -> Directories {
        match self.plugin.grants.directories(Capability::ReadFile) {
            DirectoryScopes::Any => self.parts.directories.clone(),
            DirectoryScopes::Only(scopes) => self.parts.directories.narrowed(&scopes),
        }
    }

    /// The directories that this plugin's jobs may write to.
    fn exports(&self) -> ExportDirectories {
        match self.plugin.grants.directories(Capability::WriteFile) {
            DirectoryScopes::Any => self.parts.exports.clone(),
            DirectoryScopes::Only(scopes) => self.parts.exports.narrowed(&scopes),
        }
    }

    /// `directory` is a canonical path. A relative path cannot be resolved; opening it reports the error.
    fn need_directory(&mut self, capability: Capability, directory: PathBuf) -> Result<(), NotAsked> {
        let granted = match self.plugin.grants.directories(capability) {
            DirectoryScopes::Any => true,
            DirectoryScopes::Only(scopes) => {
                let within = |scope: &PathBuf| directory.starts_with(scope.canonicalize().as_ref().unwrap_or(scope));
                directory.is_relative() || scopes.iter().any(within)
            }
        };
        self.need(capability, Touched::Directory(directory), granted)
    }

    /// Returns the directories a file is read from. The file is opened later, and only beneath these directories.
    pub async fn file(&mut self, path: &str) -> Result<Directories, Refused> {
        let (all, path) = (self.parts.directories.clone(), path.to_owned());
        let directory = blocking(move || Ok(all.directory_of(&path))).await?;
        self.need_directory(Capability::ReadFile, directory)?;
        Ok(self.directories())
    }

    /// Like [`Granted::file`], but checks that the file can be opened now.
    pub async fn openable_file(&mut self, path: &str) -> Result<Directories, Refused> {
        let (all, granted, path) = (self.parts.directories.clone(), self.directories(), path.to_owned());
        let opened = blocking(move || {
            if granted.open_file(&path).is_ok() {
                return Ok((true, all.directory_of(&path)));
            }
            // If no directory is accessible at all, that error takes precedence.
            all.open_file(&path).map(|_| (false, all.directory_of(&path)))
        });
        let (granted, directory) = opened.await?;
        self.need(Capability::ReadFile, Touched::Directory(directory), granted)?;
        Ok(self.directories())
    }

    /// Returns the directories a file is written to. The file is created only beneath these directories.
    pub async fn export(&mut self, directory: &str) -> Result<ExportDirectories, Refused> {
        let (all, directory) = (self.parts.exports.clone(), directory.to_owned());
        let directory = blocking(move || Ok(all.real(&directory))).await?;
        self.need_directory(Capability::WriteFile, directory)?;
        Ok(self.exports())
    }

    /// Like [`Granted::export`], but checks that the directory is writable now.
    pub async fn writable_file(&mut self, directory: &str, name: &str) -> Result<ExportDirectories, Refused> {
        let (all, granted) = (self.parts.exports.clone(), self.exports());
        let (directory, name) = (directory.to_owned(), name.to_owned());
        let checked = blocking(move || {
            let granted = granted.check(&directory, &name).is_ok();
            if !granted {
                all.check(&directory, &name)?;
            }
            Ok((granted, all.real(&directory)))
        });
        let (granted, directory) = checked.await?;
        self.need(Capability::WriteFile, Touched::Directory(directory), granted)?;
        Ok(self.exports())
    }

    /// Returns the hosts that a URL and its redirects may lead to.
    pub fn url(&mut self, url: &Url) -> Result<HostScopes, NotAsked> {
        let hosts = self.plugin.grants.hosts();
        let granted = hosts.covers(url);
        self.need(Capability::FetchUrl, Touched::host(url), granted)?;
        Ok(hosts)
    }

    pub fn s3(&mut self, capability: Capability, location: &S3Location) -> Result<(), Refused> {
        let place = self.parts.s3.check(location)?;
        let granted = self.plugin.grants.covers_bucket(capability, &place.server, &place.bucket);
        Ok(self.need(capability, Touched::bucket(&place.server, &place.bucket), granted)?)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(ObjectError::caused_by(ObjectErrorKind::Unavailable, format!("checking was stopped: {error}"), error))
    })
}
