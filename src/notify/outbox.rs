//! The outbox: what waits for delivery outside the app. A message leaves it when it was delivered or
//! when it has failed too often; trading never waits for it.

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::domain::id::{AccountId, UserId};
use crate::domain::message::{Delivery, Message};
use crate::domain::user::Language;
use crate::storage::tables::{MESSAGES, OUTBOX, USERS};
use crate::storage::{Key, Store, StoreError, UserStore};

/// A delivery is given up after it was refused this often.
const TRIES: u32 = 5;
/// Messages that wait for a chat out of reach, per user; the oldest make room.
const MOST_WAITING: usize = 200;

/// Why a text was not delivered, in sentences without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The chat is out of reach for the moment; the text can wait.
    Unreachable(String),
    /// The chat does not take it.
    Refused(String),
}

/// A way to a user's chat.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Delivers a text.
    ///
    /// # Errors
    /// See [`Undelivered`].
    async fn deliver(&self, user: UserId, account: AccountId, text: &str) -> Result<(), Undelivered>;
}

/// What one pass over the outbox did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub sent: usize,
    pub failed: usize,
}

/// Delivers what waits: each user's messages in their order, no user waiting for another's chat.
/// `word` puts a message into words.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn deliver_waiting(
    store: &Store,
    channel: &dyn Channel,
    word: impl Fn(&Message, Language) -> String + Send + Sync,
) -> Result<Delivered, StoreError> {
    let users = store.read(|v| {
        let mut users = Vec::new();
        for user in v.list(&USERS, &Key::new())? {
            let waiting: Vec<Delivery> = v.user(user.id).list(&OUTBOX, &Key::new())?;
            if !waiting.is_empty() {
                users.push((user.id, user.language, waiting));
            }
        }
        Ok::<_, StoreError>(users)
    })?;
    let word = &word;
    let passes = users.into_iter().map(|(user, language, waiting)| {
        let rows = store.user(user);
        async move { deliver_to(&rows, channel, &|message| word(message, language), waiting).await }
    });
    let mut done = Delivered::default();
    for pass in join_all(passes).await {
        let pass = pass?;
        done = Delivered { sent: done.sent + pass.sent, failed: done.failed + pass.failed };
    }
    Ok(done)
}

/// One user's messages, up to the first that does not arrive: the later ones keep their order and wait.
async fn deliver_to(
    rows: &UserStore,
    channel: &dyn Channel,
    word: &(dyn Fn(&Message) -> String + Send + Sync),
    waiting: Vec<Delivery>,
) -> Result<Delivered, StoreError> {
    let user = rows.id();
    let mut done = Delivered::default();
    let surplus = waiting.len().saturating_sub(MOST_WAITING);
    for (place, delivery) in waiting.into_iter().enumerate() {
        let key = Key::new().id(delivery.message_id.as_bytes());
        let message = rows.read(|v| v.get(&MESSAGES, &key))?.filter(|_| place >= surplus);
        let Some(message) = message else {
            rows.write(move |tx| tx.remove(&OUTBOX, &key)).await?;
            continue;
        };
        let (error, attempts) = match channel.deliver(user, delivery.account_id, &word(&message)).await {
            Ok(()) => {
                done.sent += 1;
                rows.write(move |tx| tx.remove(&OUTBOX, &key)).await?;
                continue;
            }
            Err(Undelivered::Unreachable(error)) => (error, delivery.attempts),
            Err(Undelivered::Refused(error)) => (error, delivery.attempts + 1),
        };
        done.failed += 1;
        if attempts > delivery.attempts {
            tracing::warn!(user_id = %user, %error, "message not delivered");
        } else {
            // Tried again every few seconds; the messenger's state is on the system page.
            tracing::debug!(user_id = %user, %error, "message cannot be delivered yet");
        }
        if attempts > delivery.attempts {
            let tried = Delivery { attempts, ..delivery };
            rows.write(move |tx| if attempts >= TRIES { tx.remove(&OUTBOX, &key) } else { tx.put(&OUTBOX, &key, &tried) }).await?;
        }
        break;
    }
    Ok(done)
}
