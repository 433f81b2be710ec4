//! What an administrator's decision about a person means for the accounts.

use super::state::App;
use crate::auth::{AuthError, UserPatch};
use crate::domain::account::AccountMode;
use crate::domain::id::{AccountId, UserId};
use crate::domain::user::User;
use crate::storage::tables::POSITIONS;
use crate::storage::{StoreError, account_key};

/// An account that was stopped because its owner was deactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub account: AccountId,
    pub name: String,
    /// Open orders that were cancelled.
    pub cancelled: usize,
    /// Positions that stay.
    pub positions: usize,
    /// Why not all open orders could be cancelled.
    pub problem: Option<String>,
}

impl App {
    /// Changes what an administrator says of a person. A deactivation stops the person's accounts and
    /// cancels their open orders; positions stay and are named.
    ///
    /// # Errors
    /// Those of [`crate::auth::Auth::update_user`]. A broker that cannot be reached is told in the result.
    pub async fn update_user(&self, by: Option<UserId>, id: UserId, patch: UserPatch) -> Result<(User, Vec<Left>), AuthError> {
        let before = self.auth.user(id)?.ok_or(AuthError::NotFound("user"))?;
        let user = self.auth.update_user(by, id, patch).await?;
        if !before.active || user.active {
            return Ok((user, Vec::new()));
        }
        let accounts = self.store.user(id).read(|v| v.accounts())?;
        let mut left = Vec::new();
        for account in accounts {
            let cancelled = self.trading.cancel_all(id, Some(account.id)).await;
            if account.mode == AccountMode::Trading
                && let Err(error) = self.trading.stop_account(id, account.id).await
            {
                tracing::error!(account_id = %account.id, %error, "the account of a deactivated user cannot be stopped");
            }
            let held = |v: &crate::storage::UserView<'_>| v.list(&POSITIONS, &account_key(account.id));
            let positions = self.store.user(id).read(|v| Ok::<_, StoreError>(held(v)?.iter().filter(|p| !p.quantity.is_zero()).count()))?;
            let (cancelled, problem) = match cancelled {
                Ok(orders) => (orders.len(), None),
                Err(error) => (0, Some(error.to_string())),
            };
            left.push(Left { account: account.id, name: account.name, cancelled, positions, problem });
        }
        Ok((user, left))
    }
}
