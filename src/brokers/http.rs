//! The HTTP client that broker and messenger adapters share. It says of a failure whether the
//! request can have arrived, and keeps keys, tokens and account numbers out of every text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
pub(crate) use reqwest::Url;
pub use reqwest::{RequestBuilder, header};
use secrecy::{ExposeSecret, SecretString};

use self::header::HeaderMap;
use super::BrokerError;
use super::calls::{CallEnd, Calls};
use super::egress::{Egress, place};
use super::reach;
use crate::domain::reach::Reach;

/// Answers longer than this are refused: the longest page of a broker is far below.
const MAX_BODY: usize = 8 << 20;

/// Texts of other programs are shown up to this length.
const MAX_QUOTED: usize = 300;

/// Answers that nobody understands are kept up to this length.
const MAX_EVIDENCE: usize = 500;

/// Makes ring the process's TLS provider. Must have run before the first client is built (the HTTP
/// library panics otherwise); calling it again changes nothing.
pub fn install_crypto() {
    // An error says that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Time limits of a client, in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Until the connection (TLS included) stands.
    pub connect_timeout: Duration,
    /// From the first byte sent to the last byte of the answer.
    pub timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(15) }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// Nothing left this machine.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    NoAnswer(String),
}

impl From<HttpFailure> for BrokerError {
    fn from(failure: HttpFailure) -> Self {
        match failure {
            HttpFailure::NotSent(text) => BrokerError::Unreachable(text),
            HttpFailure::NoAnswer(text) => BrokerError::NoAnswer(text),
        }
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct HttpReply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The server's certificate in DER, where the client was asked to keep it.
    pub certificate: Option<Vec<u8>>,
}

impl HttpReply {
    /// A header's value; empty when it is missing or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

/// One pool of connections; clones share it.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    egress: Egress,
    /// For addresses that were not configured on the server itself; `None` = anywhere.
    reach: Option<Reach>,
    /// Where calls are counted.
    calls: Option<Calls>,
}

impl HttpClient {
    /// Builds a client that never follows redirects, never repeats a request on its own, and ignores
    /// proxies of the environment: credentials go to the configured host and nowhere else.
    ///
    /// # Errors
    /// When the TLS set-up of this machine is unusable (for example no CA certificates).
    pub fn new(settings: HttpSettings) -> Result<Self, HttpFailure> {
        Self::within(Egress::default(), settings)
    }

    /// The same, for a client that may not speak to everybody.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn within(egress: Egress, settings: HttpSettings) -> Result<Self, HttpFailure> {
        Self::build(egress, settings, None)
    }

