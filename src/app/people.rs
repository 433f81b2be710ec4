//! What an administrator's decision about a person means for the accounts.

use rust_decimal::Decimal;

use super::credentials::named;
use super::state::App;
use crate::auth::{AuthError, UserPatch};
use crate::domain::account::{Account, AccountMode, Rung};
use crate::domain::id::{AccountId, UserId};
use crate::domain::order::Environment;
use crate::domain::user::User;
use crate::storage::tables::POSITIONS;
use crate::storage::{StoreError, account_key};

/// An account of a person who was deactivated: what was stopped, and what stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub account: AccountId,
    pub name: String,
    /// Open orders that were cancelled.
    pub cancelled: usize,
    /// Positions that stay: symbol and shares.
    pub positions: Vec<(String, Decimal)>,
    /// Why not everything was stopped or cancelled.
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
        let left = self.stop_accounts(id).await?;
        Ok((user, left))
    }

    /// Stops a person's accounts and cancels their open orders; tells what stays.
    pub(super) async fn stop_accounts(&self, id: UserId) -> Result<Vec<Left>, AuthError> {
        let accounts = self.store.user(id).read(|v| v.accounts())?;
        let mut left = Vec::new();
        // A twin trades on our own paper only, and ends with its live account.
        let twin = |a: &Account| a.twin.is_some() && a.environment == Environment::Own;
        let left_alone = |a: &Account| twin(a) && (a.is_running_twin() || a.mode == AccountMode::Observe);
        for account in accounts.into_iter().filter(|a| !left_alone(a)) {
            let mut problems = Vec::new();
            // On the paper rung an account observes itself, but its twin trades.
            let traded = account.rung() > Rung::Observe;
            if let Err(error) = self.trading.stop_account(id, account.id).await {
                problems.push(error.to_string());
            }
            let cancelled = match self.trading.cancel_all(id, Some(account.id)).await {
                Ok(orders) => orders.len(),
                Err(error) => {
                    problems.push(error.to_string());
                    0
                }
            };
            let key = account_key(account.id);
            let (open, positions) = self.store.user(id).read(|v| {
                let open: Vec<_> = v.open_orders(account.id)?.iter().filter(|o| !o.state.is_final()).map(named).collect();
                let held = v.list(&POSITIONS, &key)?.into_iter().filter(|p| !p.quantity.is_zero()).map(|p| (p.symbol, p.quantity));
                Ok::<_, StoreError>((open, held.collect::<Vec<_>>()))
            })?;
            if !open.is_empty() {
                problems.push(format!("orders are still open, cancel them in the broker's app: {}", open.join(", ")));
            }
            if traded || cancelled > 0 || !positions.is_empty() || !problems.is_empty() {
                let problem = (!problems.is_empty()).then(|| problems.join("; "));
                left.push(Left { account: account.id, name: account.name, cancelled, positions, problem });
            }
        }
        Ok(left)
    }
}
