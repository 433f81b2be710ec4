//! People and what they may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the installation: sees states of all users, holdings of none.
    Admin,
    /// Owns accounts.
    User,
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Role::Admin),
            "user" => Ok(Role::User),
            other => Err(format!("'{other}' is no role: use admin or user")),
        }
    }
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
    pub active: bool,
    #[serde(default)]
    pub language: Language,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
