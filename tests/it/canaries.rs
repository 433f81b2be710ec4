//! Secrets that are planted through the real doors and looked for wherever anything comes out: answers,
//! errors, logs, the data folder, copies of the database, exports.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};

use eggmoney::app::{App, Config};
use eggmoney::domain::clock::Clock;
use eggmoney::domain::order::BrokerHost;
use eggmoney::http::routes;
use eggmoney::simulators::{Scenario, SimAccount};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::support::chat::BotApi;
use super::support::old::Night;
use super::support::{Caller, PASSWORD, TestServer, answer};
use super::telegram::{files, holds};

const APP_KEY: &str = "PSCANARYkeyKEYkeyKEYkeyKEYkey0123456";
const APP_SECRET: &str = "canary-secret-SECRET-secret-SECRET-0123456789+/=";
const CANO: &str = "57319864";
const HTS_ID: &str = "canaryhtsid";
const BOT_TOKEN: &str = "987654321:AAcanary-telegram_Token0123456789abc";
const PING: &str = "canary-of-the-dead-mans-switch";
const NEW_PASSWORD: &str = "canary password of seven words or so";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What an archive unpacks to.
fn unpacked(archive: &[u8]) -> Vec<u8> {
    let (mut all, mut at) = (Vec::new(), 0);
    while archive[at..].starts_with(b"PK\x03\x04") {
        let from = at + 30 + usize::from(u16::from_le_bytes([archive[at + 26], archive[at + 27]]));
        let mut decoder = flate2::read::DeflateDecoder::new(&archive[from..]);
        decoder.read_to_end(&mut all).unwrap();
        at = from + usize::try_from(decoder.total_in()).unwrap() + 16;
    }
    all
}

async fn read_everything(server: &TestServer, caller: &Caller<'_>, account: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for route in routes::all().iter().filter(|r| r.method == "GET" && r.path != "/ws/events") {
        let path = route.path.replace("{id}", account);
        let response = caller.request("GET", &path).send().await.unwrap();
        let headers = format!("{:?}", response.headers());
        answers.push(headers);
        let bytes = response.bytes().await.unwrap();
        let content = if bytes.starts_with(b"PK") { unpacked(&bytes) } else { bytes.to_vec() };
        answers.push(String::from_utf8_lossy(&content).into_owned());
    }
    for path in ["/metrics", "/api/openapi.json"] {
        answers.push(answer(server.client.get(server.url(path))).await.1.to_string());
    }
    answers
}

