//! API keys: with one, a program speaks for its user, as far as the key's scope and the user's own
//! permissions reach. A key's name is public, its secret is shown once. The store has the secret's hash,
//! for calls that show the key, and the secret itself in the vault, for calls that are signed with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::api_calls::{ApiCalls, CallsToday};
use super::error::{AuthError, KeyError, VaultError};
use super::identity::{Auth, Identity, Via};
use super::nonces::{Nonces, Taken};
use super::people::user_key;
use super::random_bytes;
use super::signature::{SIGNATURE_WINDOW, SignatureHeader, SignedParts, key_id, key_name};
use super::vault::Vault;
use crate::domain::id::{AccountId, ApiKeyId, UserId};
use crate::domain::network::Networks;
use crate::domain::user::{Role, Scope, User};
use crate::storage::tables::{SystemTable, USERS, UserRef, UserTable};
use crate::storage::{Key, Record, StoreError, Tx, UserTx, time_ordered};

/// Keys of one user that count.
pub(super) const MOST_KEYS: usize = 20;
/// Characters of a key's name for people.
const LONGEST_NAME: usize = 60;
/// A key lives at most so long from its making, if it expires at all.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3653);
/// Keys that count no more are shown for so long.
const SHOWN_AFTERWARDS: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The last use is written down no more often than this.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Kind of the sealed secret; the key's id stands where an account's would.
const SECRET: &str = "api_key";

/// key.
const API_KEYS: UserTable<ApiKey> = UserTable::new("api_keys");
/// key → its user.
const API_KEY_OWNERS: SystemTable<UserRef> = SystemTable::new("api_key_owners");

/// A key as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// For people.
    pub name: String,
    pub scope: Scope,
    /// Where it may be used from; empty = anywhere.
    pub networks: Networks,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the hour after a restart.
    pub last_used_at: Option<Timestamp>,
    pub last_used_from: Option<String>,
    pub revoked_at: Option<Timestamp>,
    /// SHA-256 of the secret, hex.
    secret_hash: String,
}

impl Record for ApiKey {
    const NAME: &'static str = "API key";
}

impl ApiKey {
    /// Whether it may be used.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub name: String,
    pub scope: Scope,
    pub expires_at: Option<Timestamp>,
    pub networks: Networks,
}

/// What is remembered of keys between calls.
#[derive(Debug)]
pub(super) struct KeyMemory {
    nonces: Nonces,
    calls: ApiCalls,
    /// Key → its last use, and when one was last written down.
    uses: Mutex<HashMap<ApiKeyId, Use>>,
}

#[derive(Clone, Debug)]
struct Use {
    at: Timestamp,
    from: String,
    noted_at: Timestamp,
}

impl KeyMemory {
    pub(super) fn starting(now: Timestamp) -> Self {
        Self { nonces: Nonces::starting(now), calls: ApiCalls::default(), uses: Mutex::default() }
    }

    fn last_use(&self, id: ApiKeyId) -> Option<Use> {
        self.uses.lock().unwrap_or_else(|e| e.into_inner()).get(&id).cloned()
    }
}

fn row(id: ApiKeyId) -> Key {
    Key::new().id(id.as_bytes())
}

/// Where the vault keeps a key's secret.
fn place(id: ApiKeyId) -> AccountId {
    AccountId(id.0)
}

fn hash(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}

/// How far a role's keys reach at most.
fn reach_of(role: Role) -> Scope {
    match role {
        Role::Admin | Role::User => Scope::Trade,
        Role::Viewer => Scope::Read,
    }
}

/// Ends keys of a user: those that `which` names and that are not ended yet.
pub(super) fn revoke_where(
    tx: &mut UserTx<'_>,
    vault: &Vault,
    now: Timestamp,
    by: Option<UserId>,
    which: impl Fn(&ApiKey) -> bool,
) -> Result<usize, VaultError> {
    let chosen: Vec<ApiKey> = tx.list(&API_KEYS, &Key::new())?.into_iter().filter(|k| k.revoked_at.is_none() && which(k)).collect();
    for key in &chosen {
        vault.remove(tx, place(key.id), SECRET)?;
        tx.put(&API_KEYS, &row(key.id), &ApiKey { revoked_at: Some(now), ..key.clone() })?;
        tx.audit(now, by, "api_key.revoked", json!({ "key": key.id, "name": key.name }))?;
    }
    Ok(chosen.len())
}

