//! What people must have read before something is done: dated, versioned texts. The pages carry the words;
//! who accepted which version when stands here and in the audit log. A new version asks again.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::AuthError;
use super::identity::Auth;
use crate::domain::id::UserId;
use crate::domain::user::Role;
use crate::storage::tables::UserTable;
use crate::storage::{Key, Record, StoreError, UserView};

/// A text that people accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// Before a broker key: own account, own rules, own risk; root on the NAS reaches the keys; the broker's
    /// terms of its API apply.
    BrokerKey,
    /// To administrators: other people's accounts, and their personal data.
    Administration,
}

impl Disclosure {
    pub const ALL: [Self; 2] = [Self::BrokerKey, Self::Administration];

    /// Name as it stands in keys and in the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Self::BrokerKey => "broker_key",
            Self::Administration => "administration",
        }
    }

    /// The present version and its date. A changed text has a new one, and texts of its own in the pages.
    pub fn present(self) -> (u32, Date) {
        match self {
            Self::BrokerKey | Self::Administration => (1, date(2026, 11, 22)),
        }
    }

    fn concerns(self, role: Role) -> bool {
        match self {
            Self::BrokerKey => role != Role::Viewer,
            Self::Administration => role == Role::Admin,
        }
    }
}

/// A user accepted a version of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Acceptance {
    at: Timestamp,
}

impl Record for Acceptance {
    const NAME: &'static str = "acceptance";
}

/// code · version
const ACCEPTANCES: UserTable<Acceptance> = UserTable::new("acceptances");

fn key(disclosure: Disclosure) -> Key {
    Key::new().text(disclosure.code()).u64(u64::from(disclosure.present().0))
}

/// When a user accepted the present version.
///
/// # Errors
/// When the row cannot be read.
pub fn accepted_at(view: &UserView<'_>, disclosure: Disclosure) -> Result<Option<Timestamp>, StoreError> {
    Ok(view.get(&ACCEPTANCES, &key(disclosure))?.map(|row| row.at))
}

impl Auth {
    /// The texts that concern a role, and when the user accepted their present versions.
    ///
    /// # Errors
    /// `Store`.
    pub fn disclosures(&self, user: UserId, role: Role) -> Result<Vec<(Disclosure, Option<Timestamp>)>, AuthError> {
        let concerning = Disclosure::ALL.into_iter().filter(|d| d.concerns(role));
        let states = |view: &UserView<'_>| concerning.map(|d| Ok::<_, StoreError>((d, accepted_at(view, d)?))).collect();
        Ok(self.store.user(user).read::<Vec<_>, StoreError>(states)?)
    }

    /// Notes that a user accepts a version of a text; accepting it again changes nothing.
    ///
    /// # Errors
    /// `NotFound` when it does not concern the user's role, `DisclosureChanged` when the version is not the
    /// present one.
    pub async fn accept(&self, user: UserId, role: Role, disclosure: Disclosure, version: u32) -> Result<(), AuthError> {
        if !disclosure.concerns(role) {
            return Err(AuthError::NotFound("disclosure"));
        }
        if version != disclosure.present().0 {
            return Err(AuthError::DisclosureChanged);
        }
        let now = self.now();
        let rows = self.store.user(user);
        let noted = rows.write(move |tx| {
            if accepted_at(&tx.view(), disclosure)?.is_some() {
                return Ok(());
            }
            tx.put(&ACCEPTANCES, &key(disclosure), &Acceptance { at: now })?;
            Ok::<_, AuthError>(tx.audit(now, Some(user), "disclosure.accepted", json!({ "name": disclosure, "version": version }))?)
        });
        noted.await
    }
}
