//! Accounts of others, as far as a grant goes. Every handler asks for the grant anew and works with nothing
//! but the one account that it names.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::bots::{BotChange, BotName, NewBotInput};
use crate::auth::{Granted, NamedGrant};
use crate::domain::account::AccountMode;
use crate::domain::id::{BotId, GrantId, OrderId};
use crate::domain::order::Environment;
use crate::domain::user::GrantKind;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List, Page, Query};
use crate::http::route::{Route, route};
use crate::http::views::balance::BalanceView;
use crate::http::views::bot::BotView;
use crate::http::views::history::PositionsView;
use crate::http::views::order::OrderView;
use crate::portfolio::Positions;
use crate::trading::{BotStanding, HaltScope, OrderFilter};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_shared, _, _>(list_shared),
        route::<__path_decline, _, _>(decline),
        route::<__path_shared_account, _, _>(shared_account),
        route::<__path_shared_positions, _, _>(shared_positions),
        route::<__path_shared_orders, _, _>(shared_orders),
        route::<__path_shared_bots, _, _>(shared_bots),
        route::<__path_create_shared_bot, _, _>(create_shared_bot),
        route::<__path_update_shared_bot, _, _>(update_shared_bot),
        route::<__path_rename_shared_bot, _, _>(rename_shared_bot),
        route::<__path_delete_shared_bot, _, _>(delete_shared_bot),
        route::<__path_stop_shared, _, _>(stop_shared),
    ]
}

/// What somebody lets the caller do.
#[derive(Serialize, ToSchema)]
struct ReceivedGrant {
    id: Uuid,
    /// Whose account it is.
    owner: String,
    account: String,
    kind: GrantKind,
    until: Timestamp,
}

impl From<NamedGrant> for ReceivedGrant {
    fn from(named: NamedGrant) -> Self {
        let NamedGrant { grant, person, account } = named;
        Self { id: grant.id.0, owner: person, account, kind: grant.kind, until: grant.until }
    }
}

/// Somebody else's account, without keys, limits and settings.
#[derive(Serialize, ToSchema)]
struct SharedAccount {
    grant_id: Uuid,
    account_id: Uuid,
    owner: String,
    name: String,
    /// `own`, `mock` or `live`
    environment: Environment,
    /// `observe` or `trading`
    mode: AccountMode,
    /// A kill switch stops this account.
    halted: bool,
    kind: GrantKind,
    balance: BalanceView,
}

/// Whether the account stands still now.
#[derive(Serialize, ToSchema)]
struct SharedStop {
    halted: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SharedOrderQuery {
    /// Only orders that have not ended.
    #[serde(default)]
    open: bool,
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    #[serde(default)]
    after: Option<Uuid>,
}

/// A bot of the account that a grant names; another one does not exist here.
fn bot_of(app: &AppData, granted: &Granted, id: BotId) -> Result<BotStanding, ApiError> {
    let standing = app.trading.bot(granted.owner(), id)?;
    if standing.bot.account_id == granted.account() { Ok(standing) } else { Err(ApiError::not_found("bot")) }
}

/// What others let the caller do now.
#[utoipa::path(get, path = "/api/v1/shared", tag = "sharing", responses((status = 200, body = List<ReceivedGrant>)))]
async fn list_shared(who: Require<perm::SharedRead>, app: AppData) -> Result<web::Json<List<ReceivedGrant>>, ApiError> {
    Ok(web::Json(List::whole(app.auth.received_grants(who.user_id)?.into_iter().map(ReceivedGrant::from).collect())))
}

/// Gives a grant back.
#[utoipa::path(delete, path = "/api/v1/shared/{grant}", tag = "sharing", params(("grant" = Uuid, Path)), responses((status = 204)))]
async fn decline(who: Require<perm::SharedRead>, app: AppData, grant: web::Path<GrantId>) -> Result<HttpResponse, ApiError> {
    app.auth.decline_grant(&who, *grant).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The account with its cash and positions.
#[utoipa::path(get, path = "/api/v1/shared/{grant}/account", tag = "sharing", params(("grant" = Uuid, Path)), responses((status = 200, body = SharedAccount)))]
async fn shared_account(
    who: Require<perm::SharedRead>,
    app: AppData,
    grant: web::Path<GrantId>,
) -> Result<web::Json<SharedAccount>, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::View)?;
    let account = app.trading.account(granted.owner(), granted.account())?;
    Ok(web::Json(SharedAccount {
        grant_id: granted.id().0,
        account_id: account.id.0,
        owner: granted.owner_name().to_owned(),
        name: account.name,
        environment: account.environment,
        mode: account.mode,
        halted: app.trading.is_halted(granted.owner(), account.id)?,
        kind: granted.kind(),
        balance: app.trading.balance(granted.owner(), account.id)?.into(),
    }))
}

