//! Keeps a client to addresses within its reach, also when a name leads elsewhere the second time.

use std::net::SocketAddr;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::reach::Reach;

/// Looks names up and keeps what lies within reach.
pub(super) struct Within(pub(super) Reach);

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One address out of reach is enough: which one would be taken is not ours to say.
            if found.iter().any(|address| !reach.allows(address.ip())) {
                return Err(OUT_OF_REACH.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Said of a name or number that leads where the client may not go.
pub(super) const OUT_OF_REACH: &str = "the host has an address of a local or special network, which is not allowed here";

/// Whether the host of a URL may be connected to, as far as it says so itself: a name is looked up later.
pub(super) fn allows(reach: Reach, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.parse().map_or(!host.is_empty(), |address| reach.allows(address))
}
