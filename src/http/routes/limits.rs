//! Kill switches, limits and permissions.

use actix_web::web;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{AuthError, Identity};
use crate::domain::id::{AccountId, UserId};
use crate::domain::limits::{AccountLimits, Halt, Product, UserRules};
use crate::http::access::{AppData, Require, perm};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{self, Amount, Json, Object};
use crate::http::route::{Route, route};
use crate::http::views::account::AccountView;
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
}

impl From<Halts> for KillSwitch {
    fn from(halts: Halts) -> Self {
        let since = |halt: Option<Halt>| halt.map(|h| h.at);
        Self {
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
    /// Required to lift it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InstallationSwitch {
    on: bool,
    /// Required to lift it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
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
    /// Limits guard the owner's money: changing them needs the password.
    #[schema(value_type = String)]
    password: SecretString,
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

/// Stops all new orders of the caller, or of one account, and cancels the open ones; or lifts that.
#[utoipa::path(post, path = "/api/v1/trading/kill-switch", tag = "trading", request_body = KillSwitchChange,
    responses((status = 200, body = KillSwitch)))]
async fn set_kill_switch(
    who: Require<perm::AccountsHalt>,
    app: AppData,
    req: actix_web::HttpRequest,
    body: Json<KillSwitchChange>,
) -> Result<web::Json<KillSwitch>, ApiError> {
    let KillSwitchChange { on, account, password } = body.0;
    if let Some(id) = account {
        app.trading.account(who.user_id, id)?;
    }
    if !on {
        if who.session().is_none() {
            return Err(ApiError::new(ErrorCode::Forbidden, "an API key may throw the kill switch, but only a signed-in person lifts it"));
        }
        confirm(&app, &who, &req, password).await?;
    }
    let scope = account.map_or(HaltScope::User(who.user_id), |account| HaltScope::Account(who.user_id, account));
    app.trading.set_halt(Some(who.user_id), scope, on).await?;
    if on {
        app.trading.cancel_halted(scope).await;
    }
    Ok(web::Json(app.trading.halts(who.user_id)?.into()))
}

/// Stops all new orders on this installation, or lifts that.
#[utoipa::path(post, path = "/api/v1/admin/kill-switch", tag = "admin", request_body = InstallationSwitch,
    responses((status = 200, body = KillSwitch)))]
async fn set_installation_kill_switch(
    who: Require<perm::SettingsManage>,
    app: AppData,
    req: actix_web::HttpRequest,
    body: Json<InstallationSwitch>,
) -> Result<web::Json<KillSwitch>, ApiError> {
    let InstallationSwitch { on, password } = body.0;
    if !on {
        confirm(&app, &who, &req, password).await?;
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
    who: Require<perm::AccountsManage>,
    app: AppData,
    req: actix_web::HttpRequest,
    id: web::Path<AccountId>,
    body: Json<LimitsChange>,
) -> Result<web::Json<AccountView>, ApiError> {
    let LimitsChange { version, limits: Object(limits), password } = body.0;
    app.trading.account(who.user_id, *id)?;
    confirm(&app, &who, &req, Some(password)).await?;
    let account = app.trading.set_limits(who.user_id, *id, version, limits.into()).await?;
    Ok(web::Json(AccountView::new(&app, who.user_id, &account)?))
}

/// The password once more.
pub(super) async fn confirm(
    app: &AppData,
    who: &Identity,
    req: &actix_web::HttpRequest,
    password: Option<SecretString>,
) -> Result<(), ApiError> {
    app.auth.confirm(who, password, &extract::client(req)).await.map_err(|e| match e {
        AuthError::WrongCurrentPassword => ApiError::from(e).at("/password"),
        other => other.into(),
    })
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
    who: Require<perm::UsersManage>,
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

/// Allows or forbids live orders on this installation.
#[utoipa::path(put, path = "/api/v1/admin/live-trading", tag = "admin", request_body = LiveTrading, responses((status = 200, body = LiveTrading)))]
async fn set_live_trading(
    who: Require<perm::SettingsManage>,
    app: AppData,
    body: Json<LiveTrading>,
) -> Result<web::Json<LiveTrading>, ApiError> {
    let rules = app.trading.allow_live(Some(who.user_id), body.0.allowed).await?;
    Ok(web::Json(LiveTrading { allowed: rules.live_allowed }))
}
