//! The operator's S3 settings, and the checks of a location that need no connection.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::client::Store;
use super::credentials::{self, S3Keys, S3Profile};
use super::location::{self, Placement};
use crate::{AddressGuard, AllowedAddress, ObjectError, ObjectErrorKind};
use jobhost_model::{Limit, S3Location};

/// The operator's settings of `[s3]`.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The server for locations that name none; `None` means AWS. Jobs may connect to it whatever its address is.
    pub endpoint: Option<String>,
    /// Maximum size of an object that is read, after decoding.
    pub max_bytes: Limit,
    /// Timeout of one request with all its retries: opening an object, a range, a part.
    pub timeout: Duration,
    /// An INI file with profiles.
    pub credentials_file: Option<PathBuf>,
}

impl S3Options {
    /// Default of [`S3Options::max_bytes`].
    pub const MAX_BYTES: Limit = Limit::new("s3.max_bytes", 100 << 30);
    /// Default of [`S3Options::timeout`].
    pub const TIMEOUT: Limit = Limit::new("s3.timeout_seconds", 300);
}

/// Access to S3 servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3 {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guard: AddressGuard,
    endpoint: Option<Url>,
    options: S3Options,
}

impl S3 {
    /// Returns `Invalid` if the configured endpoint is not the URL of a server.
    pub fn new(guard: AddressGuard, options: S3Options) -> Result<S3, ObjectError> {
        let endpoint = match &options.endpoint {
            Some(text) => Some(location::endpoint_url(text).map_err(|what| {
                ObjectError::new(ObjectErrorKind::Invalid, format!("s3.endpoint is {text:?}, which {what}"))
            })?),
            None => None,
        };
        let guard = match &endpoint {
            Some(url) => guard.allowing(operators_server(url)?),
            None => guard,
        };
        Ok(S3 { shared: Arc::new(Shared { guard, endpoint, options }) })
    }

    /// Checks a location without connecting: the syntax of endpoint, region, bucket and key, and a literal address
    /// against the guard.
    pub fn check(&self, location: &S3Location) -> Result<S3Place, ObjectError> {
        self.placed(location).map(|placement| S3Place { server: placement.endpoint, bucket: placement.bucket })
    }

    /// Reads a profile from the operator's credentials file. Blocks while it reads a small file.
    pub fn profile(&self, name: &str) -> Result<S3Profile, ObjectError> {
        credentials::profile(self.shared.options.credentials_file.as_deref(), name)
    }

    /// Maximum size of an object that is read, after decoding.
    pub fn max_bytes(&self) -> Limit {
        self.shared.options.max_bytes.clone()
    }

    pub(super) fn timeout(&self) -> Duration {
        self.shared.options.timeout
    }

    pub(super) fn placed(&self, location: &S3Location) -> Result<Placement, ObjectError> {
        location::place(location, self.shared.endpoint.as_ref(), &self.shared.guard)
    }

    pub(super) fn store(&self, location: &S3Location, keys: &S3Keys) -> Result<Store, ObjectError> {
        Store::new(self.placed(location)?, keys, &self.shared.guard, self.timeout())
    }
}

/// A bucket and its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Place {
    pub server: Url,
    pub bucket: String,
}

/// Returns the guard's entry for the configured server.
fn operators_server(url: &Url) -> Result<AllowedAddress, ObjectError> {
    let host = url.host_str().unwrap_or("");
    let port = url.port_or_known_default().unwrap_or(0);
    format!("{host}:{port}").parse::<AllowedAddress>().map_err(|error| {
        ObjectError::caused_by(
            ObjectErrorKind::Invalid,
            format!("s3.endpoint is {url}, whose host cannot be used; write http://host:port"),
            error,
        )
    })
}
