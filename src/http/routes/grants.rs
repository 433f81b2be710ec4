//! What the owner of an account lets others do with it.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::NamedGrant;
use crate::domain::id::{AccountId, GrantId};
use crate::domain::user::GrantKind;
use crate::http::access::{AppData, Proved, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{self, Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![
        route::<__path_list_grants, _, _>(list_grants),
        route::<__path_give_grant, _, _>(give_grant),
        route::<__path_revoke_grant, _, _>(revoke_grant),
    ]
}

/// What somebody may do with one of the caller's accounts.
#[derive(Serialize, ToSchema)]
struct GivenGrant {
    id: Uuid,
    /// Who may do it.
    username: String,
    kind: GrantKind,
    /// It counts before this instant.
    until: Timestamp,
    created_at: Timestamp,
}

impl From<NamedGrant> for GivenGrant {
    fn from(named: NamedGrant) -> Self {
        let NamedGrant { grant, person, .. } = named;
        Self { id: grant.id.0, username: person, kind: grant.kind, until: grant.until, created_at: grant.created_at }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewGrant {
    username: String,
    kind: GrantKind,
    /// In the future, within a year.
    #[serde(deserialize_with = "extract::instant")]
    until: Timestamp,
}

/// What others may do with an account, also what has ended by itself.
#[utoipa::path(get, path = "/api/v1/trading/accounts/{id}/grants", tag = "sharing", params(("id" = Uuid, Path)), responses((status = 200, body = List<GivenGrant>)))]
async fn list_grants(
    who: Require<perm::AccountsRead>,
    app: AppData,
    id: web::Path<AccountId>,
) -> Result<web::Json<List<GivenGrant>>, ApiError> {
    Ok(web::Json(List::whole(app.auth.grants_of(who.user_id, *id)?.into_iter().map(GivenGrant::from).collect())))
}

/// Lets another user see an account, manage its bots or stop it, until a date. Nothing else: never keys,
/// limits or going live.
#[utoipa::path(post, path = "/api/v1/trading/accounts/{id}/grants", tag = "sharing", params(("id" = Uuid, Path)), request_body = NewGrant,
    responses((status = 201, body = GivenGrant)))]
async fn give_grant(
    who: Proved<perm::SharingManage>,
    app: AppData,
    id: web::Path<AccountId>,
    body: Json<NewGrant>,
) -> Result<HttpResponse, ApiError> {
    let NewGrant { username, kind, until } = body.0;
    let given = app.auth.give_grant(&who, *id, &username, kind, until).await?;
    Ok(HttpResponse::Created().json(GivenGrant::from(given)))
}

/// Takes a grant back; it no longer counts from then on.
#[utoipa::path(delete, path = "/api/v1/trading/accounts/{id}/grants/{grant}", tag = "sharing", params(("id" = Uuid, Path), ("grant" = Uuid, Path)),
    responses((status = 204)))]
async fn revoke_grant(
    who: Require<perm::SharingManage>,
    app: AppData,
    path: web::Path<(AccountId, GrantId)>,
) -> Result<HttpResponse, ApiError> {
    let (account, grant) = path.into_inner();
    app.auth.revoke_grant(&who, account, grant).await?;
    Ok(HttpResponse::NoContent().finish())
}
