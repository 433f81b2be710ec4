//! Lines to brokers: clients built from sealed credentials, one per account, kept while the
//! credentials stay the same.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::config::BrokerHosts;
use super::credentials::BrokerKey;
use crate::auth::Vault;
use crate::brokers::egress::Egress;
use crate::brokers::http::{HttpClient, HttpSettings};
use crate::brokers::kis::{KeyLine, KeyName, KeyRing, KisClient, KisConfig};
use crate::brokers::kis::{StoredToken, TokenKeeper, TokenStore};
use crate::brokers::limit::{LIVE_CALLS_PER_SECOND, MOCK_CALLS_PER_SECOND, RateLimiter};
use crate::brokers::paper::PaperBroker;
use crate::brokers::{OrderGateway, OrderGuard};
use crate::domain::account::Account;
use crate::domain::clock::Clock;
use crate::domain::id::{AccountId, UserId};
use crate::domain::order::{BrokerHost, Environment, OrderIntent, Reason};
use crate::storage::tables::{ACCOUNTS, SECRETS, secret};
use crate::storage::{Store, StoreError, UserTx, account_key};
use crate::trading::{Connector, TradingError, order_refusal};

/// Builds KIS clients.
pub struct KisConnector {
    store: Store,
    vault: Vault,
    hosts: BrokerHosts,
    http: HttpClient,
    market: Arc<dyn Clock>,
    /// Token and pace by app key, whichever account or user asks.
    keys: KeyRing,
    lines: Mutex<HashMap<AccountId, Open>>,
    /// Where the token of each key in `keys` is kept.
    holders: Mutex<HashMap<KeyName, Arc<SealedToken>>>,
    /// Keys that were tried and belong to no account yet, oldest first: their token must not be asked
    /// for again when the key is kept, for the broker issues one a minute.
    tried: Mutex<VecDeque<(KeyName, Tried)>>,
}

/// Keys that are remembered between the trial and the decision to keep them.
const MOST_TRIED: usize = 32;

#[derive(Clone)]
struct Tried {
    line: KeyLine,
    token: Arc<SealedToken>,
}

struct Open {
    /// The sealed secret and the environment: they change when the credentials do.
    fingerprint: (String, Environment),
    client: Arc<KisClient>,
}

impl std::fmt::Debug for KisConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KisConnector")
    }
}

impl KisConnector {
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(store: Store, vault: Vault, hosts: BrokerHosts, egress: Egress, market: Arc<dyn Clock>) -> Result<Self, TradingError> {
        crate::brokers::http::install_crypto();
        let http = HttpClient::within(egress, HttpSettings::default()).map_err(crate::brokers::BrokerError::from)?;
        Ok(Self {
            store,
            vault,
            hosts,
            http,
            market,
            keys: KeyRing::default(),
            lines: Mutex::default(),
            holders: Mutex::default(),
            tried: Mutex::default(),
        })
    }

    /// The HTTP client, for others that talk to the outside.
    pub fn http(&self) -> HttpClient {
        self.http.clone()
    }

    fn secret(&self, user: UserId, account: AccountId, kind: &str) -> Result<SecretString, TradingError> {
        let missing = || TradingError::refused("no_broker_key", "this account has no broker key yet: enter it on the account's page");
        self.store
            .user(user)
            .read(|v| self.vault.open(v, account, kind))
            .map_err(|e| TradingError::refused("broker_key_unreadable", e.to_string()))?
            .ok_or_else(missing)
    }

    fn build(&self, user: UserId, account: &Account) -> Result<KisClient, TradingError> {
        let host = account
            .environment
            .host()
            .ok_or_else(|| TradingError::refused("own_paper", "this account trades on paper inside this server and needs no broker"))?;
        let (base_url, _) = self.host(host);
        let config = KisConfig {
            host,
            base_url: base_url.to_owned(),
            app_key: self.secret(user, account.id, secret::APP_KEY)?,
            app_secret: self.secret(user, account.id, secret::APP_SECRET)?,
            cano: self.secret(user, account.id, secret::CANO)?,
            product: self.secret(user, account.id, secret::PRODUCT)?.expose_secret().to_owned(),
        };
        let name = KeyName::of(host, &config.app_key);
        let line = self.keys.line(name, || {
            let tried = self.take_tried(name).unwrap_or_else(|| self.open_line(host));
            self.holders().insert(name, tried.token);
            tried.line
        });
        // A key that was given up here may since belong to another account.
        if let Some(token) = self.holders().get(&name) {
            token.keep(user, account.id);
        }
        let guard = StoredPermission { store: self.store.clone(), user };
        let client = KisClient::new(config, self.http.clone(), self.market.clone(), line.tokens, line.limiter)?;
        Ok(client.with_guard(Arc::new(guard)))
    }
}

impl KisConnector {
    /// Address and pace of a host.
    fn host(&self, host: BrokerHost) -> (&str, f64) {
        match host {
            BrokerHost::Live => (&self.hosts.live, LIVE_CALLS_PER_SECOND),
            BrokerHost::Mock => (&self.hosts.mock, MOCK_CALLS_PER_SECOND),
        }
    }

