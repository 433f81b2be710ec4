//! The order ticket: placing, changing and cancelling orders by hand or by program.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Identity;
use crate::brokers::PowerBasis;
use crate::domain::account::UsFunds;
use crate::domain::id::{AccountId, OrderId};
use crate::domain::instrument::Market;
use crate::domain::order::{Environment, OrderKind, OrderState, Side, Venue};
use crate::http::access::{AppData, Require, perm, within_reach};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Amount, Json, List};
use crate::http::route::{Route, route};
use crate::http::views::order::{OrderView, ReasonView};
use crate::trading::{NewOrder, RequestKey};

/// Names a request, so that sending it again does not place a second order.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_place_order, _, _>(place_order),
        route::<__path_preview_order, _, _>(preview_order),
        route::<__path_cancel_all, _, _>(cancel_all),
        route::<__path_amend_order, _, _>(amend_order),
        route::<__path_cancel_order, _, _>(cancel_order),
    ]
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderRequest {
    /// The caller's own paper account when absent.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    account: Option<AccountId>,
    /// `005930`, `TQQQ`
    symbol: String,
    /// `KRX` or `US`; told from the symbol when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    market: Option<Market>,
    /// `buy` or `sell`; required except on paper.
    #[serde(default)]
    side: Option<Side>,
    /// Whole shares.
    quantity: Amount,
    #[serde(default)]
    order_type: OrderKind,
    /// Limit price in the market's currency.
    #[serde(default)]
    price: Option<Amount>,
    #[serde(default)]
    trigger_price: Option<Amount>,
    /// Routing of Korean orders.
    #[serde(default)]
    venue: Venue,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderChange {
    /// New total quantity, what is filled included.
    #[serde(default)]
    quantity: Option<Amount>,
    #[serde(default)]
    price: Option<Amount>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelAll {
    /// All of the caller's accounts when absent.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    account: Option<AccountId>,
}

/// What an order would come to.
#[derive(Serialize, ToSchema)]
struct OrderPreview {
    account_id: uuid::Uuid,
    environment: Environment,
    market: String,
    symbol: String,
    side: Side,
    session: String,
    session_open: bool,
    last_price: Option<String>,
    last_price_at: Option<Timestamp>,
    currency: String,
    worth: String,
    fee: String,
    /// What the state takes of a sale.
    tax: String,
    buying_power: Option<String>,
    /// `cash_only`, `dollars_only` or `integrated_margin`
    buying_power_basis: Option<PowerBasis>,
    /// The same on the other basis of US orders, where the broker shows it too.
    buying_power_other: Option<String>,
    /// What the account's owner has chosen for US orders.
    us_funds: UsFunds,
    /// Kinds of orders that the account's broker takes on this side of this market.
    order_types: Vec<OrderKind>,
    /// Where the account's broker routes orders of this market; empty where there is nothing to choose.
    venues: Vec<Venue>,
    /// From when to when such an order of the session can be given. Our own paper takes it before, too.
    opens_at: Timestamp,
    closes_at: Timestamp,
    /// Why it would be refused now.
    refusal: Option<ReasonView>,
}

fn shares(amount: Amount, pointer: &str) -> Result<u64, ApiError> {
    let Amount(value) = amount;
    if value.fract() != Decimal::ZERO || value <= Decimal::ZERO {
        return Err(ApiError::invalid(pointer, format!("'{value}' is no number of shares: whole shares, at least 1")));
    }
    match value.to_u64() {
        Some(quantity) if quantity <= 1_000_000_000 => Ok(quantity),
        _ => Err(ApiError::invalid(pointer, format!("'{value}' shares are more than an order can have"))),
    }
}

fn price(amount: Option<Amount>, pointer: &str) -> Result<Option<Decimal>, ApiError> {
    match amount {
        Some(Amount(value)) if value <= Decimal::ZERO || value > Decimal::from(1_000_000_000_000_u64) => {
            Err(ApiError::invalid(pointer, format!("'{value}' is no price: it must be above zero")))
        }
        Some(Amount(value)) => Ok(Some(value.normalize())),
        None => Ok(None),
    }
}

impl OrderRequest {
    fn checked(self) -> Result<NewOrder, ApiError> {
        Ok(NewOrder {
            account: self.account,
            market: self.market,
            symbol: self.symbol,
            side: self.side,
            quantity: shares(self.quantity, "/quantity")?,
            kind: self.order_type,
            limit_price: price(self.price, "/price")?,
            trigger_price: price(self.trigger_price, "/trigger_price")?,
            venue: self.venue,
        })
    }
}

/// The request's idempotency key with what it stands for.
pub(super) fn request_key(req: &HttpRequest, request: &str) -> Result<Option<RequestKey>, ApiError> {
    let Some(value) = req.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value
        .to_str()
        .map_err(|_| ApiError::invalid("/Idempotency-Key", "the header Idempotency-Key has 1 to 64 visible ASCII characters"))?;
    Ok(Some(RequestKey::new(key, format!("{} {} {request}", req.method(), req.path()).as_bytes())?))
}

/// Whether the caller's key reaches the account that a request names. What is not named is paper.
pub(super) fn named_within_reach(app: &AppData, who: &Identity, account: Option<AccountId>) -> Result<(), ApiError> {
    match account {
        Some(id) if who.session().is_none() => within_reach(who, app.trading.account(who.user_id, id)?.environment),
        _ => Ok(()),
    }
}

/// Whether the caller's key reaches an order's account.
fn order_within_reach(app: &AppData, who: &Identity, id: OrderId) -> Result<(), ApiError> {
    if who.session().is_some() {
        return Ok(());
    }
    let (order, _) = app.trading.order_with_facts(who.user_id, id)?;
    within_reach(who, order.intent.environment)
}

/// Places an order.
///
/// With the header `Idempotency-Key` the same request can be sent again without placing a second
/// order. A refusal is stored as a rejected order and answered with 422, its code and its limit.
#[utoipa::path(post, path = "/api/v1/trading/orders", tag = "trading", request_body = OrderRequest,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 64, pattern = "^[!-~]*$", description = "1 to 64 visible ASCII characters")),
    responses((status = 201, body = OrderView)))]
