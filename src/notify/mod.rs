//! Messages on their way to people: words in their language, and delivery outside the app.

pub mod inbox;
pub mod notice_text;
pub mod outbox;
pub mod telegram;
pub mod text;
mod watch_text;

use crate::domain::message::{Message, Notice};
use crate::domain::user::Language;
use crate::quant::egg::event::EggEvent;

/// A stored message in a reader's language; its code when a newer version wrote it.
pub fn word(message: &Message, language: Language) -> String {
    if let Ok(notice) = serde_json::from_value::<Notice>(message.event.clone()) {
        return notice_text::render(&notice, language);
    }
    match serde_json::from_value::<EggEvent>(message.event.clone()) {
        Ok(event) => text::render(&event, language),
        Err(_) => message.code.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::id::MessageId;
    use crate::domain::message::Level;

    #[test]
    fn every_stored_event_finds_its_words() {
        let message = |event: serde_json::Value| Message {
            id: MessageId(uuid::Uuid::nil()),
            account_id: None,
            at: Timestamp::UNIX_EPOCH,
            code: "CODE".to_owned(),
            level: Level::Info,
            event,
            read: false,
        };
        let told = |event: serde_json::Value| word(&message(event), Language::En);
        let engine = EggEvent::ClosingSkipTrailing { bot: "TQ_1".to_owned(), symbol: "TQQQ".to_owned() };
        assert!(told(serde_json::to_value(engine).unwrap()).contains("TQ_1"));
        assert_ne!(told(serde_json::to_value(Notice::AccountStarted).unwrap()), "CODE");
        assert_eq!(told(serde_json::json!({ "code": "FROM_TOMORROW" })), "CODE");
    }
}
