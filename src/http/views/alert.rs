//! Messages as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::message::{Level, Message};
use crate::domain::user::Language;
use crate::notify::word;

/// A text in both languages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Words {
    pub ko: String,
    pub en: String,
}

/// A message to the user.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    pub id: Uuid,
    pub account_id: Option<Uuid>,
    pub at: Timestamp,
    pub code: String,
    /// `info`, `warning` or `error`
    pub level: Level,
    pub text: Words,
    pub read: bool,
    /// A step of the work that went as it should.
    pub step: bool,
    pub data: serde_json::Value,
}

impl From<&Message> for AlertView {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id.0,
            account_id: message.account_id.map(|a| a.0),
            at: message.at,
            code: message.code.clone(),
            level: message.level,
            text: Words { ko: word(message, Language::Ko), en: word(message, Language::En) },
            read: message.read,
            step: message.is_step(),
            data: message.event.clone(),
        }
    }
}
