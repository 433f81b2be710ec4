//! Signing in and out, and what proves a session afterwards.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use super::error::AuthError;
use super::identity::{Auth, Identity, PROOF_LASTS, Via};
use super::password;
use super::people::{require_user, user_key};
use super::second_factor::{self, Checked};
use super::session::{self, Client, RefreshToken, Rotation, SessionView};
use super::throttle::Attempt;
use super::token::Bearer;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::{Role, User};
use crate::storage::tables::USERS;

/// What signing in or refreshing gives.
#[derive(Debug)]
pub struct SignedIn {
    pub user: User,
    pub access_token: String,
    /// `None` when the client's present one stays valid (a second tab's refresh).
    pub refresh_token: Option<SecretString>,
}

/// With what a person proves to be there.
#[derive(Debug)]
pub enum Proof {
    Password(SecretString),
    /// Of the second factor.
    Code(SecretString),
}

impl Auth {
    /// Signs in with a password, and with a code where the person's second factor is on.
    ///
    /// # Errors
    /// `WrongCredentials` (unknown, wrong and blocked alike), `SecondFactorRequired`, `WrongCode`,
    /// `Throttled`.
    pub async fn login(
        &self,
        username: &str,
        password: SecretString,
        code: Option<SecretString>,
        client: &Client,
    ) -> Result<SignedIn, AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt(username.trim(), &client.address, now)?;
        let found = self.find_user(username)?.filter(|u| u.active);
        let known = found.as_ref().map(|u| u.id);
        let right = self.compare(&attempt, password, found.as_ref().map(|u| u.password_hash.clone())).await?;
        // A right password from a place that the person does not come from says nothing more than a wrong one.
        let Some(user) = found.filter(|user| right && user.networks.admits(client.ip())) else {
            tracing::warn!(address = %client.address, "sign-in refused");
            self.note_refused(known, client, now);
            return Err(AuthError::WrongCredentials);
        };
        if self.store.user(user.id).read(second_factor::is_on)? {
            let Some(code) = code else {
                // Half way in; nothing was guessed.
                self.throttle.forgive(&attempt);
                return Err(AuthError::SecondFactorRequired);
            };
            if let Err(error) = self.take_code(user.id, code).await {
                self.note_refused(known, client, now);
                return Err(error);
            }
        }
        self.throttle.forgive(&attempt);
        let (id, client) = (user.id, client.clone());
        let (session_id, refresh) = self.store.write(move |tx| session::open(&mut tx.user(id), &client, now)).await?;
        self.signed_in(user, session_id, refresh, now)
    }

    /// Compares a password; an attempt that was turned away without a comparison costs nothing.
    async fn compare(&self, attempt: &Attempt, password: SecretString, stored: Option<String>) -> Result<bool, AuthError> {
        let compared = self.passwords.verify(password, stored).await;
        if compared.is_err() {
            self.throttle.forgive(attempt);
        }
        compared
    }

    /// Audits a refused sign-in of somebody who exists. Beside the answer: one that waited for the disk
    /// would tell that the user exists. The throttle bounds how many there can be.
    fn note_refused(&self, known: Option<UserId>, client: &Client, now: Timestamp) {
        let Some(user) = known else { return };
        let (store, client) = (self.store.clone(), client.clone());
        tokio::spawn(async move {
            let noted = store.write(move |tx| {
                require_user(&tx.view(), user)?;
                Ok::<_, AuthError>(tx.user(user).audit(now, None, "session.refused", json!({"client": client}))?)
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "a refused sign-in could not be audited");
            }
        });
    }

    /// What a freshly opened session gives its user.
    pub(super) fn signed_in(
        &self,
        user: User,
        session_id: SessionId,
        refresh: SecretString,
        now: Timestamp,
    ) -> Result<SignedIn, AuthError> {
        let access_token = self.tokens.issue(Bearer { user_id: user.id, session_id }, now)?;
        Ok(SignedIn { user, access_token, refresh_token: Some(refresh) })
    }

    /// Takes a code of the second factor.
    ///
    /// # Errors
    /// `WrongCode`, `Throttled` during the pause after five wrong ones.
    pub(super) async fn take_code(&self, user: UserId, code: SecretString) -> Result<(), AuthError> {
        let (now, vault) = (self.now(), self.vault.clone());
        match self.store.write(move |tx| second_factor::check(&mut tx.user(user), &vault, &code, now)).await? {
            Checked::Right => Ok(()),
            Checked::Recovery(left) => {
                tracing::info!(user_id = %user, left, "a recovery code was used");
                Ok(())
            }
            Checked::Wrong => Err(AuthError::WrongCode),
            Checked::Paused(until) => {
                let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                Err(AuthError::Throttled { retry_after: wait.max(Duration::from_secs(1)) })
            }
        }
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// `SessionEnded`; `RefreshReused` when the token was exchanged before: the session is gone and
    /// its user should be told.
    pub async fn refresh(&self, refresh_token: &SecretString, client: &Client) -> Result<SignedIn, AuthError> {
        let now = self.now();
        let token = RefreshToken::parse(refresh_token)?;
        let (user_id, session_id) = (token.user_id, token.session_id);
        let user = self.user(user_id)?.filter(|u| u.active).ok_or(AuthError::SessionEnded)?;
        if !user.networks.admits(client.ip()) {
            return Err(AuthError::AddressNotAllowed);
        }
        let client = client.clone();
        let rotation = self.store.write(move |tx| session::rotate(&mut tx.user(token.user_id), &token, &client, now)).await?;
        let refresh_token = match rotation {
            Rotation::Rotated(text) => Some(text),
            Rotation::Forgiven => None,
            Rotation::Reused => {
                tracing::warn!(%user_id, %session_id, "a refresh token was used twice, session ended");
                return Err(AuthError::RefreshReused { user_id });
            }
            Rotation::Ended => return Err(AuthError::SessionEnded),
        };
        let access_token = self.tokens.issue(Bearer { user_id, session_id }, now)?;
        Ok(SignedIn { user, access_token, refresh_token })
    }

    /// Ends the session of a refresh token. A token that is none, or of a session that has ended, is fine.
    ///
    /// # Errors
    /// `Store`.
    pub async fn logout(&self, refresh_token: &SecretString) -> Result<(), AuthError> {
        let now = self.now();
        let Ok(token) = RefreshToken::parse(refresh_token) else { return Ok(()) };
        Ok(self.store.write(move |tx| session::close(&mut tx.user(token.user_id), &token, now)).await?)
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// `Store`.
    pub async fn logout_session(&self, who: &Identity) -> Result<(), AuthError> {
        let (now, user) = (self.now(), who.user_id);
        if let Some(id) = who.session() {
            self.store.write(move |tx| session::revoke(&mut tx.user(user), id, now)).await?;
        }
        Ok(())
    }

    /// Who an access token speaks for. User and session are looked up each time, so that blocking,
    /// signing out and a new password take effect at once.
    ///
    /// # Errors
    /// `NotSignedIn`, `SessionEnded`; `AddressNotAllowed` when the person does not come from `address`;
    /// `Store`.
    pub fn authenticate(&self, access_token: &str, address: Option<IpAddr>) -> Result<Identity, AuthError> {
        let now = self.now();
        let bearer = self.tokens.check(access_token, now)?;
        self.store.read(|view| {
            let user = view.get(&USERS, &user_key(bearer.user_id))?.filter(|u| u.active).ok_or(AuthError::NotSignedIn)?;
            let open = session::find(&view.user(user.id), bearer.session_id, now)?.ok_or(AuthError::SessionEnded)?;
            if !user.networks.admits(address) {
                return Err(AuthError::AddressNotAllowed);
            }
            let via = Via::Session { id: open.id, proved_at: open.proved_at };
            Ok(Identity { user_id: user.id, username: user.username, role: user.role, via })
        })
    }

    /// Whether the session that proved this identity is still open, and the person still comes from
    /// `address`; live sockets ask it regularly.
    pub fn session_open(&self, who: &Identity, address: Option<IpAddr>) -> bool {
        let (now, Some(id)) = (self.now(), who.session()) else { return false };
        let open = self.store.read(|view| {
            let admitted = require_user(view, who.user_id)?.networks.admits(address);
            Ok::<_, AuthError>(admitted && session::find(&view.user(who.user_id), id, now)?.is_some())
        });
        self.admits(address) && open.unwrap_or(false)
    }

    /// Notes that the person at a session has just given the password again, or a code.
    ///
    /// # Errors
    /// `WrongCurrentPassword`, also when neither came; `WrongCode`, `Throttled`; `SessionEnded`, also for
    /// a key, behind which there is no person.
    pub async fn step_up(&self, who: &Identity, proof: Proof) -> Result<Timestamp, AuthError> {
        match proof {
            Proof::Password(password) => self.confirm(who, password).await?,
            Proof::Code(code) => {
                let attempt = self.throttle.attempt_of(who.user_id, self.now())?;
                self.take_code(who.user_id, code).await?;
                self.throttle.forgive(&attempt);
            }
        }
        let (now, user, id) = (self.now(), who.user_id, who.session().ok_or(AuthError::SessionEnded)?);
        let open = self.store.write(move |tx| session::prove(&mut tx.user(user), id, now)).await?;
        if open { Ok(now.saturating_add(PROOF_LASTS).unwrap_or(Timestamp::MAX)) } else { Err(AuthError::SessionEnded) }
    }

    /// Lets only those pass who gave password or code within the last five minutes.
    ///
    /// # Errors
    /// `StepUpRequired`.
    pub fn require_proof(&self, who: &Identity) -> Result<(), AuthError> {
        let Via::Session { proved_at: Some(at), .. } = who.via else { return Err(AuthError::StepUpRequired) };
        let age = self.now().duration_since(at);
        if age.is_negative() || age > PROOF_LASTS { Err(AuthError::StepUpRequired) } else { Ok(()) }
    }

    /// Checks the caller's password once more, before something that a stolen session must not do.
    ///
    /// # Errors
    /// `WrongCurrentPassword`, also when there is none; `Throttled`.
    async fn confirm(&self, who: &Identity, password: SecretString) -> Result<(), AuthError> {
        let attempt = self.throttle.attempt_of(who.user_id, self.now())?;
        let user = self.user(who.user_id)?.ok_or(AuthError::NotSignedIn)?;
        if !self.compare(&attempt, password, Some(user.password_hash)).await? {
            return Err(AuthError::WrongCurrentPassword);
        }
        self.throttle.forgive(&attempt);
        Ok(())
    }

    /// Whether a password is this user's; without a user, whether it is an active administrator's.
    ///
    /// # Errors
    /// When the store cannot be read or hashing fails.
    pub async fn proves_owner(&self, owner: Option<UserId>, password: SecretString) -> Result<bool, AuthError> {
        for user in self.users()? {
            let asked = owner.map_or(user.role == Role::Admin, |id| id == user.id);
            if asked && user.active && self.passwords.verify(password.clone(), Some(user.password_hash)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sets a new password after checking the present one; every other session ends.
    ///
    /// # Errors
    /// `WrongCurrentPassword`, `WeakPassword`, `Throttled`.
    pub async fn change_password(&self, who: &Identity, current: SecretString, new: SecretString) -> Result<(), AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt_of(who.user_id, now)?;
        let user = self.user(who.user_id)?.ok_or(AuthError::NotSignedIn)?;
        if !self.compare(&attempt, current, Some(user.password_hash)).await? {
            return Err(AuthError::WrongCurrentPassword);
        }
        self.throttle.forgive(&attempt);
        password::check(&new, &who.username)?;
        let password_hash = self.passwords.hash(new).await?;
        let (user_id, keep) = (who.user_id, who.session());
        let changed = self.store.write(move |tx| {
            let mut user = require_user(&tx.view(), user_id)?;
            user.password_hash.clone_from(&password_hash);
            user.updated_at = now;
            tx.put(&USERS, &user_key(user_id), &user)?;
            let mut rows = tx.user(user_id);
            let ended = session::revoke_others(&mut rows, keep)?;
            rows.audit(now, Some(user_id), "password.changed", json!({"sessions_ended": ended}))?;
            Ok(())
        });
        changed.await
    }

    /// A user's open sessions, last used first.
    ///
    /// # Errors
    /// `Store`.
    pub fn sessions(&self, who: &Identity) -> Result<Vec<SessionView>, AuthError> {
        let now = self.now();
        Ok(self.store.user(who.user_id).read(|view| session::list(view, who.session(), now))?)
    }

    /// Ends one of the user's own sessions.
    ///
    /// # Errors
    /// `NotFound` when it is none of theirs.
    pub async fn end_session(&self, user_id: UserId, id: SessionId) -> Result<(), AuthError> {
        let now = self.now();
        let found = self.store.user(user_id).write(move |tx| session::revoke(tx, id, now)).await?;
        if found { Ok(()) } else { Err(AuthError::NotFound("session")) }
    }
}