/// What the account holds, by instrument and by bot.
#[utoipa::path(get, path = "/api/v1/shared/{grant}/positions", tag = "sharing", params(("grant" = Uuid, Path)), responses((status = 200, body = PositionsView)))]
async fn shared_positions(
    who: Require<perm::SharedRead>,
    app: AppData,
    grant: web::Path<GrantId>,
) -> Result<web::Json<PositionsView>, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::View)?;
    let positions = app.store.user(granted.owner()).read(|v| Positions::read(v, granted.account()))?;
    Ok(web::Json(PositionsView::from(&positions)))
}

/// The account's orders, newest first.
#[utoipa::path(get, path = "/api/v1/shared/{grant}/orders", tag = "sharing", params(("grant" = Uuid, Path), SharedOrderQuery),
    responses((status = 200, body = List<OrderView>)))]
async fn shared_orders(
    who: Require<perm::SharedRead>,
    app: AppData,
    grant: web::Path<GrantId>,
    query: Query<SharedOrderQuery>,
) -> Result<web::Json<List<OrderView>>, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::View)?;
    let page = Page::new(query.limit, query.after);
    let limit = page.limit()?;
    let filter = OrderFilter { account: Some(granted.account()), open_only: query.open, ..OrderFilter::default() };
    let orders = app.trading.list_orders(granted.owner(), &filter, page.after().map(OrderId), limit)?;
    let next = (orders.len() == limit).then(|| orders.last().map(|o| o.intent.order_id.0)).flatten();
    Ok(web::Json(List { items: orders.iter().map(OrderView::from).collect(), next }))
}

/// The account's bots in their order.
#[utoipa::path(get, path = "/api/v1/shared/{grant}/bots", tag = "sharing", params(("grant" = Uuid, Path)), responses((status = 200, body = List<BotView>)))]
async fn shared_bots(
    who: Require<perm::SharedRead>,
    app: AppData,
    grant: web::Path<GrantId>,
) -> Result<web::Json<List<BotView>>, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::View)?;
    let bots = app.trading.bots(granted.owner(), granted.account())?;
    Ok(web::Json(List::whole(bots.iter().map(BotView::from).collect())))
}

/// Makes a bot in the account.
#[utoipa::path(post, path = "/api/v1/shared/{grant}/bots", tag = "sharing", params(("grant" = Uuid, Path)), request_body = NewBotInput,
    responses((status = 201, body = BotView)))]
async fn create_shared_bot(
    who: Require<perm::SharedBots>,
    app: AppData,
    grant: web::Path<GrantId>,
    body: Json<NewBotInput>,
) -> Result<HttpResponse, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::ManageBots)?;
    if body.0.account_id != granted.account() {
        return Err(ApiError::not_found("account").at("/account_id"));
    }
    let bot = app.trading.create_bot(granted.acting(), body.0.into()).await?;
    app.auth.note_shared(&granted, &who, "shared.bot_created", json!({ "bot": bot.name })).await?;
    Ok(HttpResponse::Created().json(BotView::from(&bot_of(&app, &granted, bot.id)?)))
}

