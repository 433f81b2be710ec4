//! A forgotten password. There is no mail server: an administrator hands out a link that counts once, and
//! an administrator who has lost the own password reads a code in the folder of the installation.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use super::error::AuthError;
use super::identity::{Auth, Identity};
use super::one_time::{self, Purpose};
use super::people::{require_user, user_key};
use super::session::Client;
use super::vault::Vault;
use super::{api_keys, oidc, password, second_factor, session};
use crate::domain::id::UserId;
use crate::domain::user::{LiveHold, Role, User};
use crate::storage::tables::{LIVE_HOLDS, USERS};
use crate::storage::{Key, StoreError, Tx};

/// How long a reset link and a recovery code count.
pub const RESET_LIVES: SignedDuration = SignedDuration::from_mins(30);

/// A link that sets a new password.
#[derive(Debug)]
pub struct ResetLink {
    pub word: SecretString,
    pub expires_at: Timestamp,
}

impl Auth {
    /// Makes a link with which a user sets a new password; earlier ones no longer count.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn issue_reset(&self, by: Option<UserId>, user: UserId, drop_second_factor: bool) -> Result<ResetLink, AuthError> {
        let now = self.now();
        let issued = self.store.write(move |tx| {
            require_user(&tx.view(), user)?;
            one_time::retain(tx, |word| !matches!(word.purpose, Purpose::Reset { user: of, .. } if of == user))?;
            let (row, word) = one_time::issue(tx, Purpose::Reset { user, drop_second_factor }, by, RESET_LIVES, now)?;
            let detail = json!({ "user": user, "drop_second_factor": drop_second_factor, "expires_at": row.expires_at });
            tx.audit(now, by, "password.reset_issued", detail.clone())?;
            tx.user(user).audit(now, by, "password.reset_issued", detail)?;
            Ok::<_, AuthError>(ResetLink { word, expires_at: row.expires_at })
        });
        issued.await
    }

    /// Sets a new password with a link's word. All sessions end, and live trading waits for the user's
    /// confirmation.
    ///
    /// # Errors
    /// `ResetUnknown` for a word that does not count (any more), `WeakPassword`, `Throttled`.
    pub async fn reset_password(&self, word: SecretString, new: SecretString, client: &Client) -> Result<User, AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt("", &client.address, now)?;
        let found = self.store.read(|view| one_time::find(view, &word, now))?;
        let Some(Purpose::Reset { user, .. }) = found.map(|row| row.purpose) else { return Err(AuthError::ResetUnknown) };
        self.throttle.forgive(&attempt);
        let person = self.user(user)?.ok_or(AuthError::ResetUnknown)?;
        password::check(&new, &person.username)?;
        let password_hash = self.passwords.hash(new).await?;
        let vault = self.vault.clone();
        let reset = self.store.write(move |tx| {
            // Somebody else may have used it while the password was hashed.
            let Some(Purpose::Reset { user, drop_second_factor }) = one_time::take(tx, &word, now)?.map(|row| row.purpose) else {
                return Err(AuthError::ResetUnknown);
            };
            let person = set_password(tx, &vault, user, &password_hash, now)?;
            let mut rows = tx.user(user);
            if drop_second_factor && second_factor::is_on(&rows.view())? {
                second_factor::drop_factor(&mut rows, &vault)?;
            }
            rows.audit(now, None, "password.reset", json!({ "second_factor_dropped": drop_second_factor }))?;
            Ok(person)
        });
        reset.await
    }

    /// The user's own word that the new password is theirs: live trading goes on.
    ///
    /// # Errors
    /// `Store`.
    pub async fn confirm_reset(&self, who: &Identity) -> Result<(), AuthError> {
        let (now, user) = (self.now(), who.user_id);
        let confirmed = self.store.write(move |tx| {
            let mut rows = tx.user(user);
            if rows.get(&LIVE_HOLDS, &Key::new())?.is_none() {
                return Ok::<_, StoreError>(());
            }
            rows.remove(&LIVE_HOLDS, &Key::new())?;
            rows.audit(now, Some(user), "password.reset_confirmed", json!({}))
        });
        Ok(confirmed.await?)
    }

    /// Since when live trading waits for a user's confirmation.
    ///
    /// # Errors
    /// `Store`.
    pub fn live_hold(&self, user: UserId) -> Result<Option<Timestamp>, AuthError> {
        let hold = self.store.user(user).read(|v| v.get(&LIVE_HOLDS, &Key::new()))?;
        Ok(hold.map(|hold| hold.since))
    }

    /// Writes a code into the folder of the installation, for an administrator who cannot sign in. Whoever
    /// asks learns nothing; the file tells those who may read it.
    ///
    /// # Errors
    /// `Throttled`, `File`.
    pub async fn request_recovery(&self, client: &Client) -> Result<(), AuthError> {
        let now = self.now();
        self.throttle.attempt("", &client.address, now)?;
        if self.setup_required()? {
            return Ok(());
        }
        self.recovery_code.renew(now, RESET_LIVES)?;
        let address = client.address.clone();
        Ok(self.store.write(move |tx| tx.audit(now, None, "recovery.requested", json!({ "address": address }))).await?)
    }

    /// Sets an administrator's password with the code of the folder; the second factor is dropped, all
    /// sessions end.
    ///
    /// # Errors
    /// `RecoveryCodeWrong`, also for a name that is no administrator's; `WeakPassword`, `Throttled`.
    pub async fn recover(&self, username: &str, code: &SecretString, new: SecretString, client: &Client) -> Result<User, AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt(username.trim(), &client.address, now)?;
        let person = self.find_user(username)?.filter(|u| u.role == Role::Admin && u.active);
        if !self.recovery_code.is(code, now, RESET_LIVES)? {
            return Err(AuthError::RecoveryCodeWrong);
        }
        let person = person.ok_or(AuthError::RecoveryCodeWrong)?;
        self.throttle.forgive(&attempt);
        password::check(&new, &person.username)?;
        let password_hash = self.passwords.hash(new).await?;
        let (user, vault) = (person.id, self.vault.clone());
        // Before anything else, so that the code counts once.
        self.recovery_code.remove()?;
        let recovered = self.store.write(move |tx| {
            let person = set_password(tx, &vault, user, &password_hash, now)?;
            let mut rows = tx.user(user);
            if second_factor::is_on(&rows.view())? {
                second_factor::drop_factor(&mut rows, &vault)?;
            }
            rows.audit(now, None, "password.recovered", json!({}))?;
            tx.audit(now, None, "password.recovered", json!({ "user": user }))?;
            Ok::<_, AuthError>(person)
        });
        recovered.await
    }
}

/// Sets a password that its user has not given, ends all sessions and API keys and holds live trading.
fn set_password(tx: &mut Tx<'_>, vault: &Vault, user: UserId, password_hash: &str, now: Timestamp) -> Result<User, AuthError> {
    let mut person = require_user(&tx.view(), user)?;
    password_hash.clone_into(&mut person.password_hash);
    person.updated_at = now;
    tx.put(&USERS, &user_key(user), &person)?;
    let mut rows = tx.user(user);
    session::revoke_others(&mut rows, None)?;
    api_keys::revoke_where(&mut rows, vault, now, None, |_| true)?;
    rows.put(&LIVE_HOLDS, &Key::new(), &LiveHold { since: now })?;
    // Whoever made this necessary may have linked a sign-in of their own.
    oidc::unlink_all(tx, user, now)?;
    Ok(person)
}
