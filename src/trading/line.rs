//! A line to one account's broker, and what opens it.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::TradingError;
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
