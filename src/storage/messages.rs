//! Messages and their outbox, written in the transaction of what they tell.

use jiff::Timestamp;
use serde::Serialize;
use uuid::{NoContext, Uuid};

use super::key::Key;
use super::ledger::account_key;
use super::port::StoreError;
use super::tables::{ACCOUNTS, MESSAGES, OUTBOX};
use super::view::UserTx;
use crate::domain::id::{AccountId, MessageId};
use crate::domain::message::{Delivery, Level, Message};

/// A UUID v7 that carries `at`, so that its key sorts by time.
pub fn time_ordered(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, u32::try_from(at.subsec_nanosecond()).unwrap_or(0)))
}

/// The smallest id that [`time_ordered`] can give at `at` or later: where a range of keys begins.
pub fn first_id_at(at: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

impl UserTx<'_> {
    /// Stores a message and, when the account has a chat, puts it into the outbox.
    ///
    /// # Errors
    /// `Corrupt` when the event cannot be written as JSON.
    pub fn post<E: Serialize>(&mut self, account: AccountId, at: Timestamp, level: Level, event: &E) -> Result<Message, StoreError> {
        let chat = self.get(&ACCOUNTS, &account_key(account))?.filter(|a| a.settings.telegram_chat.is_some());
        self.put_message(Some(account), chat.map(|a| a.id), at, level, event)
    }

    /// Stores a message that concerns the person and no account. It goes to the chat of the first
    /// account that has one: all of them are the same person's.
    ///
    /// # Errors
    /// `Corrupt` when the event cannot be written as JSON.
    pub fn post_to_person<E: Serialize>(&mut self, at: Timestamp, level: Level, event: &E) -> Result<Message, StoreError> {
        let chat = self.view().accounts()?.into_iter().find(|a| a.settings.telegram_chat.is_some());
        self.put_message(None, chat.map(|a| a.id), at, level, event)
    }

    fn put_message<E: Serialize>(
        &mut self,
        account: Option<AccountId>,
        chat_of: Option<AccountId>,
        at: Timestamp,
        level: Level,
        event: &E,
    ) -> Result<Message, StoreError> {
        let event = serde_json::to_value(event).map_err(|e| StoreError::Corrupt(format!("message: {e}")))?;
        let code = event.get("code").and_then(|c| c.as_str()).unwrap_or("MESSAGE").to_owned();
        // The stored order of messages of one instant is the order in which they were posted.
        let mut id = time_ordered(at);
        let last = self.view().list_latest(&MESSAGES, &Key::new(), None, 1)?;
        if let Some(last) = last.first()
            && last.id.0 >= id
        {
            id = Uuid::from_u128(last.id.0.as_u128() + 1);
        }
        let message = Message { id: MessageId(id), account_id: account, at, code, level, event, read: false };
        let key = Key::new().id(id.as_bytes());
        self.put(&MESSAGES, &key, &message)?;
        if let Some(account_id) = chat_of {
            self.put(&OUTBOX, &key, &Delivery { message_id: message.id, account_id, attempts: 0 })?;
        }
        Ok(message)
    }
}
