//! Behind nginx, set up as a Synology NAS sets up its own: under a host name, under a path, with TLS and
//! without, and with the two headers of a websocket or without them.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use eggmoney::app::Config;
use eggmoney::domain::network::Networks;
use eggmoney::domain::user::Role;
use futures_util::{SinkExt, StreamExt};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as SocketError;

use super::support::{Answer, PASSWORD, TestServer, answer, client};

/// What the NAS puts into every rule of its reverse proxy. Two more are there only when its owner has asked for
/// them (custom header, create, WebSocket).
const PASSED_ON: &str = "
    proxy_connect_timeout 60; proxy_read_timeout 60; proxy_send_timeout 60;
    proxy_intercept_errors off; proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;";
const WEBSOCKET: &str = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;";

/// A running nginx with three ports.
struct Nginx {
    child: Child,
    /// Plain http, websockets passed on; the same under `/eggmoney/`.
    plain: SocketAddr,
    /// https with a certificate that only [`Nginx::certificate`] vouches for.
    tls: SocketAddr,
    /// Plain http, without the websocket's headers.
    bare: SocketAddr,
    certificate: Certificate,
    _folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let found = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(Path::new).into_iter().find(|path| path.exists());
    found.expect("nginx is missing: apt-get install nginx-light, or run scripts/test").to_owned()
}

fn free_ports<const N: usize>() -> [SocketAddr; N] {
    // All are held until all are known.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

impl Nginx {
    async fn before(server: &TestServer) -> Self {
        client();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "egg.example".to_owned()]).unwrap();
        fs_err::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        fs_err::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let [plain, tls, bare] = free_ports();
        let to = &server.base;
        let scratch: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {at}/{name};")).concat();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
             events {{}}
             http {{
               access_log off; {scratch}
               map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
               server {{
                 listen {plain};
                 location / {{ {PASSED_ON} {WEBSOCKET} proxy_pass {to}; }}
                 location /eggmoney/ {{ {PASSED_ON} {WEBSOCKET} proxy_pass {to}/; }}
               }}
               server {{
                 listen {tls} ssl; ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
                 location / {{ {PASSED_ON} {WEBSOCKET} proxy_pass {to}; }}
                 location /eggmoney/ {{ {PASSED_ON} {WEBSOCKET} proxy_pass {to}/; }}
               }}
               server {{ listen {bare}; location / {{ {PASSED_ON} proxy_pass {to}; }} }}
             }}"
        );
        let file = folder.path().join("nginx.conf");
        fs_err::write(&file, config).unwrap();
        let child = Command::new(program())
            .args(["-p", folder.path().to_str().unwrap(), "-c", file.to_str().unwrap(), "-e", &format!("{at}/error.log")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let certificate = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let mut nginx = Self { child, plain, tls, bare, certificate, _folder: folder };
        while TcpStream::connect(bare).await.is_err() {
            let ended = nginx.child.try_wait().unwrap();
            let log = nginx._folder.path().join("error.log");
            assert!(ended.is_none(), "nginx has ended: {}", fs_err::read_to_string(log).unwrap_or_default());
            tokio::task::yield_now().await;
        }
        nginx
    }

    /// A browser that trusts the certificate and keeps cookies out of it.
    fn browser(&self) -> Client {
        let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        builder.tls_certs_only([self.certificate.clone()]).build().unwrap()
    }
}

async fn login(browser: &Client, base: &str) -> reqwest::Response {
    let body = json!({"username": "kim", "password": PASSWORD});
    let found = browser.post(format!("{base}/api/v1/auth/login")).header("x-client", "web").json(&body).send().await.unwrap();
    assert_eq!(found.status(), StatusCode::OK);
    found
}

async fn connection(browser: &Client, base: &str, token: &str, forged: Option<&str>) -> Value {
    let request = browser.get(format!("{base}/api/v1/users/connection")).bearer_auth(token);
    let (status, body): Answer = answer(match forged {
        Some(address) => request.header("x-forwarded-for", address).header("x-real-ip", address),
        None => request,
    })
    .await;
    assert_eq!(status, 200, "{body}");
    body
}

/// The first frame that the server sends after the token.
async fn first_frame(to: SocketAddr, path: &str, token: &str) -> Result<Value, SocketError> {
    let request = format!("ws://{to}{path}").into_client_request()?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, TcpStream::connect(to).await.unwrap()).await?;
    socket.send(Message::text(json!({"type": "auth", "token": token}).to_string())).await?;
    let frame = socket.next().await.unwrap()?;
    Ok(serde_json::from_str(frame.to_text().unwrap()).unwrap())
}

