//! Kill switches, limits and permissions.

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::{AccountId, UserId};
use crate::domain::limits::{AccountLimits, Halt, Product, UserRules};
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Amount, Json, Object};
use crate::http::route::{Route, route};
use crate::http::views::account::AccountView;
use crate::http::views::hold::HoldView;
use crate::trading::{HaltScope, Halts};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_kill_switch, _, _>(get_kill_switch),
        route::<__path_set_kill_switch, _, _>(set_kill_switch),
        route::<__path_set_installation_kill_switch, _, _>(set_installation_kill_switch),
        route::<__path_set_account_limits, _, _>(set_account_limits),
        route::<__path_get_user_rules, _, _>(get_user_rules),
        route::<__path_set_user_rules, _, _>(set_user_rules),
        route::<__path_get_live_trading, _, _>(get_live_trading),
        route::<__path_set_live_trading, _, _>(set_live_trading),
    ]
}

/// One account's kill switch.
#[derive(Serialize, ToSchema)]
struct AccountHalt {
    account_id: uuid::Uuid,
    since: Timestamp,
}

/// The kill switches that concern the caller.
#[derive(Serialize, ToSchema)]
struct KillSwitch {
    /// Since when it is on; `null` while it is off.
    installation: Option<Timestamp>,
    user: Option<Timestamp>,
    accounts: Vec<AccountHalt>,
    /// The whole installation waits for an administrator after a restore; `null` = it does not.
    hold: Option<HoldView>,
}

impl From<Halts> for KillSwitch {
    fn from(halts: Halts) -> Self {
        let since = |halt: Option<Halt>| halt.map(|h| h.at);
        Self {
            hold: halts.hold.map(HoldView::from),
            installation: since(halts.installation),
            user: since(halts.user),
            accounts: halts.accounts.into_iter().map(|(id, halt)| AccountHalt { account_id: id.0, since: halt.at }).collect(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KillSwitchChange {
    on: bool,
    /// All of the caller's accounts when absent.
    #[serde(default)]
    #[schema(value_type = Option<uuid::Uuid>)]
    account: Option<AccountId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InstallationSwitch {
    on: bool,
}

/// Limits of an account; what is absent is not limited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsInput {
    #[serde(default)]
    max_daily_trades: Option<u32>,
    #[serde(default)]
    daily_trade_limit: Option<u32>,
    #[serde(default)]
    max_position_size: Option<Amount>,
    #[serde(default)]
    max_order_value: Option<Amount>,
    #[serde(default)]
    max_daily_value: Option<Amount>,
    #[serde(default)]
    orders_per_second: Option<u32>,
    /// Percent.
    #[serde(default)]
    price_collar: Option<Amount>,
}

impl From<LimitsInput> for AccountLimits {
    fn from(input: LimitsInput) -> Self {
        let amount = |a: Option<Amount>| a.map(|a| a.0);
        Self {
            max_daily_trades: input.max_daily_trades,
            daily_trade_limit: input.daily_trade_limit,
            max_position_size: amount(input.max_position_size),
            max_order_value: amount(input.max_order_value),
            max_daily_value: amount(input.max_daily_value),
            orders_per_second: input.orders_per_second,
            price_collar: amount(input.price_collar),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsChange {
    version: u64,
    #[schema(value_type = LimitsInput)]
    limits: Object<LimitsInput>,
}

/// What an administrator allows one user.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rules {
    can_paper_trade: bool,
    can_real_trade: bool,
    /// New orders per session date; `null` = no limit.
    daily_trade_limit: Option<u32>,
    /// Calls with an API key per day; `null` = no limit.
    api_calls_limit: Option<u32>,
    /// `null` = all.
    allowed_products: Option<Vec<Product>>,
}

impl From<UserRules> for Rules {
    fn from(r: UserRules) -> Self {
        Self {
            can_paper_trade: r.can_paper_trade,
            can_real_trade: r.can_real_trade,
            daily_trade_limit: r.daily_trade_limit,
            api_calls_limit: r.api_calls_limit,
            allowed_products: r.allowed_products,
        }
    }
}

impl From<Rules> for UserRules {
    fn from(r: Rules) -> Self {
        Self {
            can_paper_trade: r.can_paper_trade,
            can_real_trade: r.can_real_trade,
            daily_trade_limit: r.daily_trade_limit,
            api_calls_limit: r.api_calls_limit,
            allowed_products: r.allowed_products,
        }
    }
}

/// Whether live orders are allowed on this installation.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LiveTrading {
    allowed: bool,
}

/// The kill switches that concern the caller.
#[utoipa::path(get, path = "/api/v1/trading/kill-switch", tag = "trading", responses((status = 200, body = KillSwitch)))]
async fn get_kill_switch(who: Require<perm::AccountsRead>, app: AppData) -> Result<web::Json<KillSwitch>, ApiError> {
    Ok(web::Json(app.trading.halts(who.user_id)?.into()))
}

/// Stops all new orders of the caller, or of one account, and cancels the open ones; or, after a step-up,
/// lifts that.
#[utoipa::path(post, path = "/api/v1/trading/kill-switch", tag = "trading", request_body = KillSwitchChange,
    responses((status = 200, body = KillSwitch)))]
async fn set_kill_switch(
    who: Require<perm::AccountsHalt>,
    app: AppData,
    body: Json<KillSwitchChange>,
) -> Result<web::Json<KillSwitch>, ApiError> {
    let KillSwitchChange { on, account } = body.0;
    if let Some(id) = account {
        app.trading.account(who.user_id, id)?;
    }
    if !on {
        if who.session().is_none() {
            return Err(ApiError::new(ErrorCode::Forbidden, "an API key may throw the kill switch, but only a signed-in person lifts it"));
        }
        app.auth.require_proof(&who)?;
    }
    let scope = account.map_or(HaltScope::User(who.user_id), |account| HaltScope::Account(who.user_id, account));
    app.trading.set_halt(Some(who.user_id), scope, on).await?;
    if on {
        app.trading.cancel_halted(scope).await;
    }
    Ok(web::Json(app.trading.halts(who.user_id)?.into()))
}

/// Stops all new orders on this installation; or, after a step-up, lifts that.
#[utoipa::path(post, path = "/api/v1/admin/kill-switch", tag = "admin", request_body = InstallationSwitch,
    responses((status = 200, body = KillSwitch)))]
async fn set_installation_kill_switch(
    who: Require<perm::SettingsManage>,
    app: AppData,
    body: Json<InstallationSwitch>,
) -> Result<web::Json<KillSwitch>, ApiError> {
    let on = body.0.on;
    if !on {
        app.auth.require_proof(&who)?;
    }
    app.trading.set_halt(Some(who.user_id), HaltScope::Installation, on).await?;
    if on {
        app.trading.cancel_halted(HaltScope::Installation).await;
    }
    Ok(web::Json(app.trading.halts(who.user_id)?.into()))
}

/// Replaces the limits of an account.
#[utoipa::path(put, path = "/api/v1/trading/accounts/{id}/limits", tag = "trading", params(("id" = uuid::Uuid, Path)), request_body = LimitsChange,
    responses((status = 200, body = AccountView)))]
