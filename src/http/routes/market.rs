//! Indicators and the exchange calendar.

use std::collections::BTreeSet;

use actix_web::web;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::account::Account;
use crate::domain::clock::kst_date;
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::Exchange;
use crate::domain::limits::Product;
use crate::domain::money::f64_from_decimal;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{List, Query, day};
use crate::http::route::{Route, route};
use crate::http::views::ValueAt;
use crate::http::views::portfolio::{IndicatorView, IndicatorsView};
use crate::portfolio::{PortfolioBooks, indicators};
use crate::trading::{Line, TradingError};

/// Tickers that everybody sees.
const ALWAYS: [&str; 2] = ["TQQQ", "SOXL"];
/// Days of a calendar answer.
const MOST_DAYS: i64 = 400;
const USUAL_DAYS: i64 = 60;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_indicators, _, _>(get_indicators),
        route::<__path_get_calendar, _, _>(get_calendar),
        route::<__path_search, _, _>(search),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct IndicatorQuery {
    /// All of the caller's accounts when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    account_id: Option<AccountId>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CalendarQuery {
    /// First trading date; today when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<Date>)]
    from: Option<Date>,
    /// Last trading date; 60 days on when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<Date>)]
    to: Option<Date>,
}

/// Most instruments of a search.
const MOST_FOUND: usize = 50;
const USUALLY_FOUND: usize = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// A code, a ticker, or part of a Korean or English name; 1 to 40 characters.
    #[param(min_length = 1)]
    q: String,
    /// 1 to 50; 10 when absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// A listed instrument.
#[derive(Serialize, ToSchema)]
struct InstrumentView {
    /// `KRX` or `US`
    market: &'static str,
    exchange: Exchange,
    symbol: String,
    name_ko: String,
    name_en: Option<String>,
    /// `stock` or `etf`; `null` for anything else.
    product: Option<Product>,
    /// Trading is halted (거래정지).
    halted: bool,
}

/// One session of the US market.
#[derive(Serialize, ToSchema)]
struct SessionView {
    date: String,
    open: jiff::Timestamp,
    close: jiff::Timestamp,
    /// It closes early.
    early: bool,
}

/// Indicators of the tickers that the caller's active bots trade, for information only.
#[utoipa::path(get, path = "/api/v1/market/indicators", tag = "market", params(IndicatorQuery),
    responses((status = 200, body = IndicatorsView)))]
async fn get_indicators(
    who: Require<perm::MarketRead>,
    app: AppData,
    query: Query<IndicatorQuery>,
) -> Result<web::Json<IndicatorsView>, ApiError> {
    let books = app.store.user(who.user_id).read(|v| PortfolioBooks::read_all(v, query.account_id))?;
    let active = books.iter().flat_map(|b| &b.bots).filter(|b| b.active).map(|b| b.symbol.as_str());
    let symbols: BTreeSet<&str> = ALWAYS.into_iter().chain(active).collect();
    let line = first_line(&app, who.user_id, books.iter().map(|b| &b.account)).await?;
    let mut items = Vec::with_capacity(symbols.len());
    // One after the other: trading's own calls find a place between them.
    for symbol in symbols {
        items.push(indicator(&app, line.as_ref(), symbol).await);
    }
    let stored = books.iter().filter_map(|b| b.account.settings.usd_krw.as_ref()).max_by_key(|r| r.at);
    let stored = stored.map(|r| ValueAt { value: crate::http::views::amount(r.rate), at: r.at, source: r.source.clone() });
    let usd_krw = app.trading.quotes().usd_krw().as_ref().map(ValueAt::known).or(stored);
    Ok(web::Json(IndicatorsView { items, vix: None, usd_krw }))
}

/// The first account with a broker to ask; none is a normal state.
async fn first_line(app: &AppData, user: UserId, accounts: impl Iterator<Item = &Account>) -> Result<Option<Line>, ApiError> {
    for account in accounts {
        match app.trading.line(user, account.id).await {
            Ok(line) => return Ok(Some(line)),
            Err(TradingError::Store(error)) => return Err(error.into()),
            Err(error) => tracing::debug!(account_id = %account.id, %error, "no broker for indicators"),
        }
    }
    Ok(None)
}

async fn indicator(app: &AppData, line: Option<&Line>, symbol: &str) -> IndicatorView {
    let quote = app.trading.quotes().get(symbol);
    let bars = match line {
        Some(line) => app.trading.daily_bars(line, symbol).await,
        None => return IndicatorView::new(symbol.to_owned(), quote.as_ref().map(ValueAt::quote), None),
    };
    let known = match bars {
        Ok(bars) => indicators(&bars.bars, quote.as_ref().map(|q| f64_from_decimal(q.last)), bars.at),
        Err(error) => {
            tracing::debug!(%symbol, %error, "no daily bars");
            None
        }
    };
    IndicatorView::new(symbol.to_owned(), quote.as_ref().map(ValueAt::quote), known)
}

/// Sessions of the US market.
#[utoipa::path(get, path = "/api/v1/market/calendar", tag = "market", params(CalendarQuery),
    responses((status = 200, body = List<SessionView>)))]
async fn get_calendar(
    _: Require<perm::MarketRead>,
    app: AppData,
    query: Query<CalendarQuery>,
) -> Result<web::Json<List<SessionView>>, ApiError> {
    let from = query.from.unwrap_or_else(|| kst_date(app.market.now()));
    let to = query.to.unwrap_or_else(|| from.saturating_add(USUAL_DAYS.days()));
    if from > to || from.saturating_add(MOST_DAYS.days()) < to {
        return Err(ApiError::invalid("/to", format!("from {from} to {to} is not possible: ask for 1 to {MOST_DAYS} days")));
    }
    let sessions = app.trading.calendar().sessions(from, to).map_err(|e| ApiError::invalid("/from", e.to_string()))?;
    let items = sessions.into_iter().map(|s| SessionView { date: s.date.to_string(), open: s.open, close: s.close, early: s.early });
    Ok(web::Json(List::whole(items.collect())))
}

/// Instruments whose code or name has a text in it, best first. Empty until the lists are loaded.
#[utoipa::path(get, path = "/api/v1/market/search", tag = "market", params(SearchQuery),
    responses((status = 200, body = List<InstrumentView>)))]
async fn search(
    _: Require<perm::MarketRead>,
    app: AppData,
    query: Query<SearchQuery>,
) -> Result<web::Json<List<InstrumentView>>, ApiError> {
    let text = query.q.trim();
    if text.is_empty() || text.chars().count() > 40 {
        return Err(ApiError::invalid("/q", "give 1 to 40 characters of a code or name"));
    }
    let limit = query.limit.unwrap_or(USUALLY_FOUND);
    if !(1..=MOST_FOUND).contains(&limit) {
        return Err(ApiError::invalid("/limit", format!("ask for 1 to {MOST_FOUND} instruments")));
    }
    let listed = app.trading.listed();
    let items = listed.search(text, limit).into_iter().map(|found| {
        let instrument = &found.instrument;
        InstrumentView {
            market: instrument.market.code(),
            exchange: found.exchange,
            symbol: instrument.symbol.clone(),
            name_ko: found.name_ko.clone(),
            name_en: found.name_en.clone(),
            product: listed.product(instrument.market, &instrument.symbol),
            halted: found.krx.is_some_and(|standing| standing.halted),
        }
    });
    Ok(web::Json(List::whole(items.collect())))
}
