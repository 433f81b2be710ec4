//! The people of an installation: registering, making, finding and describing them.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::error::AuthError;
use super::identity::Auth;
use super::one_time::{self, Purpose};
use super::password;
use super::session::Client;
use super::settings::RegistrationPolicy;
use super::{api_keys, grants, oidc, session};
use crate::domain::id::UserId;
use crate::domain::user::{Language, Role, User};
use crate::storage::tables::{APP_KEY_OWNERS, SystemTable, USER_NAMES, USERS, UserRef};
use crate::storage::{AUDIT, AuditRow, Key, Record, SYSTEM_AUDIT, StoreError, Tx, View};

/// Somebody who was here and was erased: the key file goes even if the program ended in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Erased {
    at: Timestamp,
}

impl Record for Erased {
    const NAME: &'static str = "erased user";
}

/// user.
const ERASED: SystemTable<Erased> = SystemTable::new("erased_users");

/// A person who registers.
#[derive(Debug)]
pub struct Registration {
    pub username: String,
    pub password: SecretString,
    pub email: Option<String>,
    pub invite: Option<SecretString>,
    pub setup_code: Option<SecretString>,
}

/// How somebody came to register.
#[derive(Clone)]
enum Door {
    /// As the first administrator.
    SetupCode,
    Invitation(SecretString),
    /// Registration is open, or an administrator makes the user.
    Open,
}

/// A user whom the administrator or the program makes.
#[derive(Debug)]
pub struct NewUser {
    pub username: String,
    pub password: SecretString,
    pub email: Option<String>,
    pub role: Role,
}

/// What an administrator says of a user; `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserPatch {
    pub role: Option<Role>,
    pub active: Option<bool>,
    pub verified: Option<bool>,
    pub premium: Option<bool>,
}

impl Auth {
    /// Changes a user's role or marks. A new role and a deactivation end all of the user's sessions,
    /// and the API keys that reach further than what the user may do then.
    ///
    /// # Errors
    /// `NotFound`; `LastAdmin` when nobody could look after the installation afterwards.
    pub async fn update_user(&self, by: Option<UserId>, id: UserId, patch: UserPatch) -> Result<User, AuthError> {
        let (now, vault) = (self.now(), self.vault.clone());
        let updated = self.store.write(move |tx| {
            let before = require_user(&tx.view(), id)?;
            let user = User {
                role: patch.role.unwrap_or(before.role),
                active: patch.active.unwrap_or(before.active),
                verified: patch.verified.unwrap_or(before.verified),
                premium: patch.premium.unwrap_or(before.premium),
                updated_at: now,
                ..before.clone()
            };
            if (User { updated_at: before.updated_at, ..user.clone() }) == before {
                return Ok(before);
            }
            if administers(&before) && !administers(&user) && !has_other_admin(&tx.view(), id)? {
                return Err(AuthError::LastAdmin);
            }
            tx.put(&USERS, &user_key(id), &user)?;
            let marks = |u: &User| json!({ "role": u.role, "active": u.active, "verified": u.verified, "premium": u.premium });
            let detail = json!({ "user": id, "from": marks(&before), "to": marks(&user) });
            tx.audit(now, by, "user.changed", detail.clone())?;
            let mut rows = tx.user(id);
            if user.role != before.role || !user.active {
                session::revoke_others(&mut rows, None)?;
            }
            api_keys::revoke_beyond(&mut rows, &vault, &user, now, by)?;
            rows.audit(now, by, "user.changed", detail)?;
            Ok(user)
        });
        updated.await
    }

    /// Refuses the last administrator.
    ///
    /// # Errors
    /// `LastAdmin`.
    pub fn may_leave(&self, user: &User) -> Result<(), AuthError> {
        let needed = administers(user) && !self.store.read(|view| has_other_admin(view, user.id))?;
        if needed { Err(AuthError::LastAdmin) } else { Ok(()) }
    }

    /// Erases a user: every row, then the key file, without which no backup gives away what was sealed. A line
    /// that names nobody stays in the installation's audit log.
    ///
    /// # Errors
    /// `NotFound`, `LastAdmin`.
    pub async fn erase_user(&self, by: Option<UserId>, id: UserId) -> Result<(), AuthError> {
        let now = self.now();
        let vault = self.vault.clone();
        let erased = self.store.write(move |tx| {
            let user = require_user(&tx.view(), id)?;
            if administers(&user) && !has_other_admin(&tx.view(), id)? {
                return Err(AuthError::LastAdmin);
            }
            tx.remove(&USER_NAMES, &name_key(&user.username))?;
            for (key, owner) in tx.view().entries(&APP_KEY_OWNERS)? {
                if owner.user_id == id {
                    tx.remove(&APP_KEY_OWNERS, &key)?;
                }
            }
            one_time::retain(tx, |word| !matches!(word.purpose, Purpose::Reset { user, .. } if user == id))?;
            // Rows of others, and of the installation, that lead to the user.
            api_keys::forget_where(tx, &vault, id, |_| true)?;
            oidc::unlink_all(tx, id, now)?;
            grants::forget_person(tx, id)?;
            let rows = tx.erase_user(id)?;
            tx.put(&ERASED, &user_key(id), &Erased { at: now })?;
            let detail = json!({ "rows": rows, "by_themselves": by == Some(id) });
            Ok(tx.audit(now, by.filter(|by| *by != id), "user.erased", detail)?)
        });
        erased.await?;
        Ok(self.vault.keys.destroy_part(id)?)
    }

