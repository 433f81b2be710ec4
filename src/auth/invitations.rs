//! Invitations: with one, a person registers while registration is closed.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::error::AuthError;
use super::identity::Auth;
use super::one_time::{self, OneTimeWord, Purpose};
use crate::domain::id::UserId;
use crate::domain::user::Role;

/// How long an invitation counts.
pub const INVITATION_LIVES: SignedDuration = SignedDuration::from_hours(7 * 24);
const LONGEST_NOTE: usize = 100;

/// An invitation that was not used yet. Its word is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: Uuid,
    pub role: Role,
    pub note: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

fn invitation(row: OneTimeWord) -> Option<Invitation> {
    let OneTimeWord { id, purpose, created_at, expires_at, .. } = row;
    match purpose {
        Purpose::Invitation { role, note } => Some(Invitation { id, role, note, created_at, expires_at }),
        Purpose::Reset { .. } => None,
    }
}

impl Auth {
    /// Makes an invitation.
    ///
    /// # Errors
    /// `InvalidNote` when the note is too long or holds control characters.
    pub async fn invite(&self, by: Option<UserId>, role: Role, note: Option<String>) -> Result<(Invitation, SecretString), AuthError> {
        let note = note.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
        if note.as_ref().is_some_and(|n| n.chars().count() > LONGEST_NOTE || n.chars().any(char::is_control)) {
            return Err(AuthError::InvalidNote);
        }
        let now = self.now();
        let made = self.store.write(move |tx| {
            let purpose = Purpose::Invitation { role, note: note.clone() };
            let (row, word) = one_time::issue(tx, purpose, by, INVITATION_LIVES, now)?;
            tx.audit(now, by, "invitation.made", json!({ "id": row.id, "role": role, "note": note }))?;
            let made = invitation(row).ok_or(AuthError::InviteUnknown)?;
            Ok::<_, AuthError>((made, word))
        });
        made.await
    }

    /// The invitations that still count, newest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn invitations(&self) -> Result<Vec<Invitation>, AuthError> {
        let now = self.now();
        Ok(self.store.read(|view| one_time::list(view, now))?.into_iter().filter_map(invitation).collect())
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_invitation(&self, by: UserId, id: Uuid) -> Result<(), AuthError> {
        let now = self.now();
        let revoked = self.store.write(move |tx| {
            let is_it = |row: &OneTimeWord| row.id == id && matches!(row.purpose, Purpose::Invitation { .. });
            if one_time::retain(tx, |row| !is_it(row))? == 0 {
                return Err(AuthError::NotFound("invitation"));
            }
            Ok(tx.audit(now, Some(by), "invitation.revoked", json!({ "id": id }))?)
        });
        revoked.await
    }
}