/// Changes settings of one of the account's bots.
#[utoipa::path(patch, path = "/api/v1/shared/{grant}/bots/{bot}", tag = "sharing", params(("grant" = Uuid, Path), ("bot" = Uuid, Path)),
    request_body = BotChange, responses((status = 200, body = BotView)))]
async fn update_shared_bot(
    who: Require<perm::SharedBots>,
    app: AppData,
    path: web::Path<(GrantId, BotId)>,
    body: Json<BotChange>,
) -> Result<web::Json<BotView>, ApiError> {
    let (grant, id) = path.into_inner();
    let granted = app.auth.granted(&who, grant, GrantKind::ManageBots)?;
    bot_of(&app, &granted, id)?;
    let version = body.0.version;
    let bot = app.trading.change_bot(granted.acting(), id, version, body.0.into()).await?;
    app.auth.note_shared(&granted, &who, "shared.bot_changed", json!({ "bot": bot.name })).await?;
    Ok(web::Json(BotView::from(&bot_of(&app, &granted, id)?)))
}

/// Gives one of the account's bots another name.
#[utoipa::path(post, path = "/api/v1/shared/{grant}/bots/{bot}/rename", tag = "sharing", params(("grant" = Uuid, Path), ("bot" = Uuid, Path)),
    request_body = BotName, responses((status = 200, body = BotView)))]
async fn rename_shared_bot(
    who: Require<perm::SharedBots>,
    app: AppData,
    path: web::Path<(GrantId, BotId)>,
    body: Json<BotName>,
) -> Result<web::Json<BotView>, ApiError> {
    let (grant, id) = path.into_inner();
    let granted = app.auth.granted(&who, grant, GrantKind::ManageBots)?;
    let before = bot_of(&app, &granted, id)?.bot.name;
    let bot = app.trading.rename_bot(granted.acting(), id, body.0.version, &body.0.name).await?;
    app.auth.note_shared(&granted, &who, "shared.bot_renamed", json!({ "bot": before, "name": bot.name })).await?;
    Ok(web::Json(BotView::from(&bot_of(&app, &granted, id)?)))
}

/// Deletes one of the account's bots that holds nothing and has nothing under way.
#[utoipa::path(delete, path = "/api/v1/shared/{grant}/bots/{bot}", tag = "sharing", params(("grant" = Uuid, Path), ("bot" = Uuid, Path)),
    responses((status = 204)))]
async fn delete_shared_bot(
    who: Require<perm::SharedBots>,
    app: AppData,
    path: web::Path<(GrantId, BotId)>,
) -> Result<HttpResponse, ApiError> {
    let (grant, id) = path.into_inner();
    let granted = app.auth.granted(&who, grant, GrantKind::ManageBots)?;
    let bot = bot_of(&app, &granted, id)?.bot.name;
    app.trading.delete_bot(granted.acting(), id).await?;
    app.auth.note_shared(&granted, &who, "shared.bot_deleted", json!({ "bot": bot })).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Switches the account's kill switch on and cancels its open orders. Only the owner lifts it.
#[utoipa::path(post, path = "/api/v1/shared/{grant}/stop", tag = "sharing", params(("grant" = Uuid, Path)), responses((status = 200, body = SharedStop)))]
async fn stop_shared(who: Require<perm::SharedStop>, app: AppData, grant: web::Path<GrantId>) -> Result<web::Json<SharedStop>, ApiError> {
    let granted = app.auth.granted(&who, *grant, GrantKind::EmergencyStop)?;
    let acting = granted.acting();
    let scope = HaltScope::Account(acting.owner, granted.account());
    app.trading.set_halt(Some(acting.by), scope, true).await?;
    app.auth.note_shared(&granted, &who, "shared.stopped", json!({})).await?;
    app.trading.cancel_halted(scope).await;
    Ok(web::Json(SharedStop { halted: app.trading.is_halted(acting.owner, granted.account())? }))
}
