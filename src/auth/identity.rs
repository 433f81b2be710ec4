//! The acts of identity: registering, signing in and out, refreshing, changing a password.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::AuthError;
use super::password::{self, Passwords};
use super::random_bytes;
use super::session::{self, Client, RefreshToken, Rotation, SessionView};
use super::settings::{self, RegistrationPolicy, Settings};
use super::setup_code::SetupCode;
use super::throttle::Throttle;
use super::token::{Bearer, Tokens};
use super::vault::Vault;
use crate::domain::clock::Clock;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::{Language, Role, User};
use crate::storage::tables::{USER_NAMES, USERS, UserRef};
use crate::storage::{Key, Store, StoreError, Tx, View};

/// Who is asking, as proven by an access token and the rows behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user_id: UserId,
    pub username: String,
    pub role: Role,
    pub session: SessionId,
}

/// A person who registers.
#[derive(Debug)]
pub struct Registration {
    pub username: String,
    pub password: SecretString,
    pub email: Option<String>,
    pub invite: Option<String>,
    pub setup_code: Option<SecretString>,
}

/// A user whom the administrator or the program makes.
#[derive(Debug)]
pub struct NewUser {
    pub username: String,
    pub password: SecretString,
    pub email: Option<String>,
    pub role: Role,
}

/// What signing in or refreshing gives.
#[derive(Debug)]
pub struct SignedIn {
    pub user: User,
    pub access_token: String,
    /// `None` when the client's present one stays valid (a second tab's refresh).
    pub refresh_token: Option<SecretString>,
}

/// The use cases of identity. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    passwords: Passwords,
    tokens: Tokens,
    throttle: Throttle,
    setup_code: SetupCode,
    wall: Arc<dyn Clock>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

impl Auth {
    /// Prepares identity over a store: reads or makes the signing key, and the setup code when there
    /// is no user yet.
    ///
    /// # Errors
    /// `Vault(Unreadable)` when the master key is not the one that the database was made with,
    /// `File`, `Store`.
    pub async fn open(store: Store, vault: &Vault, data_dir: &Path, wall: Arc<dyn Clock>) -> Result<Self, AuthError> {
        let vault = vault.clone();
        let make = || Zeroizing::new(random_bytes::<32>().to_vec());
        let secret = store.write(move |tx| vault.system_secret(tx, "token-signing-key", make)).await?;
        let auth = Self {
            passwords: Passwords::new()?,
            tokens: Tokens::new(&secret),
            throttle: Throttle::default(),
            setup_code: SetupCode::in_folder(data_dir),
            store,
            wall,
        };
        if auth.setup_required()? {
            auth.setup_code.ensure()?
        } else {
            auth.setup_code.remove()?
        }
        Ok(auth)
    }

    fn now(&self) -> Timestamp {
        self.wall.now()
    }

    /// Whether the first administrator is still to be made.
    ///
    /// # Errors
    /// `Store`.
    pub fn setup_required(&self) -> Result<bool, AuthError> {
        Ok(self.store.read(|view| Ok::<_, StoreError>(view.user_ids()?.is_empty()))?)
    }

    /// Settings of the installation.
    ///
    /// # Errors
    /// `Store`.
    pub fn settings(&self) -> Result<Settings, AuthError> {
        Ok(self.store.read(settings::read)?)
    }

    /// Opens or closes registration.
    ///
    /// # Errors
    /// `Store`.
    pub async fn set_registration(&self, by: Option<UserId>, policy: RegistrationPolicy) -> Result<Settings, AuthError> {
        let now = self.now();
        let changed = self.store.write(move |tx| {
            let mut settings = settings::read(&tx.view())?;
            let before = std::mem::replace(&mut settings.registration, policy);
            settings::write(tx, &settings)?;
            tx.audit(now, by, "settings.registration_changed", json!({"from": before, "to": policy}))?;
            Ok::<_, AuthError>(settings)
        });
        changed.await
    }

    /// Registers a person: the first with the setup code as administrator, later ones as the
    /// settings allow.
    ///
    /// # Errors
    /// Those of the setup code, `RegistrationClosed`, `InviteUnknown`, `UsernameTaken`,
    /// `InvalidUsername`, `InvalidEmail`, `WeakPassword`, `Throttled`.
    pub async fn register(&self, registration: Registration, client: &Client) -> Result<User, AuthError> {
        let attempt = self.throttle.attempt("", &client.address, self.now())?;
        let registered = self.register_now(registration).await;
        // Only what teaches a guesser something counts: codes and names.
        let guess = matches!(registered, Err(AuthError::SetupCodeWrong | AuthError::InviteUnknown | AuthError::UsernameTaken(_)));
        if !guess {
            self.throttle.forgive(&attempt);
        }
        registered
    }

