//! A user's chat, from the settings to the arrival of a night's messages; and where secrets must not be.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use eggmoney::http::routes;
use eggmoney::notify::outbox::{Delivered, deliver_waiting};
use eggmoney::notify::word;
use eggmoney::simulators::Scenario;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::chat::{BotApi, Mood};
use crate::support::old::{Night, Owned};
use crate::support::{Caller, PASSWORD};

const TOKEN: &str = "123456789:AAH-very_Secret_Token";
const CHAT: &str = "-100200";

async fn night(chat: &BotApi) -> Night {
    let url = chat.url.clone();
    Night::start_configured("2026-05-15T14:58:00Z", Scenario::default(), move |c| c.telegram_url = url).await
}

async fn ok(answer: (u16, Value)) -> Value {
    assert_eq!(answer.0, 200, "{}", answer.1);
    answer.1
}

/// Sets the chat and lets the account trade.
async fn set_up(caller: &Caller<'_>, owned: &Owned) -> String {
    let at = format!("/api/v1/trading/accounts/{}", owned.account);
    let account = ok(caller.put(&format!("{at}/telegram"), &json!({"bot_token": TOKEN, "chat_id": CHAT})).await).await;
    assert_eq!(account["telegram"], json!({"present": true, "chat_id": CHAT}));
    ok(caller.post(&format!("{at}/start"), &json!({"old_server_stopped": true})).await).await;
    at
}

async fn deliver(night: &Night) -> Delivered {
    deliver_waiting(&night.server.app.store, &*night.server.app, word).await.unwrap()
}

/// Ids of the messages that the app shows, oldest first.
async fn in_app(caller: &Caller<'_>) -> Vec<Value> {
    let mut items = ok(caller.get("/api/v1/alerts?limit=500").await).await["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

#[tokio::test]
async fn messages_of_a_night_arrive_in_order_and_an_outage_only_delays_them() {
    let chat = BotApi::start().await;
    let night = night(&chat).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let at = set_up(&caller, &owned).await;
    assert_eq!(ok(caller.post(&format!("{at}/telegram/test"), &Value::Null).await).await, json!({"ok": true, "code": null, "detail": ""}));
    assert_eq!((chat.arrived()[0].token.as_str(), chat.arrived()[0].chat.as_str()), (TOKEN, CHAT));

    // Out of reach for longer than all tries of one message take: nothing is lost, trading goes on.
    chat.set(Mood::Down);
    night.run_until("2026-05-15T15:40:00Z", 60).await;
    for _ in 0..12 {
        assert_eq!(deliver(&night).await.sent, 0);
    }
    let orders = night.broker.control().order_count(&owned.app_key);
    night.run_until("2026-05-15T16:20:00Z", 60).await;
    assert!(night.broker.control().order_count(&owned.app_key) > orders, "orders go out while the chat is out of reach");
    let test = ok(caller.post(&format!("{at}/telegram/test"), &Value::Null).await).await;
    assert_eq!((test["ok"].clone(), test["code"].clone()), (json!(false), json!("telegram_unreachable")));
    assert!(test["detail"].as_str().unwrap().contains("cannot be reached"), "{test}");

    chat.set(Mood::Works);
    deliver(&night).await;
    let (told, shown) = (chat.arrived().split_off(1), in_app(&caller).await);
    let texts: Vec<&str> = told.iter().map(|m| m.text.as_str()).collect();
    let wanted: Vec<&str> = shown.iter().map(|a| a["text"]["ko"].as_str().unwrap()).collect();
    assert!(wanted.len() >= 5, "{wanted:?}");
    assert_eq!(texts, wanted, "each message once, in its order");
    assert_eq!(deliver(&night).await, Delivered::default());

    // A person who blocked the bot holds up nothing for good.
    chat.set(Mood::Blocked);
    assert_eq!(caller.post(&format!("{at}/send-status"), &Value::Null).await.0, 202);
    assert_eq!(deliver(&night).await.failed, 1);
    for _ in 0..200 {
        if deliver(&night).await.failed == 0 {
            break;
        }
    }
    assert_eq!(deliver(&night).await, Delivered::default(), "messages that nobody will take are given up");

    chat.set(Mood::Works);
    ok(caller.delete(&format!("{at}/telegram")).await).await;
    let (arrived, asked) = (chat.arrived().len(), chat.asked());
    assert_eq!(caller.post(&format!("{at}/send-status"), &Value::Null).await.0, 202);
    deliver(&night).await;
    assert_eq!((chat.arrived().len(), chat.asked()), (arrived, asked), "a removed chat gets nothing");
    assert!(in_app(&caller).await.len() > shown.len(), "the messages are in the app");
}

#[tokio::test]
async fn a_revoked_session_is_told_in_the_chat() {
    let chat = BotApi::start().await;
    let night = night(&chat).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let at = format!("/api/v1/trading/accounts/{}", owned.account);
    ok(caller.put(&format!("{at}/telegram"), &json!({"bot_token": TOKEN, "chat_id": CHAT})).await).await;
    let stolen = night.server.login("chan").await.refresh_token.clone();
    let nobody = night.server.anybody();
    for status in [200, 401] {
        assert_eq!(nobody.post("/api/v1/auth/refresh", &json!({"refresh_token": stolen})).await.0, status);
    }
    assert_eq!(deliver(&night).await.sent, 1);
    assert!(chat.arrived()[0].text.contains("127.0.0.1"), "{}", chat.arrived()[0].text);
}

/// Everything that is logged by this thread.
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

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|w| w == secret.as_bytes())
}

