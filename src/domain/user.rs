//! People and what they may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::network::Networks;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the installation: sees states of all users, holdings of none.
    Admin,
    /// Owns accounts and trades.
    User,
    /// Reads: the own accounts, and what others have shared.
    Viewer,
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Role::Admin),
            "user" => Ok(Role::User),
            "viewer" => Ok(Role::Viewer),
            other => Err(format!("'{other}' is no role: use admin, user or viewer")),
        }
    }
}

/// How far an API key reaches; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Read,
    /// Orders of accounts that trade on paper: our own engine and the broker's mock host.
    Paper,
    /// Orders of every account.
    Trade,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Ko,
    En,
}

/// A person who can sign in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    /// Unique, compared without case.
    pub username: String,
    pub email: Option<String>,
    pub role: Role,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// Signs in, and the bots run.
    pub active: bool,
    /// An administrator knows the person behind the name.
    #[serde(default)]
    pub verified: bool,
    /// The old system's mark of some users; kept and shown.
    #[serde(default)]
    pub premium: bool,
    /// From where the person may sign in and come; empty = from everywhere.
    #[serde(default)]
    pub networks: Networks,
    #[serde(default)]
    pub language: Language,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whose things are changed, and who changes them: usually the same person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acting {
    pub owner: UserId,
    pub by: UserId,
}

impl From<UserId> for Acting {
    fn from(user: UserId) -> Self {
        Self { owner: user, by: user }
    }
}

/// What a user may let another one do with one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// Seeing balance, positions, orders and bots.
    View,
    /// The same, and making, changing and deleting bots.
    ManageBots,
    /// Switching the account's kill switch on; lifting it is the owner's.
    EmergencyStop,
}

impl GrantKind {
    /// Whether a grant of this kind is enough where `needed` is asked for.
    pub fn includes(self, needed: Self) -> bool {
        self == needed || (self == Self::ManageBots && needed == Self::View)
    }
}

/// A user's password was set by somebody who need not be that user: nothing trades live until the user
/// confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveHold {
    pub since: Timestamp,
}
