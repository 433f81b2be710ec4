//! The outbox: what waits for delivery outside the app. A message leaves it when it was delivered or
//! when it has failed too often; trading never waits for it.

use async_trait::async_trait;

use crate::domain::id::{AccountId, UserId};
use crate::domain::message::{Delivery, Message};
use crate::domain::user::Language;
use crate::storage::tables::{MESSAGES, OUTBOX, USERS};
use crate::storage::{Key, Store, StoreError};

/// A delivery is given up after this many failed tries.
const TRIES: u32 = 5;

/// A way to a user's chat.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Delivers a text.
    ///
    /// # Errors
    /// A sentence without secrets.
    async fn deliver(&self, user: UserId, account: AccountId, text: &str) -> Result<(), String>;
}

/// What one pass over the outbox did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    pub sent: usize,
    pub failed: usize,
}

/// Delivers what waits, each user's messages in their order. `word` puts a message into words.
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
    let mut done = Delivered::default();
    for (user, language, waiting) in users {
        for delivery in waiting {
            let key = Key::new().id(delivery.message_id.as_bytes());
            let Some(message) = store.user(user).read(|v| v.get(&MESSAGES, &key))? else {
                store.user(user).write(move |tx| tx.remove(&OUTBOX, &key)).await?;
                continue;
            };
            match channel.deliver(user, delivery.account_id, &word(&message, language)).await {
                Ok(()) => {
                    done.sent += 1;
                    store.user(user).write(move |tx| tx.remove(&OUTBOX, &key)).await?;
                }
                Err(error) => {
                    done.failed += 1;
                    tracing::warn!(user_id = %user, %error, "message not delivered");
                    let attempts = delivery.attempts + 1;
                    store
                        .user(user)
                        .write(move |tx| {
                            if attempts >= TRIES {
                                tx.remove(&OUTBOX, &key)
                            } else {
                                tx.put(&OUTBOX, &key, &Delivery { attempts, ..delivery.clone() })
                            }
                        })
                        .await?;
                    // The chat is out of reach: its later messages keep their order and wait.
                    break;
                }
            }
        }
    }
    Ok(done)
}
