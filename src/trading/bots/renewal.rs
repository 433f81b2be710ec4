//! Renewal: all bots of an account are replaced by fresh ones that share its budget.

use serde_json::json;

use super::changes::{admit, adopt_orphans, put_bot, remove_bot};
use crate::domain::bot::Bot;
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::instrument::Instrument;
use crate::quant::egg::manage::{RenewalError, RenewalRequest, renewal};
use crate::storage::{StoreError, time_ordered};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::tick::Trading;
use crate::trading::twin::refuse_twin;

/// What a renewal makes and leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewed {
    /// In bot order. A bot whose name stays keeps its id, its position and its added seed.
    pub bots: Vec<Bot>,
    /// Names of bots that are gone.
    pub removed: Vec<String>,
    /// Names of positions that no bot manages any more.
    pub orphans: Vec<String>,
    /// What keeps a dry run's result from being carried out now; empty after a renewal.
    pub blocked: Vec<Blocker>,
}

/// Why a renewal has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The code with which the renewal would be refused.
    pub code: &'static str,
    pub detail: String,
    /// Names of the bots concerned.
    pub bots: Vec<String>,
}

impl Trading {
    /// Replaces all bots of an account, or with `dry_run` only tells what would be. `tickers` are
    /// tickers with their numbers of bots.
    ///
    /// # Errors
    /// `Refused` or `Fields` with what to mend; nothing was changed then.
    pub async fn renew_bots(
        &self,
        user: UserId,
        account: AccountId,
        tickers: Vec<(String, i64)>,
        dry_run: bool,
    ) -> Result<Renewed, TradingError> {
        let rows = self.store.user(user);
        // The rules first: asking the broker for nonsense helps nobody.
        let first_look = rows.read(|v| planned(&Books::read(v, account)?, &tickers, time_ordered(self.clock.now())))?;
        if !dry_run {
            refuse_blocked(&first_look)?;
        }
        for (place, (text, _)) in tickers.iter().enumerate() {
            let pointer = format!("/tickers/{place}/symbol");
            let ticker = Instrument::parse_us_ticker(text).map_err(|detail| TradingError::field(pointer.clone(), "invalid", detail))?;
            self.require_symbol(user, account, &ticker, &pointer).await?;
        }
        let now = self.clock.now();
        if dry_run {
            return rows.read(|v| planned(&Books::read(v, account)?, &tickers, time_ordered(now)));
        }
        let renewed = rows
            .write(move |tx| -> Result<Renewed, TradingError> {
                let before = Books::read(&tx.view(), account)?;
                let renewed = planned(&before, &tickers, time_ordered(now))?;
                refuse_blocked(&renewed)?;
                for bot in &before.bots {
                    remove_bot(tx, bot)?;
                }
                let kept = Books { bots: renewed.bots.clone(), ..before.clone() };
                for bot in &renewed.bots {
                    adopt_orphans(tx, &kept, bot, user, now)?;
                    put_bot(tx, bot)?;
                    if before.bot(bot.id).is_none() {
                        admit(tx, account, bot.id, now)?;
                    }
                }
                let detail = json!({
                    "account_id": account, "tickers": tickers, "before": before.bots, "after": renewed.bots, "orphans": renewed.orphans,
                });
                tx.audit(now, Some(user), "bots.renewed", detail)?;
                Ok(renewed)
            })
            .await?;
        self.portfolio_changed(user, account);
        Ok(renewed)
    }
}

/// What a renewal of these books would give; new bots get ids counted up from `first_id`.
fn planned(books: &Books, tickers: &[(String, i64)], first_id: uuid::Uuid) -> Result<Renewed, TradingError> {
    refuse_twin(&books.account)?;
    let Some(total_budget) = books.account.settings.total_budget else {
        return Err(TradingError::refused("no_budget", "the account has no total budget: set it in the account's settings first"));
    };
    // Sheets in flight pass; they block the renewal but not the view of it.
    let request = RenewalRequest { tickers, total_budget, existing: &books.bots, holdings: &books.holdings, open_sheets: &[] };
    let plan = renewal(&request).map_err(|e| refusal(&e))?;
    let mut bots: Vec<Bot> = Vec::with_capacity(plan.bots.len());
    for (position, wanted) in (0_u32..).zip(&plan.bots) {
        let old = books.bots.iter().find(|b| b.name == wanted.name);
        let fresh = BotId(uuid::Uuid::from_u128(first_id.as_u128().wrapping_add(u128::from(position))));
        let mut bot = wanted.bot(old.map_or(fresh, |b| b.id), books.account.id, position);
        bot.version = old.map_or(1, |b| b.version + 1);
        bots.push(bot);
    }
    let removed = books.bots.iter().filter(|old| !bots.iter().any(|b| b.id == old.id)).map(|b| b.name.clone()).collect();
    Ok(Renewed { bots, removed, orphans: plan.orphans, blocked: blockers(books) })
}

fn blockers(books: &Books) -> Vec<Blocker> {
    let order = books.open_orders.first().map(|order| Blocker {
        code: "bot_has_order",
        detail: format!("an order of {} is still open: wait until it has ended", order.intent.bot_name),
        bots: vec![order.intent.bot_name.clone()],
    });
    let open_sheets: Vec<String> = books.sheets.iter().map(|s| s.name.clone()).collect();
    let sheets = (!open_sheets.is_empty()).then(|| Blocker {
        code: "bot_has_sheet",
        detail: RenewalError::OpenSheets(open_sheets.clone()).to_string(),
        bots: open_sheets,
    });
    order.into_iter().chain(sheets).collect()
}

fn refuse_blocked(renewed: &Renewed) -> Result<(), TradingError> {
    match renewed.blocked.first() {
        Some(blocker) => Err(StoreError::conflict(blocker.code, blocker.detail.clone()).into()),
        None => Ok(()),
    }
}

fn refusal(error: &RenewalError) -> TradingError {
    let detail = error.to_string();
    match error {
        RenewalError::OpenSheets(_) => StoreError::conflict("bot_has_sheet", detail).into(),
        RenewalError::OtherSymbol { .. } => StoreError::conflict("bot_has_holding", detail).into(),
        RenewalError::Budget(_) | RenewalError::TooSmall { .. } => TradingError::refused("budget_too_small", detail),
        RenewalError::NoTicker => TradingError::field("/tickers", "invalid", detail),
        RenewalError::Ticker { place, .. } | RenewalError::TickerTwice { place, .. } => {
            TradingError::field(format!("/tickers/{place}/symbol"), "invalid", detail)
        }
        RenewalError::Count { place, .. } => TradingError::field(format!("/tickers/{place}/count"), "invalid", detail),
    }
}