#[tokio::test]
async fn planted_secrets_come_out_nowhere() {
    let log = Log::default();
    let logging = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // With a single listener, a line that another test's thread comes to first would be switched off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(logging);

    let chat = BotApi::start().await;
    let url = chat.url.clone();
    let night = Night::start_configured("2026-05-15T14:58:00Z", Scenario::default(), move |c| c.telegram_url = url).await;
    night.broker.add_account(SimAccount {
        environment: BrokerHost::Mock,
        app_key: APP_KEY.to_owned(),
        app_secret: APP_SECRET.to_owned(),
        cano: CANO.to_owned(),
        product: "01".to_owned(),
        cash_usd: Decimal::ONE_THOUSAND,
        cash_krw: Decimal::ZERO,
        positions: Vec::new(),
    });
    let server = &night.server;
    let anna = server.user("anna").await.proved().await;

    // Planted: password, second factor, broker key, broker token, login name, chat.
    let body = json!({"current": PASSWORD, "new": NEW_PASSWORD});
    assert_eq!(anna.post("/api/v1/users/password", &body).await.0, 204);
    let (status, enrolment) = anna.post("/api/v1/users/second-factor", &Value::Null).await;
    assert_eq!(status, 201, "{enrolment}");
    let seed = enrolment["seed"].as_str().unwrap().replace(' ', "");
    let app = totp_rs::Totp::from_url(enrolment["url"].as_str().unwrap()).unwrap();
    let code = app.generate(u64::try_from(server.wall.now().as_second()).unwrap()).to_string();
    let (_, codes) = anna.post("/api/v1/users/second-factor/confirm", &json!({ "code": code })).await;
    let recovery = codes["recovery_codes"][0].as_str().unwrap().to_owned();
    let new = json!({"name": "KIS", "environment": "mock", "app_key": APP_KEY, "app_secret": APP_SECRET,
        "account_no": format!("{CANO}-01"), "hts_id": HTS_ID});
    let mut shown = Vec::new();
    let (status, account) = anna.post("/api/v1/trading/accounts", &new).await;
    assert_eq!(status, 201, "{account}");
    assert!(account.to_string().contains("57******-01"), "{account}");
    shown.push(account.to_string());
    let id = account["id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/trading/accounts/{id}");
    shown.push(anna.put(&format!("{at}/telegram"), &json!({"bot_token": BOT_TOKEN, "chat_id": "-100200"})).await.1.to_string());
    shown.push(anna.post(&format!("{at}/telegram/test"), &Value::Null).await.1.to_string());
    let (_, tested) = anna.post(&format!("{at}/broker-key/test"), &Value::Null).await;
    assert_eq!(tested["ok"], true, "{tested}");
    shown.push(tested.to_string());
    assert_eq!(anna.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await.0, 200);
    let order = json!({"account": id, "symbol": "TQQQ", "side": "buy", "quantity": 1, "price": 10, "order_type": "limit"});
    shown.push(anna.post("/api/v1/trading/orders", &order).await.1.to_string());
    night.run_until("2026-05-15T16:00:00Z", 60).await;

    // New keys while it trades: what was sealed before still works, for the broker and for the sign-in.
    let user = server.app.auth.find_user("anna").unwrap().unwrap().id;
    server.app.auth.rotate_master_key(server.folder(), None).await.unwrap();
    server.app.auth.rotate_data_key(None, user).await.unwrap();
    assert_eq!(anna.post(&format!("{at}/broker-key/test"), &Value::Null).await.1["ok"], true);
    night.run_until("2026-05-15T16:10:00Z", 60).await;
    let later = app.generate(u64::try_from(server.wall.now().as_second()).unwrap() + 30).to_string();
    let sign_in = json!({"username": "anna", "password": NEW_PASSWORD, "code": later});
    assert_eq!(server.anybody().post("/api/v1/auth/login", &sign_in).await.0, 200);

    // A backup of all of it, in the folder that is looked through below.
    const FAMILY: &str = "canary family passphrase of some length";
    server.app.set_backup_passphrase(None, Some(FAMILY.to_owned().into())).await.unwrap();
    let recovery_key = server.app.show_recovery_key(None).await.unwrap().words().join(" ");
    server.app.back_up(None).await.unwrap();

    // Errors about them.
    let again = json!({"environment": "mock", "app_key": APP_KEY, "app_secret": APP_SECRET, "account_no": CANO});
    shown.push(anna.put(&format!("{at}/broker-key"), &again).await.1.to_string());
    shown.push(anna.post("/api/v1/trading/broker-keys/test", &json!({"environment": APP_SECRET, "app_key": APP_KEY})).await.1.to_string());
    shown.push(anna.post("/api/v1/auth/step-up", &json!({"password": NEW_PASSWORD, "code": recovery})).await.1.to_string());
    shown.push(
        anna.post("/api/v1/auth/login", &json!({"username": NEW_PASSWORD, "password": APP_SECRET, "surprise": 1})).await.1.to_string(),
    );

    let tokens = [anna.token.clone().unwrap(), anna.refresh_token.clone()];
    let secrets: Vec<&str> =
        [APP_KEY, APP_SECRET, CANO, HTS_ID, BOT_TOKEN, NEW_PASSWORD, PASSWORD, FAMILY, PING, &seed, &recovery, &recovery_key]
            .into_iter()
            .chain(tokens.iter().map(String::as_str))
            .collect();
    shown.extend(read_everything(server, &anna, &id).await);
    // The figures, and an address that is as good as a password where it leads.
    let ping = (Some(format!("https://ping.example/{PING}").into()), 5);
    server.app.auth.set_outpost(user, eggmoney::auth::OutpostKind::Ping, Some(ping)).await.unwrap();
    shown.push(server.app.figures().unwrap());
    let admin = server.admin_made().await;
    for path in ["/api/v1/admin/outposts", "/api/v1/admin/system", "/api/v1/admin/audit", "/api/v1/admin/logs"] {
        let (status, answer) = admin.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        shown.push(answer.to_string());
    }
    assert!(shown.len() > 60, "only {} answers were read", shown.len());
    for secret in &secrets {
        for answer in &shown {
            assert!(!answer.contains(secret), "{secret} stands in {}", answer.chars().take(400).collect::<String>());
        }
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.len() > 10_000, "the log was listened to");
    for secret in &secrets {
        assert!(!holds(&logged, secret), "{secret} stands in the log");
    }

    // The folder with its database and a copy of it. What unlocks the vault is where it belongs, and nowhere else.
    server.app.store.snapshot_to(&server.folder().join("copy.redb")).unwrap();
    let folder = night.server.close().await;
    let keys: Vec<Vec<u8>> = files(&folder.path().join("keys")).iter().map(|f| fs_err::read(f).unwrap()).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| key.len() == 32));
    let mut searched = BTreeSet::new();
    for path in files(folder.path()).into_iter().filter(|p| !p.ends_with("master.key") && p.extension().is_none_or(|e| e != "key")) {
        let bytes = fs_err::read(&path).unwrap();
        for secret in &secrets {
            assert!(!holds(&bytes, secret), "{secret} stands in {}", path.display());
        }
        for key in &keys {
            assert!(!bytes.windows(32).any(|w| w == key.as_slice()), "a user's key stands in {}", path.display());
        }
        searched.insert(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    assert!(searched.contains("eggmoney.redb") && searched.contains("copy.redb"), "{searched:?}");
    let backups = searched.iter().filter(|name| name.ends_with(".eggbackup")).count();
    assert_eq!(backups, 2, "a backup and the users' keys beside it: {searched:?}");

    // A database without its master key, or with another one, opens nothing.
    let thief = tempfile::tempdir().unwrap();
    fs_err::copy(folder.path().join("copy.redb"), thief.path().join("eggmoney.redb")).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(eggmoney::app::clock::SystemClock);
    let without = App::open(Config::new(thief.path()), clock.clone(), clock.clone()).await.unwrap_err().to_string();
    assert!(without.contains("master.key is missing"), "{without}");
    eggmoney::auth::MasterKey::load_or_create(thief.path(), false, None).unwrap();
    let foreign = App::open(Config::new(thief.path()), clock.clone(), clock).await.unwrap_err().to_string();
    assert!(foreign.contains("does not belong"), "{foreign}");
}
