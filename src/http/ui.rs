//! The web pages, embedded at build time. Debug builds read them from disk and work without them; a
//! release build without them does not compile.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use rust_embed::RustEmbed;

use super::error::{ApiError, ErrorCode};

#[derive(RustEmbed)]
#[folder = "ui/dist"]
#[cfg_attr(debug_assertions, allow_missing = true)]
struct Pages;

/// Addresses that belong to the program, never to the pages.
const RESERVED: &[&str] = &["api", "ws", "healthz", "readyz", "metrics"];

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>EggMoney</title><p>The web pages are not part of this build. \
                         Build them with <code>npm ci &amp;&amp; npm run build</code> in <code>ui/</code>.</p>";

/// Serves a file of the pages; addresses without an extension are pages of the single-page app.
pub(super) async fn serve(req: HttpRequest) -> impl Responder {
    let path = req.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if RESERVED.contains(&first) {
        return ApiError::not_found(req.path()).error_response();
    }
    if req.method() != Method::GET && req.method() != Method::HEAD {
        return ApiError::new(ErrorCode::MethodNotAllowed, "pages can only be read").error_response();
    }
    let file_name = path.rsplit('/').next().unwrap_or_default();
    if file_name.contains('.') && path != "index.html" {
        return match Pages::get(path) {
            Some(file) => asset(&req, path, &file),
            None => ApiError::not_found(req.path()).error_response(),
        };
    }
    index(path)
}

fn asset(req: &HttpRequest, path: &str, file: &rust_embed::EmbeddedFile) -> HttpResponse {
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()[..16]));
    // The build puts a hash of the content into the names below assets/.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = req.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::CACHE_CONTROL, caching)).insert_header((header::ETAG, tag));
    if known {
        return response.finish();
    }
    response.content_type(file.metadata.mimetype()).body(file.data.to_vec())
}

/// The page itself. Its links are relative, so a page deeper down gets a base that leads back up;
/// relative too, because a proxy may serve us below a path of its own.
fn index(path: &str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("text/html; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-cache"));
    let Some(file) = Pages::get("index.html") else { return response.body(NOT_BUILT) };
    let page = String::from_utf8_lossy(&file.data).into_owned();
    let depth = path.matches('/').count();
    if depth == 0 {
        return response.body(page);
    }
    response.body(page.replacen("<head>", &format!("<head><base href=\"{}\">", "../".repeat(depth)), 1))
}
