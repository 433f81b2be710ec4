//! A line to one account's broker, and what opens it.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::TradingError;
use super::tick::Trading;
use crate::brokers::OrderGateway;
use crate::domain::account::Account;
use crate::domain::id::{AccountId, UserId};
use crate::storage::UserStore;

/// One account with its owner's rows and its broker client. Never shared between users.
#[derive(Clone, Debug)]
pub struct Line {
    pub user: UserStore,
    pub account_id: AccountId,
    pub gateway: Arc<dyn OrderGateway>,
}

/// Builds broker clients out of sealed credentials. Implemented where configuration and vault are known.
#[async_trait]
pub trait Connector: Send + Sync + std::fmt::Debug {
    /// The client for an account.
    ///
    /// # Errors
    /// `Refused` with code `no_broker_key` when the account has no credentials.
    async fn connect(&self, user: UserId, account: &Account) -> Result<Arc<dyn OrderGateway>, TradingError>;
}

impl Trading {
    /// Opens the line to an account of a user.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's; the connector's errors.
    pub async fn line(&self, user: UserId, account: AccountId) -> Result<Line, TradingError> {
        self.line_of(user, &self.account(user, account)?).await
    }

    /// Opens the line to an account that was read already.
    pub(super) async fn line_of(&self, user: UserId, account: &Account) -> Result<Line, TradingError> {
        let gateway = self.connector.connect(user, account).await?;
        Ok(Line { user: self.store.user(user), account_id: account.id, gateway })
    }

    /// Seconds by which our clock is ahead of the broker of an account, as its last answer showed;
    /// `None` before the first answer and for an account that cannot be connected.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's; when the store cannot be read.
    pub async fn clock_drift(&self, user: UserId, account: AccountId) -> Result<Option<i64>, TradingError> {
        match self.line(user, account).await {
            Ok(line) => Ok(line.gateway.clock_drift()),
            Err(TradingError::Store(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }
}
