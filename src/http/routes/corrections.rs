//! Corrections of the caller's books by hand.

use actix_web::HttpResponse;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::bot::TradeKind;
use crate::domain::clock::{from_kst, kst_date};
use crate::domain::id::{AccountId, HistoryId, HoldingId};
use crate::domain::money::f64_from_decimal;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Amount, Json};
use crate::http::route::{Route, route};
use crate::trading::{HoldingEdit, NewHistory};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_correct_holding, _, _>(correct_holding),
        route::<__path_remove_holding, _, _>(remove_holding),
        route::<__path_add_history, _, _>(add_history),
        route::<__path_remove_history, _, _>(remove_history),
    ]
}

/// A position as it should be: `holding_id` names the one to correct, name and symbol a new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldingInput {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    #[schema(value_type = Option<uuid::Uuid>)]
    holding_id: Option<HoldingId>,
    /// Name of the bot, or `RP` for the reserve.
    name: Option<String>,
    symbol: Option<String>,
    quantity: Amount,
    average_price: Amount,
    #[serde(default)]
    reserve: bool,
    /// Why.
    note: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldingRemoval {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    #[schema(value_type = uuid::Uuid)]
    holding_id: HoldingId,
    /// Why.
    note: String,
}

/// A history row that is missing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HistoryInput {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// Name of the bot.
    name: String,
    symbol: String,
    /// `BUY`, `SELL`, `SELL_1_4`, `SELL_3_4` or `SELL_PART`
    trade_type: String,
    quantity: Amount,
    buy_price: Amount,
    /// Not used for a buy.
    sell_price: Option<Amount>,
    /// An instant, or a Korean day; now when absent.
    trade_date: Option<String>,
    /// Why.
    note: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HistoryRemoval {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    #[schema(value_type = uuid::Uuid)]
    history_id: HistoryId,
    /// Why.
    note: String,
}

/// The journal's entry.
#[derive(Serialize, ToSchema)]
struct Corrected {
    fact_seq: u64,
}

fn created(fact_seq: u64) -> HttpResponse {
    HttpResponse::Created().json(Corrected { fact_seq })
}

/// Corrects a position, or adds one to a bot that has none; also the reserve.
#[utoipa::path(post, path = "/api/v1/trading/corrections/holding", tag = "corrections", request_body = HoldingInput,
    responses((status = 201, body = Corrected)))]
async fn correct_holding(who: Require<perm::LedgerCorrect>, app: AppData, body: Json<HoldingInput>) -> Result<HttpResponse, ApiError> {
    let input = body.0;
    let edit = HoldingEdit {
        account_id: input.account_id,
        holding_id: input.holding_id,
        name: input.name,
        symbol: input.symbol,
        quantity: f64_from_decimal(input.quantity.0),
        average_price: f64_from_decimal(input.average_price.0),
        reserve: input.reserve,
        note: input.note,
    };
    Ok(created(app.trading.correct_holding(who.user_id, edit).await?))
}

/// Takes a position out of the books.
#[utoipa::path(post, path = "/api/v1/trading/corrections/holding/remove", tag = "corrections", request_body = HoldingRemoval,
    responses((status = 201, body = Corrected)))]
async fn remove_holding(who: Require<perm::LedgerCorrect>, app: AppData, body: Json<HoldingRemoval>) -> Result<HttpResponse, ApiError> {
    let HoldingRemoval { account_id, holding_id, note } = body.0;
    Ok(created(app.trading.remove_holding(who.user_id, account_id, holding_id, &note).await?))
}

/// Adds a history row; no position changes.
#[utoipa::path(post, path = "/api/v1/trading/corrections/history", tag = "corrections", request_body = HistoryInput,
    responses((status = 201, body = Corrected)))]
async fn add_history(who: Require<perm::LedgerCorrect>, app: AppData, body: Json<HistoryInput>) -> Result<HttpResponse, ApiError> {
    let input = body.0;
    let trade_type = TradeKind::parse(&input.trade_type).ok_or_else(|| {
        let detail = format!("'{}' is no kind of trade: use BUY, SELL, SELL_1_4, SELL_3_4 or SELL_PART", input.trade_type);
        ApiError::invalid("/trade_type", detail)
    })?;
    let new = NewHistory {
        account_id: input.account_id,
        name: input.name,
        symbol: input.symbol,
        trade_type,
        quantity: f64_from_decimal(input.quantity.0),
        buy_price: f64_from_decimal(input.buy_price.0),
        sell_price: input.sell_price.map_or(0.0, |p| f64_from_decimal(p.0)),
        traded_at: input.trade_date.as_deref().map(|text| instant(text, app.market.now())).transpose()?,
        note: input.note,
    };
    Ok(created(app.trading.add_history(who.user_id, new).await?))
}

/// The instant of a text: as it is, or noon of a Korean day (of today: now, if noon is still to come).
fn instant(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day: Date = text.parse().map_err(|_| {
        ApiError::invalid("/trade_date", format!("'{text}' is no date: write 2026-05-13, or an instant such as 2026-05-12T15:10:00Z"))
    })?;
    let noon = from_kst(day.to_datetime(Time::constant(12, 0, 0, 0)));
    Ok(if day == kst_date(now) { noon.min(now) } else { noon })
}

/// Takes a row out of the history; no position changes.
#[utoipa::path(post, path = "/api/v1/trading/corrections/history/remove", tag = "corrections", request_body = HistoryRemoval,
    responses((status = 201, body = Corrected)))]
async fn remove_history(who: Require<perm::LedgerCorrect>, app: AppData, body: Json<HistoryRemoval>) -> Result<HttpResponse, ApiError> {
    let HistoryRemoval { account_id, history_id, note } = body.0;
    Ok(created(app.trading.remove_history(who.user_id, account_id, history_id, &note).await?))
}
