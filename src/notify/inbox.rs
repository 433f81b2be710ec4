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
        let shown = |m: &Message| (account.is_none() || m.account_id == account) && (steps || !m.is_step());
        let newest: Vec<Message> = v.list_latest(&MESSAGES, &Key::new(), None, COUNTED)?;
        let unread = newest.iter().filter(|m| !m.read && shown(m)).count();
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

/// Messages that a user keeps; years of them.
pub const MOST_KEPT: usize = 20_000;

/// Removes the oldest messages beyond what is kept; tells how many went. Writes nothing when none does.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_oldest(store: &Store, user: UserId, most: usize) -> Result<usize, StoreError> {
    let rows = store.user(user);
    let mut old = rows.read(|v| v.keys(&MESSAGES, &Key::new()))?;
    // Keys are in the order of time.
    old.truncate(old.len().saturating_sub(most));
    if old.is_empty() {
        return Ok(0);
    }
    let gone = old.len();
    rows.write(move |tx| old.iter().try_for_each(|key| tx.remove(&MESSAGES, &Key::new().raw(key)))).await?;
    Ok(gone)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Notice;

    #[tokio::test]
    async fn steps_are_left_out_on_demand_and_pages_go_on_past_them() {
        let (store, user) = (Store::in_memory().unwrap(), UserId(uuid::Uuid::nil()));
        let notices = [Notice::AccountStarted, Notice::KillSwitchOn, Notice::BrokerRecovered];
        store
            .user(user)
            .write(move |tx| -> Result<(), StoreError> {
                for (second, notice) in notices.iter().enumerate() {
                    let at = jiff::Timestamp::from_second(1_800_000_000 + second as i64).unwrap();
                    let would = Notice::WouldOrder { bot: "b".into(), symbol: "TQQQ".into(), kind: "buy".into(), value: 1.0 };
                    tx.post(AccountId(uuid::Uuid::nil()), at, notice.level(), notice)?;
                    tx.post(AccountId(uuid::Uuid::nil()), at, would.level(), &would)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let codes = |steps, after, limit| {
            let found = list(&store, user, (None, steps), after, limit).unwrap();
            (found.messages.iter().map(|m| m.code.clone()).collect::<Vec<_>>(), found.messages.last().map(|m| m.id), found.unread)
        };
        assert_eq!((codes(true, None, 10).0.len(), codes(true, None, 1).2), (6, 6));
        let (first, last, unread) = codes(false, None, 2);
        assert_eq!((first, unread), (vec!["BROKER_RECOVERED".to_owned(), "KILL_SWITCH_ON".to_owned()], 3));
        assert_eq!(codes(false, last, 2).0, ["ACCOUNT_STARTED"]);
        let commits = store.commits().count();
        assert_eq!((forget_oldest(&store, user, 6).await.unwrap(), store.commits().count()), (0, commits));
        assert_eq!(forget_oldest(&store, user, 2).await.unwrap(), 4);
        assert_eq!(codes(true, None, 10).0, ["WOULD_ORDER", "BROKER_RECOVERED"]);
    }
}
