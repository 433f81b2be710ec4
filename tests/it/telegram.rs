//! Messages reach the owner's chat, in their order, and never stand in the way of trading.

use eggmoney::notify::outbox::deliver_waiting;
use eggmoney::notify::word;
use eggmoney::simulators::Scenario;
use serde_json::json;

use crate::support::chat::{BotApi, Mood};
use crate::support::old::Night;

const TOKEN: &str = "123456789:AAH-secret_Token";

#[tokio::test]
async fn a_night_is_told_to_the_chat_in_order_and_an_outage_only_delays_it() {
    let chat = BotApi::start().await;
    let url = chat.url.clone();
    let night = Night::start_configured("2026-05-15T03:00:00Z", Scenario::default(), move |c| c.telegram_url = url).await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let caller = night.server.login("chan").await;
    let path = format!("/api/v1/trading/accounts/{}/telegram", owned.account);
    let (status, answer) = caller.put(&path, &json!({"bot_token": TOKEN, "chat_id": "-100200"})).await;
    assert_eq!((status, &answer["telegram"]["chat_id"]), (200, &json!("-100200")), "{answer}");
    assert!(!answer.to_string().contains("AAH-secret"), "the token is never shown");
    let (status, tested) = caller.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!((status, &tested["ok"]), (200, &json!(true)));
    let greeted = chat.arrived().len();

    // The chat is out of reach while the night begins: trading goes on, messages wait.
    chat.set(Mood::Down);
    let app = &night.server.app;
    night.run_until("2026-05-15T15:20:00Z", 60).await;
    let waiting = deliver_waiting(&app.store, &**app, word).await.unwrap();
    assert_eq!((waiting.sent, waiting.failed), (0, 1));
    assert!(chat.asked() > greeted);
    assert_eq!(chat.arrived().len(), greeted, "nothing arrived");

    chat.set(Mood::Works);
    let delivered = deliver_waiting(&app.store, &**app, word).await.unwrap();
    assert!(delivered.sent > 3 && delivered.failed == 0, "{delivered:?}");
    let arrived: Vec<String> = chat.arrived().into_iter().skip(greeted).map(|m| m.text).collect();
    let (_, alerts) = caller.get("/api/v1/alerts?limit=500").await;
    let told: Vec<String> =
        alerts["items"].as_array().unwrap().iter().rev().map(|a| a["text"]["ko"].as_str().unwrap().trim_end().to_owned()).collect();
    assert_eq!(arrived.iter().map(|t| t.trim_end().to_owned()).collect::<Vec<_>>(), told, "every message once, in its order");
    assert!(chat.arrived().iter().all(|m| m.token == TOKEN && m.chat == "-100200"));

    // What the owner has taken away gets nothing more.
    let (status, _) = caller.delete(&path).await;
    assert_eq!(status, 200);
    night.run_until("2026-05-15T20:45:00Z", 120).await;
    let after = deliver_waiting(&app.store, &**app, word).await.unwrap();
    assert_eq!(after.sent, 0);
    assert_eq!(chat.arrived().len(), greeted + arrived.len());
}
