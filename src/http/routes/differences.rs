//! Differences between the caller's books and the broker, and the answers to them.

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::difference::{CashDifference, CashReason, Difference, DifferenceKind, Proposal, SplitRatio};
use crate::domain::id::{AccountId, BotId, DifferenceId};
use crate::domain::order::Side;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Amount, Json};
use crate::http::route::{Route, route};
use crate::trading::{Answer, Questions};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_differences, _, _>(list_differences),
        route::<__path_compare_with_broker, _, _>(compare_with_broker),
        route::<__path_answer_difference, _, _>(answer_difference),
    ]
}

/// New shares for old ones.
#[derive(Serialize, ToSchema)]
struct RatioView {
    new: u32,
    old: u32,
}

/// What would be booked if the owner agrees.
#[derive(Serialize, ToSchema)]
struct ProposalView {
    /// The action that agrees: `mine`, `bot` or `split`.
    action: &'static str,
    bot_id: Option<Uuid>,
    bot_name: Option<String>,
    split: Option<RatioView>,
}

impl From<&Proposal> for ProposalView {
    fn from(proposal: &Proposal) -> Self {
        let empty = Self { action: "mine", bot_id: None, bot_name: None, split: None };
        match proposal {
            Proposal::Person => empty,
            Proposal::Bot { bot_id, name } => Self { action: "bot", bot_id: Some(bot_id.0), bot_name: Some(name.clone()), ..empty },
            Proposal::Split { ratio } => Self { action: "split", split: Some(RatioView { new: ratio.new, old: ratio.old }), ..empty },
        }
    }
}

/// An execution in the broker's list that was not sent from here.
#[derive(Serialize, ToSchema)]
struct OutsideView {
    date: String,
    broker_order_no: String,
    side: Side,
    quantity: String,
    /// In the market's currency.
    amount: String,
    ordered_at: Option<Timestamp>,
}

/// A price and the last one known before it.
#[derive(Serialize, ToSchema)]
struct JumpView {
    before: String,
    now: String,
}

/// One open question.
#[derive(Serialize, ToSchema)]
struct DifferenceView {
    id: Uuid,
    market: String,
    symbol: String,
    kind: DifferenceKind,
    /// Shares by the books.
    ours: String,
    /// Shares by the broker.
    brokers: String,
    proposal: Option<ProposalView>,
    executions: Vec<OutsideView>,
    /// The prices that made a split look likely, if not the shares.
    price: Option<JumpView>,
    since: Timestamp,
}

impl From<&Difference> for DifferenceView {
    fn from(difference: &Difference) -> Self {
        let executions = difference.executions.iter().map(|e| OutsideView {
            date: e.date.to_string(),
            broker_order_no: e.broker_order_no.clone(),
            side: e.side,
            quantity: e.quantity.to_string(),
            amount: e.gross.normalize().to_string(),
            ordered_at: e.ordered_at,
        });
        let price = |p: &crate::domain::difference::PriceJump| JumpView {
            before: p.before.normalize().to_string(),
            now: p.now.normalize().to_string(),
        };
        Self {
            id: difference.id.0,
            market: difference.market.code().to_owned(),
            symbol: difference.symbol.clone(),
            kind: difference.kind,
            ours: difference.ours.normalize().to_string(),
            brokers: difference.brokers.normalize().to_string(),
            proposal: difference.proposal.as_ref().map(ProposalView::from),
            executions: executions.collect(),
            price: difference.price.as_ref().map(price),
            since: difference.since,
        }
    }
}

/// An open question about the cash of one currency.
#[derive(Serialize, ToSchema)]
struct CashDifferenceView {
    id: Uuid,
    currency: &'static str,
    /// Cash by the books.
    ours: String,
    /// Cash by the broker, all trades settled.
    brokers: String,
    proposal: CashReason,
    since: Timestamp,
}

impl From<&CashDifference> for CashDifferenceView {
    fn from(cash: &CashDifference) -> Self {
        Self {
            id: cash.id.0,
            currency: cash.currency.code(),
            ours: cash.ours.normalize().to_string(),
            brokers: cash.brokers.normalize().to_string(),
            proposal: cash.proposal,
            since: cash.since,
        }
    }
}

/// When a market of the account was compared last.
#[derive(Serialize, ToSchema)]
struct CheckedView {
    market: String,
    first_at: Timestamp,
    at: Timestamp,
}

/// An account's open questions; no market is listed before its first comparison.
#[derive(Serialize, ToSchema)]
struct DifferencesView {
    account_id: Uuid,
    checked: Vec<CheckedView>,
    items: Vec<DifferenceView>,
    /// They hold no bot.
    cash: Vec<CashDifferenceView>,
}

