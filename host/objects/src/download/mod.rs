//! Downloads a URL into a file: every hop is checked; redirects, bytes and time are limited.

mod failure;
mod media_type;
mod request_headers;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

use super::address_guard::AddressGuard;
use super::body;
use super::guarded_client::guarded_client;
use super::host_scope::HostScopes;
use super::{ObjectError, ObjectErrorKind};
pub use failure::shown;
use failure::{
    FAILED, Failed, not_granted, of_its_format, refused, refused_by_server, undecodable, unreachable,
    unsupported_encoding,
};
use jobhost_budget::DiskHeld;
use jobhost_model::{Encoding, Limit};
use media_type::{check_media_type, media_type};
pub use request_headers::headers_from;

/// Limits of one download. Each has a configuration key in `[urls]`.
#[derive(Debug, Clone)]
pub struct DownloadLimits {
    /// Size of the decoded body, so that a small body cannot expand without limit.
    pub max_bytes: Limit,
    /// Time of the whole download, including retries.
    pub timeout: Limit,
    pub max_redirects: Limit,
}

impl DownloadLimits {
    /// Ten gigabytes in an hour.
    pub const DEFAULT: Self = DownloadLimits {
        max_bytes: Limit::new("urls.max_bytes", 10 << 30),
        timeout: Limit::new("urls.timeout_seconds", 3600),
        max_redirects: Limit::new("urls.max_redirects", 5),
    };
}

