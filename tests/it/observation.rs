//! What is seen of a running program: its log, its figures and its state.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::support::old::Night;
use super::support::{TestServer, answer};

const LOGS: &str = "/api/v1/admin/logs";
const TOKEN: &str = "/api/v1/admin/metrics-token";
const ADMIN: &str = "root-admin";

fn write_log(server: &TestServer, name: &str, lines: &[(&str, &str, &str, &str)]) {
    let folder = server.folder().join("logs");
    fs_err::create_dir_all(&folder).unwrap();
    let text: String = lines
        .iter()
        .map(|(at, level, target, message)| {
            json!({"timestamp": at, "level": level, "target": target, "message": message, "code": "주문 17"}).to_string() + "\n"
        })
        .collect();
    fs_err::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn the_log_is_read_backwards_by_filters_and_by_administrators() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    assert_eq!(admin.get(LOGS).await.1, json!({"items": [], "next": null, "searched_to": null}), "there is no log yet");
    let old = ("2026-11-19T10:00:00Z", "WARN", "eggmoney::brokers::kis", "slow \"answer\"");
    let broken = ("2026-11-20T10:00:01Z", "ERROR", "eggmoney::storage", "cannot write");
    let visit = ("2026-11-20T10:00:02Z", "INFO", "eggmoney::access", "");
    write_log(&server, "eggmoney.2026-11-19.log", &[old]);
    write_log(&server, "eggmoney.2026-11-20.1.log", &[broken, visit]);
    let times = |page: &Value| page["items"].as_array().unwrap().iter().map(|l| l["at"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let of = async |query: &str| times(&admin.get(&format!("{LOGS}?{query}")).await.1);
    assert_eq!(of("").await, [visit.0, broken.0, old.0]);
    assert_eq!(of("level=warn").await, [broken.0, old.0]);
    assert_eq!(of("level=error&target=eggmoney::storage").await, [broken.0]);
    assert_eq!(of("target=eggmoney::brokers").await, [old.0]);
    assert_eq!(of("text=CANNOT").await, [broken.0]);
    assert_eq!(of("text=%EC%A3%BC%EB%AC%B8").await.len(), 3, "in a field");
    assert_eq!(of("from=2026-11-20T10:00:01Z&until=2026-11-20T10:00:02Z").await, [broken.0]);

    let (_, page) = admin.get(&format!("{LOGS}?limit=2")).await;
    let next = page["next"].as_str().unwrap();
    let (_, rest) = admin.get(&format!("{LOGS}?limit=2&before={next}")).await;
    assert_eq!((times(&rest), &rest["next"]), (vec![old.0.to_owned()], &Value::Null));

    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("level=loud", "/level"),
        ("from=yesterday", "/from"),
        ("before=../../etc/passwd:0", "/before"),
        ("before=2026-11-20.1", "/before"),
        ("from=2026-11-20T10:00:02Z&until=2026-11-20T10:00:02Z", "/until"),
        ("order=newest", "/order"),
    ] {
        let (status, problem) = admin.get(&format!("{LOGS}?{query}")).await;
        assert_eq!((status, &problem["pointer"]), (422, &json!(pointer)), "{query}: {problem}");
    }
    assert_eq!(server.user("anna").await.get(LOGS).await.0, 403);
}

async fn figures(server: &TestServer, token: &str) -> (u16, String) {
    let response = server.client.get(server.url("/metrics")).bearer_auth(token).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Names of the series: `eggmoney_http_request_seconds_bucket`.
fn series(figures: &str) -> BTreeSet<&str> {
    figures.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect()
}

#[tokio::test]
async fn figures_are_for_who_has_their_token_and_for_nobody_else() {
    let server = TestServer::start().await;
    let admin = server.admin_made().await;
    assert_eq!(admin.get(TOKEN).await.1, json!({"enabled": false, "made_at": null}));
    for token in ["", "eggm_", &admin.token.clone().unwrap()] {
        assert_eq!(figures(&server, token).await.0, 401, "off by default");
    }
    assert_eq!(admin.post(TOKEN, &Value::Null).await.1["code"], "step_up_required");
    admin.prove().await;
    let (status, made) = admin.post(TOKEN, &Value::Null).await;
    assert_eq!(status, 201, "{made}");
    let first = made["token"].as_str().unwrap().to_owned();
    let (status, text) = figures(&server, &first).await;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n") && text.contains("eggmoney_ready 1.0\n"), "{text}");
    // The token opens nothing else, and nothing else opens the figures.
    assert_eq!(answer(server.client.get(server.url("/api/v1/admin/system")).bearer_auth(&first)).await.0, 401);
    for token in ["", &first[..first.len() - 1], &admin.token.clone().unwrap()] {
        assert_eq!(figures(&server, token).await.0, 401);
    }
    assert!(!server.anybody().get("/metrics").await.1.to_string().contains(&first));

    let second = admin.post(TOKEN, &Value::Null).await.1["token"].as_str().unwrap().to_owned();
    assert_eq!((figures(&server, &first).await.0, figures(&server, &second).await.0), (401, 200));
    assert_eq!(admin.get(TOKEN).await.1["enabled"], true);
    assert_eq!(admin.delete(TOKEN).await.0, 204);
    assert_eq!((figures(&server, &second).await.0, admin.get(TOKEN).await.1["enabled"].clone()), (401, json!(false)));
    let acts: Vec<Value> =
        admin.get("/api/v1/admin/audit").await.1["items"].as_array().unwrap().iter().map(|i| i["action"].clone()).collect();
    assert_eq!(acts[..3], [json!("metrics.token_dropped"), json!("metrics.token_made"), json!("metrics.token_made")]);
    // The store keeps no token.
    for token in [&first, &second] {
        let bytes = fs_err::read(server.folder().join("eggmoney.redb")).unwrap();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()));
    }
}

