//! A user's Telegram chats: the way out of the outbox, and the test message.

use async_trait::async_trait;
use secrecy::SecretString;

use super::state::App;
use crate::domain::id::{AccountId, UserId};
use crate::domain::message::Notice;
use crate::notify::outbox::{Channel, Undelivered};
use crate::notify::telegram::TelegramError;
use crate::storage::StoreError;
use crate::storage::account_key;
use crate::storage::tables::{ACCOUNTS, secret};
use crate::trading::TradingError;

impl App {
    /// Tells a user, in the app and in a chat, that a session was ended because its refresh token came
    /// twice; `address` is where it came from.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tell_of_revoked_session(&self, user: UserId, address: &str) -> Result<(), StoreError> {
        // Messages stand in market time, whatever the sessions go by.
        let (now, notice) = (self.market.now(), Notice::SessionRevoked { address: address.to_owned() });
        let message = self.store.user(user).write(move |tx| tx.post_to_person(now, notice.level(), &notice)).await?;
        tracing::info!(user_id = %user, message_id = %message.id, "told of a revoked session");
        Ok(())
    }

    /// Tells a person that an administrator made a link with which the own password can be set.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_of_reset_link(&self, user: UserId, by: &str) -> Result<(), StoreError> {
        self.tell(user, Notice::ResetLinkMade { by: by.to_owned() }).await
    }

    /// Tells a person that the own password was set with a link or a code.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_of_new_password(&self, user: UserId, address: &str) -> Result<(), StoreError> {
        self.tell(user, Notice::PasswordReset { address: address.to_owned() }).await
    }

    /// Tells a person that an API key was made in their name.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell_of_api_key(&self, user: UserId, name: &str, address: &str) -> Result<(), StoreError> {
        self.tell(user, Notice::ApiKeyMade { name: name.to_owned(), address: address.to_owned() }).await
    }

    /// Tells a person something about the own sign-in.
    ///
    /// # Errors
    /// The store's.
    pub async fn tell(&self, user: UserId, notice: Notice) -> Result<(), StoreError> {
        // Messages stand in market time, whatever the sessions go by.
        let now = self.market.now();
        self.store.user(user).write(move |tx| tx.post_to_person(now, notice.level(), &notice).map(drop)).await
    }

    /// The account's chat with its token; `None` when it has none.
    fn chat(&self, user: UserId, account: AccountId) -> Result<Option<(SecretString, String)>, TradingError> {
        self.store.user(user).read(|v| {
            let record = v.get(&ACCOUNTS, &account_key(account))?.ok_or_else(|| StoreError::not_found("account"))?;
            let token = self
                .vault
                .open(v, account, secret::TELEGRAM_TOKEN)
                .map_err(|e| TradingError::refused("telegram_unreadable", e.to_string()))?;
            Ok(token.zip(record.settings.telegram_chat))
        })
    }

    /// Sends a test message to an account's chat; the inner error says why it did not arrive.
    ///
    /// # Errors
    /// `Refused` with `no_telegram` when the account has no chat.
    pub async fn test_telegram(&self, user: UserId, account: AccountId) -> Result<Result<(), TelegramError>, TradingError> {
        let Some((token, chat)) = self.chat(user, account)? else {
            return Err(TradingError::refused("no_telegram", "enter the bot token and the chat id first"));
        };
        if let Err(error) = self.telegram.get_me(&token).await {
            return Ok(Err(error));
        }
        Ok(self.telegram.send_message(&token, &chat, "EggMoney ✅").await)
    }
}

#[async_trait]
impl Channel for App {
    async fn deliver(&self, user: UserId, account: AccountId, text: &str) -> Result<(), Undelivered> {
        match self.chat(user, account).map_err(|e| Undelivered::Refused(e.to_string()))? {
            Some((token, chat)) => self.telegram.send_message(&token, &chat, text).await.map_err(|e| {
                let sentence = e.to_string();
                if e.is_transient() { Undelivered::Unreachable(sentence) } else { Undelivered::Refused(sentence) }
            }),
            // The chat was removed meanwhile; the message is in the app.
            None => Ok(()),
        }
    }
}
