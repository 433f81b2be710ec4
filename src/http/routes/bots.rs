//! Bots of the caller's accounts: settings, order, renewal, ladder and preview.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::bot::{ClosingCondition, PointCurve};
use crate::domain::id::{AccountId, BotId};
use crate::domain::money::f64_from_decimal;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Amount, Json, List, Object, Query};
use crate::http::route::{Route, route};
use crate::http::views::bot::{BotSettingsView, BotView, LadderView};
use crate::http::views::preview::PreviewView;
use crate::trading::{BotPatch, NewBot};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_bots, _, _>(list_bots),
        route::<__path_create_bot, _, _>(create_bot),
        route::<__path_get_bot, _, _>(get_bot),
        route::<__path_update_bot, _, _>(update_bot),
        route::<__path_delete_bot, _, _>(delete_bot),
        route::<__path_rename_bot, _, _>(rename_bot),
        route::<__path_reorder_bots, _, _>(reorder_bots),
        route::<__path_renew_bots, _, _>(renew_bots),
        route::<__path_get_ladder, _, _>(get_ladder),
        route::<__path_get_preview, _, _>(get_preview),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    #[param(value_type = uuid::Uuid)]
    account_id: AccountId,
}

/// One rule of the closing-drop buy, fractions.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConditionInput {
    drop_rate: Amount,
    seed_rate: Amount,
}

impl From<ConditionInput> for ClosingCondition {
    fn from(input: ConditionInput) -> Self {
        Self { drop_rate: f64_from_decimal(input.drop_rate.0), seed_rate: f64_from_decimal(input.seed_rate.0) }
    }
}

fn number(amount: Option<Amount>) -> Option<f64> {
    amount.map(|a| f64_from_decimal(a.0))
}

fn conditions(input: Option<Vec<Object<ConditionInput>>>) -> Option<Vec<ClosingCondition>> {
    input.map(|c| c.into_iter().map(|Object(condition)| condition.into()).collect())
}

/// A new bot; everything after `max_tier` may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBotInput {
    #[schema(value_type = uuid::Uuid)]
    pub(super) account_id: AccountId,
    name: String,
    symbol: String,
    seed: Amount,
    profit_rate: Amount,
    t_div: i64,
    max_tier: i64,
    active: Option<bool>,
    buy_below_average: Option<bool>,
    buy_below_point: Option<bool>,
    point_curve: Option<PointCurve>,
    skip_sell: Option<bool>,
    #[schema(value_type = Option<Vec<ConditionInput>>)]
    closing_conditions: Option<Vec<Object<ConditionInput>>>,
    sell_cooldown_days: Option<i64>,
    sell_cooldown_loss_only: Option<bool>,
    trailing_enabled: Option<bool>,
    trailing_t_threshold: Option<Amount>,
    trailing_stop_pct: Option<Amount>,
    trailing_floor_rate: Option<Amount>,
    added_seed: Option<Amount>,
}

impl From<NewBotInput> for NewBot {
    fn from(input: NewBotInput) -> Self {
        NewBot {
            account_id: input.account_id,
            name: input.name,
            symbol: input.symbol,
            seed: f64_from_decimal(input.seed.0),
            profit_rate: f64_from_decimal(input.profit_rate.0),
            t_div: input.t_div,
            max_tier: input.max_tier,
            others: BotPatch {
                active: input.active,
                buy_below_average: input.buy_below_average,
                buy_below_point: input.buy_below_point,
                point_curve: input.point_curve,
                skip_sell: input.skip_sell,
                closing_conditions: conditions(input.closing_conditions),
                sell_cooldown_days: input.sell_cooldown_days,
                sell_cooldown_loss_only: input.sell_cooldown_loss_only,
                trailing_enabled: input.trailing_enabled,
                trailing_t_threshold: number(input.trailing_t_threshold),
                trailing_stop_pct: number(input.trailing_stop_pct),
                trailing_floor_rate: number(input.trailing_floor_rate),
                added_seed: number(input.added_seed),
                ..BotPatch::default()
            },
        }
    }
}