#[tokio::test]
async fn it_works_under_a_host_name_and_under_a_path_with_tls_and_without() {
    let server = TestServer::start().await;
    server.create("kim", Role::User).await;
    let nginx = Nginx::before(&server).await;
    let browser = nginx.browser();
    for (base, secure) in [
        (format!("http://{}", nginx.plain), false),
        (format!("http://{}/eggmoney", nginx.plain), false),
        (format!("https://{}", nginx.tls), true),
        (format!("https://{}/eggmoney", nginx.tls), true),
    ] {
        let signed_in = login(&browser, &base).await;
        let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert_eq!(signed_in.headers().contains_key("strict-transport-security"), secure, "{base}");
        let token = signed_in.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        assert_eq!((cookie.starts_with("__Host-"), cookie.contains("; Secure")), (secure, secure), "{cookie}");
        // Without TLS the browser sends it below the address that set it, whatever the proxy calls that.
        assert_eq!(cookie.contains("Path=/"), secure, "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let refresh = browser.post(format!("{base}/api/v1/auth/refresh")).header("x-client", "web").header("cookie", pair);
        assert_eq!(answer(refresh).await.0, 200, "{base}");
        let found = connection(&browser, &base, &token, None).await;
        let host = base.split('/').nth(2).unwrap();
        let told = json!({"address": "127.0.0.1", "proxied": true, "unknown_proxy": null, "over_tls": secure, "host": host});
        assert_eq!(found, told, "{base}");
        let document = browser.get(format!("{base}/api/openapi.json")).send().await.unwrap();
        assert!(document.json::<Value>().await.unwrap()["servers"].is_null(), "programs take the address that they came by");
        let page = browser.get(format!("{base}/")).send().await.unwrap();
        assert!(page.status().is_success() && !page.text().await.unwrap().contains("\"/assets"), "the page's files lie beside it");
    }
    // Without its slash the path leads to the page.
    let bare_path = browser.get(format!("http://{}/eggmoney", nginx.plain)).header("host", "egg.example:8080").send().await.unwrap();
    assert_eq!(bare_path.status(), StatusCode::MOVED_PERMANENTLY);
    assert!(bare_path.headers()["location"].to_str().unwrap().ends_with("/eggmoney/"));
}

#[tokio::test]
async fn websockets_go_through_and_a_proxy_that_stops_them_is_told_apart() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    let token = kim.token.as_deref().unwrap();
    let nginx = Nginx::before(&server).await;
    for path in ["/ws/events", "/eggmoney/ws/events"] {
        assert_eq!(first_frame(nginx.plain, path, token).await.unwrap(), json!({"type": "ready"}), "{path}");
    }
    // The two headers are missing: the answer says what to do, and everything else goes on.
    let refused = match first_frame(nginx.bare, "/ws/events", token).await {
        Err(SocketError::Http(refused)) => refused,
        other => panic!("{other:?}"),
    };
    let problem: Value = serde_json::from_slice(refused.body().as_deref().unwrap_or_default()).unwrap();
    assert_eq!((refused.status().as_u16(), &problem["code"]), (426, &json!("upgrade_required")));
    assert!(problem["detail"].as_str().unwrap().contains("reverse proxy"), "{problem}");
    let base = format!("http://{}", nginx.bare);
    assert_eq!(connection(&nginx.browser(), &base, token, None).await["proxied"], true);
    // Who just opens the address is not told of proxies.
    let (status, problem) = server.anybody().get("/ws/events").await;
    assert_eq!((status, &problem["code"]), (426, &json!("upgrade_required")));
    assert!(!problem["detail"].as_str().unwrap().contains("reverse proxy"), "{problem}");
}

#[tokio::test]
async fn a_forged_address_does_not_get_past_the_proxy() {
    let trust = |address: &'static str| move |config: &mut Config| config.trusted_proxies = Networks::parse(&[address]).unwrap();
    let server = TestServer::start_with(trust("127.0.0.1")).await;
    let kim = server.user("kim").await;
    let token = kim.token.as_deref().unwrap();
    let nginx = Nginx::before(&server).await;
    // Somebody else than the proxy, on the same machine.
    let visitor = "127.0.0.7";
    let browser = Client::builder().no_proxy().local_address(visitor.parse::<IpAddr>().unwrap()).build().unwrap();
    for forged in ["203.0.113.9", "203.0.113.9, 127.0.0.1", "not an address", "127.0.0.1"] {
        for base in [format!("http://{}", nginx.plain), format!("http://{}/eggmoney", nginx.plain)] {
            let found = connection(&browser, &base, token, Some(forged)).await;
            assert_eq!((&found["address"], &found["proxied"]), (&json!(visitor), &json!(true)), "{forged}: {found}");
        }
        // Round the proxy nobody's word counts.
        let found = connection(&browser, &server.base, token, Some(forged)).await;
        let told = (&found["address"], &found["proxied"], &found["unknown_proxy"]);
        assert_eq!(told, (&json!(visitor), &json!(false), &json!(visitor)), "{forged}: {found}");
    }
    // A proxy that is not believed: all who come through it look alike, and the page can say so.
    let strict = TestServer::start_with(trust("192.0.2.1")).await;
    let anna = strict.user("anna").await;
    let nginx = Nginx::before(&strict).await;
    let base = format!("https://{}", nginx.tls);
    let found = connection(&nginx.browser(), &base, anna.token.as_deref().unwrap(), Some("203.0.113.9")).await;
    let host = nginx.tls.to_string();
    let told = json!({"address": "127.0.0.1", "proxied": false, "unknown_proxy": "127.0.0.1", "over_tls": false, "host": host});
    assert_eq!(found, told);
}

#[tokio::test]
async fn a_sign_in_at_a_provider_comes_back_to_the_path() {
    let server = TestServer::start().await;
    server.create("root-admin", Role::Admin).await;
    let admin = server.app.auth.find_user("root-admin").unwrap().unwrap().id;
    server.app.providers.set_public_url(admin, Some("https://nas.example/eggmoney/")).await.unwrap();
    let nginx = Nginx::before(&server).await;
    let callback = format!("http://{}/eggmoney/api/v1/auth/oidc/callback?state=s&code=c", nginx.plain);
    let back = nginx.browser().get(callback).send().await.unwrap();
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    assert_eq!(back.headers()["location"], "https://nas.example/eggmoney/#/signed-in?state=s&code=c");
}
