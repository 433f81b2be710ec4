//! What a user lets another one do with one account: seeing it, managing its bots, or stopping it, until a
//! date. Nobody passes a grant on, and no grant reaches keys, limits or going live.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::AuthError;
use super::identity::{Auth, Identity};
use super::people::user_key;
use crate::domain::id::{AccountId, GrantId, UserId};
use crate::domain::user::{Acting, GrantKind, Role, User};
use crate::storage::tables::{ACCOUNTS, USERS, UserTable};
use crate::storage::{Key, Record, StoreError, Tx, UserView, View, account_key};

/// A grant ends after so long at the latest.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
/// A user gives at most so many.
const MOST: usize = 50;

/// Under the owner: grant.
const GIVEN: UserTable<Grant> = UserTable::new("grants_given");
/// Under the one to whom it was given: grant → its owner.
const RECEIVED: UserTable<ReceivedFrom> = UserTable::new("grants_received");

/// What an owner lets somebody do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub account: AccountId,
    pub grantee: UserId,
    pub kind: GrantKind,
    /// It counts before this instant.
    pub until: Timestamp,
    pub created_at: Timestamp,
}

impl Record for Grant {
    const NAME: &'static str = "grant";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ReceivedFrom {
    owner: UserId,
}

impl Record for ReceivedFrom {
    const NAME: &'static str = "received grant";
}

/// A grant with the names that its reader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGrant {
    pub grant: Grant,
    /// Of the other person: the grantee for the owner, the owner for the grantee.
    pub person: String,
    pub account: String,
}

/// A grant that was checked just now. It is made in one place only, and names the one account that may be
/// touched with the owner's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    id: GrantId,
    owner: UserId,
    owner_name: String,
    account: AccountId,
    kind: GrantKind,
    actor: UserId,
}

impl Granted {
    pub fn id(&self) -> GrantId {
        self.id
    }

    pub fn owner(&self) -> UserId {
        self.owner
    }

    pub fn owner_name(&self) -> &str {
        &self.owner_name
    }

    pub fn account(&self) -> AccountId {
        self.account
    }

    pub fn kind(&self) -> GrantKind {
        self.kind
    }

    /// In whose rows who acts.
    pub fn acting(&self) -> Acting {
        Acting { owner: self.owner, by: self.actor }
    }
}

fn key(id: GrantId) -> Key {
    Key::new().id(id.as_bytes())
}

const UNKNOWN: AuthError = AuthError::NotFound("shared account");

fn person(view: &View<'_>, id: UserId) -> Result<Option<User>, StoreError> {
    view.get(&USERS, &user_key(id))
}

fn account_name(view: &UserView<'_>, id: AccountId) -> Result<Option<String>, StoreError> {
    Ok(view.get(&ACCOUNTS, &account_key(id))?.map(|account| account.name))
}

/// A grant that counts now, with its owner. Everything that could end it is looked at.
fn standing(view: &View<'_>, grantee: UserId, id: GrantId, now: Timestamp) -> Result<Option<(Grant, User)>, StoreError> {
    let Some(ReceivedFrom { owner }) = view.user(grantee).get(&RECEIVED, &key(id))? else { return Ok(None) };
    let Some(owner) = person(view, owner)?.filter(|owner| owner.active) else { return Ok(None) };
    let rows = view.user(owner.id);
    let grant = rows.get(&GIVEN, &key(id))?.filter(|grant| grant.grantee == grantee && grant.until > now);
    let Some(grant) = grant else { return Ok(None) };
    // An owner who may only look cannot let others do more.
    if owner.role == Role::Viewer && grant.kind == GrantKind::ManageBots {
        return Ok(None);
    }
    Ok(account_name(&rows, grant.account)?.map(|_| (grant, owner)))
}

fn take_back(tx: &mut Tx<'_>, owner: UserId, grant: &Grant) -> Result<(), StoreError> {
    tx.user(owner).remove(&GIVEN, &key(grant.id))?;
    tx.user(grant.grantee).remove(&RECEIVED, &key(grant.id))
}

