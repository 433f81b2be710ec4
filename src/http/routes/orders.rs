//! Orders, sheets, slots and the schedule of the caller's accounts.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::schedule_input::ScheduleInput;
use super::tickets::{named_within_reach, request_key};
use crate::auth::Identity;
use crate::domain::id::{AccountId, BotId, OrderId};
use crate::domain::order::Side;
use crate::domain::schedule::{Job, Schedule, SeasonalTimes, Slot};
use crate::domain::slot::RunState;
use crate::http::access::{AppData, Require, perm};
use crate::http::answers::{Answers, Basis};
use crate::http::error::{ApiError, FieldError};
use crate::http::extract::{Amount, Json, List, Object, Page, Query, day};
use crate::http::route::{Route, route};
use crate::http::views::order::{OrderView, SheetView};
use crate::trading::{OrderFilter, SessionTimes};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_orders, _, _>(list_orders),
        route::<__path_get_order, _, _>(get_order),
        route::<__path_list_sheets, _, _>(list_sheets),
        route::<__path_list_runs, _, _>(list_runs),
        route::<__path_get_schedule, _, _>(get_schedule),
        route::<__path_put_schedule, _, _>(put_schedule),
        route::<__path_send_status, _, _>(send_status),
        route::<__path_force_sell, _, _>(force_sell),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrderQuery {
    /// All of the caller's accounts when absent.
    #[serde(default)]
    #[param(value_type = Option<uuid::Uuid>)]
    account_id: Option<AccountId>,
    /// Only orders that have not ended.
    #[serde(default)]
    open: bool,
    #[serde(default)]
    symbol: Option<String>,
    #[serde(default)]
    side: Option<Side>,
    /// First trading date.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<jiff::civil::Date>)]
    from: Option<jiff::civil::Date>,
    /// Last trading date.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<jiff::civil::Date>)]
    to: Option<jiff::civil::Date>,
    #[serde(default)]
    #[param(value_type = Option<uuid::Uuid>)]
    bot_id: Option<BotId>,
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    #[serde(default)]
    after: Option<Uuid>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    #[param(value_type = uuid::Uuid)]
    account_id: AccountId,
}

/// One event in an order's life.
#[derive(Serialize, ToSchema)]
struct OrderEvent {
    seq: u64,
    at: Timestamp,
    #[serde(rename = "type")]
    kind: String,
    detail: serde_json::Value,
}

#[derive(Serialize, ToSchema)]
struct OrderDetail {
    #[serde(flatten)]
    order: OrderView,
    events: Vec<OrderEvent>,
}

#[derive(Serialize, ToSchema)]
struct RunView {
    slot: String,
    job: Job,
    n: u32,
    session: String,
    due_at: Timestamp,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    state: RunState,
    detail: String,
}