#[tokio::test]
async fn figures_tell_of_the_work_and_of_nobody() {
    let night = Night::start("2026-05-14T12:00:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    night.run_until("2026-05-14T14:00:00Z", 60).await;
    let server = &night.server;
    let admin = server.admin_made().await.proved().await;
    let token = admin.post(TOKEN, &Value::Null).await.1["token"].as_str().unwrap().to_owned();
    for path in ["/api/v1/trading/accounts", "/api/v1/made/up", "/no/such/page", "/api/v1/trading/orders/nonsense"] {
        admin.get(path).await;
    }
    let (_, text) = figures(server, &token).await;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name} is not in {text}"))
    };
    assert!(value("eggmoney_broker_calls_total{host=\"kis_mock\",result=\"answered\"}") > 0.0);
    assert!(value("eggmoney_session_slots{state=\"done\"}") > 0.0);
    assert_eq!(value("eggmoney_session_slots{state=\"missed\"}"), 0.0);
    assert!(value("eggmoney_store_commit_seconds_count") > 0.0 && value("eggmoney_store_writes_total") > 0.0);
    assert!(value("eggmoney_memory_bytes") > 1e6 && value("eggmoney_disk_free_bytes") > 0.0 && value("eggmoney_open_files") > 3.0);
    assert!(value("eggmoney_backup_age_seconds").is_nan());
    assert!(text.contains("route=\"/api/v1/trading/orders/{id}\"") && text.contains("route=\"unknown\""));
    let made_up = ["made/up", "no/such", "nonsense", "chan", "root", owned.account.to_string().as_str(), "TQQQ"].map(str::to_owned);
    for word in made_up {
        assert!(!text.contains(&word), "{word} is in {text}");
    }
    // Bounded: what callers ask for makes no series.
    let before = text.lines().count();
    for n in 0..50 {
        admin.get(&format!("/api/v1/trading/orders/{n}")).await;
        server.client.get(server.url(&format!("/page/{n}"))).send().await.unwrap();
    }
    assert!(figures(server, &token).await.1.lines().count() <= before + 30);
}

#[tokio::test]
async fn the_dashboard_asks_only_for_figures_that_exist() {
    let server = TestServer::start().await;
    let admin = server.admin_made().await.proved().await;
    let token = admin.post(TOKEN, &Value::Null).await.1["token"].as_str().unwrap().to_owned();
    admin.get("/api/v1/admin/system").await;
    let (_, text) = figures(&server, &token).await;
    let known = series(&text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/public/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap();
    let (mut asked, mut panels) = (BTreeSet::new(), 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            panels += 1;
            let query = target["expr"].as_str().unwrap();
            let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("eggmoney_"));
            let words: Vec<&str> = words.collect();
            assert!(!words.is_empty(), "{query} asks for nothing of ours");
            asked.extend(words);
        }
    }
    assert!(panels >= 20, "{panels}");
    let missing: Vec<_> = asked.iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {known:?}");
    // And nothing is counted that nobody looks at.
    let names = known.iter().map(|name| name.trim_end_matches("_bucket").trim_end_matches("_count").trim_end_matches("_sum"));
    let unseen: BTreeSet<&str> = names.filter(|name| !name.is_empty() && !asked.iter().any(|query| query.starts_with(name))).collect();
    assert!(unseen.is_empty(), "not on the dashboard: {unseen:?}");
}

