//! Downloads a URL into a file: every hop is checked; redirects, bytes and time are limited.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::AsyncWriteExt;
use url::{Host, Url};

use super::address_guard::AddressGuard;
use super::host_scope::HostScopes;
use super::{ObjectError, ObjectErrorKind};
use jobhost_budget::DiskHeld;

/// Bounds of one download. Each has a configuration key in `[urls]`.
#[derive(Debug, Clone)]
pub struct DownloadLimits {
    /// Of the decoded body: a small body that decodes to a large one is stopped here.
    pub max_bytes: u64,
    /// For the whole of it.
    pub timeout: Duration,
    pub max_redirects: usize,
}

/// What to fetch.
#[derive(Debug, Clone)]
pub struct Download {
    pub url: Url,
    pub headers: HeaderMap,
    /// Media types that are accepted, lower case; empty means any.
    pub media_types: Vec<String>,
    /// Where the URL and all redirects from it may lead.
    pub hosts: HostScopes,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    pub size: u64,
    pub media_type: Option<String>,
}

/// Room for a download is charged in steps of this.
const ROOM_BYTES: u64 = 256 << 10;

/// Of what is fetched: it is its job's, and no other user of the machine may read it.
pub(super) const SPOOLED_MODE: u32 = 0o600;
/// Sentences begin as Harper's do, because clients look for them.
const FAILED: &str = "CSV Load failed from URL";

#[derive(Debug, Clone)]
pub struct Downloader {
    guard: AddressGuard,
    limits: DownloadLimits,
}

impl Downloader {
    pub fn new(guard: AddressGuard, limits: DownloadLimits) -> Self {
        Downloader { guard, limits }
    }

    /// What can be said about a URL before it is fetched: scheme, host, and an address that is written out.
    /// `media_types` are those that the load can use.
    pub fn check_url(&self, text: &str, media_types: &[String]) -> Result<Url, ObjectError> {
        let url = Url::parse(text).map_err(|error| {
            ObjectError::caused_by(ObjectErrorKind::Invalid, format!("the URL cannot be read: {error}"), error)
        })?;
        self.check_hop(&url).map_err(|error| of_its_format(media_types, error))?;
        Ok(url)
    }

