//! Who may come to the door: lists of networks, proxies that are believed, TLS of our own, deep bodies.

use eggmoney::app::config::TlsFiles;
use eggmoney::domain::network::Networks;
use serde_json::{Value, json};

use super::cli::{Serve, complaint, create, json_of, run};
use super::support::{Answer, Caller, PASSWORD, TestServer, answer, client};

const SETTINGS: &str = "/api/v1/admin/settings";
const OWN: &str = "/api/v1/users/networks";
const PROFILE: &str = "/api/v1/users/profile";

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

/// As the proxy on this machine passes it on.
async fn from(caller: &Caller<'_>, address: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = caller.request(method, path).header("x-forwarded-for", address);
    answer(if let Some(body) = body { request.json(body) } else { request }).await
}

#[tokio::test]
async fn the_installation_admits_only_listed_networks_and_nobody_locks_themselves_out() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let list = json!({"networks": ["127.0.0.0/8", "192.168.0.0/16", "2001:db8::/32"]});
    expect(403, "step_up_required", &admin.patch(SETTINGS, &list).await);
    admin.prove().await;
    expect(409, "locks_out", &admin.patch(SETTINGS, &json!({"networks": ["10.0.0.0/8"]})).await);
    let (_, refused) = admin.patch(SETTINGS, &json!({"networks": ["10.0.0.0/8", "home"]})).await;
    assert!(refused["code"] == "invalid" && refused["pointer"] == "/networks/1" && refused["detail"].as_str().unwrap().contains("'home'"));
    let (status, settings) = admin.patch(SETTINGS, &list).await;
    assert_eq!((status, &settings["networks"], &settings["your_address"]), (200, &list["networks"], &json!("127.0.0.1")), "{settings}");
    assert_eq!(settings["registration"], "closed", "what was not named stays");

    for admitted in ["192.168.7.7", "::ffff:192.168.7.7", "2001:db8::7", "203.0.113.9, 192.168.7.7"] {
        assert_eq!(from(&admin, admitted, "GET", PROFILE, None).await.0, 200, "{admitted}");
    }
    for stranger in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db9::7", "192.168.7.7, 203.0.113.9"] {
        expect(403, "address_not_allowed", &from(&admin, stranger, "GET", PROFILE, None).await);
        let login = json!({"username": "root-admin", "password": PASSWORD});
        expect(403, "address_not_allowed", &from(&server.anybody(), stranger, "POST", "/api/v1/auth/login", Some(&login)).await);
        expect(403, "address_not_allowed", &from(&server.anybody(), stranger, "GET", "/", None).await);
        assert_eq!(from(&server.anybody(), stranger, "GET", "/healthz", None).await.0, 200, "a sign of life says nothing");
    }
    assert_eq!(admin.patch(SETTINGS, &json!({"networks": []})).await.0, 200);
    assert_eq!(from(&admin, "203.0.113.9", "GET", PROFILE, None).await.0, 200);
    let (_, audit) = admin.get("/api/v1/admin/audit").await;
    let row = audit["items"].as_array().unwrap().iter().find(|r| r["action"] == "settings.networks_changed").unwrap().clone();
    assert_eq!(row["detail"]["from"], list["networks"]);
}

#[tokio::test]
async fn a_person_comes_only_from_the_own_networks_and_a_stranger_learns_nothing_from_a_right_password() {
    let server = TestServer::start().await;
    let (anna, ben) = (server.user("anna").await, server.user("ben").await);
    let list = json!({"networks": ["127.0.0.1"]});
    expect(403, "step_up_required", &anna.put(OWN, &list).await);
    anna.prove().await;
    expect(409, "locks_out", &anna.put(OWN, &json!({"networks": ["192.168.0.0/16"]})).await);
    let (status, own) = anna.put(OWN, &list).await;
    assert_eq!((status, &own["networks"], &own["your_address"]), (200, &json!(["127.0.0.1"]), &json!("127.0.0.1")), "{own}");

    let elsewhere = "203.0.113.9";
    expect(403, "address_not_allowed", &from(&anna, elsewhere, "GET", PROFILE, None).await);
    let refresh = json!({"refresh_token": anna.refresh_token});
    expect(403, "address_not_allowed", &from(&server.anybody(), elsewhere, "POST", "/api/v1/auth/refresh", Some(&refresh)).await);
    let login = |password: &str| json!({"username": "anna", "password": password});
    let right = from(&server.anybody(), elsewhere, "POST", "/api/v1/auth/login", Some(&login(PASSWORD))).await;
    let wrong = from(&server.anybody(), elsewhere, "POST", "/api/v1/auth/login", Some(&login("not it at all"))).await;
    let told = |(status, body): &Answer| (*status, body["code"].clone(), body["detail"].clone(), body["title"].clone());
    assert_eq!(told(&right), told(&wrong));
    assert_eq!(right.0, 401);
    assert_eq!(from(&ben, elsewhere, "GET", PROFILE, None).await.0, 200, "the list is anna's");
    assert_eq!(anna.get(PROFILE).await.0, 200);
}

#[tokio::test]
async fn a_forwarding_header_counts_only_from_a_trusted_proxy() {
    let server = TestServer::start_with(|config| config.trusted_proxies = Networks::parse(&["10.9.9.9"]).unwrap()).await;
    let admin = server.admin().await;
    admin.prove().await;
    let list = json!({"networks": ["127.0.0.1"]});
    assert_eq!(from(&admin, "203.0.113.9", "PATCH", SETTINGS, Some(&list)).await.0, 200, "this machine is no trusted proxy here");
    assert_eq!(from(&admin, "203.0.113.9", "GET", SETTINGS, None).await.1["your_address"], "127.0.0.1");
}