    async fn register_now(&self, registration: Registration) -> Result<User, AuthError> {
        let first = self.setup_required()?;
        if first {
            let code = registration.setup_code.as_ref().ok_or(AuthError::SetupCodeRequired)?;
            self.setup_code.check(code)?;
        } else if registration.invite.is_some() {
            return Err(AuthError::InviteUnknown);
        } else if self.settings()?.registration == RegistrationPolicy::Closed {
            return Err(AuthError::RegistrationClosed);
        }
        let role = if first { Role::Admin } else { Role::User };
        let new = NewUser { username: registration.username, password: registration.password, email: registration.email, role };
        let user = self.prepare(new).await?;
        self.create(user, None, "user.registered", first).await
    }

    /// Makes a user without asking the settings: for the administrator's command line and the demo.
    ///
    /// # Errors
    /// `UsernameTaken`, `InvalidUsername`, `InvalidEmail`, `WeakPassword`.
    pub async fn create_user(&self, new: NewUser, by: Option<UserId>) -> Result<User, AuthError> {
        let user = self.prepare(new).await?;
        self.create(user, by, "user.created", false).await
    }

    async fn prepare(&self, new: NewUser) -> Result<User, AuthError> {
        let username = check_username(&new.username)?;
        let email = new.email.as_deref().map(check_email).transpose()?.flatten();
        password::check(&new.password, &username)?;
        let password_hash = self.passwords.hash(new.password).await?;
        let now = self.now();
        Ok(User {
            id: UserId(Uuid::now_v7()),
            username,
            email,
            role: new.role,
            password_hash,
            active: true,
            language: Language::default(),
            created_at: now,
            updated_at: now,
        })
    }

    async fn create(&self, user: User, by: Option<UserId>, action: &'static str, must_be_first: bool) -> Result<User, AuthError> {
        let row = user.clone();
        let created = self.store.write(move |tx| {
            // Two people may have shown the code at the same moment; only one becomes administrator.
            if must_be_first && !tx.view().user_ids()?.is_empty() {
                return Err(AuthError::SetupCodeWrong);
            }
            insert_user(tx, &row)?;
            tx.audit(row.created_at, by.or(Some(row.id)), action, json!({"user": row.id, "username": row.username, "role": row.role}))?;
            Ok(())
        });
        created.await?;
        self.setup_code.remove()?;
        Ok(user)
    }

    /// Signs in with a password.
    ///
    /// # Errors
    /// `WrongCredentials` (unknown, wrong and blocked alike), `Throttled`.
    pub async fn login(&self, username: &str, password: SecretString, client: &Client) -> Result<SignedIn, AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt(username.trim(), &client.address, now)?;
        let found = self.find_user(username)?.filter(|u| u.active);
        let right = self.passwords.verify(password, found.as_ref().map(|u| u.password_hash.clone())).await?;
        let Some(user) = found.filter(|_| right) else {
            tracing::warn!(address = %client.address, "sign-in refused");
            return Err(AuthError::WrongCredentials);
        };
        self.throttle.forgive(&attempt);
        let (id, client) = (user.id, client.clone());
        let (session_id, refresh) = self.store.write(move |tx| session::open(&mut tx.user(id), &client, now)).await?;
        let access_token = self.tokens.issue(Bearer { user_id: user.id, session_id }, now)?;
        Ok(SignedIn { user, access_token, refresh_token: Some(refresh) })
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

    /// Who an access token speaks for. User and session are looked up each time, so that blocking,
    /// signing out and a new password take effect at once.
    ///
    /// # Errors
    /// `NotSignedIn`, `SessionEnded`, `Store`.
    pub fn authenticate(&self, access_token: &str) -> Result<Identity, AuthError> {
        let now = self.now();
        let bearer = self.tokens.check(access_token, now)?;
        self.store.read(|view| {
            let user = view.get(&USERS, &user_key(bearer.user_id))?.filter(|u| u.active).ok_or(AuthError::NotSignedIn)?;
            if !session::is_open(&view.user(user.id), bearer.session_id, now)? {
                return Err(AuthError::SessionEnded);
            }
            Ok(Identity { user_id: user.id, username: user.username, role: user.role, session: bearer.session_id })
        })
    }

    /// Whether the session that proved this identity is still open; live sockets ask it regularly.
    pub fn session_open(&self, who: &Identity) -> bool {
        let now = self.now();
        self.store.read(|view| session::is_open(&view.user(who.user_id), who.session, now)).unwrap_or(false)
    }