    fn check_hop(&self, url: &Url) -> Result<(), ObjectError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ObjectError::new(
                ObjectErrorKind::Invalid,
                format!("{FAILED}: {}, only http and https can be fetched", shown(url)),
            ));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => {
                let message = format!("{FAILED}: {}, the URL has no host", shown(url));
                return Err(ObjectError::new(ObjectErrorKind::Invalid, message));
            }
        };
        let port = url.port_or_known_default().unwrap_or(0);
        match literal {
            Some(address) if !self.guard.permits(&address.to_string(), address, port) => Err(refused(url)),
            _ => Ok(()),
        }
    }

    /// Fetch into a new file. The file is complete and synced when this returns.
    pub async fn fetch(&self, download: &Download, to: &Path, room: &DiskHeld) -> Result<Downloaded, ObjectError> {
        match tokio::time::timeout(self.limits.timeout, self.fetch_untimed(download, to, room)).await {
            Ok(result) => result.map_err(|error| of_its_format(&download.media_types, error)),
            Err(_) => Err(of_its_format(
                &download.media_types,
                ObjectError::new(
                    ObjectErrorKind::Limit,
                    format!(
                        "{FAILED}: {}, it took longer than {} seconds (urls.timeout_seconds)",
                        shown(&download.url),
                        self.limits.timeout.as_secs()
                    ),
                ),
            )),
        }
    }

    async fn fetch_untimed(&self, download: &Download, to: &Path, room: &DiskHeld) -> Result<Downloaded, ObjectError> {
        let mut url = download.url.clone();
        let mut headers = download.headers.clone();
        for _ in 0..=self.limits.max_redirects {
            self.check_hop(&url)?;
            if !download.hosts.covers(&url) {
                return Err(not_granted(&url));
            }
            let response = self.client(&url)?.get(url.clone()).headers(headers.clone()).send().await;
            let response = response.map_err(|error| unreachable(&url, &error))?;
            if let Some(next) = redirect(&url, &response)? {
                if next.origin() != url.origin() {
                    // Headers may carry credentials that were meant for the first host alone.
                    headers.clear();
                }
                url = next;
                continue;
            }
            if response.status() != StatusCode::OK {
                let status = response.status();
                let reason = status.canonical_reason().unwrap_or("");
                return Err(ObjectError::new(
                    ObjectErrorKind::Unavailable,
                    format!("{FAILED}: {}, status code: {}, message: {reason}", shown(&url), status.as_u16()),
                ));
            }
            check_encoding(&url, response.headers())?;
            let media_type = media_type(response.headers());
            check_media_type(&url, &download.media_types, media_type.as_deref())?;
            let size = self.write_body(&url, response, to, room).await?;
            return Ok(Downloaded { size, media_type });
        }
        Err(ObjectError::new(
            ObjectErrorKind::Limit,
            format!(
                "{FAILED}: {}, more than {} redirects (urls.max_redirects)",
                shown(&download.url),
                self.limits.max_redirects
            ),
        ))
    }

    /// A client for one hop: the resolver must know the host and port that it resolves for.
    fn client(&self, url: &Url) -> Result<reqwest::Client, ObjectError> {
        let resolver = GuardedResolver { guard: self.guard.clone(), port: url.port_or_known_default().unwrap_or(0) };
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(Duration::from_secs(30))
            .read_timeout(Duration::from_secs(60))
            .user_agent(concat!("jobhost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                ObjectError::caused_by(
                    ObjectErrorKind::Unavailable,
                    format!("the HTTP client cannot be created: {error}"),
                    error,
                )
            })
    }

    async fn write_body(
        &self,
        url: &Url,
        response: reqwest::Response,
        to: &Path,
        room: &DiskHeld,
    ) -> Result<u64, ObjectError> {
        let disk = |error: std::io::Error| {
            ObjectError::caused_by(
                ObjectErrorKind::Unavailable,
                format!("the download cannot be stored: {error}"),
                error,
            )
        };
        let mut response = response;
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(SPOOLED_MODE);
        let mut file = options.open(to).await.map_err(disk)?;
        let (mut size, mut charged) = (0_u64, 0_u64);
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
            size += chunk.len() as u64;
            if size > self.limits.max_bytes {
                return Err(ObjectError::new(
                    ObjectErrorKind::Limit,
                    format!(
                        "{FAILED}: {}, it is larger than {} bytes (urls.max_bytes)",
                        shown(url),
                        self.limits.max_bytes
                    ),
                ));
            }
            while charged < size {
                room.grow(ROOM_BYTES).map_err(|error| {
                    let message = format!("{FAILED}: {}, {error}", shown(url));
                    ObjectError::caused_by(ObjectErrorKind::Unavailable, message, error)
                })?;
                charged += ROOM_BYTES;
            }
            file.write_all(&chunk).await.map_err(disk)?;
        }
        file.sync_all().await.map_err(disk)?;
        Ok(size)
    }
}

/// Resolves names to the addresses that the guard permits, so the connection can only go to one of those.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) guard: AddressGuard,
    pub(super) port: u16,
}