    /// Destroys the key files of users who were erased, should one be left.
    pub(super) fn sweep_key_files(&self) -> Result<(), AuthError> {
        let erased = self.store.read(|view| view.entries(&ERASED))?;
        for (key, _) in erased {
            if let Ok(id) = <[u8; 16]>::try_from(key.as_bytes()) {
                self.vault.keys.destroy_part(UserId(Uuid::from_bytes(id)))?;
            }
        }
        Ok(())
    }

    /// A user's audit rows, newest first; `before` continues a page.
    ///
    /// # Errors
    /// `Store`.
    pub fn audit_of(&self, user: UserId, before: Option<u64>, limit: usize) -> Result<Vec<AuditRow>, AuthError> {
        let before = before.map(|seq| Key::new().u64(seq));
        Ok(self.store.user(user).read(|v| v.list_latest(&AUDIT, &Key::new(), before.as_ref(), limit))?)
    }

    /// The installation's audit rows, newest first; `before` continues a page.
    ///
    /// # Errors
    /// `Store`.
    pub fn audit_of_installation(&self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRow>, AuthError> {
        let before = before.map(|seq| Key::new().u64(seq));
        Ok(self.store.read(|v| v.list_latest(&SYSTEM_AUDIT, before.as_ref(), limit))?)
    }

    /// Registers a person: the first with the setup code as administrator, later ones as the
    /// settings allow.
    ///
    /// # Errors
    /// Those of the setup code, `RegistrationClosed`, `InviteUnknown`, `UsernameTaken`,
    /// `InvalidUsername`, `InvalidEmail`, `WeakPassword`, `Throttled`.
    pub async fn register(&self, registration: Registration, client: &Client) -> Result<User, AuthError> {
        let attempt = self.throttle.attempt("", &client.address, self.now())?;
        let uninvited = registration.invite.is_none();
        let registered = self.register_now(registration).await;
        // What teaches a guesser something counts, codes and names; and each user whom nobody has invited.
        let guess = matches!(registered, Err(AuthError::SetupCodeWrong | AuthError::InviteUnknown | AuthError::UsernameTaken(_)));
        if !(guess || uninvited && registered.is_ok()) {
            self.throttle.forgive(&attempt);
        }
        registered
    }

    async fn register_now(&self, registration: Registration) -> Result<User, AuthError> {
        let first = self.setup_required()?;
        if first {
            let code = registration.setup_code.as_ref().ok_or(AuthError::SetupCodeRequired)?;
            if !self.setup_code.holds(code)? {
                return Err(AuthError::SetupCodeWrong);
            }
        }
        let invite = registration.invite.filter(|_| !first);
        let role = match &invite {
            _ if first => Role::Admin,
            Some(word) => match self.store.read(|view| one_time::find(view, word, self.now()))?.map(|row| row.purpose) {
                Some(Purpose::Invitation { role, .. }) => role,
                _ => return Err(AuthError::InviteUnknown),
            },
            None if self.settings()?.registration == RegistrationPolicy::Closed => return Err(AuthError::RegistrationClosed),
            None => Role::User,
        };
        let new = NewUser { username: registration.username, password: registration.password, email: registration.email, role };
        let user = self.prepare(new).await?;
        let door = match invite {
            _ if first => Door::SetupCode,
            Some(word) => Door::Invitation(word),
            None => Door::Open,
        };
        self.create(user, None, "user.registered", door).await
    }

    /// Makes a user without asking the settings: for the administrator's command line and the demo.
    ///
    /// # Errors
    /// `UsernameTaken`, `InvalidUsername`, `InvalidEmail`, `WeakPassword`.
    pub async fn create_user(&self, new: NewUser, by: Option<UserId>) -> Result<User, AuthError> {
        let user = self.prepare(new).await?;
        self.create(user, by, "user.created", Door::Open).await
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
            verified: false,
            premium: false,
            networks: Default::default(),
            language: Language::default(),
            created_at: now,
            updated_at: now,
        })
    }

    async fn create(&self, user: User, by: Option<UserId>, action: &'static str, door: Door) -> Result<User, AuthError> {
        let row = user.clone();
        let created = self.store.write(move |tx| {
            // Two people may have shown the same code at the same moment; it lets only one in.
            match &door {
                Door::SetupCode if !tx.view().user_ids()?.is_empty() => return Err(AuthError::SetupCodeWrong),
                Door::Invitation(word) if one_time::take(tx, word, row.created_at)?.is_none() => return Err(AuthError::InviteUnknown),
                _ => {}
            }
            insert_user(tx, &row)?;
            tx.audit(row.created_at, by.or(Some(row.id)), action, json!({"user": row.id, "role": row.role}))?;
            Ok(())
        });
        created.await?;
        self.setup_code.remove()?;
        Ok(user)
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

fn administers(user: &User) -> bool {
    user.role == Role::Admin && user.active
}

fn has_other_admin(view: &View<'_>, id: UserId) -> Result<bool, StoreError> {
    Ok(view.list(&USERS, &Key::new())?.iter().any(|u| u.id != id && administers(u)))
}

pub(super) fn user_key(id: UserId) -> Key {
    Key::new().id(id.as_bytes())
}

fn name_key(username: &str) -> Key {
    Key::new().text(&username.trim().to_lowercase())
}

pub(super) fn require_user(view: &View<'_>, id: UserId) -> Result<User, AuthError> {
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
    // Letters of other scripts look like these, and nobody could tell two such names apart.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '가'..='힣' | '.' | '_' | '-')) {
        return Err(AuthError::InvalidUsername("a user name consists of the letters A to Z, Korean syllables, digits, '.', '_' and '-'"));
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