    /// Checks the caller's password once more, before something that a stolen session must not do.
    ///
    /// # Errors
    /// `WrongCurrentPassword`, also when there is none; `Throttled`.
    pub async fn confirm(&self, who: &Identity, password: Option<SecretString>, client: &Client) -> Result<(), AuthError> {
        let attempt = self.throttle.attempt(&who.username, &client.address, self.now())?;
        let user = self.user(who.user_id)?.ok_or(AuthError::NotSignedIn)?;
        let password = password.ok_or(AuthError::WrongCurrentPassword)?;
        if !self.passwords.verify(password, Some(user.password_hash)).await? {
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
    pub async fn change_password(
        &self,
        who: &Identity,
        current: SecretString,
        new: SecretString,
        client: &Client,
    ) -> Result<(), AuthError> {
        let now = self.now();
        let attempt = self.throttle.attempt(&who.username, &client.address, now)?;
        let user = self.user(who.user_id)?.ok_or(AuthError::NotSignedIn)?;
        if !self.passwords.verify(current, Some(user.password_hash)).await? {
            return Err(AuthError::WrongCurrentPassword);
        }
        self.throttle.forgive(&attempt);
        password::check(&new, &who.username)?;
        let password_hash = self.passwords.hash(new).await?;
        let (user_id, keep) = (who.user_id, who.session);
        let changed = self.store.write(move |tx| {
            let mut user = require_user(&tx.view(), user_id)?;
            user.password_hash.clone_from(&password_hash);
            user.updated_at = now;
            tx.put(&USERS, &user_key(user_id), &user)?;
            let mut rows = tx.user(user_id);
            let ended = session::revoke_others(&mut rows, Some(keep))?;
            rows.audit(now, Some(user_id), "password.changed", json!({"sessions_ended": ended}))?;
            Ok(())
        });
        changed.await
    }

    /// Changes what a person sets about themselves; `Some(None)` clears the e-mail address.
    ///
    /// # Errors
    /// `InvalidEmail`, `NotFound`.
    pub async fn update_profile(
        &self,
        user_id: UserId,
        language: Option<Language>,
        email: Option<Option<String>>,
    ) -> Result<User, AuthError> {
        let email = match email {
            Some(Some(text)) => Some(check_email(&text)?),
            other => other,
        };
        let now = self.now();
        let changed = self.store.write(move |tx| {
            let mut user = require_user(&tx.view(), user_id)?;
            if let Some(language) = language {
                user.language = language;
            }
            if let Some(email) = &email {
                user.email.clone_from(email);
            }
            user.updated_at = now;
            tx.put(&USERS, &user_key(user_id), &user)?;
            let detail = json!({"language": user.language, "email": user.email});
            tx.user(user_id).audit(now, Some(user_id), "profile.changed", detail)?;
            Ok(user)
        });
        changed.await
    }

    /// A user's open sessions, last used first.
    ///
    /// # Errors
    /// `Store`.
    pub fn sessions(&self, who: &Identity) -> Result<Vec<SessionView>, AuthError> {
        let now = self.now();
        Ok(self.store.user(who.user_id).read(|view| session::list(view, who.session, now))?)
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

    /// A person by id.
    ///
    /// # Errors
    /// `Store`.
    pub fn user(&self, id: UserId) -> Result<Option<User>, AuthError> {
        Ok(self.store.read(|view| view.get(&USERS, &user_key(id)))?)
    }

    /// A person by name, compared without case.
    ///
    /// # Errors
    /// `Store`.
    pub fn find_user(&self, username: &str) -> Result<Option<User>, AuthError> {
        let key = name_key(username);
        let found = self.store.read(|view| match view.get(&USER_NAMES, &key)? {
            Some(UserRef(id)) => view.get(&USERS, &user_key(id)),
            None => Ok(None),
        })?;
        Ok(found)
    }

    /// Everybody, for the administrator's list.
    ///
    /// # Errors
    /// `Store`.
    pub fn users(&self) -> Result<Vec<User>, AuthError> {
        Ok(self.store.read(|view| view.list(&USERS, &Key::new()))?)
    }
}

fn user_key(id: UserId) -> Key {
    Key::new().id(id.as_bytes())
}

fn name_key(username: &str) -> Key {
    Key::new().text(&username.trim().to_lowercase())
}

fn require_user(view: &View<'_>, id: UserId) -> Result<User, AuthError> {
    view.get(&USERS, &user_key(id))?.ok_or(AuthError::NotFound("user"))
}

fn insert_user(tx: &mut Tx<'_>, user: &User) -> Result<(), AuthError> {
    let name = name_key(&user.username);
    if tx.get(&USER_NAMES, &name)?.is_some() {
        return Err(AuthError::UsernameTaken(user.username.clone()));
    }
    tx.put(&USER_NAMES, &name, &UserRef(user.id))?;
    tx.put(&USERS, &user_key(user.id), user)?;
    Ok(())
}

fn check_username(text: &str) -> Result<String, AuthError> {
    let name = text.trim();
    let length = name.chars().count();
    if !(2..=32).contains(&length) {
        return Err(AuthError::InvalidUsername("a user name has 2 to 32 characters"));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return Err(AuthError::InvalidUsername("a user name consists of letters, digits, '.', '_' and '-'"));
    }
    Ok(name.to_owned())
}

/// An empty text means no address.
fn check_email(text: &str) -> Result<Option<String>, AuthError> {
    let email = text.trim();
    if email.is_empty() {
        return Ok(None);
    }
    let plausible = email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.rsplit_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !name.contains('@') && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
        });
    if plausible { Ok(Some(email.to_owned())) } else { Err(AuthError::InvalidEmail(email.to_owned())) }
}