#[derive(Serialize, ToSchema)]
struct ScheduleView {
    schedule: Schedule,
    upcoming: Vec<SessionTimes>,
    seasons: SeasonalTimes,
    /// Milliseconds by which this server's clock is ahead of the broker's, to the second; `null`
    /// before the broker's first answer.
    clock_offset_ms: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSchedule {
    version: u64,
    #[schema(value_type = Schedule)]
    schedule: Object<ScheduleInput>,
}

#[derive(Serialize, ToSchema)]
struct Sent {
    messages: usize,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForceSell {
    /// Above 0, at most 100.
    ratio_percent: Amount,
}

/// Orders of an account, newest first.
#[utoipa::path(get, path = "/api/v1/trading/orders", tag = "trading", params(OrderQuery), responses((status = 200, body = List<OrderView>)))]
async fn list_orders(
    who: Require<perm::OrdersRead>,
    app: AppData,
    answers: web::Data<Answers>,
    req: HttpRequest,
    query: Query<OrderQuery>,
) -> Result<HttpResponse, ApiError> {
    let basis = Basis { rows: app.store.user(who.user_id).revision(), ..Basis::default() };
    answers.give(&req, who.user_id, basis, || page_of_orders(&who, &app, &query))
}

fn page_of_orders(who: &Identity, app: &AppData, query: &OrderQuery) -> Result<List<OrderView>, ApiError> {
    let page = Page::new(query.limit, query.after);
    let limit = page.limit()?;
    let filter = OrderFilter {
        account: query.account_id,
        open_only: query.open,
        symbol: query.symbol.as_ref().map(|s| s.trim().to_uppercase()),
        side: query.side,
        from: query.from,
        to: query.to,
        bot: query.bot_id,
    };
    let orders = app.trading.list_orders(who.user_id, &filter, page.after().map(OrderId), limit)?;
    let next = (orders.len() == limit).then(|| orders.last().map(|o| o.intent.order_id.0)).flatten();
    Ok(List { items: orders.iter().map(OrderView::from).collect(), next })
}

/// One order with its whole history.
#[utoipa::path(get, path = "/api/v1/trading/orders/{id}", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = OrderDetail)))]
async fn get_order(who: Require<perm::OrdersRead>, app: AppData, id: web::Path<OrderId>) -> Result<web::Json<OrderDetail>, ApiError> {
    let (order, facts) = app.trading.order_with_facts(who.user_id, *id)?;
    let events = facts
        .into_iter()
        .map(|fact| {
            let detail = serde_json::to_value(&fact.event).unwrap_or_default();
            let kind = detail.get("type").and_then(|t| t.as_str()).unwrap_or_default().to_owned();
            OrderEvent { seq: fact.seq, at: fact.at, kind, detail }
        })
        .collect();
    Ok(web::Json(OrderDetail { order: OrderView::from(&order), events }))
}

/// Tonight's sliced orders with their progress.
#[utoipa::path(get, path = "/api/v1/trading/sheets", tag = "trading", params(OfAccount), responses((status = 200, body = List<SheetView>)))]
async fn list_sheets(who: Require<perm::BotsRead>, app: AppData, query: Query<OfAccount>) -> Result<web::Json<List<SheetView>>, ApiError> {
    let sheets = app.trading.sheets(who.user_id, query.account_id)?;
    let items =
        sheets.into_iter().map(|s| SheetView::new(&s.sheet, s.slice_times, s.orders.iter().map(OrderView::from).collect())).collect();
    Ok(web::Json(List::whole(items)))
}

/// Slots of the last sessions and what became of them, newest first.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/runs", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = List<RunView>)))]
async fn list_runs(who: Require<perm::AccountsRead>, app: AppData, id: web::Path<AccountId>) -> Result<web::Json<List<RunView>>, ApiError> {
    let runs = app.trading.runs(who.user_id, *id, 100)?;
    let items = runs
        .into_iter()
        .map(|run| {
            let Slot { at, job, n, session } = run.slot;
            RunView {
                slot: format!("{session}/{}/{n}", job.name()),
                job,
                n,
                session: session.to_string(),
                due_at: at,
                started_at: run.started_at,
                finished_at: run.finished_at,
                state: run.state,
                detail: run.detail,
            }
        })
        .collect();
    Ok(web::Json(List::whole(items)))
}

async fn schedule_view(app: &AppData, user: crate::domain::id::UserId, account: AccountId) -> Result<ScheduleView, ApiError> {
    let (schedule, upcoming) = app.trading.upcoming(user, account, 5)?;
    let clock_offset_ms = app.trading.clock_drift(user, account).await?.map(|seconds| seconds.saturating_mul(1_000));
    Ok(ScheduleView { seasons: schedule.seasonal_times(), schedule, upcoming, clock_offset_ms })
}

/// The schedule of an account with the times of the next sessions.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/schedule", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = ScheduleView)))]
async fn get_schedule(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<ScheduleView>, ApiError> {
    Ok(web::Json(schedule_view(&app, who.user_id, *id).await?))
}

/// Replaces the schedule of an account; it applies from the next slot on.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/schedule", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = NewSchedule, responses((status = 200, body = ScheduleView)))]
async fn put_schedule(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<NewSchedule>,
) -> Result<web::Json<ScheduleView>, ApiError> {
    let NewSchedule { version, schedule } = body.0;
    let schedule = Schedule::from(schedule.0);
    if let Err(problems) = schedule.validate() {
        let errors = problems.into_iter().map(|p| FieldError::of(format!("/schedule/{}", p.field), p.remark)).collect();
        return Err(ApiError::invalid("/schedule", "the schedule cannot work like this").with_errors(errors));
    }
    app.trading.set_schedule(who.user_id, *id, version, schedule).await?;
    Ok(web::Json(schedule_view(&app, who.user_id, *id).await?))
}

/// Sends the status messages of an account now.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/send-status", tag = "trading", params(("id" = uuid::Uuid, Path)), responses((status = 202, body = Sent)))]
async fn send_status(who: Require<perm::AccountsManage>, app: AppData, id: web::Path<AccountId>) -> Result<HttpResponse, ApiError> {
    let line = app.trading.line(who.user_id, *id).await?;
    let messages = app.trading.send_status(&line).await?;
    Ok(HttpResponse::Accepted().json(Sent { messages }))
}

/// Sells a share of a bot's position at once.
#[utoipa::path(post, path = "/api/v1/trading/bots/{id}/force-sell", tag = "trading", params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 64, pattern = "^[!-~]*$", description = "1 to 64 visible ASCII characters")), request_body = ForceSell, responses((status = 202, body = OrderView)))]
async fn force_sell(
    who: Require<perm::OrdersPlace>,
    app: AppData,
    req: HttpRequest,
    id: web::Path<BotId>,
    body: Json<ForceSell>,
) -> Result<HttpResponse, ApiError> {
    let key = request_key(&req, &body.0.ratio_percent.0.normalize().to_string())?;
    let account = app.trading.account_of_bot(who.user_id, *id)?;
    named_within_reach(&app, &who, Some(account))?;
    let ratio = crate::domain::money::f64_from_decimal(body.0.ratio_percent.0);
    let order = app.trading.force_sell(who.user_id, account, *id, ratio, key).await?;
    Ok(HttpResponse::Accepted().json(OrderView::from(&order)))
}