/// The name resolves, but to nothing that jobs may connect to.
#[derive(Debug, thiserror::Error)]
#[error("its address is private or reserved")]
pub(super) struct Refused;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, port, name) = (self.guard.clone(), self.port, name.as_str().to_owned());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), port)).await?.collect();
            let permitted: Vec<SocketAddr> =
                found.into_iter().filter(|address| guard.permits(&name, address.ip(), port)).collect();
            if permitted.is_empty() {
                return Err(Box::new(Refused) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// Harper has loads of CSV only, and its sentence says so; that of a load of another format does not.
fn of_its_format(media_types: &[String], mut error: ObjectError) -> ObjectError {
    if !media_types.iter().any(|media_type| media_type == "text/csv") {
        error.message = error.message.strip_prefix("CSV ").unwrap_or(&error.message).to_owned();
    }
    error
}

fn not_granted(url: &Url) -> ObjectError {
    let (host, port) = (url.host_str().unwrap_or(""), url.port_or_known_default().unwrap_or(0));
    let message = format!(
        "{FAILED}: {}, the plugin is not granted {host}:{port}. To allow it, add \"fetch-url {host}:{port}\" to \
         the plugin's key in [grants] of the configuration and restart the host",
        shown(url)
    );
    ObjectError::new(ObjectErrorKind::Denied, message)
}

fn redirect(url: &Url, response: &reqwest::Response) -> Result<Option<Url>, ObjectError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    match target.and_then(|target| url.join(target).ok()) {
        Some(next) => Ok(Some(next)),
        None => Err(ObjectError::new(
            ObjectErrorKind::Unavailable,
            format!(
                "{FAILED}: {}, status code: {}, a redirect without a usable location",
                shown(url),
                response.status().as_u16()
            ),
        )),
    }
}

/// The media type without its parameters, lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

fn check_media_type(url: &Url, accepted: &[String], found: Option<&str>) -> Result<(), ObjectError> {
    if accepted.is_empty() || found.is_some_and(|found| accepted.iter().any(|one| one == found)) {
        return Ok(());
    }
    Err(ObjectError::new(
        ObjectErrorKind::Invalid,
        format!("{FAILED}: {}, unsupported content type: {}", shown(url), found.unwrap_or("undefined")),
    ))
}

/// The client takes away the encodings that it decodes; one that is still there would be read as if it were text.
fn check_encoding(url: &Url, headers: &HeaderMap) -> Result<(), ObjectError> {
    let Some(left) = headers.get(CONTENT_ENCODING) else { return Ok(()) };
    let name = String::from_utf8_lossy(left.as_bytes()).to_ascii_lowercase();
    if name.trim() == "identity" {
        return Ok(());
    }
    Err(ObjectError::new(
        ObjectErrorKind::Invalid,
        format!("{FAILED}: {}, unsupported content encoding: {name}; gzip, deflate, br and zstd are read", shown(url)),
    ))
}

/// Headers that say how the request itself is framed, routed or encoded, which is the client's business alone.
const RESERVED_HEADERS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Builds the headers of a request from an object of strings.
pub fn headers_from(object: &serde_json::Map<String, serde_json::Value>) -> Result<HeaderMap, ObjectError> {
    let mut headers = HeaderMap::new();
    for (name, value) in object {
        let invalid = |what: &str| ObjectError::new(ObjectErrorKind::Invalid, format!("header '{name}' {what}"));
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(flag) => flag.to_string(),
            _ => return Err(invalid("must have a string as its value")),
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("is not a header name"))?;
        if RESERVED_HEADERS.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
            return Err(invalid("describes the request itself and cannot be passed on; remove it"));
        }
        let mut value = HeaderValue::from_str(&text).map_err(|_| invalid("has a value that a header cannot carry"))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

/// The URL as messages show it: without user, password, query and fragment, which may hold credentials.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let had_query = shown.query().is_some();
    shown.set_query(None);
    shown.set_fragment(None);
    // Neither can fail for a URL that has a host, and one without has neither.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if had_query { format!("{shown}?…") } else { shown.to_string() }
}

fn refused(url: &Url) -> ObjectError {
    let port = url.port_or_known_default().unwrap_or(0);
    let host = url.host_str().unwrap_or("");
    ObjectError::new(
        ObjectErrorKind::Denied,
        format!(
            "{FAILED}: {}, its address is private or reserved, where jobs may not connect. To allow it, add this to the \
             configuration and restart the host: [urls] allow = [\"{host}:{port}\"]",
            shown(url)
        ),
    )
}

fn unreachable(url: &Url, error: &reqwest::Error) -> ObjectError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        if deeper.is::<Refused>() {
            return refused(url);
        }
        cause = deeper;
    }
    if cause.is::<Refused>() {
        return refused(url);
    }
    // Only the innermost cause is shown: the outer ones repeat the URL with everything in it.
    ObjectError::new(ObjectErrorKind::Unavailable, format!("{FAILED}: {}, {cause}", shown(url)))
}