fn view(account: AccountId, questions: &Questions) -> web::Json<DifferencesView> {
    let checked = questions.checked.iter().map(|c| CheckedView { market: c.market.code().to_owned(), first_at: c.first_at, at: c.at });
    web::Json(DifferencesView {
        account_id: account.0,
        checked: checked.collect(),
        items: questions.differences.iter().map(DifferenceView::from).collect(),
        cash: questions.cash.iter().map(CashDifferenceView::from).collect(),
    })
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AnswerAction {
    /// The shares, or the trade, are the person's own.
    Mine,
    /// So are all shares that the first connection found.
    AllMine,
    /// The trade was the bot's that `bot_id` names.
    Bot,
    Split,
    /// No split; takes one back that was confirmed by mistake.
    NoSplit,
    Deposit,
    Withdrawal,
    Dividend,
    Interest,
    Exchange,
    Charges,
    Other,
}

/// The ratio that a person gives, if they give one.
fn ratio(new: Option<u32>, old: Option<u32>) -> Result<Option<SplitRatio>, ApiError> {
    const MOST: u32 = 1_000;
    for (pointer, value) in [("/new_shares", new), ("/old_shares", old)] {
        if value.is_some_and(|value| !(1..=MOST).contains(&value)) {
            return Err(ApiError::invalid(pointer, format!("a split's ratio is made of whole numbers from 1 to {MOST}")));
        }
    }
    match (new, old) {
        (None, None) => Ok(None),
        (Some(new), Some(old)) if new != old => Ok(Some(SplitRatio { new, old })),
        (Some(_), Some(_)) => Err(ApiError::invalid("/new_shares", "a split changes the number of shares: new and old are equal")),
        (None, Some(_)) => Err(ApiError::invalid("/new_shares", "new_shares is missing beside old_shares")),
        (Some(_), None) => Err(ApiError::invalid("/old_shares", "old_shares is missing beside new_shares")),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerInput {
    action: AnswerAction,
    /// Required for `bot`.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    bot_id: Option<BotId>,
    /// Price per share, for `bot` where no execution tells it.
    #[serde(default)]
    price: Option<Amount>,
    /// For `split`, where the question proposes no ratio or another one: so many new shares …
    #[serde(default)]
    new_shares: Option<u32>,
    /// … for so many old ones.
    #[serde(default)]
    old_shares: Option<u32>,
}

/// The open questions about an account's books.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/differences", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = DifferencesView)))]
async fn list_differences(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<DifferencesView>, ApiError> {
    Ok(view(*id, &app.trading.questions(who.user_id, *id)?))
}

/// Compares an account's books with its broker now.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/reconcile", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = DifferencesView)))]
async fn compare_with_broker(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<DifferencesView>, ApiError> {
    Ok(view(*id, &app.trading.compare_now(who.user_id, *id).await?))
}

/// Answers a question; the answer is booked as facts.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/differences/{difference}/answer", tag = "trading",
    params(("id" = uuid::Uuid, Path), ("difference" = uuid::Uuid, Path)), request_body = AnswerInput,
    responses((status = 200, body = DifferencesView)))]
async fn answer_difference(
    who: Require<perm::LedgerCorrect>,
    app: AppData,
    ids: web::Path<(AccountId, DifferenceId)>,
    body: Json<AnswerInput>,
) -> Result<web::Json<DifferencesView>, ApiError> {
    let (account, difference) = ids.into_inner();
    let AnswerInput { action, bot_id, price, new_shares, old_shares } = body.0;
    let ratio = ratio(new_shares, old_shares)?;
    let answer = match (action, bot_id) {
        (AnswerAction::Mine, _) => Answer::Mine,
        (AnswerAction::AllMine, _) => Answer::AllMine,
        (AnswerAction::Bot, Some(bot)) => Answer::OfBot { bot, price: price.map(|p| p.0) },
        (AnswerAction::Bot, None) => return Err(ApiError::invalid("/bot_id", "name the bot whose trade it was: bot_id is missing")),
        (AnswerAction::Split, _) => Answer::Split { ratio },
        (AnswerAction::NoSplit, _) => Answer::NoSplit,
        (AnswerAction::Deposit, _) => Answer::Cash(CashReason::Deposit),
        (AnswerAction::Withdrawal, _) => Answer::Cash(CashReason::Withdrawal),
        (AnswerAction::Dividend, _) => Answer::Cash(CashReason::Dividend),
        (AnswerAction::Interest, _) => Answer::Cash(CashReason::Interest),
        (AnswerAction::Exchange, _) => Answer::Cash(CashReason::Exchange),
        (AnswerAction::Charges, _) => Answer::Cash(CashReason::Charges),
        (AnswerAction::Other, _) => Answer::Cash(CashReason::Other),
    };
    Ok(view(account, &app.trading.answer_difference(who.user_id, account, difference, answer).await?))
}
