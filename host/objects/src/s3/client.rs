//! A client for one object: adds signing, retries and timeouts to the S3 client library.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, RetryConfig};

use super::credentials::S3Keys;
use super::errors::Failure;
use super::location::Placement;
use super::service::Service;
use crate::{AddressGuard, ObjectError};

/// One object on one server, and the credentials for it.
pub struct Store {
    /// For the first request: an unreachable server is reported soon.
    pub brief: AmazonS3,
    /// For requests in the middle of a job: they outlast a restart of the server.
    pub patient: AmazonS3,
    pub placement: Placement,
    keys: S3Keys,
    timeout: Duration,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("placement", &self.placement).finish_non_exhaustive()
    }
}

impl Store {
    pub fn new(
        placement: Placement,
        keys: &S3Keys,
        guard: &AddressGuard,
        timeout: Duration,
    ) -> Result<Self, ObjectError> {
        let service = Service::new(&placement, guard, timeout)?;
        let build = |max_retries, max_backoff| {
            let mut builder = AmazonS3Builder::new()
                .with_http_connector(service.clone())
                .with_bucket_name(&placement.bucket)
                .with_region(&placement.region)
                // With virtual-hosted style, the library treats the endpoint as the bucket's URL, which `bucket_url`
                // is in both styles.
                .with_endpoint(placement.key.base_url(&placement.bucket_url))
                .with_virtual_hosted_style_request(true)
                .with_allow_http(true)
                .with_access_key_id(&keys.access_key_id)
                .with_secret_access_key(&keys.secret_access_key)
                .with_retry(RetryConfig {
                    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff, base: 3.0 },
                    max_retries,
                    retry_timeout: timeout,
                });
            if let Some(token) = &keys.session_token {
                builder = builder.with_token(token);
            }
            builder.build().map_err(|error| Failure::of(&error).explained(&placement, keys))
        };
        Ok(Store {
            brief: build(3, Duration::from_secs(1))?,
            patient: build(10, Duration::from_secs(15))?,
            keys: keys.clone(),
            timeout,
            placement,
        })
    }

    /// Runs a request with all its retries, within the timeout.
    pub async fn bounded<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, request).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(Failure::of(&error)),
            Err(_) => Err(Failure::Timeout),
        }
    }

    pub fn explain(&self, failure: Failure) -> ObjectError {
        failure.explained(&self.placement, &self.keys)
    }
}
