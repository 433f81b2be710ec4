//! Which sign-ins at providers belong to which user. Only the user makes and removes them: an equal
//! e-mail address means nothing.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::id_token::Subject;
use crate::auth::error::AuthError;
use crate::auth::people::user_key;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::storage::tables::{SystemTable, USERS, UserTable};
use crate::storage::{Key, Record, StoreError, Tx, UserView, View};

/// A user has at most so many.
const MOST: usize = 10;

/// link.
const LINKS: UserTable<Link> = UserTable::new("identity_links");
/// SHA-256 of issuer and subject → whose link it is.
const SUBJECTS: SystemTable<LinkRef> = SystemTable::new("identity_subjects");

/// A sign-in at a provider that a user has linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: Uuid,
    /// The provider's name when it was linked.
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    /// What the provider calls the person, if it said so.
    pub label: Option<String>,
    pub linked_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl Record for Link {
    const NAME: &'static str = "linked sign-in";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LinkRef {
    user: UserId,
    link: Uuid,
}

impl Record for LinkRef {
    const NAME: &'static str = "linked sign-in reference";
}

fn key(link: Uuid) -> Key {
    Key::new().id(link.as_bytes())
}

fn subject_key(issuer: &str, subject: &str) -> Key {
    // Neither holds a zero byte, so that no two pairs look alike.
    Key::new().text(&HEXLOWER.encode(&Sha256::digest(format!("{issuer}\0{subject}"))))
}

/// The user to whom a sign-in is linked, with the link.
pub(super) fn owner(view: &View<'_>, issuer: &str, subject: &str) -> Result<Option<(User, Link)>, StoreError> {
    let Some(LinkRef { user, link }) = view.get(&SUBJECTS, &subject_key(issuer, subject))? else { return Ok(None) };
    let (user, link) = (view.get(&USERS, &user_key(user))?, view.user(user).get(&LINKS, &key(link))?);
    Ok(user.zip(link))
}

/// A user's links, oldest first.
pub(super) fn list(view: &UserView<'_>) -> Result<Vec<Link>, StoreError> {
    view.list(&LINKS, &Key::new())
}

/// Links a sign-in to a user; one that is linked to the same user already stays as it is.
pub(super) fn link(
    tx: &mut Tx<'_>,
    user: UserId,
    provider: &str,
    issuer: &str,
    subject: &Subject,
    now: Timestamp,
) -> Result<Link, AuthError> {
    match owner(&tx.view(), issuer, &subject.id)? {
        Some((owner, link)) if owner.id == user => return Ok(link),
        Some(_) => return Err(AuthError::IdentityTaken),
        None => {}
    }
    let mut rows = tx.user(user);
    if list(&rows.view())?.len() >= MOST {
        return Err(AuthError::TooMany("linked sign-ins"));
    }
    let link = Link {
        id: Uuid::now_v7(),
        provider: provider.to_owned(),
        issuer: issuer.to_owned(),
        subject: subject.id.clone(),
        label: subject.label.clone(),
        linked_at: now,
        last_used_at: None,
    };
    rows.put(&LINKS, &key(link.id), &link)?;
    rows.audit(now, Some(user), "identity.linked", json!({ "provider": provider, "issuer": issuer, "label": link.label }))?;
    tx.put(&SUBJECTS, &subject_key(issuer, &subject.id), &LinkRef { user, link: link.id })?;
    Ok(link)
}

/// Notes that a link let its user in.
pub(super) fn used(tx: &mut Tx<'_>, user: UserId, mut link: Link, now: Timestamp) -> Result<(), StoreError> {
    link.last_used_at = Some(now);
    let mut rows = tx.user(user);
    rows.put(&LINKS, &key(link.id), &link)?;
    rows.audit(now, Some(user), "identity.used", json!({ "provider": link.provider, "issuer": link.issuer }))
}

/// Removes one of a user's links; `false` when it is none.
pub(super) fn unlink(tx: &mut Tx<'_>, user: UserId, id: Uuid, by: Option<UserId>, now: Timestamp) -> Result<bool, StoreError> {
    let mut rows = tx.user(user);
    let Some(link) = rows.get(&LINKS, &key(id))? else { return Ok(false) };
    rows.remove(&LINKS, &key(id))?;
    rows.audit(now, by, "identity.unlinked", json!({ "provider": link.provider, "issuer": link.issuer, "label": link.label }))?;
    tx.remove(&SUBJECTS, &subject_key(&link.issuer, &link.subject))?;
    Ok(true)
}

/// Removes all of a user's links: after the password was set by somebody who need not be that user, or
/// before the user is deleted.
pub(in crate::auth) fn unlink_all(tx: &mut Tx<'_>, user: UserId, now: Timestamp) -> Result<usize, StoreError> {
    let links = list(&tx.view().user(user))?;
    for link in &links {
        unlink(tx, user, link.id, None, now)?;
    }
    Ok(links.len())
}
