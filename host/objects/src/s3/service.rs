//! The HTTP service beneath the S3 client library: a client with the guard's resolver, without redirects, proxies or
//! decoding. Error responses become typed errors here; only a limited part of their body is read.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};

use super::errors::Failure;
use super::location::Placement;
use crate::ObjectError;
use crate::address_guard::AddressGuard;
use crate::guarded_client::{Refused, guarded_client};

/// Error bodies have a few hundred bytes; no more than this is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Responses to requests that change something are small documents.
const MAX_REPLY_BYTES: usize = 1024 * 1024;
const SECRET_HEADERS: [&str; 2] = ["authorization", "x-amz-security-token"];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A body that sends no byte for this long is treated as broken.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A service for one host and port.
#[derive(Debug, Clone)]
pub struct Service {
    reading: reqwest::Client,
    /// For sending parts. A client that sends receives nothing meanwhile, so only the whole request has a timeout.
    writing: reqwest::Client,
    region: Arc<str>,
}

impl Service {
    pub fn new(placement: &Placement, guard: &AddressGuard, timeout: Duration) -> Result<Self, ObjectError> {
        let client = |builder: reqwest::ClientBuilder| {
            // An object is read as it is stored.
            let builder = builder.no_gzip().no_brotli().no_deflate().no_zstd();
            guarded_client(builder.connect_timeout(CONNECT_TIMEOUT.min(timeout)), guard, placement.port)
        };
        Ok(Service {
            reading: client(reqwest::Client::builder().read_timeout(STALL_TIMEOUT.min(timeout)))?,
            writing: client(reqwest::Client::builder().timeout(timeout))?,
            region: Arc::from(placement.region.as_str()),
        })
    }
}

impl HttpConnector for Service {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let url = parts.uri.to_string().parse().map_err(|error: url::ParseError| {
            failed(Failure::Nonsense(format!("the URL of the request cannot be used: {error}")))
        })?;
        let mut outgoing = reqwest::Request::new(parts.method, url);
        *outgoing.headers_mut() = parts.headers;
        for (name, value) in outgoing.headers_mut() {
            // Hides the value from the HTTP library's traces.
            value.set_sensitive(SECRET_HEADERS.contains(&name.as_str()));
        }
        if body.content_length() > 0 {
            *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
        }
        let client = if reads { &self.reading } else { &self.writing };
        let response = client.execute(outgoing).await.map_err(|error| failed(of_transport(error)))?;
        let response: http::Response<reqwest::Body> = response.into();
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let text = bounded(body, MAX_ERROR_BYTES).await.0;
            return Err(failed(self.refusal(parts.status, &parts.headers, &String::from_utf8_lossy(&text))));
        }
        if reads {
            let body = HttpResponseBody::new(body.map_err(|error| failed(of_transport(error))));
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let (reply, end) = bounded(body, MAX_REPLY_BYTES).await;
        end.map_err(failed)?;
        // S3 may respond with 200, keep the connection open with whitespace, and then report an error.
        let text = String::from_utf8_lossy(&reply);
        if text.contains("<Error>") {
            let failure = Failure::answer(StatusCode::OK.as_u16(), &text);
            return Err(failed(failure));
        }
        Ok(HttpResponse::from_parts(parts, reply.into()))
    }
}

impl Service {
    fn refusal(&self, status: StatusCode, headers: &http::HeaderMap, body: &str) -> Failure {
        let region = headers.get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
        match region {
            Some(region) if *region != *self.region && matches!(status.as_u16(), 300..=400) => Failure::Answer {
                status: StatusCode::BAD_REQUEST.as_u16(),
                code: "PermanentRedirect".to_owned(),
                message: format!("The bucket is in region '{region}', not in '{}'; correct the region", self.region),
            },
            _ => Failure::answer(status.as_u16(), body),
        }
    }
}

/// Reads a body up to a limit; returns what was read and how it ended.
async fn bounded(body: reqwest::Body, most: usize) -> (Bytes, Result<(), Failure>) {
    let mut body = std::pin::pin!(body);
    let mut taken = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                if taken.len() + data.len() > most {
                    let failure = Failure::Nonsense(format!("its reply is longer than {most} bytes"));
                    return (taken.freeze(), Err(failure));
                }
                taken.extend_from_slice(&data);
            }
            Err(error) => return (taken.freeze(), Err(of_transport(error))),
        }
    }
    (taken.freeze(), Ok(()))
}

/// The library retries errors of kind `Request`, and none of kind `Unknown`.
fn failed(failure: Failure) -> HttpError {
    let kind = if failure.is_transient() { HttpErrorKind::Request } else { HttpErrorKind::Unknown };
    HttpError::new(kind, failure)
}

fn of_transport(error: reqwest::Error) -> Failure {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        if deeper.is::<Refused>() {
            return Failure::Refused;
        }
        cause = deeper;
    }
    // Only the innermost cause is shown, because the outer ones repeat the URL.
    let why = cause.to_string();
    if error.is_connect() {
        Failure::Connect(why)
    } else if error.is_timeout() {
        Failure::Timeout
    } else if error.is_builder() {
        Failure::Nonsense("the request cannot be made".to_owned())
    } else {
        Failure::Broken(why)
    }
}
