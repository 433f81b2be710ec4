//! Whom this process may speak to. A proof that paper orders stay on paper names the mock host alone:
//! whatever else would be connected to, by name or by number, is refused before a byte leaves, and told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The rule for all connections that this process opens; anybody may be spoken to by default.
#[derive(Clone, Debug, Default)]
pub struct Egress(Option<Arc<Only>>);

#[derive(Debug)]
struct Only {
    /// `host:port`.
    allowed: BTreeSet<String>,
    refused: Mutex<Vec<String>>,
}

impl PartialEq for Egress {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        }
    }
}

impl Only {
    fn refused(&self) -> MutexGuard<'_, Vec<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host and port that an address leads to, as calls to it are counted; `None` when it is no URL.
pub fn host_and_port(address: &str) -> Option<String> {
    Url::parse(address).ok().map(|url| place(&url))
}

/// The host and port that a URL leads to, the usual port where it names none.
pub(super) fn place(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

impl Egress {
    /// Only the hosts and ports of these URLs may be spoken to.
    pub fn only<'u>(urls: impl IntoIterator<Item = &'u str>) -> Self {
        let allowed = urls.into_iter().filter_map(|url| Url::parse(url).ok()).map(|url| place(&url)).collect();
        Self(Some(Arc::new(Only { allowed, refused: Mutex::default() })))
    }

    /// Where connections were refused, in order.
    pub fn refused(&self) -> Vec<String> {
        self.0.as_ref().map(|only| only.refused().clone()).unwrap_or_default()
    }

    /// Whether a connection for this URL may be opened.
    pub(super) fn allows(&self, url: &Url) -> bool {
        let Some(only) = &self.0 else { return true };
        let place = place(url);
        let allowed = only.allowed.contains(&place);
        if !allowed {
            only.refused().push(place);
        }
        allowed
    }

    /// A client's builder that asks for no name but the allowed ones either.
    pub(super) fn guard(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match &self.0 {
            Some(only) => builder.dns_resolver(Arc::new(Refuses(only.clone()))),
            None => builder,
        }
    }
}

/// Knows no name: those who may be spoken to are numbers.
struct Refuses(Arc<Only>);

impl Resolve for Refuses {
    fn resolve(&self, name: Name) -> Resolving {
        self.0.refused().push(name.as_str().to_owned());
        Box::pin(async { Err::<Addrs, _>("no name may be looked up".into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_named_places_are_allowed_and_others_are_told() {
        let egress = Egress::only(["http://127.0.0.1:8001", "ws://127.0.0.1:8002/x"]);
        assert!(egress.allows(&url("http://127.0.0.1:8001/uapi?x=1")) && egress.allows(&url("ws://127.0.0.1:8002/tryitout")));
        assert_eq!(egress.refused(), Vec::<String>::new());
        for other in ["http://127.0.0.1:8003", "https://openapi.koreainvestment.com:9443/x", "http://[::1]:8001", "http://127.0.0.1"] {
            assert!(!egress.allows(&url(other)), "{other}");
        }
        assert_eq!(egress.refused(), ["127.0.0.1:8003", "openapi.koreainvestment.com:9443", "[::1]:8001", "127.0.0.1:80"]);
        assert!(Egress::default().allows(&url("https://openapi.koreainvestment.com:9443")));
    }
}