#[tokio::test]
async fn every_way_to_write_a_path_is_counted_and_an_unreadable_header_names_nobody() {
    let server = TestServer::start_with(|config| config.calls_per_second = 1).await;
    let nobody = server.anybody();
    // Five callers' worth at an address, ten seconds of it at once.
    let mut taken = 0;
    loop {
        let (status, body) = nobody.post("/%61pi/v1/auth/login", &json!({})).await;
        if status == 429 {
            expect(429, "too_many_requests", &(status, body));
            break;
        }
        (taken, _) = (taken + 1, assert_eq!(status, 422));
    }
    assert_eq!(taken, 50);
    let found = nobody.request("GET", "/api/v1/system").send().await.unwrap();
    assert_eq!((found.status().as_u16(), found.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(nobody.get("/healthz").await.0, 200);
    assert_ne!(nobody.get("/").await.0, 429, "files of the pages are not counted");
    server.advance(std::time::Duration::from_secs(1));
    let hidden = nobody.request("GET", "/api/v1/system").header("x-forwarded-for", &b"10.0.0.1, \xff"[..]);
    assert_eq!(answer(hidden).await.0, 200);

    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.prove().await;
    assert_eq!(admin.patch(SETTINGS, &json!({"networks": ["127.0.0.1"]})).await.0, 200);
    let hidden = admin.request("GET", PROFILE).header("x-forwarded-for", &b"\xff"[..]);
    expect(403, "address_not_allowed", &answer(hidden).await);
    let found = admin.request("GET", PROFILE).header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(found.headers().contains_key("strict-transport-security"), "behind a proxy that speaks TLS");
}

#[tokio::test]
async fn who_was_locked_out_is_let_in_by_the_command_line_of_the_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    json_of(create(dir, "anna", "admin"));
    let networks = |arguments: &[&str]| run(&[&["networks", "--data-dir", dir, "--json"], arguments].concat(), "");
    assert_eq!(json_of(networks(&["10.0.0.0/8"]))["networks"], json!(["10.0.0.0/8"]));
    let server = Serve::start(dir);
    let login = || {
        let body = json!({"username": "anna", "password": PASSWORD});
        answer(client().post(format!("{}/api/v1/auth/login", server.base)).json(&body))
    };
    expect(403, "address_not_allowed", &login().await);
    assert_eq!(json_of(networks(&["10.0.0.0/8", "127.0.0.1"]))["networks"], json!(["10.0.0.0/8", "127.0.0.1"]));
    assert_eq!(login().await.0, 200);
    assert_eq!(json_of(networks(&["--everywhere"]))["networks"], json!([]));
    let own = |networks: &[&str]| run(&[&["user", "networks", "--data-dir", dir, "--json", "--username", "anna"], networks].concat(), "");
    assert_eq!(json_of(own(&["10.0.0.0/8"]))["networks"], json!(["10.0.0.0/8"]));
    expect(401, "wrong_credentials", &login().await);
    assert_eq!(json_of(own(&[]))["networks"], json!([]));
    assert_eq!(login().await.0, 200);
    assert!(complaint(networks(&["10.0.0.0/99"])).contains("'10.0.0.0/99' is no address"));
}

#[tokio::test]
async fn with_a_certificate_the_server_speaks_tls_itself() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    fs_err::write(&files.certificate, made.cert.pem()).unwrap();
    fs_err::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = files.clone();
    let server = TestServer::start_with(move |config| config.tls = Some(tls)).await;
    assert!(server.base.starts_with("https://"), "{}", server.base);
    client();
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let found = trusting.get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(found.status(), 200);
    assert_eq!(found.headers()["strict-transport-security"], "max-age=31536000");
    assert!(client().get(server.url("/healthz")).send().await.is_err(), "nobody else vouches for the certificate");

    let dir = folder.path().join("data");
    let serve = |certificate: &std::path::Path, key: &std::path::Path| {
        let config = folder.path().join("config.toml");
        fs_err::write(&config, format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n")).unwrap();
        let arguments = ["serve", "--data-dir", dir.to_str().unwrap(), "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()];
        complaint(run(&arguments, ""))
    };
    let missing = serve(&folder.path().join("none.pem"), &files.key);
    assert!(missing.contains("cannot use the TLS certificate") && missing.contains("none.pem"), "{missing}");
    assert!(serve(&files.key, &files.key).contains("holds no certificate"));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let foreign = folder.path().join("foreign.pem");
    fs_err::write(&foreign, other.signing_key.serialize_pem()).unwrap();
    assert!(serve(&files.certificate, &foreign).contains("cannot use the TLS key"));
}

#[tokio::test]
async fn a_body_that_is_nested_too_deep_is_refused_before_it_is_read() {
    let server = TestServer::start().await;
    for (deep, depth) in [("{\"a\":", 33), ("{\"a\":[", 100_000)] {
        let body = deep.repeat(depth);
        let request = server.anybody().request("POST", "/api/v1/auth/login").header("content-type", "application/json").body(body);
        let found = answer(request).await;
        expect(400, "malformed", &found);
        assert!(found.1["detail"].as_str().unwrap().contains("32 levels"), "{}", found.1);
    }
}