/// Ends what a person has given and received, before the person's rows go.
pub(super) fn forget_person(tx: &mut Tx<'_>, user: UserId) -> Result<(), StoreError> {
    for grant in tx.view().user(user).list(&GIVEN, &Key::new())? {
        take_back(tx, user, &grant)?;
    }
    for (id, ReceivedFrom { owner }) in tx.view().user(user).entries(&RECEIVED, &Key::new())? {
        let Ok(id) = Uuid::from_slice(&id) else { continue };
        tx.user(owner).remove(&GIVEN, &key(GrantId(id)))?;
    }
    Ok(())
}

impl Auth {
    /// Lets another user do something with one of the caller's accounts. A grant of the same kind to the
    /// same user is replaced.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the caller's; `InvalidSetting` naming the field; `TooMany`,
    /// `Throttled`.
    pub async fn give_grant(
        &self,
        who: &Identity,
        account: AccountId,
        username: &str,
        kind: GrantKind,
        until: Timestamp,
    ) -> Result<NamedGrant, AuthError> {
        let (now, owner) = (self.now(), who.user_id);
        let name = self.store.user(owner).read(|v| account_name(v, account))?.ok_or(AuthError::NotFound("account"))?;
        let invalid = |pointer, detail: &str| AuthError::InvalidSetting { pointer, detail: detail.to_owned() };
        let last = now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        if until <= now || until > last {
            return Err(invalid("/until", "the grant must end in the future, within a year"));
        }
        // Names could be guessed here.
        let attempt = self.throttle.attempt_of(owner, now)?;
        let found = self.find_user(username)?.filter(|user| user.active);
        let grantee = found.ok_or_else(|| invalid("/username", "there is no such user on this installation"))?;
        self.throttle.forgive(&attempt);
        if grantee.id == owner {
            return Err(invalid("/username", "that is your own name"));
        }
        if grantee.role == Role::Viewer && kind == GrantKind::ManageBots {
            return Err(invalid("/kind", "this user may only look, so that managing bots would do nothing"));
        }
        let grant = Grant { id: GrantId(Uuid::now_v7()), account, grantee: grantee.id, kind, until, created_at: now };
        let (given, owner_name, grantee_name, account_named) =
            (grant.clone(), who.username.clone(), grantee.username.clone(), name.clone());
        let written = self.store.write(move |tx| {
            let before = tx.view().user(owner).list(&GIVEN, &Key::new())?;
            for old in &before {
                // What ended a month ago makes room, and one person has one grant of a kind.
                let replaced = old.account == account && old.grantee == given.grantee && old.kind == kind;
                if replaced || old.until.saturating_add(SignedDuration::from_hours(24 * 30)).is_ok_and(|gone| gone <= now) {
                    take_back(tx, owner, old)?;
                }
            }
            let mut rows = tx.user(owner);
            if rows.list(&GIVEN, &Key::new())?.len() >= MOST {
                return Err(AuthError::TooMany("grants"));
            }
            rows.put(&GIVEN, &key(given.id), &given)?;
            let detail =
                |person: &str| json!({ "grant": given.id, "account": account_named, "user": person, "kind": kind, "until": until });
            rows.audit(now, Some(owner), "grant.given", detail(&grantee_name))?;
            let mut theirs = tx.user(given.grantee);
            theirs.put(&RECEIVED, &key(given.id), &ReceivedFrom { owner })?;
            theirs.audit(now, Some(owner), "grant.received", detail(&owner_name))?;
            Ok(())
        });
        written.await?;
        Ok(NamedGrant { grant, person: grantee.username, account: name })
    }

    /// What the owner of an account lets others do with it, oldest first; also what has ended by itself.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the caller's.
    pub fn grants_of(&self, owner: UserId, account: AccountId) -> Result<Vec<NamedGrant>, AuthError> {
        self.store.read(|view| {
            let rows = view.user(owner);
            let name = account_name(&rows, account)?.ok_or(AuthError::NotFound("account"))?;
            let mut named = Vec::new();
            for grant in rows.list(&GIVEN, &Key::new())?.into_iter().filter(|g| g.account == account) {
                if let Some(user) = person(view, grant.grantee)? {
                    named.push(NamedGrant { grant, person: user.username, account: name.clone() });
                }
            }
            Ok(named)
        })
    }

