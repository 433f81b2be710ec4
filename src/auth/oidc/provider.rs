//! The providers that an administrator lets people sign in with.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Providers;
use super::discovery::{self, Endpoints};
use crate::auth::error::AuthError;
use crate::auth::settings;
use crate::domain::id::UserId;
use crate::domain::reach::Reach;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record, StoreError, Tx, View};

const LONGEST_NAME: usize = 40;
const LONGEST_CLIENT: usize = 512;
const MOST: usize = 10;

/// id → provider.
const PROVIDERS: SystemTable<Provider> = SystemTable::new("sign_in_providers");

/// A provider, without its client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    pub id: Uuid,
    /// On the button.
    pub name: String,
    /// Exactly as the provider names itself.
    pub issuer: String,
    pub client_id: String,
    /// Whether the vault has a client secret.
    pub has_secret: bool,
    pub enabled: bool,
    /// It stands in the local network, so that addresses there may be spoken to.
    pub lan: bool,
    /// Who was let in by it is not asked for the own second factor.
    pub trusted_second_factor: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Record for Provider {
    const NAME: &'static str = "sign-in provider";
}

impl Provider {
    pub(super) fn reach(&self) -> Reach {
        if self.lan { Reach::Lan } else { Reach::Public }
    }

    /// What the audit log says of it.
    pub(super) fn told(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "issuer": self.issuer, "client_id": self.client_id, "enabled": self.enabled,
                "lan": self.lan, "trusted_second_factor": self.trusted_second_factor, "has_secret": self.has_secret })
    }

    fn checked(mut self) -> Result<Self, AuthError> {
        let invalid = |pointer, detail: String| Err(AuthError::InvalidSetting { pointer, detail });
        self.name = self.name.trim().to_owned();
        self.issuer = self.issuer.trim().to_owned();
        self.client_id = self.client_id.trim().to_owned();
        if self.name.is_empty() || self.name.chars().count() > LONGEST_NAME || self.name.chars().any(char::is_control) {
            return invalid("/name", format!("the name has 1 to {LONGEST_NAME} characters without line breaks"));
        }
        if let Err(why) = discovery::issuer(&self.issuer, self.reach()) {
            return invalid("/issuer", format!("the issuer cannot be used: {why}"));
        }
        if !is_client_text(&self.client_id) {
            return invalid(
                "/client_id",
                "the client id is what the provider shows after registering: visible ASCII characters".to_owned(),
            );
        }
        Ok(self)
    }
}

fn is_client_text(text: &str) -> bool {
    (1..=LONGEST_CLIENT).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
}

/// What an administrator enters for a provider.
#[derive(Debug)]
pub struct NewProvider {
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub enabled: bool,
    pub lan: bool,
    pub trusted_second_factor: bool,
}

/// What to change of a provider; `None` stays, `Some(None)` removes the secret.
#[derive(Debug, Default)]
pub struct ProviderPatch {
    pub name: Option<String>,
    pub issuer: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Option<SecretString>>,
    pub enabled: Option<bool>,
    pub lan: Option<bool>,
    pub trusted_second_factor: Option<bool>,
}

/// What a provider answered to a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// Keys that it publishes.
    pub keys: usize,
    /// Whether it says that it takes PKCE with S256.
    pub pkce: bool,
}

fn key(id: Uuid) -> Key {
    Key::new().id(id.as_bytes())
}

fn secret_name(id: Uuid) -> String {
    format!("sign-in-provider/{id}")
}

pub(super) fn all(view: &View<'_>) -> Result<Vec<Provider>, StoreError> {
    view.list(&PROVIDERS, &Key::new())
}

pub(super) fn find(view: &View<'_>, id: Uuid) -> Result<Option<Provider>, StoreError> {
    view.get(&PROVIDERS, &key(id))
}

