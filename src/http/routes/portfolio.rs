//! Totals of the caller's accounts.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::id::{AccountId, UserId};
use crate::domain::money::f64_from_decimal;
use crate::http::access::{AppData, Require, perm};
use crate::http::answers::{Answers, Basis};
use crate::http::error::ApiError;
use crate::http::extract::Query;
use crate::http::route::{Route, route};
use crate::http::views::portfolio::SummaryView;
use crate::portfolio::{Cash, MarketPrices, PortfolioBooks, Price, Rate, summary};

pub fn routes() -> Vec<Route> {
    vec![route::<__path_get_summary, _, _>(get_summary)]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SummaryQuery {
    /// All of the caller's accounts when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    account_id: Option<AccountId>,
}

/// Totals of one account, or of all of them together.
#[utoipa::path(get, path = "/api/v1/portfolio/summary", tag = "portfolio", params(SummaryQuery),
    responses((status = 200, body = SummaryView)))]
async fn get_summary(
    who: Require<perm::PortfolioRead>,
    app: AppData,
    answers: web::Data<Answers>,
    req: HttpRequest,
    query: Query<SummaryQuery>,
) -> Result<HttpResponse, ApiError> {
    let (rows, now) = (app.store.user(who.user_id), app.market.now());
    let basis = Basis { rows: rows.revision(), quotes: app.trading.quotes().revision(), minute: now.as_second().div_euclid(60) };
    answers.give(&req, who.user_id, basis, || {
        let books = rows.read(|v| PortfolioBooks::read_all(v, query.account_id))?;
        let market = known_prices(&app, who.user_id, &books);
        Ok(SummaryView::from(&summary(&books, &market, app.trading.calendar(), now)))
    })
}

/// What was last read of everything that these accounts hold or trade.
fn known_prices(app: &AppData, user: UserId, books: &[PortfolioBooks]) -> MarketPrices {
    let quotes = app.trading.quotes();
    let of_bots = books.iter().flat_map(|b| b.bots.iter().map(|b| &b.symbol).chain(b.holdings.iter().map(|h| &h.symbol)));
    let symbols = of_bots.chain(books.iter().flat_map(|b| b.held_in_dollars().map(|p| &p.symbol)));
    MarketPrices {
        prices: symbols.filter_map(|s| quotes.get(s).map(|q| (s.clone(), Price { value: f64_from_decimal(q.last), at: q.at }))).collect(),
        cash: books
            .iter()
            .filter_map(|b| {
                let cash = quotes.cash(user, b.account.id)?;
                Some((b.account.id, Cash { value: f64_from_decimal(cash.value), at: cash.at }))
            })
            .collect(),
        rate: quotes.usd_krw().map(|r| Rate { usd_krw: f64_from_decimal(r.value), source: r.source.to_owned(), at: r.at }),
    }
}