/// What to fetch.
#[derive(Debug, Clone)]
pub struct Download {
    pub url: Url,
    pub headers: HeaderMap,
    /// Media types that are accepted, lower case; empty means any.
    pub media_types: Vec<String>,
    /// The compression of the file, besides any encoding that the response names; `None` means that of the first bytes.
    pub compression: Option<Encoding>,
    /// Ends the download successfully after so many decoded bytes; `None` means at its end.
    pub first_bytes: Option<u64>,
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
const CHUNK_BYTES: usize = 64 << 10;
/// How often a download is tried again, and the waits in between unless the server names one: as for S3.
const RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const WAIT_FACTOR: u32 = 3;
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Of what is fetched: it is its job's, and no other user of the machine may read it.
pub(super) const SPOOLED_MODE: u32 = 0o600;

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
        match tokio::time::timeout(self.limits.timeout.time(), self.fetch_untimed(download, to, room)).await {
            Ok(result) => result.map_err(|error| of_its_format(&download.media_types, error)),
            Err(_) => Err(of_its_format(
                &download.media_types,
                ObjectError::new(
                    ObjectErrorKind::Limit,
                    format!(
                        "{FAILED}: {}, it took longer than {} seconds ({})",
                        shown(&download.url),
                        self.limits.timeout.value(),
                        self.limits.timeout.key()
                    ),
                ),
            )),
        }
    }

    /// Tries again what may pass: a lost connection, a server that is busy or fails. Whoever asks for a wait that is longer than
    /// there is time for gets the time limit instead.
    async fn fetch_untimed(&self, download: &Download, to: &Path, room: &DiskHeld) -> Result<Downloaded, ObjectError> {
        let mut room = Room { held: room, charged: 0 };
        let mut wait = FIRST_WAIT;
        for _ in 0..RETRIES {
            match self.fetch_once(download, to, &mut room).await {
                Err(Failed { error, passing: Some(asked) }) => {
                    tracing::debug!(%error, "a download is tried again");
                    tokio::time::sleep(asked.unwrap_or(wait)).await;
                    wait = wait.saturating_mul(WAIT_FACTOR).min(MAX_WAIT);
                }
                done => return done.map_err(|failed| failed.error),
            }
        }
        self.fetch_once(download, to, &mut room).await.map_err(|failed| failed.error)
    }

    async fn fetch_once(&self, download: &Download, to: &Path, room: &mut Room<'_>) -> Result<Downloaded, Failed> {
        let mut url = download.url.clone();
        let mut headers = download.headers.clone();
        for _ in 0..=self.limits.max_redirects.value() {
            self.check_hop(&url)?;
            if !download.hosts.covers(&url) {
                return Err(not_granted(&url).into());
            }
            let response = self.client(&url)?.get(url.clone()).headers(headers.clone()).send().await;
            let response = response.map_err(|error| Failed::network(unreachable(&url, &error)))?;
            if let Some(next) = redirect(&url, &response)? {
                if next.origin() != url.origin() {
                    // Headers may carry credentials that were meant for the first host alone.
                    headers.clear();
                }
                url = next;
                continue;
            }
            if response.status() != StatusCode::OK {
                return Err(refused_by_server(&url, response.status(), response.headers()));
            }
            let encodings = body::encodings(response.headers());
            let encodings = encodings.map_err(|unsupported| unsupported_encoding(&url, &unsupported))?;
            let media_type = media_type(response.headers());
            check_media_type(&url, &download.media_types, media_type.as_deref())?;
            let body = body::plain(response, &encodings, download.compression)
                .await
                .map_err(|error| undecodable(&url, error))?;
            let body = body.take(download.first_bytes.unwrap_or(u64::MAX));
            let size = self.write_body(&url, body, to, room).await?;
            return Ok(Downloaded { size, media_type });
        }
        let sentence = format!(
            "{FAILED}: {}, more than {} redirects ({})",
            shown(&download.url),
            self.limits.max_redirects.value(),
            self.limits.max_redirects.key()
        );
        Err(ObjectError::new(ObjectErrorKind::Limit, sentence).into())
    }

    /// A client for one hop: the resolver must know the host and port that it resolves for.
    fn client(&self, url: &Url) -> Result<reqwest::Client, ObjectError> {
        let accepted = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(body::ACCEPTED))]);
        let builder = reqwest::Client::builder()
            .default_headers(accepted)
            .connect_timeout(Duration::from_secs(30))
            .read_timeout(Duration::from_secs(60));
        guarded_client(builder, &self.guard, url.port_or_known_default().unwrap_or(0))
    }

    async fn write_body(
        &self,
        url: &Url,
        mut body: impl AsyncRead + Unpin,
        to: &Path,
        room: &mut Room<'_>,
    ) -> Result<u64, Failed> {
        let disk = |error: std::io::Error| {
            ObjectError::caused_by(
                ObjectErrorKind::Unavailable,
                format!("the download cannot be stored: {error}"),
                error,
            )
        };
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(SPOOLED_MODE);
        let mut file = options.open(to).await.map_err(disk)?;
        let mut size = 0_u64;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = body.read(&mut chunk).await.map_err(|error| undecodable(url, error))?;
            if count == 0 {
                break;
            }
            size += count as u64;
            if size > self.limits.max_bytes.value() {
                let sentence = format!(
                    "{FAILED}: {}, it is larger than {} bytes ({})",
                    shown(url),
                    self.limits.max_bytes.value(),
                    self.limits.max_bytes.key()
                );
                return Err(ObjectError::new(ObjectErrorKind::Limit, sentence).into());
            }
            room.hold(size).map_err(|error| {
                let message = format!("{FAILED}: {}, {error}", shown(url));
                ObjectError::caused_by(ObjectErrorKind::Unavailable, message, error)
            })?;
            file.write_all(chunk.get(..count).unwrap_or_default()).await.map_err(disk)?;
        }
        file.sync_all().await.map_err(disk)?;
        Ok(size)
    }
}

/// Room on disk, charged once for all tries.
struct Room<'r> {
    held: &'r DiskHeld,
    charged: u64,
}

impl Room<'_> {
    fn hold(&mut self, size: u64) -> Result<(), jobhost_budget::Exhausted> {
        while self.charged < size {
            self.held.grow(ROOM_BYTES)?;
            self.charged += ROOM_BYTES;
        }
        Ok(())
    }
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