    /// The same, for addresses that people or other programs name: they must lie within reach.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn reaching(reach: Reach, egress: Egress, settings: HttpSettings) -> Result<Self, HttpFailure> {
        Self::build(egress, settings, Some(reach))
    }

    fn build(egress: Egress, settings: HttpSettings, reach: Option<Reach>) -> Result<Self, HttpFailure> {
        install_crypto();
        let builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .user_agent(concat!("eggmoney/", env!("CARGO_PKG_VERSION")));
        let builder = match reach {
            // Servers that people name are looked at more closely: until when their certificates count.
            Some(reach) => builder.dns_resolver(Arc::new(reach::Within(reach))).tls_info(true),
            None => builder,
        };
        egress
            .guard(builder)
            .build()
            .map(|client| Self { client, egress, reach, calls: None })
            .map_err(|e| HttpFailure::NotSent(format!("the HTTP client cannot be set up: {}", chain(&e.without_url()))))
    }

    /// The same client, whose calls are counted.
    pub fn counted(self, calls: Calls) -> Self {
        Self { calls: Some(calls), ..self }
    }

    /// An answered request to this URL was refused for coming too fast.
    pub fn note_limited(&self, url: &str) {
        if let (Some(calls), Ok(url)) = (&self.calls, reqwest::Url::parse(url)) {
            calls.limited(&place(&url));
        }
    }

    /// A GET request to be completed and handed to [`Self::send`].
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url)
    }

    /// A POST request to be completed and handed to [`Self::send`].
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    /// Whether a connection to this URL's host may be opened; for those who open it themselves.
    ///
    /// # Errors
    /// When it may not, or the URL is none.
    pub fn may_reach(&self, url: &str) -> Result<(), HttpFailure> {
        match reqwest::Url::parse(url) {
            Ok(url) if self.reach.is_some_and(|reach| !reach::allows(reach, &url)) => {
                Err(HttpFailure::NotSent(reach::OUT_OF_REACH.to_owned()))
            }
            Ok(url) if self.egress.allows(&url) => Ok(()),
            Ok(_) => Err(HttpFailure::NotSent("this process may not speak to that host".to_owned())),
            Err(error) => Err(HttpFailure::NotSent(format!("not a URL: {error}"))),
        }
    }

    /// Sends a request once and reads its whole answer, whatever its status.
    pub async fn send(&self, request: RequestBuilder, secrets: &Redactor) -> Result<HttpReply, HttpFailure> {
        let request = request.build().map_err(|e| HttpFailure::NotSent(secrets.clean(&chain(&e.without_url()))))?;
        self.may_reach(request.url().as_str())?;
        let mut call = self.calls.as_ref().map(|calls| calls.begin(place(request.url())));
        let result = self.exchange(request, secrets, |status, date| {
            if let Some(call) = &mut call {
                call.answered(status, date);
            }
        });
        let result = result.await;
        if let (Some(call), Err(failure)) = (&mut call, &result) {
            call.failed(match failure {
                HttpFailure::NotSent(_) => CallEnd::NotSent,
                HttpFailure::NoAnswer(_) => CallEnd::NoAnswer,
            });
        }
        result
    }

    /// `head` hears the status and the date as soon as they are there: the body may take its time.
    async fn exchange(
        &self,
        request: reqwest::Request,
        secrets: &Redactor,
        mut head: impl FnMut(u16, &str),
    ) -> Result<HttpReply, HttpFailure> {
        let mut response = self.client.execute(request).await.map_err(|e| failure(e, secrets))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        head(status, headers.get(header::DATE).and_then(|v| v.to_str().ok()).unwrap_or_default());
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(|tls| tls.peer_certificate()).map(<[u8]>::to_vec);
        let mut body = Vec::new();
        loop {
            // Whatever goes wrong from here on, the request has arrived.
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(HttpFailure::NoAnswer(format!("the answer is longer than {MAX_BODY} bytes"))),
                Ok(None) => return Ok(HttpReply { status, headers, body, certificate }),
                Err(e) => {
                    let reason = secrets.clean(&chain(&e.without_url()));
                    return Err(HttpFailure::NoAnswer(format!("the answer broke off: {reason}")));
                }
            }
        }
    }
}

fn failure(error: reqwest::Error, secrets: &Redactor) -> HttpFailure {
    // A connection that never stood cannot have carried anything; every other failure, a time-out
    // or a reset among them, can have happened after the server took the request.
    let before = error.is_connect() || error.is_builder();
    let timeout = error.is_timeout();
    let text = secrets.clean(&chain(&error.without_url()));
    match (before, timeout) {
        (true, _) => HttpFailure::NotSent(text),
        (false, true) => HttpFailure::NoAnswer(format!("timed out ({text})")),
        (false, false) => HttpFailure::NoAnswer(text),
    }
}

/// An error with its causes, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Replaces secrets in texts that come from outside before they reach an error or a log.
#[derive(Clone)]
pub struct Redactor(Arc<[SecretString]>);

