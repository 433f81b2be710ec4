//! What pages read of an account's trading: orders, sheets, slots, schedule.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::books::Books;
use super::error::TradingError;
use super::night::slots::calendar;
use super::tick::Trading;
use crate::domain::account::Account;
use crate::domain::bot::Sheet;
use crate::domain::fact::Fact;
use crate::domain::id::{AccountId, BotId, OrderId, UserId};
use crate::domain::order::{Order, OrderOrigin};
use crate::domain::schedule::{Schedule, SessionPlan, next_plans};
use crate::domain::slot::SlotRun;
use crate::storage::tables::{ACCOUNTS, BOTS, ORDERS, SLOTS};
use crate::storage::{StoreError, UserView, account_key};

/// A sheet with its slices' times and orders.
#[derive(Clone, Debug)]
pub struct SheetProgress {
    pub sheet: Sheet,
    pub slice_times: Vec<Timestamp>,
    pub orders: Vec<Order>,
}

/// The times of one session.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SessionTimes {
    pub session: jiff::civil::Date,
    pub open: Timestamp,
    pub close: Timestamp,
    pub early: bool,
    pub readiness: Timestamp,
    pub decision: Timestamp,
    pub slices: Vec<Timestamp>,
    pub closing_buy: Timestamp,
    pub message: Timestamp,
    pub moved: Vec<crate::domain::schedule::Moved>,
}

impl From<SessionPlan> for SessionTimes {
    fn from(plan: SessionPlan) -> Self {
        Self {
            session: plan.session,
            open: plan.open,
            close: plan.close,
            early: plan.early_close,
            readiness: plan.readiness,
            decision: plan.decision,
            slices: plan.slices,
            closing_buy: plan.closing_buy,
            message: plan.message,
            moved: plan.moved,
        }
    }
}

fn account(view: &UserView<'_>, id: AccountId) -> Result<Account, StoreError> {
    view.require(&ACCOUNTS, &account_key(id))
}

impl Trading {
    /// One order with its facts, whichever of the user's accounts it is in.
    ///
    /// # Errors
    /// `NotFound` when the user has no such order.
    pub fn order_with_facts(&self, user: UserId, order: OrderId) -> Result<(Order, Vec<Fact>), TradingError> {
        Ok(self.store.user(user).read(|v| {
            for account in v.accounts()? {
                let Some(found) = v.get(&ORDERS, &account_key(account.id).id(order.as_bytes()))? else { continue };
                return Ok((found, v.facts_of_order(account.id, order)?));
            }
            Err(StoreError::not_found("order"))
        })?)
    }

    /// Open sheets of an account with their progress.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn sheets(&self, user: UserId, id: AccountId) -> Result<Vec<SheetProgress>, TradingError> {
        const RECENT: usize = 500;
        self.store.user(user).read(|v| {
            let books = Books::read(v, id)?;
            let orders: Vec<Order> = v.list_latest(&ORDERS, &account_key(id), None, RECENT)?;
            let mut out = Vec::new();
            for sheet in books.sheets {
                let slice_times = self.plan(v, id, sheet.session)?.map(|p| p.slices).unwrap_or_default();
                let of_sheet = |o: &&Order| matches!(&o.intent.origin, OrderOrigin::Slice { sheet_id, .. } if *sheet_id == sheet.id);
                let mut orders: Vec<Order> = orders.iter().filter(of_sheet).cloned().collect();
                orders.reverse();
                out.push(SheetProgress { sheet, slice_times, orders });
            }
            Ok(out)
        })
    }

    /// Slots that were run, newest first.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn runs(&self, user: UserId, id: AccountId, limit: usize) -> Result<Vec<SlotRun>, TradingError> {
        Ok(self.store.user(user).read(|v| {
            account(v, id)?;
            let mut runs: Vec<SlotRun> = v.list_latest(&SLOTS, &account_key(id), None, limit)?;
            runs.sort_by_key(|r| std::cmp::Reverse((r.slot.at, r.slot.job, r.slot.n)));
            Ok::<_, StoreError>(runs)
        })?)
    }

    /// The schedule of an account and the plans of its next sessions.
    ///
    /// # Errors
    /// `NotFound`, or `Calendar` beyond the known years.
    pub fn upcoming(&self, user: UserId, id: AccountId, sessions: usize) -> Result<(Schedule, Vec<SessionTimes>), TradingError> {
        let schedule = self.store.user(user).read(|v| account(v, id))?.settings.schedule;
        let plans = next_plans(&schedule, &self.calendar, self.clock.now(), sessions).map_err(calendar)?;
        Ok((schedule, plans.into_iter().map(SessionTimes::from).collect()))
    }

    /// Replaces the schedule of an account.
    ///
    /// # Errors
    /// `Conflict` with `version_conflict` when somebody changed the account since `version`.
    pub async fn set_schedule(&self, user: UserId, id: AccountId, version: u64, schedule: Schedule) -> Result<(), TradingError> {
        let now = self.clock.now();
        self.store
            .user(user)
            .write(move |tx| -> Result<(), StoreError> {
                let mut record = account(&tx.view(), id)?;
                if record.version != version {
                    return Err(StoreError::conflict("version_conflict", "the account was changed meanwhile: look at it again"));
                }
                let before = std::mem::replace(&mut record.settings.schedule, schedule);
                record.version += 1;
                tx.put(&ACCOUNTS, &account_key(id), &record)?;
                tx.audit(now, Some(user), "schedule.changed", json!({ "account": record.name, "before": before, "after": schedule }))
            })
            .await?;
        Ok(())
    }

    /// The account of one of the user's bots.
    ///
    /// # Errors
    /// `NotFound` when the user has no such bot.
    pub fn account_of_bot(&self, user: UserId, bot: BotId) -> Result<AccountId, TradingError> {
        Ok(self.store.user(user).read(|v| {
            for account in v.accounts()? {
                if v.get(&BOTS, &account_key(account.id).id(bot.as_bytes()))?.is_some() {
                    return Ok(account.id);
                }
            }
            Err(StoreError::not_found("bot"))
        })?)
    }
}
