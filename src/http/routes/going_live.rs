//! The ladder of a live account, and the nights in which it was observed.

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::account::Rung;
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::night::{Night, NightLine, Verdict};
use crate::domain::order::Environment;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};
use crate::trading::{LadderState, Step};

/// Nights that a page shows.
const NIGHTS: usize = 30;

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_get_going_live, _, _>(get_going_live),
        route::<__path_climb, _, _>(climb),
        route::<__path_list_nights, _, _>(list_nights),
    ]
}

/// One bot's place on the ladder.
#[derive(Serialize, ToSchema)]
struct BotRung {
    id: Uuid,
    name: String,
    active: bool,
    /// Never above the account's.
    rung: Rung,
    /// The rung above that the bot may climb to; `null` where its account stands or at the top.
    next: Option<Rung>,
    /// It stays on this rung or below when its account climbs; `null` when it goes along.
    kept_at: Option<Rung>,
}

/// A paper run of the account: its twin, an own-paper account.
#[derive(Serialize, ToSchema)]
struct PaperRun {
    account_id: Uuid,
    name: String,
    started_at: Timestamp,
    /// `null` while it trades.
    ended_at: Option<Timestamp>,
}

/// An observed night.
#[derive(Serialize, ToSchema)]
struct NightView {
    #[schema(value_type = String)]
    session: jiff::civil::Date,
    compared_at: Option<Timestamp>,
    /// As good as its worst line; `null` while the session is not over.
    verdict: Option<Verdict>,
    lines: Vec<NightLine>,
}

impl From<Night> for NightView {
    fn from(night: Night) -> Self {
        Self { session: night.session, compared_at: night.compared_at, verdict: night.verdict(), lines: night.lines }
    }
}

/// Where an account stands on the way to live trading.
#[derive(Serialize, ToSchema)]
struct GoingLiveView {
    /// Only live accounts climb.
    applies: bool,
    rung: Rung,
    /// The rung above; `null` at the top.
    next: Option<Rung>,
    since: Option<Timestamp>,
    /// What stands against the next rung: `live_not_allowed`, `real_trade_not_permitted`,
    /// `paper_trade_not_permitted`, `no_broker_key`, `unsettled`, `open_questions`, `order_open`,
    /// `clean_night_missing`. Only the last one can be skipped.
    missing: Vec<&'static str>,
    clean_night: bool,
    last_night: Option<NightView>,
    bots: Vec<BotRung>,
    /// The account's paper runs, the newest first.
    paper_runs: Vec<PaperRun>,
}

/// A move on the ladder. Going up needs a step-up, going down nothing but the rung.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Move {
    /// `observe`, `paper`, `one_share` or `full`; upwards one rung at a time.
    rung: Rung,
    /// Only this bot, which may lag behind its account: while that observes, `observe` holds the bot
    /// back, and `full` lets it go along again.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    bot_id: Option<BotId>,
    /// The owner's word that no other program trades the account any more; required to one share and
    /// above.
    #[serde(default)]
    old_server_stopped: bool,
    /// Go on although the last night was not clean or there was none.
    #[serde(default)]
    skip_night: bool,
}

fn view(app: &AppData, user: UserId, id: AccountId) -> Result<web::Json<GoingLiveView>, ApiError> {
    let LadderState { account, bots, missing, clean_night, twins } = app.trading.going_live(user, id)?;
    let last_night = app.trading.nights(user, id, 1)?.into_iter().next();
    let ladder = &account.going_live;
    Ok(web::Json(GoingLiveView {
        applies: account.environment == Environment::Live,
        rung: account.rung(),
        next: account.next_rung(None),
        since: ladder.since,
        missing,
        clean_night,
        last_night: last_night.map(NightView::from),
        bots: bots
            .into_iter()
            .map(|b| BotRung {
                id: b.id.0,
                rung: account.rung_of(b.id),
                next: account.next_rung(Some(b.id)).filter(|next| *next <= account.rung()),
                kept_at: ladder.bots.get(&b.id).copied(),
                active: b.active,
                name: b.name,
            })
            .collect(),
        paper_runs: twins
            .into_iter()
            .map(|twin| PaperRun {
                account_id: twin.id.0,
                name: twin.name,
                started_at: twin.created_at,
                ended_at: twin.twin.and_then(|link| link.ended_at),
            })
            .collect(),
    }))
}

/// Where an account stands on its way to live trading, and what is missing for the next rung.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/going-live", tag = "trading", params(("id" = Uuid, Path)), responses((status = 200, body = GoingLiveView)))]
async fn get_going_live(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<GoingLiveView>, ApiError> {
    view(&app, who.user_id, *id)
}

/// Moves a live account, or one of its bots, to another rung.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/going-live", tag = "trading", params(("id" = Uuid, Path)), request_body = Move, responses((status = 200, body = GoingLiveView)))]
async fn climb(
    who: Require<perm::AccountsManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<Move>,
) -> Result<web::Json<GoingLiveView>, ApiError> {
    let Move { rung, bot_id, old_server_stopped, skip_night } = body.0;
    let proved = app.auth.require_proof(&who).is_ok();
    app.trading.climb(who.user_id, *id, Step { rung, bot: bot_id, old_server_stopped, skip_night, proved }).await?;
    view(&app, who.user_id, *id)
}

/// Observed nights of an account, newest first: what its bots decided beside what was really done.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/nights", tag = "trading", params(("id" = Uuid, Path)), responses((status = 200, body = List<NightView>)))]
async fn list_nights(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<List<NightView>>, ApiError> {
    app.trading.account(who.user_id, *id)?;
    let nights = app.trading.nights(who.user_id, *id, NIGHTS)?;
    Ok(web::Json(List::whole(nights.into_iter().map(NightView::from).collect())))
}
