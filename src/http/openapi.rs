//! The OpenAPI document, put together from the routes.

use std::sync::OnceLock;

use actix_web::{HttpResponse, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Info, OpenApi, Ref, RefOr, ResponseBuilder, path::Operation, path::PathItem};

use super::access::Access;
use super::error::Problem;
use super::routes;

const BEARER: &str = "bearer";

/// Builds the document.
pub fn document() -> OpenApi {
    let mut api = OpenApi::new(Info::new("EggMoney", env!("CARGO_PKG_VERSION")), utoipa::openapi::Paths::new());
    let all = routes::all();
    for route in &all {
        route.describe(&mut api);
    }
    let components = api.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), <Problem as utoipa::PartialSchema>::schema());
    let mut nested = Vec::new();
    <Problem as utoipa::ToSchema>::schemas(&mut nested);
    components.schemas.extend(nested);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    for route in &all {
        if let Some(operation) = api.paths.paths.get_mut(&route.path).and_then(|item| operation(item, route.method.as_str())) {
            complete(operation, route.access);
        }
    }
    api
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// What holds for every operation: the token it needs and the form of its errors.
fn complete(operation: &mut Operation, access: Access) {
    let problem = ResponseBuilder::new()
        .description("Problem details")
        .content("application/problem+json", ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build())
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
    match access {
        Access::Public => operation.security = Some(Vec::new()),
        Access::Permission { .. } => operation.security = Some(vec![SecurityRequirement::new(BEARER, [] as [&str; 0])]),
    }
}

/// The document and a page that shows it, which needs nothing from elsewhere.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let file =
        |kind: &'static str, text: &'static str| web::get().to(move || async move { HttpResponse::Ok().content_type(kind).body(text) });
    config
        .route("/api/openapi.json", web::get().to(serve))
        .route("/api/docs", file("text/html; charset=utf-8", include_str!("docs.html")))
        .route("/api/docs.js", file("text/javascript; charset=utf-8", include_str!("docs.js")));
}

async fn serve() -> HttpResponse {
    static JSON: OnceLock<String> = OnceLock::new();
    let json = JSON.get_or_init(|| document().to_json().unwrap_or_default());
    HttpResponse::Ok().content_type("application/json").body(json.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::Route;

    #[test]
    fn every_route_is_documented_with_its_security_and_no_reference_dangles() {
        let text = document().to_json().unwrap();
        let api: serde_json::Value = serde_json::from_str(&text).unwrap();
        let routes: Vec<Route> = routes::all();
        for route in &routes {
            let operation = &api["paths"][&route.path][route.method.as_str().to_lowercase()];
            assert!(operation["operationId"].is_string(), "{route:?} is not documented");
            assert!(operation["tags"].is_array(), "{route:?} has no tag");
            let secured = operation["security"].as_array().is_some_and(|s| !s.is_empty());
            assert_eq!(secured, route.access != Access::Public, "{route:?}");
        }
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(api["components"]["schemas"][name].is_object(), "schema {name} is missing");
        }
    }

    #[test]
    fn no_route_stands_twice() {
        let mut seen = std::collections::HashSet::new();
        for route in routes::all() {
            assert!(seen.insert(format!("{route:?}")), "{route:?} twice");
        }
    }
}