async fn set_account_limits(
    who: Proved<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<LimitsChange>,
) -> Result<web::Json<AccountView>, ApiError> {
    let LimitsChange { version, limits: Object(limits) } = body.0;
    let account = app.trading.set_limits(who.user_id, *id, version, limits.into()).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

fn known_user(app: &AppData, id: UserId) -> Result<(), ApiError> {
    app.auth.user(id)?.map(drop).ok_or_else(|| ApiError::not_found("user"))
}

/// What a user may do.
#[utoipa::path(get, path = "/api/v1/admin/users/{id}/rules", tag = "admin", params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Rules)))]
async fn get_user_rules(_: Require<perm::UsersManage>, app: AppData, id: web::Path<UserId>) -> Result<web::Json<Rules>, ApiError> {
    known_user(&app, *id)?;
    Ok(web::Json(app.trading.user_rules(*id)?.into()))
}

/// Replaces what a user may do.
#[utoipa::path(put, path = "/api/v1/admin/users/{id}/rules", tag = "admin", params(("id" = uuid::Uuid, Path)), request_body = Rules,
    responses((status = 200, body = Rules)))]
async fn set_user_rules(
    who: Proved<perm::UsersManage>,
    app: AppData,
    id: web::Path<UserId>,
    body: Json<Rules>,
) -> Result<web::Json<Rules>, ApiError> {
    known_user(&app, *id)?;
    for (name, limit) in [("daily_trade_limit", body.0.daily_trade_limit), ("api_calls_limit", body.0.api_calls_limit)] {
        if limit == Some(0) {
            let detail = format!("{name} must be at least 1; to allow nothing take the permission away");
            return Err(ApiError::invalid(format!("/{name}"), detail));
        }
    }
    Ok(web::Json(app.trading.set_user_rules(Some(who.user_id), *id, body.0.into()).await?.into()))
}

/// Whether live orders are allowed.
#[utoipa::path(get, path = "/api/v1/admin/live-trading", tag = "admin", responses((status = 200, body = LiveTrading)))]
async fn get_live_trading(_: Require<perm::SettingsManage>, app: AppData) -> Result<web::Json<LiveTrading>, ApiError> {
    Ok(web::Json(LiveTrading { allowed: app.trading.install_rules()?.live_allowed }))
}

/// Allows (after a step-up) or forbids live orders on this installation.
#[utoipa::path(put, path = "/api/v1/admin/live-trading", tag = "admin", request_body = LiveTrading, responses((status = 200, body = LiveTrading)))]
async fn set_live_trading(
    who: Require<perm::SettingsManage>,
    app: AppData,
    body: Json<LiveTrading>,
) -> Result<web::Json<LiveTrading>, ApiError> {
    if body.0.allowed {
        app.auth.require_proof(&who)?;
    }
    let rules = app.trading.allow_live(Some(who.user_id), body.0.allowed).await?;
    Ok(web::Json(LiveTrading { allowed: rules.live_allowed }))
}
