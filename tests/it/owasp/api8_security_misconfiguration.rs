//! API8:2023 Security Misconfiguration: headers, other origins, doors for developers, and what errors tell.

use serde_json::{Value, json};

use super::{raw, status};
use crate::matrix::concrete;
use crate::support::{TestServer, answer};

#[tokio::test]
async fn answers_carry_security_headers_and_are_compressed() {
    let server = TestServer::start().await;
    for path in ["/", "/api/v1/system", "/api/v1/nothing", "/healthz"] {
        let response = server.anybody().request("GET", path).send().await.unwrap();
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        if path.starts_with("/api") {
            assert_eq!(headers["cache-control"], "no-store");
        }
    }
    let plain = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let response = plain.get(server.url("/api/openapi.json")).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn pages_of_other_origins_get_no_permission() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    for origin in ["https://evil.example", "null", server.base.as_str(), "http://localhost:3000"] {
        for (method, path) in
            [("GET", "/api/v1/users/profile"), ("GET", "/api/v1/system"), ("OPTIONS", "/api/v1/users/profile"), ("OPTIONS", "/")]
        {
            let asked = anna.request(method, path).header("origin", origin);
            let asked = asked.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization");
            let response = asked.send().await.unwrap();
            let granted: Vec<&str> = response.headers().keys().map(|n| n.as_str()).filter(|n| n.starts_with("access-control-")).collect();
            assert!(granted.is_empty(), "{method} {path} for {origin}: {granted:?}");
            assert_eq!(response.status() == 405, method == "OPTIONS", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn there_are_no_doors_for_developers_and_no_files_but_the_pages() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for path in [
        "/metrics/prometheus",
        "/api",
        "/api/",
        "/api/v1",
        "/api/debug",
        "/api/v1/debug",
        "/api/v1/debug/pprof",
        "/api/v1/health",
        "/api/v1/admin/sql",
        "/api/v1/test/login",
        "/api/graphql",
        "/api/v1/openapi.yaml",
        "/api/swagger.json",
        "/ws",
        "/ws/",
        "/.env",
        "/.git/HEAD.x",
        "/.htaccess",
        "/config.toml",
        "/master.key",
        "/eggmoney.redb",
        "/keys/x.key",
        "/Cargo.toml",
        "/setup-code.txt",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/server-status.html",
        "/phpinfo.php",
        "/wp-login.php",
        "/assets/index.js.map",
    ] {
        for caller in [&admin, &server.anybody()] {
            let (status, body) = caller.get(path).await;
            assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{path}: {body}");
        }
    }
    // Without an extension it is an address of the single-page app, whatever its name.
    // Deeper ones only say where the page's files lie.
    let bare = |body: &Value| body.as_str().unwrap().replace("<base href=\"../\">", "");
    let page = bare(&server.anybody().get("/").await.1);
    for path in ["/.git/config", "/debug", "/actuator", "/console", "/setup-code", "/master"] {
        let (status, body) = server.anybody().get(path).await;
        assert_eq!((status, bare(&body)), (200, page.clone()), "{path}");
    }
}

#[tokio::test]
async fn errors_tell_nothing_of_the_inside() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let folder = server.folder().to_str().unwrap().to_owned();
    let mut seen = 0;
    for route in eggmoney::http::routes::all() {
        // Signs out; asks for a connection of another kind.
        if route.path.ends_with("/logout") || route.path.starts_with("/ws/") {
            continue;
        }
        for body in ["{", "{\"a\": 1e999}", "[[[", "{\"limit\": \"' OR 1=1 --\"}", "{\"id\": \"../../etc/passwd\"}", "\u{feff}{}"] {
            let request = anna.request(route.method.as_str(), &format!("{}?limit=%27%22%3Cscript%3E", concrete(&route.path)));
            let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
            let status = response.status().as_u16();
            assert!(status < 500, "{route:?}: {status}");
            assert!(!response.headers().contains_key("server") && !response.headers().contains_key("x-powered-by"));
            if status < 400 {
                continue;
            }
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{route:?}");
            let text = response.text().await.unwrap();
            let inside =
                [".rs:", "src/", "panicked", "unwrap", "redb", "serde", "actix", "tokio", "stack", "0x", folder.as_str(), "<script>"];
            for word in inside {
                assert!(!text.contains(word), "{route:?} tells of {word}: {text}");
            }
            seen += 1;
        }
    }
    assert!(seen > 400, "only {seen} errors were read");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused_and_the_server_goes_on() {
    let server = TestServer::start().await;
    server.create("anna", eggmoney::domain::user::Role::User).await;
    let with = |head: &[u8], rest: &[u8]| [head, b"\r\nhost: x\r\nconnection: close\r\n", rest].concat();
    let body = br#"{"username": "anna", "password": "x"}"#;
    let length = format!("content-length: {}\r\n", body.len());
    let login: &[u8] = b"POST /api/v1/auth/login HTTP/1.1";
    let json_body: &[u8] = b"content-type: application/json\r\n";
    for (what, bytes) in [
        ("no UTF-8 in the path", with(b"GET /api/v1/\xff\xfe HTTP/1.1", b"\r\n")),
        ("no UTF-8 behind percent signs", with(b"GET /api/v1/trading/orders/%ff%fe HTTP/1.1", b"\r\n")),
        ("half a letter behind percent signs", with(b"GET /api/v1/trading/orders/%e2%82 HTTP/1.1", b"\r\n")),
        ("no UTF-8 in the query", with(b"GET /api/v1/market/search?query=%ff%fe HTTP/1.1", b"\r\n")),
        ("no UTF-8 in the token", with(b"GET /api/v1/users/profile HTTP/1.1", b"authorization: Bearer \xff\xfe\r\n\r\n")),
        ("no UTF-8 in the scheme", with(b"GET /api/v1/users/profile HTTP/1.1", b"authorization: \xc3\x28 x\r\n\r\n")),
        ("a zero byte in a header", with(b"GET /api/v1/users/profile HTTP/1.1", b"authorization: Bearer a\x00b\r\n\r\n")),
        ("a broken percent sign", with(b"GET /api/v1/trading/orders/%zz HTTP/1.1", b"\r\n")),
        (
            "two lengths",
            [with(login, json_body).as_slice(), b"content-length: 3\r\n".as_slice(), length.as_bytes(), b"\r\n", body].concat(),
        ),
        (
            "a length and chunks",
            [with(login, json_body).as_slice(), length.as_bytes(), b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"].concat(),
        ),
        ("a length that is none", [with(login, json_body).as_slice(), b"content-length: +5\r\n\r\n".as_slice(), body].concat()),
        ("a negative length", [with(login, json_body).as_slice(), b"content-length: -1\r\n\r\n".as_slice(), body].concat()),
        ("an encoding that is none", with(login, b"transfer-encoding: cow\r\n\r\n")),
        ("a line break in a header", with(b"GET /api/v1/users/profile HTTP/1.1", b"x-a: b\r\n c: d\r\n\r\n")),
        ("a space before the colon", with(b"GET /api/v1/users/profile HTTP/1.1", b"authorization : Bearer x\r\n\r\n")),
        ("an address of another server", with(b"GET http://169.254.169.254/latest/meta-data.json HTTP/1.1", b"\r\n")),
        ("a tunnel", with(b"CONNECT 169.254.169.254:80 HTTP/1.1", b"\r\n")),
        ("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()),
        ("TLS where there is none", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
    ] {
        let found = raw(&server, &bytes).await;
        let status = status(&found);
        assert!(status == 0 || (400..500).contains(&status), "{what}: {found}");
        assert!(!found.contains("access_token"), "{what}: {found}");
    }
    let (status, body) = answer(
        server
            .anybody()
            .request("POST", "/api/v1/auth/login")
            .header("content-type", "application/json")
            .body(vec![0xff, 0xfe, b'{', 0, b'}', 0]),
    )
    .await;
    assert_eq!((status, &body["code"]), (400, &json!("malformed")), "UTF-16 is no JSON: {body}");
    assert!(matches!(server.anybody().get("/api/v1/system").await, (200, Value::Object(_))));
}