/// Ends the keys that reach further than the user's role and state now allow.
pub(super) fn revoke_beyond(tx: &mut UserTx<'_>, vault: &Vault, user: &User, now: Timestamp, by: Option<UserId>) -> Result<(), VaultError> {
    revoke_where(tx, vault, now, by, |key| !user.active || key.scope > reach_of(user.role)).map(drop)
}

/// Removes keys of a user without a trace but for the audit log: those that `which` names.
pub(super) fn forget_where(tx: &mut Tx<'_>, vault: &Vault, user: UserId, which: impl Fn(&ApiKey) -> bool) -> Result<(), VaultError> {
    let keys = tx.view().user(user).list(&API_KEYS, &Key::new())?;
    for key in keys.into_iter().filter(which) {
        tx.remove(&API_KEY_OWNERS, &row(key.id))?;
        let mut rows = tx.user(user);
        vault.remove(&mut rows, place(key.id), SECRET)?;
        rows.remove(&API_KEYS, &row(key.id))?;
    }
    Ok(())
}

impl Auth {
    /// Makes a key and shows its secret, once: `egg_` and two parts, the key's name and its secret.
    ///
    /// # Errors
    /// `InvalidKeyName`, `InvalidExpiry`, `ScopeBeyondRole`, `TooManyKeys`.
    pub async fn create_api_key(&self, who: &Identity, new: NewApiKey) -> Result<(ApiKey, SecretString), AuthError> {
        let now = self.now();
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(AuthError::InvalidKeyName);
        }
        if new.expires_at.is_some_and(|at| at <= now || at.duration_since(now) > LONGEST_LIFE) {
            return Err(AuthError::InvalidExpiry);
        }
        if new.scope > reach_of(who.role) {
            return Err(AuthError::ScopeBeyondRole);
        }
        let id = ApiKeyId(time_ordered(now));
        let secret = SecretString::from(HEXLOWER.encode(&random_bytes::<32>()));
        let key = ApiKey {
            id,
            name: name.to_owned(),
            scope: new.scope,
            networks: new.networks,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            last_used_from: None,
            revoked_at: None,
            secret_hash: hash(secret.expose_secret()),
        };
        let (user, vault) = (who.user_id, self.vault.clone());
        let (made, sealed) = (key.clone(), secret.clone());
        let write = self.store.write(move |tx| {
            let long_over = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) > SHOWN_AFTERWARDS);
            forget_where(tx, &vault, user, |k| long_over(k.revoked_at) || long_over(k.expires_at))?;
            if tx.view().user(user).list(&API_KEYS, &Key::new())?.iter().filter(|k| k.counts(now)).count() >= MOST_KEYS {
                return Err(AuthError::TooManyKeys);
            }
            tx.put(&API_KEY_OWNERS, &row(id), &UserRef(user))?;
            let mut rows = tx.user(user);
            vault.seal_into(&mut rows, place(id), SECRET, &sealed)?;
            rows.put(&API_KEYS, &row(id), &made)?;
            let detail = json!({
                "key": id, "name": made.name, "scope": made.scope, "networks": made.networks, "expires_at": made.expires_at,
            });
            rows.audit(now, Some(user), "api_key.created", detail)?;
            Ok(())
        });
        write.await?;
        let shown = SecretString::from(format!("{}_{}", key_name(id), secret.expose_secret()));
        Ok((key, shown))
    }

    /// A user's keys, newest first, with those that ended lately.
    ///
    /// # Errors
    /// `Store`.
    pub fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, AuthError> {
        let mut keys: Vec<ApiKey> = self.store.user(user).read(|v| v.list(&API_KEYS, &Key::new()))?;
        keys.sort_by_key(|k| std::cmp::Reverse((k.created_at, k.id)));
        for key in &mut keys {
            if let Some(last) = self.keys.last_use(key.id) {
                (key.last_used_at, key.last_used_from) = (Some(last.at), Some(last.from));
            }
        }
        Ok(keys)
    }

    /// What a user's keys have used today.
    ///
    /// # Errors
    /// `Store`.
    pub fn api_calls_today(&self, user: UserId) -> Result<CallsToday, AuthError> {
        Ok(self.keys.calls.today(&self.store, user, self.now())?)
    }

    /// Ends one of a user's keys at once.
    ///
    /// # Errors
    /// `NotFound` when it is none of theirs, or ended already.
    pub async fn revoke_api_key(&self, user: UserId, id: ApiKeyId) -> Result<(), AuthError> {
        let (now, vault) = (self.now(), self.vault.clone());
        let ended = self.store.user(user).write(move |tx| revoke_where(tx, &vault, now, Some(user), |key| key.id == id)).await?;
        if ended == 0 { Err(AuthError::NotFound("API key")) } else { Ok(()) }
    }

    /// The user and the key of an id, if both count, and the key's secret where `signed` asks for it.
    fn key_with_user(&self, id: ApiKeyId, signed: bool) -> Result<Option<(User, ApiKey, Option<SecretString>)>, AuthError> {
        self.store.read(|view| {
            let Some(UserRef(owner)) = view.get(&API_KEY_OWNERS, &row(id))? else { return Ok(None) };
            let Some(user) = view.get(&USERS, &user_key(owner))?.filter(|u| u.active) else { return Ok(None) };
            let rows = view.user(owner);
            let Some(key) = rows.get(&API_KEYS, &row(id))?.filter(|k| k.revoked_at.is_none()) else { return Ok(None) };
            let secret = if signed { self.vault.open(&rows, place(id), SECRET)? } else { None };
            Ok(Some((user, key, secret)))
        })
    }

    /// Who shows a key. Reading is all that showing it is good for.
    ///
    /// # Errors
    /// `Key` with the reason.
    pub async fn by_key(&self, text: &str, address: Option<IpAddr>) -> Result<Identity, AuthError> {
        let parts = text.rsplit_once('_').and_then(|(name, secret)| Some((key_id(name)?, secret)));
        let (id, secret) = parts.ok_or(KeyError::Unknown)?;
        let (user, key, _) = self.key_with_user(id, false)?.ok_or(KeyError::Unknown)?;
        if !bool::from(hash(secret).as_bytes().ct_eq(key.secret_hash.as_bytes())) {
            return Err(KeyError::Unknown.into());
        }
        self.usable(&user, &key, address)?;
        self.admit_key(&user, &key)?;
        self.count_call(user, key, address, false).await
    }

    /// Who signed a request.
    ///
    /// # Errors
    /// `Key` with the reason.
    pub async fn by_signature(
        &self,
        header: &SignatureHeader,
        parts: &SignedParts<'_>,
        address: Option<IpAddr>,
    ) -> Result<Identity, AuthError> {
        self.check_signed_time(header)?;
        let found = self.key_with_user(header.key, true)?;
        // The same work for a key that does not exist.
        let nobodys = SecretString::from(HEXLOWER.encode(&[0; 32]));
        let secret = found.as_ref().and_then(|(_, _, secret)| secret.as_ref()).unwrap_or(&nobodys);
        let right = header.is_of(parts, secret);
        let Some((user, key, Some(_))) = found.filter(|_| right) else { return Err(KeyError::SignatureWrong.into()) };
        self.usable(&user, &key, address)?;
        // Copies of a request must not use up what its sender may ask.
        if self.keys.nonces.knows(header) {
            return Err(KeyError::SignatureReplayed.into());
        }
        self.admit_key(&user, &key)?;
        match self.keys.nonces.take(header, self.now()) {
            Taken::Fresh => self.count_call(user, key, address, true).await,
            Taken::Replayed => Err(KeyError::SignatureReplayed.into()),
            Taken::Full => Err(KeyError::TooFast { retry_after: Duration::from_secs(SIGNATURE_WINDOW.unsigned_abs().as_secs()) }.into()),
        }
    }

    /// # Errors
    /// `SignatureStale`, `SignatureFuture`, `JustStarted`.
    fn check_signed_time(&self, header: &SignatureHeader) -> Result<(), KeyError> {
        let now = self.now();
        header.check_time(now)?;
        match self.keys.nonces.forgotten(header.timestamp) {
            Some(until) => {
                let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                Err(KeyError::JustStarted { retry_after: wait + Duration::from_secs(1) })
            }
            None => Ok(()),
        }
    }

    fn usable(&self, user: &User, key: &ApiKey, address: Option<IpAddr>) -> Result<(), KeyError> {
        if let Some(at) = key.expires_at.filter(|at| self.now() >= *at) {
            return Err(KeyError::Expired(at));
        }
        if !key.networks.admits(address) || !user.networks.admits(address) {
            return Err(KeyError::Address(address.map_or_else(|| "unknown".to_owned(), |a| a.to_canonical().to_string())));
        }
        Ok(())
    }

    /// Counts a call against the rates of a key and of all keys of its user.
    fn admit_key(&self, user: &User, key: &ApiKey) -> Result<(), KeyError> {
        self.admit_caller(key.id.0)?;
        self.rates.of_keyrings.take(user.id.0, self.now()).map_err(|retry_after| KeyError::TooFast { retry_after })
    }

    /// Whether a signature may be right: its time is one that is taken now, and there is such a key. To be
    /// asked before anything of the request is read.
    ///
    /// # Errors
    /// `Key` with the reason, `Store`.
    pub fn may_be_signed(&self, header: &SignatureHeader) -> Result<(), AuthError> {
        self.check_signed_time(header)?;
        Ok(self.key_with_user(header.key, false)?.map(drop).ok_or(KeyError::SignatureWrong)?)
    }

    /// Counts a call against the rate of a key or a signed-in person.
    ///
    /// # Errors
    /// `TooFast`.
    pub fn admit_caller(&self, caller: Uuid) -> Result<(), KeyError> {
        self.rates.of_callers.take(caller, self.now()).map_err(|retry_after| KeyError::TooFast { retry_after })
    }

    /// Counts a call against the user's day and notes the key's use.
    async fn count_call(&self, user: User, key: ApiKey, address: Option<IpAddr>, signed: bool) -> Result<Identity, AuthError> {
        let now = self.now();
        self.keys.calls.count(&self.store, user.id, now).await?;
        let from = address.map_or_else(String::new, |a| a.to_canonical().to_string());
        let noted = self.keys.last_use(key.id).map(|last| last.noted_at).or(key.last_used_at);
        let due = noted.is_none_or(|at| now.duration_since(at) >= USE_NOTED_EVERY);
        if due {
            self.note_use(user.id, key.id, now, from.clone()).await?;
        }
        let noted_at = noted.filter(|_| !due).unwrap_or(now);
        self.keys.uses.lock().unwrap_or_else(|e| e.into_inner()).insert(key.id, Use { at: now, from, noted_at });
        let scope = key.scope.min(reach_of(user.role));
        Ok(Identity { user_id: user.id, username: user.username, role: user.role, via: Via::Key { id: key.id, scope, signed } })
    }

    /// Writes a use down; the first one is audited.
    async fn note_use(&self, user: UserId, id: ApiKeyId, now: Timestamp, from: String) -> Result<(), AuthError> {
        let rows = self.store.user(user);
        let noted = rows.write(move |tx| {
            let Some(mut key) = tx.get(&API_KEYS, &row(id))? else { return Ok::<_, StoreError>(()) };
            let first = key.last_used_at.replace(now).is_none();
            key.last_used_from = Some(from.clone());
            tx.put(&API_KEYS, &row(id), &key)?;
            if first {
                tx.audit(now, Some(user), "api_key.first_used", json!({ "key": id, "name": key.name, "address": from }))?;
            }
            Ok(())
        });
        Ok(noted.await?)
    }
}