fn check_secret(secret: &SecretString) -> Result<(), AuthError> {
    if is_client_text(secret.expose_secret().trim()) {
        return Ok(());
    }
    let detail = "the client secret is what the provider shows after registering: visible ASCII characters".to_owned();
    Err(AuthError::InvalidSetting { pointer: "/client_secret", detail })
}

/// The address under which browsers reach this installation, as an administrator writes it.
fn check_public_url(text: &str) -> Result<String, AuthError> {
    let url = text.trim().trim_end_matches('/');
    match discovery::issuer(url, Reach::Lan) {
        Ok(_) => Ok(url.to_owned()),
        Err(why) => Err(AuthError::InvalidSetting { pointer: "/public_url", detail: format!("the public address cannot be used: {why}") }),
    }
}

impl Providers {
    /// All providers, by age.
    ///
    /// # Errors
    /// `Store`.
    pub fn providers(&self) -> Result<Vec<Provider>, AuthError> {
        let mut providers = self.auth.store.read(all)?;
        providers.sort_by_key(|p| (p.created_at, p.id));
        Ok(providers)
    }

    /// Those that people can sign in with now.
    ///
    /// # Errors
    /// `Store`.
    pub fn offered(&self) -> Result<Vec<Provider>, AuthError> {
        if self.auth.settings()?.public_url.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.providers()?.into_iter().filter(|p| p.enabled).collect())
    }

    /// Adds a provider.
    ///
    /// # Errors
    /// `InvalidSetting` naming the field; `TooMany`.
    pub async fn add(&self, by: UserId, new: NewProvider) -> Result<Provider, AuthError> {
        let (now, vault) = (self.auth.now(), self.auth.vault.clone());
        let NewProvider { name, issuer, client_id, client_secret, enabled, lan, trusted_second_factor } = new;
        let id = Uuid::now_v7();
        let has_secret = client_secret.is_some();
        let provider =
            Provider { id, name, issuer, client_id, has_secret, enabled, lan, trusted_second_factor, created_at: now, updated_at: now };
        let provider = provider.checked()?;
        client_secret.as_ref().map(check_secret).transpose()?;
        let added = self.auth.store.write(move |tx| {
            let others = all(&tx.view())?;
            if others.len() >= MOST {
                return Err(AuthError::TooMany("sign-in providers"));
            }
            refuse_same_name(&others, &provider)?;
            if let Some(secret) = &client_secret {
                vault.seal_system(tx, &secret_name(id), secret)?;
            }
            tx.put(&PROVIDERS, &key(id), &provider)?;
            tx.audit(now, Some(by), "provider.added", provider.told())?;
            Ok(provider.clone())
        });
        added.await
    }

    /// Changes a provider. Links are bound to the issuer: with another one they no longer count.
    ///
    /// # Errors
    /// `NotFound`, `InvalidSetting` naming the field.
    pub async fn change(&self, by: UserId, id: Uuid, patch: ProviderPatch) -> Result<Provider, AuthError> {
        let (now, vault) = (self.auth.now(), self.auth.vault.clone());
        if let Some(Some(secret)) = &patch.client_secret {
            check_secret(secret)?;
        }
        let changed = self.auth.store.write(move |tx| {
            let before = find(&tx.view(), id)?.ok_or(AuthError::NotFound("sign-in provider"))?;
            let provider = Provider {
                name: patch.name.clone().unwrap_or_else(|| before.name.clone()),
                issuer: patch.issuer.clone().unwrap_or_else(|| before.issuer.clone()),
                client_id: patch.client_id.clone().unwrap_or_else(|| before.client_id.clone()),
                has_secret: patch.client_secret.as_ref().map_or(before.has_secret, Option::is_some),
                enabled: patch.enabled.unwrap_or(before.enabled),
                lan: patch.lan.unwrap_or(before.lan),
                trusted_second_factor: patch.trusted_second_factor.unwrap_or(before.trusted_second_factor),
                updated_at: now,
                ..before.clone()
            };
            let provider = provider.checked()?;
            refuse_same_name(&all(&tx.view())?, &provider)?;
            match &patch.client_secret {
                Some(Some(secret)) => vault.seal_system(tx, &secret_name(id), secret)?,
                Some(None) => vault.remove_system(tx, &secret_name(id))?,
                None => {}
            }
            tx.put(&PROVIDERS, &key(id), &provider)?;
            let secret = patch.client_secret.is_some();
            tx.audit(now, Some(by), "provider.changed", json!({ "from": before.told(), "to": provider.told(), "secret_changed": secret }))?;
            Ok::<_, AuthError>(provider)
        });
        let provider = changed.await?;
        self.forget_discovered();
        Ok(provider)
    }

    /// Removes a provider. People keep their links, which count again if it comes back.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove(&self, by: UserId, id: Uuid) -> Result<(), AuthError> {
        let (now, vault) = (self.auth.now(), self.auth.vault.clone());
        let removed = self.auth.store.write(move |tx| {
            let provider = find(&tx.view(), id)?.ok_or(AuthError::NotFound("sign-in provider"))?;
            tx.remove(&PROVIDERS, &key(id))?;
            vault.remove_system(tx, &secret_name(id))?;
            Ok(tx.audit(now, Some(by), "provider.removed", provider.told())?)
        });
        removed.await
    }

    /// Asks a provider what it says of itself, without keeping anything; the inner error says what is wrong.
    ///
    /// # Errors
    /// `InvalidSetting` when the address is none.
    pub async fn probe(&self, issuer: &str, lan: bool) -> Result<Result<Probe, String>, AuthError> {
        let reach = if lan { Reach::Lan } else { Reach::Public };
        let issuer = issuer.trim();
        discovery::issuer(issuer, reach)
            .map_err(|why| AuthError::InvalidSetting { pointer: "/issuer", detail: format!("the issuer cannot be used: {why}") })?;
        let asked = async {
            let endpoints = discovery::discover(&*self.web, issuer, reach).await?;
            let keys = discovery::keys(&*self.web, &endpoints, reach).await.map_err(|why| format!("its keys cannot be read: {why}"))?.len();
            let Endpoints { authorization, token, pkce, .. } = endpoints;
            Ok(Probe { authorization_endpoint: authorization.into(), token_endpoint: token.into(), keys, pkce })
        };
        Ok(asked.await)
    }

    /// Sets the address under which browsers reach this installation; providers send people back to it.
    ///
    /// # Errors
    /// `InvalidSetting` for anything but https, or this machine itself.
    pub async fn set_public_url(&self, by: UserId, url: Option<&str>) -> Result<(), AuthError> {
        let (now, url) = (self.auth.now(), url.map(check_public_url).transpose()?);
        let changed = self.auth.store.write(move |tx: &mut Tx<'_>| {
            let mut settings = settings::read(&tx.view())?;
            let before = std::mem::replace(&mut settings.public_url, url.clone());
            settings::write(tx, &settings)?;
            tx.audit(now, Some(by), "settings.public_url_changed", json!({ "from": before, "to": url }))
        });
        Ok(changed.await?)
    }

    /// The client secret of a provider.
    pub(super) fn client_secret(&self, id: Uuid) -> Result<Option<SecretString>, AuthError> {
        let vault = self.auth.vault.clone();
        self.auth.store.read(|view| Ok::<_, AuthError>(vault.open_system(view, &secret_name(id))?))
    }
}

fn refuse_same_name(others: &[Provider], provider: &Provider) -> Result<(), AuthError> {
    if others.iter().any(|p| p.id != provider.id && p.name.to_lowercase() == provider.name.to_lowercase()) {
        let detail = format!("there is a provider '{}' already: choose another name", provider.name);
        return Err(AuthError::InvalidSetting { pointer: "/name", detail });
    }
    Ok(())
}