    fn open_line(&self, host: BrokerHost) -> Tried {
        let token = Arc::new(SealedToken { store: self.store.clone(), vault: self.vault.clone(), place: Mutex::new(Place::Memory(None)) });
        let tokens = Arc::new(TokenKeeper::new(token.clone(), self.market.clone()));
        let limiter = Arc::new(RateLimiter::new(self.market.clone(), self.host(host).1));
        Tried { line: KeyLine { tokens, limiter }, token }
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, HashMap<KeyName, Arc<SealedToken>>> {
        self.holders.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn tried(&self) -> std::sync::MutexGuard<'_, VecDeque<(KeyName, Tried)>> {
        self.tried.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn take_tried(&self, name: KeyName) -> Option<Tried> {
        let mut tried = self.tried();
        let place = tried.iter().position(|(known, _)| *known == name)?;
        tried.remove(place).map(|(_, tried)| tried)
    }

    /// A client for a key that belongs to no account (yet), at a host of the caller's choice.
    ///
    /// # Errors
    /// When the key cannot be one.
    pub fn try_out(&self, key: &BrokerKey, host: BrokerHost) -> Result<KisClient, TradingError> {
        let name = KeyName::of(host, &key.app_key);
        let tried = self.take_tried(name).unwrap_or_else(|| self.open_line(host));
        {
            let mut all = self.tried();
            all.push_back((name, tried.clone()));
            if all.len() > MOST_TRIED {
                all.pop_front();
            }
        }
        let config = KisConfig {
            host,
            base_url: self.host(host).0.to_owned(),
            app_key: key.app_key.clone(),
            app_secret: key.app_secret.clone(),
            cano: key.cano.clone(),
            product: key.product.clone(),
        };
        let KeyLine { tokens, limiter } = tried.line;
        Ok(KisClient::new(config, self.http.clone(), self.market.clone(), tokens, limiter)?)
    }
}

#[async_trait]
impl Connector for KisConnector {
    async fn connect(&self, user: UserId, account: &Account) -> Result<Arc<dyn OrderGateway>, TradingError> {
        if account.environment == Environment::Own {
            return Ok(Arc::new(PaperBroker));
        }
        let key = account_key(account.id).text(secret::APP_SECRET);
        let sealed = self.store.user(user).read(|v| v.get(&SECRETS, &key))?.map(|s| s.ciphertext).unwrap_or_default();
        let fingerprint = (sealed, account.environment);
        let mut lines = self.lines.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(open) = lines.get(&account.id).filter(|open| open.fingerprint == fingerprint) {
            return Ok(open.client.clone());
        }
        let client = Arc::new(self.build(user, account)?);
        lines.insert(account.id, Open { fingerprint, client: client.clone() });
        Ok(client)
    }
}

/// What the store says about a user's orders, asked anew for each.
struct StoredPermission {
    store: Store,
    user: UserId,
}

impl std::fmt::Debug for StoredPermission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPermission")
    }
}

impl OrderGuard for StoredPermission {
    fn refusal(&self, intent: &OrderIntent) -> Option<Reason> {
        order_refusal(&self.store, self.user, intent)
    }
}

/// The access token of one app key: sealed like the other secrets of its account, in memory while it has
/// none.
struct SealedToken {
    store: Store,
    vault: Vault,
    place: Mutex<Place>,
}

enum Place {
    Memory(Option<StoredToken>),
    Account(UserId, AccountId),
}

impl std::fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedToken")
    }
}

impl SealedToken {
    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// From now on the token belongs to an account. Must be called within the runtime.
    fn keep(self: &Arc<Self>, user: UserId, account: AccountId) {
        let before = std::mem::replace(&mut *self.place(), Place::Account(user, account));
        if let Place::Memory(Some(token)) = before {
            let this = self.clone();
            tokio::spawn(async move { this.save(&token).await });
        }
    }
}

#[derive(Serialize, Deserialize)]
struct TokenText {
    token: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Audits the first token that a key got: whoever enters a key anew removes the token of the one before.
fn note_first_use(tx: &mut UserTx<'_>, account: AccountId, at: Timestamp) -> Result<(), StoreError> {
    if tx.view().get(&SECRETS, &account_key(account).text(secret::TOKEN))?.is_some() {
        return Ok(());
    }
    let Some(record) = tx.view().get(&ACCOUNTS, &account_key(account))? else { return Ok(()) };
    tx.audit(at, None, "broker_key.first_used", json!({ "account": record.name, "environment": record.environment }))
}

#[async_trait]
impl TokenStore for SealedToken {
    async fn load(&self) -> Option<StoredToken> {
        let (user, account) = match &*self.place() {
            Place::Memory(token) => return token.clone(),
            Place::Account(user, account) => (*user, *account),
        };
        let text = self.store.user(user).read(|v| self.vault.open(v, account, secret::TOKEN)).ok()??;
        let token: TokenText = serde_json::from_str(text.expose_secret()).ok()?;
        Some(StoredToken { token: token.token.into(), issued_at: token.issued_at, expires_at: token.expires_at })
    }

    async fn save(&self, token: &StoredToken) {
        let (user, account) = match &mut *self.place() {
            Place::Memory(kept) => {
                *kept = Some(token.clone());
                return;
            }
            Place::Account(user, account) => (*user, *account),
        };
        let text = TokenText { token: token.token.expose_secret().to_owned(), issued_at: token.issued_at, expires_at: token.expires_at };
        let Ok(text) = serde_json::to_string(&text).map(SecretString::from) else { return };
        let (vault, issued_at) = (self.vault.clone(), token.issued_at);
        let saved = self
            .store
            .user(user)
            .write(move |tx| {
                note_first_use(tx, account, issued_at)?;
                vault.seal_into(tx, account, secret::TOKEN, &text).map_err(|e| match e {
                    crate::auth::VaultError::Store(error) => error,
                    other => StoreError::Corrupt(other.to_string()),
                })
            })
            .await;
        if let Err(error) = saved {
            tracing::warn!(account_id = %account, %error, "the access token could not be stored");
        }
    }
}