impl Redactor {
    /// Empty values are ignored.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self(secrets.into_iter().filter(|s| !s.expose_secret().is_empty()).collect())
    }

    /// The same with one more secret.
    pub fn with(&self, secret: &SecretString) -> Self {
        Self::new(self.0.iter().cloned().chain([secret.clone()]))
    }

    /// The text, trimmed, shortened and without any of the secrets.
    pub fn clean(&self, text: &str) -> String {
        self.clean_to(text, MAX_QUOTED)
    }

    /// The start of an answer that could not be understood, as evidence: on one line, without any of
    /// the secrets.
    pub fn evidence(&self, body: &[u8]) -> String {
        // JSON may write a slash of a secret with a backslash before it.
        let text = String::from_utf8_lossy(body).replace("\\/", "/");
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.clean_to(&line, MAX_EVIDENCE)
    }

    fn clean_to(&self, text: &str, length: usize) -> String {
        let mut text = text.trim().to_owned();
        for secret in self.0.iter() {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), "***");
            }
        }
        if text.chars().count() > length {
            text = text.chars().take(length).chain(['…']).collect();
        }
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_the_provider_twice_is_harmless() {
        install_crypto();
        install_crypto();
        assert!(HttpClient::new(HttpSettings::default()).is_ok());
    }

    #[test]
    fn secrets_are_replaced_before_texts_are_cut() {
        let secrets = Redactor::new([SecretString::from("top-secret"), SecretString::from("")]);
        assert_eq!(secrets.clean(" key top-secret refused "), "key *** refused");
        let long = format!("{}top-secret", "x".repeat(MAX_QUOTED - 4));
        assert!(!secrets.clean(&long).contains("top"));
        assert_eq!(format!("{secrets:?}"), "Redactor(1 secrets)");
    }

    #[test]
    fn evidence_is_short_on_one_line_and_without_secrets() {
        let secrets = Redactor::new([SecretString::from("top/secret")]);
        assert_eq!(secrets.evidence(b"{\"a\":\n\"top\\/secret top/secret\"}"), "{\"a\": \"*** ***\"}");
        assert_eq!(secrets.evidence(&[0xff; 2_000]).chars().count(), MAX_EVIDENCE + 1);
    }

    #[tokio::test]
    async fn whom_this_process_may_not_speak_to_hears_nothing() {
        let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        here.set_nonblocking(true).unwrap();
        let port = here.local_addr().unwrap().port();
        let egress = Egress::only(["http://127.0.0.1:1"]);
        let client = HttpClient::within(egress.clone(), HttpSettings::default()).unwrap();
        for url in [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/")] {
            let error = client.send(client.get(&url), &Redactor::new([])).await.unwrap_err();
            assert!(matches!(error, HttpFailure::NotSent(_)), "{error:?}");
        }
        // Nor does a request that goes round the check get a name.
        assert!(client.get(&format!("http://localhost:{port}/")).send().await.is_err());
        assert_eq!(egress.refused(), [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "localhost".to_owned()]);
        assert!(here.accept().is_err(), "somebody connected");
        assert!(HttpClient::new(HttpSettings::default()).unwrap().may_reach(&format!("http://127.0.0.1:{port}/")).is_ok());
    }

    #[tokio::test]
    async fn a_client_for_the_internet_does_not_knock_at_home() {
        let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        here.set_nonblocking(true).unwrap();
        let port = here.local_addr().unwrap().port();
        let client = |reach| HttpClient::reaching(reach, Egress::default(), HttpSettings::default()).unwrap();
        let public = client(Reach::Public);
        // A number, the same written otherwise, and a name that leads here.
        for host in ["127.0.0.1", "[::1]", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
            let error = public.send(public.get(&format!("http://{host}:{port}/")), &Redactor::new([])).await.unwrap_err();
            assert!(matches!(&error, HttpFailure::NotSent(text) if text.contains("special network")), "{host}: {error:?}");
        }
        assert!(here.accept().is_err(), "somebody connected");
        assert!(client(Reach::Lan).may_reach(&format!("http://127.0.0.1:{port}/")).is_ok());
        assert!(client(Reach::Lan).may_reach("http://169.254.169.254/latest/meta-data").is_err());
    }

    #[tokio::test]
    async fn a_refused_connection_means_that_nothing_left() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = HttpClient::new(HttpSettings::default()).unwrap();
        let request = client.get(&format!("http://127.0.0.1:{port}/?CANO=50012345"));
        let error = client.send(request, &Redactor::new([])).await.unwrap_err();
        assert!(matches!(&error, HttpFailure::NotSent(text) if !text.contains("50012345")), "{error:?}");
    }
}
