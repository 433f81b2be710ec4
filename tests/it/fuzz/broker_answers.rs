//! A broker's answers over REST: whatever comes is a value that can be one, or an error.

use std::collections::BTreeSet;
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
use tokio::runtime::Runtime;

use super::engine::{Chance, Target};
use super::{spoil, world};

/// A case: which question is asked (in alphabetical order), status and paging of the answer as places
/// in these two, and the body.
const STATUSES: [u16; 9] = [200, 403, 500, 204, 302, 400, 429, 502, 503];
const PAGING: [&str; 7] = ["", "D", "E", "F", "M", "N", "?"];

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

/// More than any paging and any patience of ours.
const MOST_QUESTIONS: usize = 120;

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

/// Asks; whether the answer was believed.
async fn ask(client: &KisClient, question: &str) -> bool {
    let day = date(2026, 7, 20);
    let (krx, us) = ((Exchange::Krx, "005930"), (Exchange::Nasdaq, "TQQQ"));
    let of = if question.contains("krx") { krx } else { us };
    let market = if question.contains("krx") { Market::Krx } else { Market::Us };
    match question.trim_start_matches("krx_").trim_start_matches("us_") {
        "balance" => positions_can_be(client.positions(market).await),
        "open_orders" => orders_can_be(client.open_orders(market).await),
        "executions" | "orders" => orders_can_be(client.orders(market, day, day, None).await),
        "buying_power" => client.buying_power(of.0, of.1, Some(Decimal::TEN)).await.is_ok(),
        "present_balance" => client.present_balance().await.is_ok(),
        "realised" => client.realised_profit(market).await.is_ok(),
        "sellable" => client.sellable(of.0, of.1).await.is_ok(),
        "book" => client.order_book(of.0, of.1).await.is_ok(),
        "days" => client.krx_days(day).await.is_ok(),
        "currency_chart" => client.usd_krw_closes(day.yesterday().unwrap(), day).await.is_ok(),
        "minutes" => client.minute_bars(of.0, of.1, 30).await.is_ok(),
        "bars" | "dailyprice" => client.daily_bars(of.0, of.1, Some(day), 30).await.is_ok(),
        _ => client.quote(of.0, of.1).await.is_ok_and(|quote| {
            assert!(quote.last > Decimal::ZERO, "{quote:?}");
            true
        }),
    }
}

struct Sample {
    question: String,
    status: u16,
    tr_cont: String,
    body: Vec<u8>,
}

/// What a sample is an answer to. A refusal can be one to everything.
fn question(sample: &str) -> String {
    let name = sample.trim_start_matches("http_");
    let end = ["_page", "_empty", "_none", "_end", "_mock", "_integrated", "_unknown"].iter().filter_map(|end| name.find(end)).min();
    match &name[..end.unwrap_or(name.len())] {
        "order" | "order_no_funds" | "too_fast" => "price".to_owned(),
        question => question.to_owned(),
    }
}

fn samples() -> Vec<Sample> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/kis");
    let mut paths: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| !path.file_name().unwrap().to_string_lossy().contains("token"));
    let sample = |path: std::path::PathBuf| {
        let of: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        Sample {
            question: question(&path.file_stem().unwrap().to_string_lossy()),
            status: u16::try_from(of["status"].as_u64().unwrap()).unwrap(),
            tr_cont: of["tr_cont"].as_str().unwrap().to_owned(),
            body: of["body"].to_string().into_bytes(),
        }
    };
    paths.into_iter().map(sample).collect()
}

pub struct Answers {
    runtime: Runtime,
    said: Arc<Mutex<Said>>,
    samples: Vec<Sample>,
    questions: Vec<String>,
    base_url: String,
    http: HttpClient,
}

impl Answers {
    pub fn open() -> Self {
        let said: Arc<Mutex<Said>> = Arc::default();
        let shared = web::Data::new(said.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let runtime = world::runtime();
        runtime.block_on(async {
            let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(speak)));
            tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        });
        let patience = Duration::from_secs(30);
        let http = HttpClient::new(HttpSettings { connect_timeout: patience, timeout: patience }).unwrap();
        let samples = samples();
        let questions = BTreeSet::from_iter(samples.iter().map(|sample| sample.question.clone())).into_iter().collect();
        Self { runtime, said, samples, questions, base_url, http }
    }

    /// A new one each time: the answers of the broker to one question hold back the next.
    fn client(&self) -> KisClient {
        let config = KisConfig {
            host: BrokerHost::Live,
            base_url: self.base_url.clone(),
            app_key: "PSkeyKEYkeyKEYkeyKEYkeyKEYkeyKEYkey1".into(),
            app_secret: "secretSECRETsecret+/SECRETsecret==".into(),
            cano: "50012345".into(),
            product: "01".to_owned(),
        };
        let clock = Arc::new(SteppedClock::new("2026-07-20T14:00:00Z".parse().unwrap()));
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), 1_000_000.0));
        KisClient::new(config, self.http.clone(), clock, tokens, limiter).unwrap()
    }
}

impl Target for Answers {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let place = |n: usize| u8::try_from(n).unwrap();
        let case = |sample: &Sample| {
            let question = self.questions.iter().position(|question| *question == sample.question).unwrap();
            let status = STATUSES.iter().position(|status| *status == sample.status).unwrap();
            let paging = PAGING.iter().position(|paging| *paging == sample.tr_cont).unwrap();
            [&[place(question), place(status), place(paging)], &sample.body[..]].concat()
        };
        self.samples.iter().map(case).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\"rt_cd\":\"0\"",
            "\"output\":",
            "\"output1\":[",
            "\"output2\":",
            "\"ctx_area_nk200\":",
            "\"20260720\"",
            "\"EGW00123\"",
            "\"02\"",
            "\"0.0000\"",
        ]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (head, body) = case.split_at(3);
        let mut head = head.to_vec();
        if chance.once_in(20) {
            head[1] = u8::try_from(chance.below(STATUSES.len())).unwrap();
        }
        if chance.once_in(6) {
            head[2] = u8::try_from(chance.below(PAGING.len())).unwrap();
        }
        [head, spoil::any_document(chance, body)].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let [question, status, paging, body @ ..] = case else { return false };
        let question = &self.questions[usize::from(*question) % self.questions.len()];
        *self.said.lock().unwrap() = Said {
            status: STATUSES[usize::from(*status) % STATUSES.len()],
            tr_cont: PAGING[usize::from(*paging) % PAGING.len()].to_owned(),
            body: body.to_vec(),
            asked: 0,
        };
        let believed = self.runtime.block_on(ask(&self.client(), question));
        let asked = self.said.lock().unwrap().asked;
        assert!(asked <= MOST_QUESTIONS, "{asked} questions for one answer");
        believed
    }
}
