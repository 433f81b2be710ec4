//! How sign-in providers are spoken to: over the shared HTTP client, within the reach that each was given.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::auth::oidc::{ClientProof, Web, WebAnswer};
use crate::brokers::egress::Egress;
use crate::brokers::http::{HttpClient, HttpFailure, HttpSettings, Redactor, RequestBuilder, header};
use crate::domain::reach::Reach;

/// One client per reach.
#[derive(Debug)]
pub(super) struct ProviderWeb {
    public: HttpClient,
    lan: HttpClient,
}

impl ProviderWeb {
    pub(super) fn new(egress: &Egress, patience: Duration) -> Result<Self, HttpFailure> {
        let settings = HttpSettings { connect_timeout: patience, timeout: patience };
        let client = |reach| HttpClient::reaching(reach, egress.clone(), settings);
        Ok(Self { public: client(Reach::Public)?, lan: client(Reach::Lan)? })
    }

    fn client(&self, reach: Reach) -> &HttpClient {
        match reach {
            Reach::Public => &self.public,
            Reach::Lan => &self.lan,
        }
    }

    /// The certificate with which a server answers, in DER; `None` without TLS.
    ///
    /// # Errors
    /// Why there is no answer, in a sentence.
    pub(super) async fn certificate(&self, url: &str, reach: Reach) -> Result<Option<Vec<u8>>, String> {
        let client = self.client(reach);
        let reply = client.send(client.get(url), &Redactor::new([])).await.map_err(|e| e.to_string())?;
        Ok(reply.certificate)
    }

    async fn send(&self, reach: Reach, request: RequestBuilder, secrets: Redactor) -> Result<WebAnswer, String> {
        let request = request.header(header::ACCEPT, "application/json");
        let reply = self.client(reach).send(request, &secrets).await.map_err(|e| e.to_string())?;
        Ok(WebAnswer { status: reply.status, body: reply.body })
    }
}

#[async_trait]
impl Web for ProviderWeb {
    async fn get(&self, url: &str, reach: Reach) -> Result<WebAnswer, String> {
        self.send(reach, self.client(reach).get(url), Redactor::new([])).await
    }

    async fn post_form(
        &self,
        url: &str,
        form: Vec<(&'static str, SecretString)>,
        proof: ClientProof,
        reach: Reach,
    ) -> Result<WebAnswer, String> {
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let mut secrets = Redactor::new(form.iter().map(|(_, value)| value.clone()));
        let mut request = self.client(reach).post(url).form(&fields);
        if let ClientProof::Basic { id, secret } = &proof {
            // RFC 6749, 2.3.1: both parts are form-encoded first.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(id), Some(encoded(secret.expose_secret())));
            secrets = secrets.with(secret);
        }
        self.send(reach, request, secrets).await
    }
}
