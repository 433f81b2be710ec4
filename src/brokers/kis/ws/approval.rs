//! The key that opens websocket sessions: one per app key, asked for over REST and kept.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::super::auth::Issuer;
use super::super::parse::{classify, unreadable};
use crate::brokers::BrokerError;
use crate::domain::clock::Clock;

const PATH: &str = "/oauth2/Approval";

/// The broker honours a key for 24 hours; with a margin.
const LIFE: SignedDuration = SignedDuration::from_hours(23);

/// The approval key of one app key.
#[derive(Debug, Default)]
pub(super) struct Approval(Option<(SecretString, Timestamp)>);

impl Approval {
    /// The key, asked for when there is none or the old one has aged.
    pub async fn key(&mut self, issuer: &Issuer<'_>, clock: &dyn Clock) -> Result<SecretString, BrokerError> {
        if let Some((key, asked_at)) = &self.0
            && clock.now().duration_since(*asked_at) < LIFE
        {
            return Ok(key.clone());
        }
        let asked_at = clock.now();
        let key = ask(issuer).await?;
        self.0 = Some((key.clone(), asked_at));
        Ok(key)
    }

    /// The broker no longer knows the key.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

async fn ask(issuer: &Issuer<'_>) -> Result<SecretString, BrokerError> {
    // The same secret as everywhere, under another name.
    let body = serde_json::json!({
        "grant_type": "client_credentials",
        "appkey": issuer.app_key.expose_secret(),
        "secretkey": issuer.app_secret.expose_secret(),
    });
    let request = issuer.http.post(&format!("{}{PATH}", issuer.base_url)).json(&body);
    let reply = issuer.http.send(request, issuer.secrets).await?;
    let Ok(answer) = serde_json::from_slice::<Value>(&reply.body) else {
        return Err(unreadable(reply.status, &issuer.secrets.evidence(&reply.body)));
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    match text("approval_key") {
        "" if text("error_code").is_empty() => Err(unreadable(reply.status, &issuer.secrets.evidence(&reply.body))),
        "" => Err(classify(reply.status, &issuer.secrets.clean(text("error_code")), &issuer.secrets.clean(text("error_description")))),
        key => Ok(SecretString::from(key)),
    }
}