/// A change of a bot; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BotChange {
    /// The version that the change was made from.
    pub(super) version: u64,
    symbol: Option<String>,
    active: Option<bool>,
    seed: Option<Amount>,
    profit_rate: Option<Amount>,
    t_div: Option<i64>,
    max_tier: Option<i64>,
    buy_below_average: Option<bool>,
    buy_below_point: Option<bool>,
    point_curve: Option<PointCurve>,
    skip_sell: Option<bool>,
    #[schema(value_type = Option<Vec<ConditionInput>>)]
    closing_conditions: Option<Vec<Object<ConditionInput>>>,
    sell_cooldown_days: Option<i64>,
    sell_cooldown_loss_only: Option<bool>,
    trailing_enabled: Option<bool>,
    trailing_t_threshold: Option<Amount>,
    trailing_stop_pct: Option<Amount>,
    trailing_floor_rate: Option<Amount>,
    added_seed: Option<Amount>,
}

impl From<BotChange> for BotPatch {
    fn from(input: BotChange) -> Self {
        BotPatch {
            symbol: input.symbol,
            active: input.active,
            seed: number(input.seed),
            profit_rate: number(input.profit_rate),
            t_div: input.t_div,
            max_tier: input.max_tier,
            buy_below_average: input.buy_below_average,
            buy_below_point: input.buy_below_point,
            point_curve: input.point_curve,
            skip_sell: input.skip_sell,
            closing_conditions: conditions(input.closing_conditions),
            sell_cooldown_days: input.sell_cooldown_days,
            sell_cooldown_loss_only: input.sell_cooldown_loss_only,
            trailing_enabled: input.trailing_enabled,
            trailing_t_threshold: number(input.trailing_t_threshold),
            trailing_stop_pct: number(input.trailing_stop_pct),
            trailing_floor_rate: number(input.trailing_floor_rate),
            added_seed: number(input.added_seed),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BotName {
    pub(super) version: u64,
    pub(super) name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BotOrder {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// All of the account's bots, each once.
    #[schema(value_type = Vec<uuid::Uuid>)]
    order: Vec<BotId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TickerCount {
    symbol: String,
    /// Number of bots, 1 to 3.
    count: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenewalInput {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    #[schema(value_type = Vec<TickerCount>)]
    tickers: Vec<Object<TickerCount>>,
    /// Only tell what would be.
    dry_run: bool,
}

/// Why a renewal cannot be carried out now.
#[derive(Serialize, ToSchema)]
struct BlockerView {
    code: String,
    detail: String,
    /// Names of the bots concerned.
    bots: Vec<String>,
}

/// What a renewal makes and leaves.
#[derive(Serialize, ToSchema)]
struct RenewalView {
    bots: Vec<BotSettingsView>,
    /// Names of bots that go.
    removed: Vec<String>,
    /// Names of positions that no bot manages afterwards.
    orphans: Vec<String>,
    /// What keeps the renewal from being carried out at present; empty when nothing does.
    blocked: Vec<BlockerView>,
}

/// Bots of an account in their order.
#[utoipa::path(get, path = "/api/v1/trading/bots", tag = "bots", params(OfAccount), responses((status = 200, body = List<BotView>)))]
async fn list_bots(who: Require<perm::BotsRead>, app: AppData, query: Query<OfAccount>) -> Result<web::Json<List<BotView>>, ApiError> {
    let bots = app.trading.bots(who.user_id, query.account_id)?;
    Ok(web::Json(List::whole(bots.iter().map(BotView::from).collect())))
}

/// Makes a bot. Its ticker must exist at the account's broker.
#[utoipa::path(post, path = "/api/v1/trading/bots", tag = "bots", request_body = NewBotInput, responses((status = 201, body = BotView)))]
async fn create_bot(who: Require<perm::BotsManage>, app: AppData, body: Json<NewBotInput>) -> Result<HttpResponse, ApiError> {
    let bot = app.trading.create_bot(who.user_id, body.0.into()).await?;
    Ok(HttpResponse::Created().json(BotView::from(&app.trading.bot(who.user_id, bot.id)?)))
}

/// One bot.
#[utoipa::path(get, path = "/api/v1/trading/bots/{id}", tag = "bots", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = BotView)))]
async fn get_bot(who: Require<perm::BotsRead>, app: AppData, id: web::Path<BotId>) -> Result<web::Json<BotView>, ApiError> {
    Ok(web::Json(BotView::from(&app.trading.bot(who.user_id, *id)?)))
}

/// Changes settings of a bot.
#[utoipa::path(patch, path = "/api/v1/trading/bots/{id}", tag = "bots", params(("id" = uuid::Uuid, Path)), request_body = BotChange,
    responses((status = 200, body = BotView)))]
async fn update_bot(
    who: Require<perm::BotsManage>,
    app: AppData,
    id: web::Path<BotId>,
    body: Json<BotChange>,
) -> Result<web::Json<BotView>, ApiError> {
    let version = body.0.version;
    app.trading.change_bot(who.user_id, *id, version, body.0.into()).await?;
    Ok(web::Json(BotView::from(&app.trading.bot(who.user_id, *id)?)))
}

/// Deletes a bot that holds nothing and has nothing under way.
#[utoipa::path(delete, path = "/api/v1/trading/bots/{id}", tag = "bots", params(("id" = uuid::Uuid, Path)), responses((status = 204)))]
async fn delete_bot(who: Require<perm::BotsManage>, app: AppData, id: web::Path<BotId>) -> Result<HttpResponse, ApiError> {
    app.trading.delete_bot(who.user_id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives a bot another name. Its position and its sheet go along, history rows keep the old name.
#[utoipa::path(post, path = "/api/v1/trading/bots/{id}/rename", tag = "bots", params(("id" = uuid::Uuid, Path)), request_body = BotName,
    responses((status = 200, body = BotView)))]
async fn rename_bot(
    who: Require<perm::BotsManage>,
    app: AppData,
    id: web::Path<BotId>,
    body: Json<BotName>,
) -> Result<web::Json<BotView>, ApiError> {
    app.trading.rename_bot(who.user_id, *id, body.0.version, &body.0.name).await?;
    Ok(web::Json(BotView::from(&app.trading.bot(who.user_id, *id)?)))
}

/// Puts the bots of an account into an order; decisions run in it.
#[utoipa::path(post, path = "/api/v1/trading/bots/reorder", tag = "bots", request_body = BotOrder, responses((status = 204)))]
async fn reorder_bots(who: Require<perm::BotsManage>, app: AppData, body: Json<BotOrder>) -> Result<HttpResponse, ApiError> {
    app.trading.reorder_bots(who.user_id, body.0.account_id, body.0.order).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces all bots of an account by fresh ones that share its budget, or tells what that would give.
#[utoipa::path(post, path = "/api/v1/trading/bots/renewal", tag = "bots", request_body = RenewalInput,
    responses((status = 200, body = RenewalView)))]
async fn renew_bots(who: Require<perm::BotsManage>, app: AppData, body: Json<RenewalInput>) -> Result<web::Json<RenewalView>, ApiError> {
    let tickers = body.0.tickers.into_iter().map(|Object(t)| (t.symbol, t.count)).collect();
    let renewed = app.trading.renew_bots(who.user_id, body.0.account_id, tickers, body.0.dry_run).await?;
    Ok(web::Json(RenewalView {
        bots: renewed.bots.iter().map(BotSettingsView::from).collect(),
        removed: renewed.removed,
        orphans: renewed.orphans,
        blocked: renewed.blocked.into_iter().map(|b| BlockerView { code: b.code.to_owned(), detail: b.detail, bots: b.bots }).collect(),
    }))
}

/// The prices that a bot's rules look at.
#[utoipa::path(get, path = "/api/v1/trading/bots/{id}/ladder", tag = "bots", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = LadderView)))]
async fn get_ladder(who: Require<perm::BotsRead>, app: AppData, id: web::Path<BotId>) -> Result<web::Json<LadderView>, ApiError> {
    Ok(web::Json(LadderView::from(&app.trading.ladder(who.user_id, *id)?)))
}

/// What the active bots will do at the next decision, by the price that they meet.
#[utoipa::path(get, path = "/api/v1/trading/preview", tag = "bots", params(OfAccount), responses((status = 200, body = PreviewView)))]
async fn get_preview(who: Require<perm::BotsRead>, app: AppData, query: Query<OfAccount>) -> Result<web::Json<PreviewView>, ApiError> {
    Ok(web::Json(PreviewView::from(&app.trading.preview(who.user_id, query.account_id)?)))
}
