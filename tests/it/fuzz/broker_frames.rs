//! A broker's websocket: whatever it sends, the feed goes on and believes only what can be.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use data_encoding::BASE64;
use eggmoney::app::clock::SystemClock;
use eggmoney::brokers::feed::{Feed, FeedEvent, FeedPriority, FeedStream, Topic};
use eggmoney::brokers::http::{HttpClient, HttpSettings};
use eggmoney::brokers::kis::ws::{FeedTiming, Jitter, KisFeed, KisFeedAccount, KisFeedConfig};
use eggmoney::domain::clock::SteppedClock;
use eggmoney::domain::id::AccountId;
use eggmoney::domain::instrument::{Exchange, Market};
use eggmoney::domain::order::BrokerHost;
use futures_util::{SinkExt, StreamExt};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::engine::{Chance, Target};
use super::{spoil, world};

/// What the first byte of a case says: a frame.
const FRAME: u8 = 0;
/// A frame whose last part is encrypted before it is sent.
const ENCRYPTED: u8 = 1;

const KEY: &str = "kq2m8x0v4n6b7c9z1l3k5j7h9g1f3d5s";
const IV: &str = "0f1e2d3c4b5a6978";
/// Reached only when the feed has died.
const GUARD: Duration = Duration::from_secs(60);

fn account() -> AccountId {
    AccountId(uuid::Uuid::from_u128(7))
}

fn trade(price: u64) -> String {
    let mut fields = vec!["0".to_owned(); 46];
    fields[0] = "005930".to_owned();
    fields[1] = "101507".to_owned();
    fields[2] = price.to_string();
    fields[33] = "20260720".to_owned();
    fields.join("^")
}

const NOTICE: &str = "u^5001234501^0000117057^^02^0^00^0^005930^1^71200^101507^0^2^2^00950^1^S^0^1^Y^^00^^n^71300";
const US_NOTICE: &str = "u^5001234501^0030000001^^02^0^0^TQQQ^3^0000612500^231507^0^2^2^00950^3^S^ProShares^6^10^^^^^0000612500";

fn us_trade() -> String {
    "DNASTQQQ^TQQQ^4^20260720^20260720^101507^20260720^231507^60.0^62.0^59.5^61.37^2^0.5^0.8^61.36^61.37^100^200^5^100000^6000000^1^1^100^1"
        .to_owned()
}

fn book(fields: usize) -> String {
    let mut fields: Vec<String> = (0..fields).map(|n| (70_000 + n).to_string()).collect();
    fields[0] = "005930".to_owned();
    fields[1] = "101507".to_owned();
    fields.join("^")
}

fn encrypted(record: &[u8]) -> String {
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(KEY.as_bytes(), IV.as_bytes()).unwrap();
    BASE64.encode(&cipher.encrypt_padded_vec::<Pkcs7>(record))
}

type Socket = WebSocketStream<TcpStream>;

struct Feeding {
    broker: TcpListener,
    socket: Option<Socket>,
    events: FeedStream,
    _feed: KisFeed,
    marks: u64,
}

