//! HTTP clients for jobs: a connection can only go to an address that the guard permits.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address_guard::AddressGuard;
use crate::{ObjectError, ObjectErrorKind};

/// Builds a client for requests to this port. It follows no redirect and uses no proxy, because either would connect to an
/// address that the guard has not seen.
pub(crate) fn guarded_client(
    builder: reqwest::ClientBuilder,
    guard: &AddressGuard,
    port: u16,
) -> Result<reqwest::Client, ObjectError> {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver { guard: guard.clone(), port }))
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

/// Resolves names to the addresses that the guard permits, so the connection can only go to one of those.
#[derive(Debug)]
struct GuardedResolver {
    guard: AddressGuard,
    port: u16,
}

/// The name resolves only to addresses that jobs may not connect to.
#[derive(Debug, thiserror::Error)]
#[error("its address is private or reserved")]
pub(crate) struct Refused;

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
