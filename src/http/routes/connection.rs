//! How the caller's browser reaches this installation, as seen from here.

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::access::{AppData, Require, perm};
use crate::http::extract;
use crate::http::route::{Route, route};

pub fn routes() -> Vec<Route> {
    vec![route::<__path_get_connection, _, _>(get_connection)]
}

/// Headers by which a proxy says whom it speaks for.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded"];

/// The other side of what the page finds out by itself.
#[derive(Serialize, ToSchema)]
struct ConnectionView {
    /// Where the caller comes from; `null` when a proxy that is believed names no address that can be read.
    address: Option<String>,
    /// A proxy that is believed has passed the call on.
    proxied: bool,
    /// Address of a proxy that is not believed: all who come through it count as one caller, and as coming
    /// without TLS.
    unknown_proxy: Option<String>,
    /// The browser speaks TLS, as configured or as the proxy says: cookies never go without it.
    over_tls: bool,
    /// The name that the browser was sent to.
    host: Option<String>,
}

/// How the call came here.
#[utoipa::path(get, path = "/api/v1/users/connection", tag = "users", responses((status = 200, body = ConnectionView)))]
async fn get_connection(_: Require<perm::ProfileManage>, app: AppData, req: HttpRequest) -> web::Json<ConnectionView> {
    let origin = extract::origin(&req);
    let forwarded = FORWARDING.iter().any(|name| req.headers().contains_key(*name));
    let text = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string());
    web::Json(ConnectionView {
        address: text(origin.address),
        proxied: origin.proxied && forwarded,
        unknown_proxy: text(origin.peer.filter(|_| forwarded && !origin.proxied)),
        over_tls: extract::over_tls(&app, &req),
        host: req.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned),
    })
}