#[tokio::test]
async fn secrets_stand_in_no_answer_no_log_and_no_file() {
    let log = Log::default();
    // The whole test runs on one thread, the server's workers excepted.
    let logging = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // With a single listener, a line that another test's thread comes to first would be switched off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(logging);
    let chat = BotApi::start().await;
    let night = night(&chat).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let at = set_up(&caller, &owned).await;
    night.run_until("2026-05-15T16:20:00Z", 60).await;
    deliver(&night).await;
    chat.set(Mood::Down);
    assert_eq!(caller.post(&format!("{at}/send-status"), &Value::Null).await.0, 202);
    assert_eq!(deliver(&night).await.failed, 1);
    let wrong = format!("{}x", &owned.app_key[..30]);
    let app_secret = format!("{:s<180}", "chan");
    let access = caller.token.clone().unwrap();
    let refresh = caller.refresh_token.clone();
    let secrets = [owned.app_key.as_str(), &app_secret, "50010004", TOKEN, "AAH-very_Secret_Token", PASSWORD, &access, &refresh, &wrong];

    // Refusals of a key with a secret in the wrong place, and every list that there is.
    let broken = json!({"environment": "mock", "app_key": wrong, "app_secret": app_secret, "account_no": TOKEN});
    let mut answers = vec![
        caller.put(&format!("{at}/broker-key"), &broken).await.1,
        caller.put(&format!("{at}/telegram"), &json!({"bot_token": TOKEN, "chat_id": PASSWORD})).await.1,
        caller.post(&format!("{at}/telegram/test"), &Value::Null).await.1,
        caller.post(&format!("{at}/broker-key/test"), &Value::Null).await.1,
        caller.post("/api/v1/auth/login", &json!({"username": "chan", "password": [PASSWORD]})).await.1,
    ];
    let order = caller.get(&format!("/api/v1/trading/orders?account_id={}", owned.account)).await.1["items"][0]["id"].clone();
    let bot = caller.get(&format!("/api/v1/trading/bots?account_id={}", owned.account)).await.1["items"][0]["id"].clone();
    let mut read = 0;
    for route in routes::all().iter().filter(|r| r.method == "GET" && r.path != "/ws/events") {
        let id = match route.path.split('/').nth(4) {
            Some("orders") => order.as_str().unwrap().to_owned(),
            Some("bots") => bot.as_str().unwrap().to_owned(),
            _ => owned.account.to_string(),
        };
        let path = route.path.replace("{id}", &id);
        for query in ["".to_owned(), format!("?account_id={}", owned.account)] {
            let (status, answer) = caller.get(&format!("{path}{query}")).await;
            read += usize::from(status == 200);
            answers.push(answer);
        }
    }
    assert!(read >= 25, "only {read} answers");
    for answer in &answers {
        for secret in &secrets {
            assert!(!answer.to_string().contains(secret), "{secret} stands in {answer}");
        }
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(holds(&logged, "message not delivered"), "the log was listened to");
    for secret in &secrets {
        assert!(!holds(&logged, secret), "{secret} stands in the log");
    }
    let folder = night.server.close().await;
    let mut searched = 0;
    for path in files(folder.path()).into_iter().filter(|p| !p.ends_with("master.key")) {
        let bytes = fs_err::read(&path).unwrap();
        searched += bytes.len();
        for secret in &secrets {
            assert!(!holds(&bytes, secret), "{secret} stands in {}", path.display());
        }
    }
    assert!(searched > 1_000_000, "the database was searched");
}
