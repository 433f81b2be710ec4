//! A broker's answers over REST: whatever comes is a value that can be one, or an error.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use eggmoney::brokers::http::{HttpClient, HttpSettings};
use eggmoney::brokers::kis::{KisClient, KisConfig, MemoryTokenStore, TokenKeeper};
use eggmoney::brokers::limit::RateLimiter;
use eggmoney::brokers::{Broker, BrokerError, BrokerOrder, BrokerPosition, MarketReader};
use eggmoney::domain::clock::SteppedClock;
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::order::BrokerHost;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::engine::Hunt;
use super::spoil;

const TOKEN: &str =
    r#"{"access_token":"token","token_type":"Bearer","expires_in":86400,"access_token_token_expired":"2026-07-21 23:00:00"}"#;

/// What is answered to everything but the request for a token.
#[derive(Clone, Default)]
struct Said {
    status: u16,
    tr_cont: String,
    body: Vec<u8>,
    /// Answers before the last page, so that nobody pages forever.
    asked: usize,
}

type Shared = web::Data<Arc<Mutex<Said>>>;

async fn speak(said: Shared, req: HttpRequest) -> HttpResponse {
    if req.path() == "/oauth2/tokenP" {
        return HttpResponse::Ok().content_type("application/json").body(TOKEN);
    }
    let mut said = said.lock().unwrap();
    said.asked += 1;
    let status = actix_web::http::StatusCode::from_u16(said.status).unwrap();
    HttpResponse::build(status).insert_header(("tr_cont", said.tr_cont.clone())).content_type("application/json").body(said.body.clone())
}

fn orders_can_be(orders: Result<Vec<BrokerOrder>, BrokerError>) -> bool {
    orders.is_ok_and(|orders| {
        for order in &orders {
            assert!(!order.broker_order_no.is_empty() && !order.symbol.is_empty(), "{order:?}");
            assert!(order.filled_amount >= Decimal::ZERO && order.price >= Decimal::ZERO, "{order:?}");
        }
        true
    })
}

fn positions_can_be(positions: Result<Vec<BrokerPosition>, BrokerError>) -> bool {
    positions.is_ok_and(|positions| {
        for position in &positions {
            assert!(!position.symbol.is_empty(), "{position:?}");
        }
        true
    })
}

/// Asks what the sample is an answer to; whether it was believed.
async fn ask(client: &KisClient, name: &str) -> bool {
    let day = date(2026, 7, 20);
    let (krx, us) = ((Exchange::Krx, "005930"), (Exchange::Nasdaq, "TQQQ"));
    let of = if name.contains("krx") { krx } else { us };
    let market = if name.contains("krx") { Market::Krx } else { Market::Us };
    match name.trim_start_matches("http_").trim_start_matches("krx_").trim_start_matches("us_") {
        "balance" | "balance_empty" => positions_can_be(client.positions(market).await),
        "open_orders" => orders_can_be(client.open_orders(market).await),
        n if n.starts_with("executions") || n.starts_with("orders") => orders_can_be(client.orders(market, day, day, None).await),
        n if n.starts_with("buying_power") => client.buying_power(of.0, of.1, Some(Decimal::TEN)).await.is_ok(),
        n if n.starts_with("present_balance") => client.present_balance().await.is_ok(),
        "realised" => client.realised_profit(market).await.is_ok(),
        "sellable" => client.sellable(of.0, of.1).await.is_ok(),
        "book" => client.order_book(of.0, of.1).await.is_ok(),
        "days" => client.krx_days(day).await.is_ok(),
        "currency_chart" => client.usd_krw_closes(day.yesterday().unwrap(), day).await.is_ok(),
        n if n.starts_with("minutes") => client.minute_bars(of.0, of.1, 30).await.is_ok(),
        n if n.starts_with("bars") || n.starts_with("dailyprice") => client.daily_bars(of.0, of.1, Some(day), 30).await.is_ok(),
        _ => client.quote(of.0, of.1).await.is_ok_and(|quote| {
            assert!(quote.last > Decimal::ZERO, "{quote:?}");
            true
        }),
    }
}

#[tokio::test]
async fn broker_answers() {
    let said: Arc<Mutex<Said>> = Arc::default();
    let shared = web::Data::new(said.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(speak)));
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    let samples: Vec<(String, Value)> = fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/kis"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().contains("token"))
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap())
        })
        .collect();
    let clock = Arc::new(SteppedClock::new("2026-07-20T14:00:00Z".parse().unwrap()));
    let http = HttpClient::new(HttpSettings { connect_timeout: Duration::from_secs(30), timeout: Duration::from_secs(30) }).unwrap();
    let client = || {
        let config = KisConfig {
            host: BrokerHost::Live,
            base_url: base_url.clone(),
            app_key: "PSkeyKEYkeyKEYkeyKEYkeyKEYkeyKEYkey1".into(),
            app_secret: "secretSECRETsecret+/SECRETsecret==".into(),
            cano: "50012345".into(),
            product: "01".to_owned(),
        };
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), 1_000_000.0));
        KisClient::new(config, http.clone(), clock.clone(), tokens, limiter).unwrap()
    };
    let mut hunt = Hunt::new("broker's answers", 300);
    while let Some(mut chance) = hunt.next() {
        let (name, sample) = chance.pick(&samples);
        let body = match chance.below(12) {
            0 => sample["body"].to_string().into_bytes(),
            1 => spoil::bytes(&mut chance, sample["body"].to_string().as_bytes(), &[]),
            _ => spoil::document(&mut chance, &sample["body"]),
        };
        let right = u16::try_from(sample["status"].as_u64().unwrap()).unwrap();
        let status = if chance.once_in(20) { *chance.pick(&[200, 204, 302, 403, 429, 500, 502]) } else { right };
        let tr_cont =
            if chance.once_in(6) { *chance.pick(&["", "D", "E", "F", "M", "N", "?"]) } else { sample["tr_cont"].as_str().unwrap() };
        hunt.tries([format!("{name} {status} {tr_cont} ").as_bytes(), &body].concat());
        *said.lock().unwrap() = Said { status, tr_cont: tr_cont.to_owned(), body, asked: 0 };
        // A new client each time: the answers of the broker to one question hold back the next.
        if ask(&client(), name).await {
            hunt.taken();
        }
        let asked = said.lock().unwrap().asked;
        assert!(asked <= 120, "{asked} questions for one answer");
    }
}