    /// Takes a grant back; it no longer counts from then on.
    ///
    /// # Errors
    /// `NotFound` when it is none of the account's.
    pub async fn revoke_grant(&self, owner: &Identity, account: AccountId, id: GrantId) -> Result<(), AuthError> {
        let (now, by) = (self.now(), owner.user_id);
        let revoked = self.store.write(move |tx| {
            let grant = tx.view().user(by).get(&GIVEN, &key(id))?.filter(|g| g.account == account);
            end(tx, by, &grant.ok_or(AuthError::NotFound("grant"))?, by, now)
        });
        revoked.await
    }

    /// Gives a grant back that the caller received.
    ///
    /// # Errors
    /// `NotFound` when it is none of the caller's.
    pub async fn decline_grant(&self, who: &Identity, id: GrantId) -> Result<(), AuthError> {
        let (now, by) = (self.now(), who.user_id);
        let declined = self.store.write(move |tx| {
            let ReceivedFrom { owner } = tx.view().user(by).get(&RECEIVED, &key(id))?.ok_or(UNKNOWN)?;
            let grant = tx.view().user(owner).get(&GIVEN, &key(id))?.filter(|g| g.grantee == by);
            end(tx, owner, &grant.ok_or(UNKNOWN)?, by, now)
        });
        declined.await
    }

    /// What others let the caller do now, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn received_grants(&self, grantee: UserId) -> Result<Vec<NamedGrant>, AuthError> {
        let now = self.now();
        self.store.read(|view| {
            let mut received = Vec::new();
            for (id, _) in view.user(grantee).entries(&RECEIVED, &Key::new())? {
                let Ok(id) = Uuid::from_slice(&id) else { continue };
                let Some((grant, owner)) = standing(view, grantee, GrantId(id), now)? else { continue };
                let account = account_name(&view.user(owner.id), grant.account)?.unwrap_or_default();
                received.push(NamedGrant { grant, person: owner.username, account });
            }
            Ok(received)
        })
    }

    /// The one way to another user's account: whether the caller may do this kind of thing with it now.
    /// To be asked at every call.
    ///
    /// # Errors
    /// `NotFound` when there is no such grant (any more); `GrantTooNarrow` when it is of another kind.
    pub fn granted(&self, who: &Identity, id: GrantId, needed: GrantKind) -> Result<Granted, AuthError> {
        let now = self.now();
        let (grant, owner) = self.store.read(|view| standing(view, who.user_id, id, now))?.ok_or(UNKNOWN)?;
        if !grant.kind.includes(needed) {
            return Err(AuthError::GrantTooNarrow);
        }
        Ok(Granted { id, owner: owner.id, owner_name: owner.username, account: grant.account, kind: grant.kind, actor: who.user_id })
    }

    /// Notes an act in somebody else's account, for both to see: the owner by whom, the actor what.
    ///
    /// # Errors
    /// `Store`.
    pub async fn note_shared(&self, granted: &Granted, who: &Identity, action: &'static str, detail: Value) -> Result<(), AuthError> {
        let now = self.now();
        let (granted, actor_name) = (granted.clone(), who.username.clone());
        let noted = self.store.write(move |tx| {
            let row = |person: &str| json!({ "grant": granted.id, "account": granted.account, "user": person, "what": detail });
            let by = Some(granted.actor);
            tx.user(granted.owner).audit(now, by, action, row(&actor_name))?;
            tx.user(granted.actor).audit(now, by, action, row(&granted.owner_name))
        });
        Ok(noted.await?)
    }
}

/// Ends a grant, in both audit logs.
fn end(tx: &mut Tx<'_>, owner: UserId, grant: &Grant, by: UserId, now: Timestamp) -> Result<(), AuthError> {
    take_back(tx, owner, grant)?;
    let name =
        |tx: &Tx<'_>, id| -> Result<String, StoreError> { Ok(person(&tx.view(), id)?.map(|user| user.username).unwrap_or_default()) };
    let (owner_name, grantee_name) = (name(tx, owner)?, name(tx, grant.grantee)?);
    let account = account_name(&tx.view().user(owner), grant.account)?;
    let detail = |person: String| json!({ "grant": grant.id, "account": account, "user": person, "kind": grant.kind });
    tx.user(owner).audit(now, Some(by), "grant.ended", detail(grantee_name))?;
    tx.user(grant.grantee).audit(now, Some(by), "grant.ended", detail(owner_name))?;
    Ok(())
}