async fn place_order(
    who: Require<perm::OrdersPlace>,
    app: AppData,
    req: HttpRequest,
    body: Json<OrderRequest>,
) -> Result<HttpResponse, ApiError> {
    let new = body.0.checked()?;
    named_within_reach(&app, &who, new.account)?;
    let key = request_key(&req, &format!("{new:?}"))?;
    let order = app.trading.place_ticket(who.user_id, new, key).await?;
    match &order.reason {
        Some(reason) if order.state == OrderState::Rejected => {
            let mut error = ApiError::new(ErrorCode::Invalid, reason.message.clone())
                .with_code(reason.code.clone())
                .with("order_id", order.intent.order_id.to_string());
            if let Some(limit) = &reason.limit {
                error = error.with("limit", serde_json::to_value(limit).unwrap_or_default());
            }
            Err(error)
        }
        _ => Ok(HttpResponse::Created().json(OrderView::from(&order))),
    }
}

/// Says what an order would come to, without placing it.
#[utoipa::path(post, path = "/api/v1/trading/orders/preview", tag = "trading", request_body = OrderRequest,
    responses((status = 200, body = OrderPreview)))]
async fn preview_order(
    who: Require<perm::OrdersPlace>,
    app: AppData,
    body: Json<OrderRequest>,
) -> Result<web::Json<OrderPreview>, ApiError> {
    let new = body.0.checked()?;
    named_within_reach(&app, &who, new.account)?;
    let preview = app.trading.preview_ticket(who.user_id, new).await?;
    Ok(web::Json(OrderPreview {
        account_id: preview.account.id.0,
        environment: preview.account.environment,
        market: preview.market.code().to_owned(),
        symbol: preview.symbol,
        side: preview.side,
        session: preview.session.to_string(),
        session_open: preview.session_open,
        last_price: preview.last_price.as_ref().map(|q| q.last.normalize().to_string()),
        last_price_at: preview.last_price.as_ref().map(|q| q.at),
        currency: preview.market.currency().code().to_owned(),
        worth: preview.worth.normalize().to_string(),
        fee: preview.fee.normalize().to_string(),
        tax: preview.tax.normalize().to_string(),
        buying_power: preview.power.as_ref().map(|p| p.amount.normalize().to_string()),
        buying_power_basis: preview.power.as_ref().map(|p| p.basis),
        buying_power_other: preview.power.as_ref().and_then(|p| p.other).map(|amount| amount.normalize().to_string()),
        us_funds: preview.account.settings.us_funds,
        order_types: preview.kinds,
        venues: preview.venues.to_vec(),
        opens_at: preview.hours.0,
        closes_at: preview.hours.1,
        refusal: preview.refusal.as_ref().map(ReasonView::from),
    }))
}

/// Cancels every open order of the caller, or of one account.
#[utoipa::path(post, path = "/api/v1/trading/orders/cancel-all", tag = "trading", request_body = CancelAll,
    responses((status = 202, body = List<OrderView>)))]
async fn cancel_all(who: Require<perm::OrdersPlace>, app: AppData, body: Json<CancelAll>) -> Result<HttpResponse, ApiError> {
    named_within_reach(&app, &who, body.0.account)?;
    let accounts: Vec<AccountId> = match body.0.account {
        Some(named) => vec![named],
        None => {
            let all = app.store.user(who.user_id).read(|v| v.accounts())?;
            all.into_iter().filter(|a| who.reaches(a.environment)).map(|a| a.id).collect()
        }
    };
    let mut orders = Vec::new();
    for account in accounts {
        orders.extend(app.trading.cancel_all(who.user_id, Some(account)).await?);
    }
    Ok(HttpResponse::Accepted().json(List::whole(orders.iter().map(OrderView::from).collect())))
}

/// Changes price or quantity of an open order. New terms are refused with the codes and limits of an order.
#[utoipa::path(patch, path = "/api/v1/trading/orders/{id}", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = OrderChange,
    responses((status = 202, body = OrderView)))]
async fn amend_order(
    who: Require<perm::OrdersPlace>,
    app: AppData,
    id: web::Path<OrderId>,
    body: Json<OrderChange>,
) -> Result<HttpResponse, ApiError> {
    let OrderChange { quantity, price: limit } = body.0;
    if quantity.is_none() && limit.is_none() {
        return Err(ApiError::invalid("", "say what changes: quantity, price or both"));
    }
    order_within_reach(&app, &who, *id)?;
    let quantity = quantity.map(|q| shares(q, "/quantity")).transpose()?;
    let order = app.trading.amend_ticket(who.user_id, *id, quantity, price(limit, "/price")?).await?;
    Ok(HttpResponse::Accepted().json(OrderView::from(&order)))
}

/// Cancels an open order.
#[utoipa::path(delete, path = "/api/v1/trading/orders/{id}", tag = "trading", params(("id" = uuid::Uuid, Path)),
    responses((status = 202, body = OrderView)))]
async fn cancel_order(who: Require<perm::OrdersPlace>, app: AppData, id: web::Path<OrderId>) -> Result<HttpResponse, ApiError> {
    order_within_reach(&app, &who, *id)?;
    let order = app.trading.cancel_ticket(who.user_id, *id).await?;
    Ok(HttpResponse::Accepted().json(OrderView::from(&order)))
}