impl Feeding {
    async fn start() -> Self {
        let rest = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", rest.local_addr().unwrap());
        let server =
            HttpServer::new(|| App::new().default_service(web::to(async || HttpResponse::Ok().body(r#"{"approval_key":"approval"}"#))));
        tokio::spawn(server.workers(1).disable_signals().listen(rest).unwrap().run());
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let brief = Duration::from_millis(1);
        let config = KisFeedConfig {
            host: BrokerHost::Mock,
            base_url,
            ws_url: format!("ws://{}", broker.local_addr().unwrap()),
            app_key: "PSkeyKEYkeyKEYkeyKEYkeyKEYkeyKEYkey1".into(),
            app_secret: "secretSECRETsecret+/SECRETsecret==".into(),
            accounts: vec![KisFeedAccount {
                account: account(),
                hts_id: Some("simuser1".into()),
                cano: "50012345".into(),
                product: "01".to_owned(),
            }],
            timing: FeedTiming { back_off: (brief, brief), refused: brief, ..FeedTiming::default() },
        };
        let http = HttpClient::new(HttpSettings { connect_timeout: GUARD, timeout: GUARD }).unwrap();
        let market = Arc::new(SteppedClock::new("2026-07-20T01:15:10Z".parse().unwrap()));
        let feed = KisFeed::start(config, http, market, Arc::new(SystemClock), Jitter::new(|| 0.0)).unwrap();
        for market in [Market::Krx, Market::Us] {
            feed.subscribe(Topic::Executions { account: account(), market }, FeedPriority::OwnExecutions);
        }
        feed.subscribe(Topic::Trades { exchange: Exchange::Krx, symbol: "005930".to_owned() }, FeedPriority::Bots);
        let events = feed.events();
        Self { broker, socket: None, events, _feed: feed, marks: 0 }
    }

    /// A session that stands, made anew when the last one has ended.
    async fn socket(&mut self) -> &mut Socket {
        if self.socket.is_none() {
            let (stream, _) = tokio::time::timeout(GUARD, self.broker.accept()).await.expect("the feed does not come back").unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            for _ in 0..3 {
                let Ok(Some(Ok(asked))) = tokio::time::timeout(GUARD, socket.next()).await else { break };
                let Ok(request) = serde_json::from_str::<Value>(asked.to_text().unwrap_or_default()) else { break };
                let answer = json!({
                    "header": {"tr_id": request["body"]["input"]["tr_id"], "encrypt": "Y"},
                    "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS", "output": {"iv": IV, "key": KEY}},
                });
                if socket.send(Message::text(answer.to_string())).await.is_err() {
                    break;
                }
            }
            self.socket = Some(socket);
        }
        self.socket.as_mut().unwrap()
    }

    /// Sends a frame and a right trade after it: the feed lives when that arrives. Everything before it was
    /// heard, and can be; whether there was anything.
    async fn hears(&mut self, message: Message) -> bool {
        if self.socket().await.send(message).await.is_err() {
            self.socket = None;
        }
        self.marks += 1;
        let mark = 1_000_000 + self.marks;
        let text = format!("0|H0STCNT0|001|{}", trade(mark));
        let mut taken = false;
        loop {
            if self.socket().await.send(Message::text(text.clone())).await.is_err() {
                self.socket = None;
                continue;
            }
            loop {
                let event = tokio::time::timeout(GUARD, self.events.next()).await.expect("the feed is silent").expect("the feed has ended");
                match event {
                    FeedEvent::Trade(trade) if trade.price == Decimal::from(mark) => return taken,
                    FeedEvent::Trade(trade) => {
                        taken = true;
                        assert!(trade.price > Decimal::ZERO && !trade.symbol.is_empty(), "{trade:?}");
                    }
                    FeedEvent::Execution(notice) => {
                        taken = true;
                        assert!(notice.account == account() && !notice.symbol.is_empty(), "{notice:?}");
                    }
                    // A broken session may have swallowed the mark.
                    FeedEvent::Lost { .. } => {
                        self.socket = None;
                        break;
                    }
                    _ => {}
                }
            }
        }
    }
}

pub struct Frames {
    runtime: Runtime,
    feed: Feeding,
}

impl Frames {
    pub fn open() -> Self {
        let runtime = world::runtime();
        let feed = runtime.block_on(Feeding::start());
        Self { runtime, feed }
    }
}

impl Target for Frames {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let records = [
            ("H0STCNT0", trade(71_000)),
            ("HDFSCNT0", us_trade()),
            ("H0STASP0", book(59)),
            ("HDFSASP0", book(71)),
            ("H0STCNI9", NOTICE.to_owned()),
            ("H0GSCNI9", US_NOTICE.to_owned()),
        ];
        let answer = |tr_id: &str| {
            json!({
                "header": {"tr_id": tr_id, "tr_key": "005930", "encrypt": "N"},
                "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS", "output": {"iv": IV, "key": KEY}},
            })
        };
        let cases = |(tr_id, record): (&str, String)| {
            [
                (FRAME, format!("0|{tr_id}|001|{record}")),
                (FRAME, format!("0|{tr_id}|002|{record}^{record}")),
                (ENCRYPTED, format!("1|{tr_id}|001|{record}")),
                (FRAME, answer(tr_id).to_string()),
            ]
        };
        let ping = (FRAME, r#"{"header":{"tr_id":"PINGPONG","datetime":"20260720101507"}}"#.to_owned());
        records.into_iter().flat_map(cases).chain([ping]).map(|(kind, text)| [&[kind], text.as_bytes()].concat()).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "|H0STCNT0|",
            "|HDFSCNT0|",
            "|H0STASP0|",
            "|HDFSASP0|",
            "|H0STCNI9|",
            "|H0GSCNI9|",
            "|002|",
            "^",
            "\"PINGPONG\"",
            "\"OPSP0000\"",
            "\"rt_cd\":\"1\"",
            "\"iv\":",
        ]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (kind, rest) = case.split_at(1);
        [kind, &spoil::any_document(chance, rest)].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let sent = match case.split_first() {
            Some((&FRAME, frame)) => frame.to_vec(),
            Some((&ENCRYPTED, frame)) => match frame.iter().rposition(|b| *b == b'|') {
                Some(bar) => [&frame[..=bar], encrypted(&frame[bar + 1..]).as_bytes()].concat(),
                None => return false,
            },
            _ => return false,
        };
        let message = String::from_utf8(sent).map_or_else(|bytes| Message::binary(bytes.into_bytes()), Message::text);
        self.runtime.block_on(self.feed.hears(message))
    }
}
