//! The token with which a monitoring program reads the figures of the installation. It opens nothing
//! else; the store keeps only its SHA-256.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::AuthError;
use super::identity::Auth;
use super::random_bytes;
use crate::domain::id::UserId;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record, StoreError};

/// What a token begins with, so that a person knows it again.
const PREFIX: &str = "eggm_";

/// One row, while figures may be read.
const METRICS_TOKEN: SystemTable<MetricsToken> = SystemTable::new("metrics_token");

/// The token as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsToken {
    /// SHA-256 of the token, hex.
    hash: String,
    pub made_at: Timestamp,
}

impl Record for MetricsToken {
    const NAME: &'static str = "metrics token";
}

fn key() -> Key {
    Key::new().text("token")
}

fn hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token))
}

impl Auth {
    /// The token that counts; `None` while figures are off.
    ///
    /// # Errors
    /// `Store`.
    pub fn metrics_token(&self) -> Result<Option<MetricsToken>, AuthError> {
        Ok(self.store.read(|view| view.get(&METRICS_TOKEN, &key()))?)
    }

    /// Makes a new token; the one before no longer counts.
    ///
    /// # Errors
    /// `Store`.
    pub async fn make_metrics_token(&self, by: UserId) -> Result<(MetricsToken, SecretString), AuthError> {
        let now = self.now();
        let token = format!("{PREFIX}{}", BASE32_NOPAD.encode(&random_bytes::<20>()).to_lowercase());
        let row = MetricsToken { hash: hash(&token), made_at: now };
        let kept = row.clone();
        self.store
            .write(move |tx| {
                let renewed = tx.get(&METRICS_TOKEN, &key())?.is_some();
                tx.put(&METRICS_TOKEN, &key(), &kept)?;
                tx.audit(now, Some(by), "metrics.token_made", json!({ "renewed": renewed }))
            })
            .await
            .map_err(|e: StoreError| AuthError::from(e))?;
        Ok((row, token.into()))
    }

    /// Figures are off from now on.
    ///
    /// # Errors
    /// `Store`.
    pub async fn drop_metrics_token(&self, by: UserId) -> Result<(), AuthError> {
        let now = self.now();
        self.store
            .write(move |tx| {
                if tx.get(&METRICS_TOKEN, &key())?.is_none() {
                    return Ok(());
                }
                tx.remove(&METRICS_TOKEN, &key())?;
                tx.audit(now, Some(by), "metrics.token_dropped", json!({}))
            })
            .await
            .map_err(|e: StoreError| AuthError::from(e))
    }

    /// Whether a caller may read the figures.
    ///
    /// # Errors
    /// `NotSignedIn` without the token that counts, also while figures are off; `Store`.
    pub fn may_read_metrics(&self, token: Option<&str>) -> Result<(), AuthError> {
        let known = self.metrics_token()?;
        let right = known.zip(token).is_some_and(|(known, token)| known.hash.as_bytes().ct_eq(hash(token).as_bytes()).into());
        if right { Ok(()) } else { Err(AuthError::NotSignedIn) }
    }
}
