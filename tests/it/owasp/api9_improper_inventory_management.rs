//! API9:2023 Improper Inventory Management: what is served is documented, and what is documented is served.

use std::collections::BTreeSet;
use std::path::Path;

use eggmoney::http::routes;

use super::expect;
use crate::matrix::concrete;
use crate::support::{TestServer, answer};

#[tokio::test]
async fn the_document_is_served_and_names_every_route() {
    let server = TestServer::start().await;
    let (status, api) = server.anybody().get("/api/openapi.json").await;
    assert_eq!(status, 200);
    assert!(api["openapi"].as_str().is_some_and(|v| v.starts_with("3.")));
    let items = api["paths"].as_object().unwrap().iter();
    let documented: BTreeSet<String> = items
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())))
        .collect();
    let served: BTreeSet<String> = routes::all().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    assert_eq!(documented, served);
    let (status, page) = server.anybody().get("/api/docs").await;
    assert!(status == 200 && page.as_str().is_some_and(|p| p.contains("docs.js")), "{page}");
    assert_eq!(server.anybody().get("/api/docs.js").await.0, 200);
}

#[tokio::test]
async fn there_is_one_version_and_it_is_in_every_address() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    for route in routes::all() {
        let path = concrete(&route.path);
        let Some(rest) = path.strip_prefix("/api/v1/") else {
            // For whoever watches the process, and the live events.
            assert!(["/healthz", "/readyz", "/metrics", "/ws/events"].contains(&path.as_str()), "{path}");
            continue;
        };
        for old in ["/api/", "/api/v0/", "/api/v2/", "/api/v1.0/", "/api/V1/", "/api/beta/", "/api/internal/"] {
            expect(404, "not_found", &answer(anna.request(route.method.as_str(), &format!("{old}{rest}"))).await);
        }
    }
}

/// Whoever mounts a handler elsewhere than in the list of routes leaves it out of the document, the matrix
/// and every walk.
#[test]
fn handlers_are_mounted_in_the_list_of_routes_alone() {
    fn visit(folder: &Path, found: &mut BTreeSet<String>) {
        for path in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                visit(&path, found);
                continue;
            }
            let text = fs_err::read_to_string(&path).unwrap();
            let mounts = [".route(\"", "web::resource(", "web::scope(", ".service(", "#[get(", "#[post(", "#[actix_web::"];
            let program = text.split("#[cfg(test)]").next().unwrap();
            if path.extension().is_some_and(|e| e == "rs") && mounts.iter().any(|m| program.contains(m)) {
                found.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    // The list itself, and the document with its page.
    assert_eq!(found, ["openapi.rs", "route.rs"].map(str::to_owned).into());
}
