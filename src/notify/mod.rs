//! Messages on their way to people: words in their language, and delivery outside the app.

pub mod notice_text;
pub mod outbox;
pub mod telegram;
pub mod text;
