//! Trade history, realised profit and positions of the caller's accounts.

use actix_web::web;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::domain::id::AccountId;
use crate::domain::money::f64_from_decimal;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Page, Query, day};
use crate::http::route::{Route, route};
use crate::http::views::history::{HistoryView, PositionsView, ProfitView};
use crate::portfolio::{Filter, PortfolioBooks, Positions, TradeSide, history_page, profit_summary};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_history, _, _>(list_history),
        route::<__path_history_summary, _, _>(history_summary),
        route::<__path_list_positions, _, _>(list_positions),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    #[param(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// First Korean day.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<Date>)]
    from: Option<Date>,
    /// Last Korean day.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<Date>)]
    to: Option<Date>,
    /// `buy` or `sell`
    kind: Option<String>,
    /// Name or id of the bot.
    bot: Option<String>,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    after: Option<Uuid>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    #[param(value_type = uuid::Uuid)]
    account_id: AccountId,
}

/// Trades of an account, newest first, with the sums of all rows that the filter lets through.
#[utoipa::path(get, path = "/api/v1/trading/history", tag = "trading", params(HistoryQuery), responses((status = 200, body = HistoryView)))]
async fn list_history(
    who: Require<perm::OrdersRead>,
    app: AppData,
    query: Query<HistoryQuery>,
) -> Result<web::Json<HistoryView>, ApiError> {
    let query = query.0;
    let side = match query.kind.as_deref() {
        None => None,
        Some("buy") => Some(TradeSide::Buy),
        Some("sell") => Some(TradeSide::Sell),
        Some(other) => return Err(ApiError::invalid("/kind", format!("kind is '{other}': use buy or sell, or leave it out"))),
    };
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from > to
    {
        return Err(ApiError::invalid("/to", format!("the last day {to} lies before the first day {from}")));
    }
    let page = Page::new(query.limit, query.after);
    let limit = page.limit()?;
    let books = app.store.user(who.user_id).read(|v| PortfolioBooks::read(v, query.account_id))?;
    let filter = Filter { from: query.from, to: query.to, side, bot: query.bot.filter(|b| !b.is_empty()) };
    Ok(web::Json(HistoryView::from(&history_page(&books.history, &filter, page.after(), limit))))
}

/// Realised profit by year and month, each month at its own rate.
#[utoipa::path(get, path = "/api/v1/trading/history/summary", tag = "trading", params(OfAccount),
    responses((status = 200, body = ProfitView)))]
async fn history_summary(who: Require<perm::OrdersRead>, app: AppData, query: Query<OfAccount>) -> Result<web::Json<ProfitView>, ApiError> {
    let books = app.store.user(who.user_id).read(|v| PortfolioBooks::read(v, query.account_id))?;
    let rate = app.trading.quotes().usd_krw().map(|r| f64_from_decimal(r.value));
    Ok(web::Json(ProfitView::from(&profit_summary(&books, rate, app.market.now()))))
}

/// What an account holds, by instrument and by bot.
#[utoipa::path(get, path = "/api/v1/trading/positions", tag = "trading", params(OfAccount), responses((status = 200, body = PositionsView)))]
async fn list_positions(
    who: Require<perm::OrdersRead>,
    app: AppData,
    query: Query<OfAccount>,
) -> Result<web::Json<PositionsView>, ApiError> {
    let positions = app.store.user(who.user_id).read(|v| Positions::read(v, query.account_id))?;
    Ok(web::Json(PositionsView::from(&positions)))
}