#[tokio::test]
async fn the_state_of_the_installation_names_nobody() {
    let night = Night::start("2026-05-14T12:00:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    night.run_until("2026-05-14T13:00:00Z", 60).await;
    let report = night.server.admin_made().await.get("/api/v1/admin/system").await.1;
    let slots = &report["slots"];
    assert_eq!(slots["session"], "2026-05-14");
    assert!(slots["done"].as_u64().unwrap() > 0 && slots["waiting"].as_u64().unwrap() > 0, "{slots}");
    let next = slots["next"].as_array().unwrap();
    assert!(next.windows(2).all(|w| w[0]["at"].as_str() <= w[1]["at"].as_str()) && next[0]["accounts"] == 1, "{slots}");
    let mock = report["hosts"].as_array().unwrap().iter().find(|h| h["name"] == "kis_mock").unwrap();
    assert!(mock["answered"].as_u64().unwrap() > 0 && mock["last_success"].is_string() && mock["failing_since"].is_null(), "{mock}");
    assert_eq!((&report["backup"]["last_backup_at"], &report["started_at"]), (&Value::Null, &json!("2026-11-20T01:00:00Z")));
    let text = report.to_string();
    for word in ["TQQQ", "chan", owned.account.to_string().as_str()] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

/// Everything that runs by itself, as often as it does in this time, without anybody at the pages.
async fn idle(server: &TestServer, minutes: u32) {
    for _ in 0..minutes {
        for _ in 0..4 {
            server.advance(std::time::Duration::from_secs(15));
            server.app.trading.tick().await;
            server.app.pulse.beat();
            server.app.feeds.refresh().unwrap();
            eggmoney::notify::outbox::deliver_waiting(&server.app.store, &*server.app, eggmoney::notify::word).await.unwrap();
        }
        server.app.look_after().await.unwrap();
        server.app.trading.forget_old_requests().await;
    }
}

#[tokio::test]
async fn an_idle_server_commits_nothing() {
    let server = TestServer::start().await;
    server.admin().await;
    server.user("anna").await;
    idle(&server, 5).await;
    let before = server.app.store.commits().count();
    idle(&server, 180).await;
    assert_eq!(server.app.store.commits().count(), before, "the disk of a server that does nothing may sleep");
}

#[tokio::test]
async fn a_closed_market_costs_a_few_commits_an_hour() {
    // Saturday noon in Korea.
    let night = Night::start("2026-05-16T03:00:00Z").await;
    night.bring("chan", "chan", 30_000).await;
    let server = &night.server;
    let hours = async |n: u32| {
        for _ in 0..(n * 240) {
            server.market.advance(std::time::Duration::from_secs(15));
            server.app.trading.tick().await;
        }
    };
    hours(1).await;
    let before = server.app.store.commits().count();
    hours(3).await;
    let commits = server.app.store.commits().count() - before;
    assert!(commits <= 12, "{commits} commits in three hours");
}

#[tokio::test]
async fn administrators_hear_once_of_a_silent_peer_and_that_it_is_back() {
    use std::time::Duration;
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    let admin = server.admin_made().await;
    server.user("anna").await;
    const PEER: &str = "/api/v1/admin/outposts/peer";
    assert_eq!(admin.put(PEER, &json!({"address": other.base, "minutes": 10})).await.1["code"], "step_up_required");
    admin.prove().await;
    for (body, pointer) in [
        (json!({"minutes": 10}), "/address"),
        (json!({"address": "ftp://nas", "minutes": 10}), "/address"),
        (json!({"address": "http://169.254.169.254", "minutes": 10}), "/address"),
        (json!({"address": other.base, "minutes": 0}), "/minutes"),
    ] {
        let (status, problem) = admin.put(PEER, &body).await;
        assert_eq!((status, &problem["pointer"]), (422, &json!(pointer)), "{problem}");
    }
    assert_eq!(admin.put("/api/v1/admin/outposts/nothing", &json!({"minutes": 1})).await.0, 404);
    let (status, set) = admin.put(PEER, &json!({"address": other.base, "minutes": 10})).await;
    assert_eq!((status, &set["peer"]["minutes"], &set["ping"]), (200, &json!(10), &Value::Null), "{set}");
    let look = async |minutes: u64| {
        server.wall.advance(Duration::from_secs(60 * minutes));
        server.app.pulse.beat();
        server.app.look_after().await.unwrap();
    };
    look(1).await;
    assert!(admin.get("/api/v1/admin/outposts").await.1["peer"]["contact"]["last_success"].is_string());
    let told = async || -> Vec<String> {
        let alerts = server.login(ADMIN).await.get("/api/v1/alerts?steps=false").await.1;
        alerts["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["code"].as_str().unwrap().to_owned() + " " + &a["data"]["alert"]["kind"].to_string())
            .collect()
    };
    let peer_only = |all: Vec<String>| all.into_iter().filter(|t| t.contains("peer_silent")).collect::<Vec<_>>();
    drop(other);
    for _ in 0..9 {
        look(5).await;
    }
    assert_eq!(peer_only(told().await), ["WATCH_RAISED \"peer_silent\""]);
    let state = server.login(ADMIN).await.get("/api/v1/admin/system").await.1;
    assert!(state["alerts"].as_array().unwrap().iter().any(|e| e["alert"]["kind"] == "peer_silent"), "{state}");
    // A restart tells nothing twice; another address that answers ends it.
    let third = TestServer::start().await;
    let admin = server.login(ADMIN).await.proved().await;
    assert_eq!(admin.put(PEER, &json!({"address": third.base, "minutes": 10})).await.0, 200);
    for _ in 0..5 {
        look(5).await;
    }
    assert_eq!(peer_only(told().await), ["WATCH_ENDED \"peer_silent\"", "WATCH_RAISED \"peer_silent\""]);
    let anna = server.login("anna").await;
    assert_eq!(anna.get("/api/v1/alerts").await.1["items"], json!([]), "nobody else is told");
    assert_eq!(server.login(ADMIN).await.proved().await.delete(PEER).await.0, 204);
}

#[tokio::test]
async fn the_first_message_after_a_start_says_how_long_nothing_ran() {
    use std::time::Duration;
    let server = TestServer::start().await;
    server.admin_made().await;
    let codes = async |server: &TestServer| -> Vec<Value> {
        let alerts = server.login(ADMIN).await.get("/api/v1/alerts?steps=false").await.1;
        alerts["items"].as_array().unwrap().iter().filter(|a| a["code"] == "SERVER_STARTED").map(|a| a["data"].clone()).collect()
    };
    server.app.note_start().await.unwrap();
    server.wall.advance(Duration::from_secs(60));
    server.app.look_after().await.unwrap();
    assert_eq!(codes(&server).await.len(), 0, "the very first start");
    server.app.note_stop().await.unwrap();
    let server = server.restart().await;
    server.wall.advance(Duration::from_secs(3_600));
    server.app.note_start().await.unwrap();
    for _ in 0..3 {
        server.wall.advance(Duration::from_secs(60));
        server.app.look_after().await.unwrap();
    }
    let told = codes(&server).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["clean"], &told[0]["lost"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn owners_hear_ahead_of_what_ends() {
    use std::time::Duration;
    let night = Night::start("2026-05-16T03:00:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let server = &night.server;
    let chan = server.login("chan").await;
    let of = async || server.login("chan").await.get("/api/v1/users/expiries").await.1["items"].as_array().unwrap().clone();
    let find = |items: &[Value], what: &str| items.iter().find(|i| i["what"] == what).unwrap().clone();
    assert_eq!(find(&of().await, "broker_key")["on"], Value::Null, "imported: nobody knows");
    let path = format!("/api/v1/trading/accounts/{}/ends", owned.account);
    assert_eq!(chan.put(&path, &json!({"key_until": "2026-06-01", "mock_until": null})).await.0, 204);
    assert_eq!(chan.put(&path, &json!({"key_until": "soon"})).await.1["pointer"], "/key_until");
    let key = find(&of().await, "broker_key");
    assert_eq!((&key["on"], &key["days"], &key["estimated"]), (&json!("2026-06-01"), &json!(16), &json!(false)));
    let mut told = Vec::new();
    for _ in 0..20 {
        server.app.look_after().await.unwrap();
        // A session does not last for days.
        let alerts = server.login("chan").await.get("/api/v1/alerts?limit=500").await.1;
        let ends = alerts["items"].as_array().unwrap().iter().filter(|a| a["data"]["alert"]["kind"] == "expires").count();
        told.push(ends);
        server.wall.advance(Duration::from_secs(86_400));
        server.market.advance(Duration::from_secs(86_400));
    }
    assert_eq!((told[0], told[9], told[15], told[19]), (1, 2, 3, 4), "{told:?}");
    assert_eq!(server.user("ben").await.put(&path, &json!({})).await.0, 404);
}
