//! The typed list of routes. A route is a handler with its OpenAPI description; method, path and
//! permission come from those two, so that server, documentation and tests cannot disagree.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::{Handler, HttpResponse, Responder, ResponseError, web};
use utoipa::openapi::path::HttpMethod;

use super::access::{Access, Guarded};
use super::error::{ApiError, ErrorCode};

/// One operation of the API.
pub struct Route {
    pub method: Method,
    /// With `{names}` for parameters.
    pub path: String,
    pub access: Access,
    mount: Box<dyn Fn() -> actix_web::Route>,
    describe: fn(&mut utoipa::openapi::OpenApi),
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A route from a handler and the description that `#[utoipa::path]` makes beside it:
/// `route::<__path_login, _, _>(login)`.
pub fn route<D, F, Args>(handler: F) -> Route
where
    D: Description,
    F: Handler<Args>,
    Args: actix_web::FromRequest + Guarded + 'static,
    F::Output: Responder + 'static,
{
    let method = D::methods().first().map_or(Method::GET, method_of);
    let verb = method.clone();
    Route {
        method,
        path: D::path(),
        access: Args::ACCESS,
        mount: Box::new(move || web::method(verb.clone()).to(handler.clone())),
        describe: describe::<D>,
    }
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// What `#[utoipa::path]` generates beside a handler.
pub trait Description: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static> {}
impl<D: utoipa::Path + utoipa::__dev::SchemaReferences + utoipa::__dev::Tags<'static>> Description for D {}

fn describe<D: Description>(api: &mut utoipa::openapi::OpenApi) {
    let mut operation = D::operation();
    operation.tags.get_or_insert_default().extend(D::tags().into_iter().map(str::to_owned));
    api.paths.add_path_operation(D::path(), D::methods(), operation);
    let mut schemas = Vec::new();
    D::schemas(&mut schemas);
    api.components.get_or_insert_default().schemas.extend(schemas);
}

impl Route {
    pub(super) fn describe(&self, api: &mut utoipa::openapi::OpenApi) {
        (self.describe)(api);
    }
}

/// Registers routes; a known path with another method answers 405.
pub(super) fn mount(routes: &[Route], config: &mut web::ServiceConfig) {
    let mut paths: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        paths.entry(&route.path).or_default().push(route);
    }
    // The framework tries path after path: those without parameters are compared, the others matched.
    let (matched, compared): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(path, _)| path.contains('{'));
    for (path, routes) in compared.into_iter().chain(matched) {
        let allowed: Vec<String> = routes.iter().map(|r| r.method.to_string()).collect();
        let allowed = allowed.join(", ");
        let mut resource = web::resource(path);
        for route in routes {
            resource = resource.route((route.mount)());
        }
        config.service(resource.default_service(web::to(move || ready_405(allowed.clone()))));
    }
}

async fn ready_405(allowed: String) -> HttpResponse {
    let error = ApiError::new(ErrorCode::MethodNotAllowed, format!("this address takes {allowed}"));
    let mut response = error.error_response();
    if let Ok(value) = actix_web::http::header::HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(actix_web::http::header::ALLOW, value);
    }
    response
}
