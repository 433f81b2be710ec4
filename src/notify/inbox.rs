//! A user's messages in the app.

use crate::domain::id::{AccountId, MessageId, UserId};
use crate::domain::message::Message;
use crate::storage::tables::{ACCOUNTS, MESSAGES};
use crate::storage::{Key, Store, StoreError, account_key};

/// Unread messages are counted up to this many.
const COUNTED: usize = 1_000;

/// One page of messages.
#[derive(Clone, Debug)]
pub struct Inbox {
    pub messages: Vec<Message>,
    pub unread: usize,
}

/// Messages, newest first, after `after`; of one account, or of all; steps of the night's work too, or
/// only what a person should know.
///
/// # Errors
/// `NotFound` when the user has no such account; when the store cannot be read.
pub fn list(
    store: &Store,
    user: UserId,
    (account, steps): (Option<AccountId>, bool),
    after: Option<MessageId>,
    limit: usize,
) -> Result<Inbox, StoreError> {
    store.user(user).read(|v| {
        if let Some(id) = account {
            v.require(&ACCOUNTS, &account_key(id))?;
        }
        let of_account = |m: &Message| account.is_none() || m.account_id == account;
        let shown = |m: &Message| of_account(m) && (steps || !m.is_step());
        let newest: Vec<Message> = v.list_latest(&MESSAGES, &Key::new(), None, COUNTED)?;
        let unread = newest.iter().filter(|m| !m.read && of_account(m)).count();
        let mut messages = Vec::new();
        let mut before = after;
        while messages.len() < limit {
            let key = before.map(|id| Key::new().id(id.as_bytes()));
            let page: Vec<Message> = v.list_latest(&MESSAGES, &Key::new(), key.as_ref(), limit)?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            messages.extend(page.into_iter().filter(shown));
        }
        messages.truncate(limit);
        Ok(Inbox { messages, unread })
    })
}

/// Marks messages as read; `None` means all.
///
/// # Errors
/// `NotFound` when one of them is not the user's: then none is marked; when the store cannot be written.
pub async fn mark_read(store: &Store, user: UserId, ids: Option<Vec<MessageId>>) -> Result<(), StoreError> {
    store
        .user(user)
        .write(move |tx| {
            let messages: Vec<Message> = match &ids {
                None => tx.list(&MESSAGES, &Key::new())?,
                Some(ids) => ids.iter().map(|id| tx.require(&MESSAGES, &Key::new().id(id.as_bytes()))).collect::<Result<_, _>>()?,
            };
            for message in messages.into_iter().filter(|m| !m.read) {
                tx.put(&MESSAGES, &Key::new().id(message.id.as_bytes()), &Message { read: true, ..message })?;
            }
            Ok(())
        })
        .await
}
