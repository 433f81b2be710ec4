//! Messages on their way to people: words in their language, and delivery outside the app.

pub mod inbox;
pub mod notice_text;
pub mod outbox;

use crate::domain::message::{Message, Notice};
use crate::domain::user::Language;

/// A stored message in a reader's language.
pub fn word(message: &Message, language: Language) -> String {
    match serde_json::from_value::<Notice>(message.event.clone()) {
        Ok(notice) => notice_text::render(&notice, language),
        Err(_) => message.code.clone(),
    }
}
