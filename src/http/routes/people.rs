//! The administrator's acts on people: invitations, roles and marks, links for new passwords. Never their
//! keys, holdings or orders.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::people::Left;
use crate::auth::{Invitation, UserPatch};
use crate::domain::id::{AccountId, UserId};
use crate::domain::user::{Role, User};
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_invitations, _, _>(list_invitations),
        route::<__path_invite, _, _>(invite),
        route::<__path_revoke_invitation, _, _>(revoke_invitation),
        route::<__path_update_user, _, _>(update_user),
        route::<__path_issue_reset, _, _>(issue_reset),
    ]
}

#[derive(Serialize, ToSchema)]
struct InvitationItem {
    id: Uuid,
    role: Role,
    note: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl From<Invitation> for InvitationItem {
    fn from(i: Invitation) -> Self {
        Self { id: i.id, role: i.role, note: i.note, created_at: i.created_at, expires_at: i.expires_at }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    role: Role,
    /// For whom it is, up to 100 characters.
    #[serde(default)]
    note: Option<String>,
}

/// An invitation with its word, which is not shown again.
#[derive(Serialize, ToSchema)]
struct MadeInvitation {
    #[serde(flatten)]
    invitation: InvitationItem,
    word: String,
}

/// What to change; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonPatch {
    #[serde(default)]
    role: Option<Role>,
    /// `false`: signs the user out, stops the bots and cancels open orders.
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    verified: Option<bool>,
    #[serde(default)]
    premium: Option<bool>,
}

/// A user, and what a deactivation left behind.
#[derive(Serialize, ToSchema)]
struct Person {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    username: String,
    role: Role,
    active: bool,
    verified: bool,
    premium: bool,
    /// Accounts that were stopped just now, with what could not be cancelled.
    stopped: Vec<StoppedAccount>,
}

#[derive(Serialize, ToSchema)]
struct StoppedAccount {
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    name: String,
    cancelled_orders: usize,
    /// Positions stay; the broker's app or the user sells them.
    positions: Vec<LeftPosition>,
    /// Why not everything could be cancelled; `null` = everything was.
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct LeftPosition {
    symbol: String,
    /// Shares.
    #[schema(value_type = String)]
    quantity: Decimal,
}

fn person(user: User, left: Vec<Left>) -> Person {
    let stopped = left.into_iter().map(|l| StoppedAccount {
        account_id: l.account,
        name: l.name,
        cancelled_orders: l.cancelled,
        positions: l.positions.into_iter().map(|(symbol, quantity)| LeftPosition { symbol, quantity }).collect(),
        problem: l.problem,
    });
    Person {
        id: user.id,
        username: user.username,
        role: user.role,
        active: user.active,
        verified: user.verified,
        premium: user.premium,
        stopped: stopped.collect(),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReset {
    /// The phone is lost, too: the second factor goes with the old password.
    #[serde(default)]
    drop_second_factor: bool,
}

/// The word of a link with which the user sets a new password. It is not shown again.
#[derive(Serialize, ToSchema)]
struct Reset {
    word: String,
    expires_at: Timestamp,
}

/// Invitations that were not used yet.
#[utoipa::path(get, path = "/api/v1/admin/invitations", tag = "admin", responses((status = 200, body = List<InvitationItem>)))]
async fn list_invitations(_: Require<perm::UsersManage>, app: AppData) -> Result<web::Json<List<InvitationItem>>, ApiError> {
    Ok(web::Json(List::whole(app.auth.invitations()?.into_iter().map(InvitationItem::from).collect())))
}

/// Makes an invitation. It counts once, for seven days.
#[utoipa::path(post, path = "/api/v1/admin/invitations", tag = "admin", request_body = NewInvitation, responses((status = 201, body = MadeInvitation)))]
async fn invite(who: Proved<perm::UsersManage>, app: AppData, body: Json<NewInvitation>) -> Result<HttpResponse, ApiError> {
    let (made, word) = app.auth.invite(Some(who.user_id), body.0.role, body.0.note).await?;
    Ok(HttpResponse::Created().json(MadeInvitation { invitation: made.into(), word: word.expose_secret().to_owned() }))
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/api/v1/admin/invitations/{id}", tag = "admin", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn revoke_invitation(who: Require<perm::UsersManage>, app: AppData, id: web::Path<Uuid>) -> Result<HttpResponse, ApiError> {
    app.auth.revoke_invitation(who.user_id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Changes a user's role or marks. A new role and a deactivation end all of the user's sessions.
#[utoipa::path(patch, path = "/api/v1/admin/users/{id}", tag = "admin", params(("id" = Uuid, Path)), request_body = PersonPatch,
    responses((status = 200, body = Person)))]
async fn update_user(
    who: Proved<perm::UsersManage>,
    app: AppData,
    id: web::Path<UserId>,
    body: Json<PersonPatch>,
) -> Result<web::Json<Person>, ApiError> {
    let PersonPatch { role, active, verified, premium } = body.0;
    let (user, left) = app.update_user(Some(who.user_id), *id, UserPatch { role, active, verified, premium }).await?;
    Ok(web::Json(person(user, left)))
}

/// Makes a link with which a user sets a new password within 30 minutes. The user is told, and live trading
/// waits for the user's confirmation once the link is used.
#[utoipa::path(post, path = "/api/v1/admin/users/{id}/reset", tag = "admin", params(("id" = Uuid, Path)), request_body = NewReset,
    responses((status = 201, body = Reset)))]
async fn issue_reset(
    who: Proved<perm::UsersManage>,
    app: AppData,
    id: web::Path<UserId>,
    body: Json<NewReset>,
) -> Result<HttpResponse, ApiError> {
    let link = app.auth.issue_reset(Some(who.user_id), *id, body.0.drop_second_factor).await?;
    app.tell_of_reset_link(*id, &who.username).await?;
    Ok(HttpResponse::Created().json(Reset { word: link.word.expose_secret().to_owned(), expires_at: link.expires_at }))
}
