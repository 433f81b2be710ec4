//! What a provider says of itself (OpenID Connect Discovery 1.0). An address in it is followed only as
//! far as the provider may lead us.

use serde::Deserialize;
use url::{Host, Url};

use super::id_token::Keys;
use super::web::{Web, WebAnswer};
use crate::domain::reach::Reach;

/// Longest document that is read.
const LONGEST: usize = 256 << 10;
const LONGEST_ADDRESS: usize = 500;

/// Where a provider is asked for what.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub authorization: Url,
    pub token: Url,
    pub keys: Url,
    /// Identifier and secret belong into the form instead of the header.
    pub secret_in_form: bool,
    /// Answers name their issuer (RFC 9207), so that one which does not is not this provider's.
    pub names_issuer: bool,
    /// Whether the provider says that it takes PKCE. It is sent in any case: who does not know it ignores it.
    pub pkce: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// An address that may be spoken to: with TLS, or this machine itself where the local network is allowed.
pub(super) fn address(text: &str, reach: Reach) -> Result<Url, &'static str> {
    if text.len() > LONGEST_ADDRESS {
        return Err("it is longer than 500 characters");
    }
    let url = Url::parse(text).map_err(|_| "it is no address: write https://HOST or https://HOST/PATH")?;
    let number = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(std::net::IpAddr::V6(v6)),
        Some(Host::Domain(_)) => None,
        None => return Err("it is no address: write https://HOST or https://HOST/PATH"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user name or password");
    }
    if number.is_some_and(|number| !reach.allows(number)) {
        return Err("it leads into a local or special network: allow the local network for this provider if that is meant");
    }
    let here = number.map_or_else(|| url.host_str() == Some("localhost"), |number| number.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if here && reach == Reach::Lan => Ok(url),
        _ => Err("it must begin with https://"),
    }
}

/// An issuer as an administrator writes it: an address without query or fragment.
pub(super) fn issuer(text: &str, reach: Reach) -> Result<Url, &'static str> {
    let url = address(text, reach)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an issuer has neither query nor fragment");
    }
    Ok(url)
}

/// The body of an answer that is fine.
pub(super) fn body(answer: Result<WebAnswer, String>) -> Result<Vec<u8>, String> {
    let answer = answer?;
    match answer.status {
        200 if answer.body.len() <= LONGEST => Ok(answer.body),
        200 => Err(format!("it answers with more than {LONGEST} bytes")),
        301..=308 => {
            Err("it sends us on to another address, which is not followed: enter the issuer exactly as the provider names it".to_owned())
        }
        status => Err(format!("it answers with status {status}")),
    }
}

/// Asks a provider what it says of itself.
///
/// # Errors
/// Why that cannot be used, as a sentence for administrators.
pub(super) async fn discover(web: &dyn Web, issuer_text: &str, reach: Reach) -> Result<Endpoints, String> {
    issuer(issuer_text, reach)?;
    let place = format!("{}/.well-known/openid-configuration", issuer_text.trim_end_matches('/'));
    let body = body(web.get(&place, reach).await)?;
    let said: Metadata =
        serde_json::from_slice(&body).map_err(|e| format!("its discovery document is not the JSON of an OpenID provider: {e}"))?;
    if said.issuer != issuer_text {
        let shown: String = said.issuer.chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(format!("it calls itself '{shown}': enter the issuer exactly like that, if it is the one you mean"));
    }
    let endpoint = |name: &str, text: &str| address(text, reach).map_err(|why| format!("its {name} cannot be used: {why}"));
    let methods = said.token_endpoint_auth_methods_supported.unwrap_or_default();
    let takes = |method: &str| methods.iter().any(|m| m == method);
    Ok(Endpoints {
        authorization: endpoint("authorization_endpoint", &said.authorization_endpoint)?,
        token: endpoint("token_endpoint", &said.token_endpoint)?,
        keys: endpoint("jwks_uri", &said.jwks_uri)?,
        secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
        names_issuer: said.authorization_response_iss_parameter_supported,
        pkce: said.code_challenge_methods_supported.is_some_and(|m| m.iter().any(|m| m == "S256")),
    })
}

/// The keys that a provider publishes now.
///
/// # Errors
/// Why there are none, as a sentence for administrators.
pub(super) async fn keys(web: &dyn Web, endpoints: &Endpoints, reach: Reach) -> Result<Keys, String> {
    Ok(Keys::read(&body(web.get(endpoints.keys.as_str(), reach).await)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_tls_or_are_this_machine() {
        for (text, reach, fine) in [
            ("https://accounts.google.com", Reach::Public, true),
            ("https://nas.local:5001/webman/sso", Reach::Lan, true),
            ("http://accounts.google.com", Reach::Public, false),
            ("http://192.168.0.5", Reach::Lan, false),
            ("http://127.0.0.1:9000", Reach::Public, false),
            ("http://127.0.0.1:9000", Reach::Lan, true),
            ("http://localhost:9000", Reach::Lan, true),
            ("http://localhost.example", Reach::Lan, false),
            ("https://192.168.0.5", Reach::Public, false),
            ("https://192.168.0.5", Reach::Lan, true),
            ("https://169.254.169.254", Reach::Lan, false),
            ("https://0x7f.1", Reach::Public, false),
            ("https://user:pw@id.example", Reach::Public, false),
            ("ftp://id.example", Reach::Public, false),
            ("javascript:alert(1)", Reach::Lan, false),
            ("file:///etc/passwd", Reach::Lan, false),
            ("", Reach::Public, false),
        ] {
            assert_eq!(address(text, reach).is_ok(), fine, "{text} {reach:?}");
        }
        assert!(issuer("https://id.example/a?b=c", Reach::Public).is_err() && issuer("https://id.example/#a", Reach::Public).is_err());
    }
}
