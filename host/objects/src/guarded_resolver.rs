//! Resolves host names for jobs: a connection can only go to an address that the guard permits.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address_guard::AddressGuard;

/// Resolves names to the addresses that the guard permits, so the connection can only go to one of those.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) guard: AddressGuard,
    pub(crate) port: u16,
}

/// The name resolves, but to nothing that jobs may connect to.
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
