//! Texts that people accept before something is done.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Disclosure;
use crate::http::access::{AppData, Require, perm};
use crate::http::error::ApiError;
use crate::http::extract::{Json, List};
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![route::<__path_list_disclosures, _, _>(list_disclosures), route::<__path_accept_disclosure, _, _>(accept_disclosure)]
}

/// A text in its present version. The pages carry the words, by name and version.
#[derive(Serialize, ToSchema)]
struct DisclosureItem {
    name: Disclosure,
    version: u32,
    #[schema(value_type = String)]
    dated: jiff::civil::Date,
    /// When the caller accepted this version; `null` = not yet.
    accepted_at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    name: Disclosure,
    /// The version that was read.
    version: u32,
}

/// The texts that concern the caller.
#[utoipa::path(get, path = "/api/v1/users/disclosures", tag = "users", responses((status = 200, body = List<DisclosureItem>)))]
async fn list_disclosures(who: Require<perm::ProfileManage>, app: AppData) -> Result<web::Json<List<DisclosureItem>>, ApiError> {
    let states = app.auth.disclosures(who.user_id, who.role)?.into_iter();
    let item = |(name, accepted_at): (Disclosure, _)| {
        let (version, dated) = name.present();
        DisclosureItem { name, version, dated, accepted_at }
    };
    Ok(web::Json(List::whole(states.map(item).collect())))
}

/// Accepts a text. Before the first broker key, and before the next one after its text has changed, the
/// disclosure `broker_key` must be accepted.
#[utoipa::path(post, path = "/api/v1/users/disclosures", tag = "users", request_body = Acceptance, responses((status = 204)))]
async fn accept_disclosure(who: Require<perm::ProfileManage>, app: AppData, body: Json<Acceptance>) -> Result<HttpResponse, ApiError> {
    app.auth.accept(who.user_id, who.role, body.0.name, body.0.version).await?;
    Ok(HttpResponse::NoContent().finish())
}
