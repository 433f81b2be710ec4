//! The OpenAPI document, put together from the routes.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::Number;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Info, OpenApi, Ref, RefOr, ResponseBuilder, Schema, path::Operation, path::PathItem};

use super::access::Access;
use super::error::Problem;
use super::routes;

const BEARER: &str = "bearer";
const SIGNATURE: &str = "signature";
const SIGNATURE_TEXT: &str = "`EGG-HMAC-SHA256 key=egg_…, timestamp=SECONDS, nonce=…, signature=HEX`: HMAC-SHA-256 under the API key's \
    secret over these lines: EGG-HMAC-SHA256, method, path, sorted query, SHA-256 of the body in hex, timestamp, nonce. \
    The help page has examples.";
const SCHEMAS: &str = "\"#/components/schemas/";

/// Builds the document.
pub fn document() -> OpenApi {
    let mut api = OpenApi::new(Info::new("EggMoney", env!("CARGO_PKG_VERSION")), utoipa::openapi::Paths::new());
    let all = routes::all();
    for route in &all {
        route.describe(&mut api);
    }
    let questions = required_of_requests(&api);
    let components = api.components.get_or_insert_default();
    for (name, schema) in components.schemas.iter_mut() {
        if !questions.contains(name) {
            answer_names_all(schema);
        }
        unsigned(schema);
    }
    components.schemas.insert("Problem".to_owned(), <Problem as utoipa::PartialSchema>::schema());
    let mut nested = Vec::new();
    <Problem as utoipa::ToSchema>::schemas(&mut nested);
    components.schemas.extend(nested);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token; to read, an API key does as well."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let signature = ApiKeyValue::with_description("Authorization", SIGNATURE_TEXT);
    components.add_security_scheme(SIGNATURE, SecurityScheme::ApiKey(ApiKey::Header(signature)));
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

/// Names of all schemas that a request body is made of.
fn required_of_requests(api: &OpenApi) -> BTreeSet<String> {
    let bodies = api.paths.paths.values().flat_map(|item| {
        let operations = [&item.get, &item.post, &item.put, &item.patch, &item.delete];
        operations.into_iter().flatten().filter_map(|o| o.request_body.as_ref())
    });
    let mut open: Vec<String> = bodies.flat_map(references).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(schema) = api.components.as_ref().and_then(|c| c.schemas.get(&name)) {
            open.extend(references(schema).into_iter().filter(|n| !found.contains(n)));
        }
        found.insert(name);
    }
    found
}

/// Names of the schemas that a part of the document refers to.
fn references(part: &impl Serialize) -> Vec<String> {
    let text = serde_json::to_string(part).unwrap_or_default();
    text.split(SCHEMAS).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// An answer writes what it does not know as `null` and leaves nothing out, so that every property is
/// there. What a type leaves out on purpose is neither required nor nullable, and stays so.
fn answer_names_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            for (name, property) in &mut object.properties {
                if nullable(property) && !object.required.contains(name) {
                    object.required.push(name.clone());
                }
                answer_names_all(property);
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                answer_names_all(items);
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(answer_names_all),
        RefOr::T(Schema::OneOf(one)) => one.items.iter_mut().for_each(answer_names_all),
        _ => {}
    }
}

fn nullable(schema: &RefOr<Schema>) -> bool {
    let null = |kind: &SchemaType| match kind {
        SchemaType::Type(kind) => *kind == Type::Null,
        SchemaType::Array(kinds) => kinds.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match schema {
        RefOr::T(Schema::Object(object)) => null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => null(&array.schema_type),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().any(nullable),
        _ => false,
    }
}

/// Numbers without a sign reach further than those with one of the same size.
fn unsigned(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            let natural = match object.minimum {
                Some(Number::Int(least)) => least >= 0,
                Some(Number::Float(least)) => least >= 0.0,
                Some(Number::UInt(_)) => true,
                None => false,
            };
            let (format, most) = match &object.format {
                Some(SchemaFormat::KnownFormat(KnownFormat::Int32)) => ("uint32", u32::MAX as usize),
                Some(SchemaFormat::KnownFormat(KnownFormat::Int64)) => ("uint64", usize::MAX),
                _ => ("", 0),
            };
            if natural && most > 0 {
                object.format = Some(SchemaFormat::Custom(format.to_owned()));
                object.maximum.get_or_insert(Number::UInt(most));
            }
            object.properties.values_mut().for_each(unsigned);
            if let Some(AdditionalProperties::RefOr(value)) = object.additional_properties.as_deref_mut() {
                unsigned(value);
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                unsigned(items);
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(unsigned),
        RefOr::T(Schema::OneOf(one)) => one.items.iter_mut().for_each(unsigned),
        _ => {}
    }
}

/// What holds for every operation: the token it needs and the form of its errors.
fn complete(operation: &mut Operation, access: Access) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.schema.iter_mut().for_each(unsigned);
        }
    }
    let problem = ResponseBuilder::new()
        .description("Problem details")
        .content("application/problem+json", ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build())
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
    match access {
        Access::Public => operation.security = Some(Vec::new()),
        Access::Permission { scope, .. } => {
            let by = |scheme: &str| SecurityRequirement::new(scheme, [] as [&str; 0]);
            operation.security = Some([Some(by(BEARER)), scope.map(|_| by(SIGNATURE))].into_iter().flatten().collect());
        }
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
    fn no_two_schemas_share_a_name() {
        let mut seen = std::collections::BTreeMap::new();
        for route in routes::all() {
            let mut alone = OpenApi::new(Info::new("", ""), utoipa::openapi::Paths::new());
            route.describe(&mut alone);
            for (name, schema) in alone.components.unwrap().schemas {
                let schema = serde_json::to_value(schema).unwrap();
                let (first, known) = seen.entry(name.clone()).or_insert_with(|| (format!("{route:?}"), schema.clone()));
                assert_eq!(*known, schema, "{name} is one thing in {first} and another in {route:?}");
            }
        }
    }

    #[test]
    fn answers_name_every_property_and_changes_may_leave_some_out() {
        let api = serde_json::to_value(document()).unwrap();
        let schema = |name: &str| api["components"]["schemas"][name].clone();
        let required = schema("AccountView")["required"].as_array().unwrap().clone();
        assert!(required.contains(&"broker_key".into()) && required.contains(&"name".into()), "{required:?}");
        assert_eq!(schema("BotChange")["required"], serde_json::json!(["version"]));
        assert!(!schema("Problem")["required"].as_array().unwrap().contains(&"pointer".into()));
    }

    #[test]
    fn numbers_without_a_sign_reach_as_far_as_they_do() {
        let api = serde_json::to_value(document()).unwrap();
        let version = &api["components"]["schemas"]["BotChange"]["properties"]["version"];
        assert_eq!((&version["minimum"], &version["maximum"]), (&0.into(), &u64::MAX.into()));
        let parameters = api["paths"]["/api/v1/users/audit"]["get"]["parameters"].as_array().unwrap();
        let of = |name: &str| &parameters.iter().find(|p| p["name"] == name).unwrap()["schema"];
        assert_eq!((&of("before")["format"], &of("before")["maximum"]), (&"uint64".into(), &u64::MAX.into()));
        assert_eq!((of("limit")["minimum"].as_f64(), of("limit")["maximum"].as_f64()), (Some(1.0), Some(500.0)));
    }

    #[test]
    fn no_route_stands_twice() {
        let mut seen = std::collections::HashSet::new();
        for route in routes::all() {
            assert!(seen.insert(format!("{route:?}")), "{route:?} twice");
        }
    }
}
