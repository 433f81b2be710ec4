//! What the simulated server never does: a scripted websocket server, frame by frame.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};
use uuid::Uuid;

use super::*;
use crate::brokers::http::HttpSettings;
use crate::brokers::scripted::{Reaction, Server};
use crate::domain::clock::HeldClock;
use crate::domain::id::AccountId;
use crate::domain::instrument::{Exchange, Market};

/// Longer than any machine takes; reached only when a test fails.
const GUARD: Duration = Duration::from_secs(60);

struct World {
    _rest: Server,
    socket: TcpListener,
    wall: Arc<HeldClock>,
    feed: KisFeed,
    events: FeedStream,
}

impl World {
    async fn start() -> Self {
        let approval = || Reaction::Answer { status: 200, tr_cont: String::new(), body: br#"{"approval_key":"approval-1"}"#.to_vec() };
        let rest = Server::start(move |_| approval()).await;
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wall = Arc::new(HeldClock::new("2026-07-20T01:15:00Z".parse().unwrap()));
        let config = KisFeedConfig {
            host: BrokerHost::Mock,
            base_url: rest.base_url.clone(),
            ws_url: format!("ws://{}", socket.local_addr().unwrap()),
            app_key: "key".into(),
            app_secret: "secret".into(),
            accounts: vec![KisFeedAccount {
                account: AccountId(Uuid::nil()),
                hts_id: Some("simuser1".into()),
                cano: "50012345".into(),
                product: "01".to_owned(),
            }],
            timing: FeedTiming::default(),
        };
        let http = HttpClient::new(HttpSettings { connect_timeout: GUARD, timeout: GUARD }).unwrap();
        let feed = KisFeed::start(config, http, wall.clone(), wall.clone(), Jitter::new(|| 0.0)).unwrap();
        let events = feed.events();
        Self { _rest: rest, socket, wall, feed, events }
    }

    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = tokio::time::timeout(GUARD, self.socket.accept()).await.expect("nobody connects").unwrap();
        accept_async(stream).await.unwrap()
    }

    async fn until(&mut self, fits: impl Fn(&FeedEvent) -> bool) -> FeedEvent {
        loop {
            let event = tokio::time::timeout(GUARD, self.events.next()).await.expect("no event came").expect("the feed is gone");
            if fits(&event) {
                return event;
            }
        }
    }

    async fn passes(&self, time: Duration) {
        while self.wall.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        self.wall.advance(time);
    }
}

/// The next request of the client.
async fn asked(socket: &mut WebSocketStream<TcpStream>) -> Value {
    let message = tokio::time::timeout(GUARD, socket.next()).await.expect("nothing asked").unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn answer(socket: &mut WebSocketStream<TcpStream>, request: &Value, rt_cd: &str, code: &str) {
    let input = &request["body"]["input"];
    let answer = json!({
        "header": {"tr_id": input["tr_id"], "tr_key": input["tr_key"], "encrypt": "N"},
        "body": {"rt_cd": rt_cd, "msg_cd": code, "msg1": "text with approval-1",
                 "output": {"iv": "0f1e2d3c4b5a6978", "key": "kq2m8x0v4n6b7c9z1l3k5j7h9g1f3d5s"}},
    });
    socket.send(Message::text(answer.to_string())).await.unwrap();
}

fn trades(symbol: &str) -> Topic {
    Topic::Trades { exchange: Exchange::Krx, symbol: symbol.to_owned() }
}

#[tokio::test]
async fn requests_have_the_documented_form_and_wait_for_each_other() {
    let mut world = World::start().await;
    world.feed.subscribe(trades("005930"), FeedPriority::WatchList);
    world.feed.subscribe(Topic::Executions { account: AccountId(Uuid::nil()), market: Market::Krx }, FeedPriority::OwnExecutions);
    let mut socket = world.accept().await;
    let first = asked(&mut socket).await;
    let header = json!({"approval_key": "approval-1", "custtype": "P", "tr_type": "1", "content-type": "utf-8"});
    assert_eq!(first, json!({"header": header, "body": {"input": {"tr_id": "H0STCNI9", "tr_key": "simuser1"}}}));
    // A keep-alive in between is echoed before anything else is asked for.
    let ping = r#"{"header":{"tr_id":"PINGPONG","datetime":"20260720101502"}}"#;
    socket.send(Message::text(ping)).await.unwrap();
    assert_eq!(asked(&mut socket).await, serde_json::from_str::<Value>(ping).unwrap());
    answer(&mut socket, &first, "0", "OPSP0000").await;
    let second = asked(&mut socket).await;
    assert_eq!(second["body"]["input"], json!({"tr_id": "H0STCNT0", "tr_key": "005930"}));
    // Already subscribed is as good as subscribed.
    answer(&mut socket, &second, "1", "OPSP0002").await;
    world.until(|event| *event == FeedEvent::Live(trades("005930"))).await;
    // What is encrypted with another key, or belongs to another account, is no event.
    socket.send(Message::text("1|H0STCNI9|001|/cYz8qO2Rpshzk/+oqnXvtAugfo5QfKFpqtYe3U96wM=")).await.unwrap();
    let other = "u^9999999901^1^^02^0^00^0^005930^1^71200^101507^0^2^2^00950^1^S^0^1^Y^^00^^n^71300";
    socket.send(Message::text(format!("0|H0STCNI9|001|{other}"))).await.unwrap();
    let own = other.replace("9999999901", "5001234501");
    socket.send(Message::text(format!("0|H0STCNI9|001|{own}"))).await.unwrap();
    world.until(|event| matches!(event, FeedEvent::Execution(notice) if notice.quantity == 1)).await;
    let stats = world.feed.stats();
    assert_eq!((stats.bad_frames, stats.foreign_notices, stats.sessions), (1, 1, 1));
}

#[tokio::test]
async fn fewer_slots_than_documented_are_borne() {
    let mut world = World::start().await;
    world.feed.subscribe(trades("000001"), FeedPriority::Bots);
    world.feed.subscribe(trades("000002"), FeedPriority::Bots);
    let mut socket = world.accept().await;
    let first = asked(&mut socket).await;
    answer(&mut socket, &first, "0", "OPSP0000").await;
    let second = asked(&mut socket).await;
    answer(&mut socket, &second, "1", "OPSP0008").await;
    let told = world.until(|event| matches!(event, FeedEvent::NotLive { .. })).await;
    assert_eq!(told, FeedEvent::NotLive { topic: trades("000002"), reason: NotLive::NoSlot });
    assert!(world.feed.is_live(&trades("000001")));
}

#[tokio::test]
async fn a_refusal_is_told_without_secrets() {
    let mut world = World::start().await;
    world.feed.subscribe(trades("000001"), FeedPriority::Bots);
    let mut socket = world.accept().await;
    let request = asked(&mut socket).await;
    answer(&mut socket, &request, "1", "OPSP0007").await;
    let FeedEvent::NotLive { reason, .. } = world.until(|event| matches!(event, FeedEvent::NotLive { .. })).await else { unreachable!() };
    assert_eq!(reason, NotLive::Refused { code: "OPSP0007".to_owned(), message: "text with ***".to_owned() });
}

#[tokio::test]
async fn an_unanswered_subscription_ends_the_session() {
    let mut world = World::start().await;
    world.feed.subscribe(trades("000001"), FeedPriority::Bots);
    let mut socket = world.accept().await;
    asked(&mut socket).await;
    world.passes(FeedTiming::default().answer).await;
    let FeedEvent::Lost { reason } = world.until(|event| matches!(event, FeedEvent::Lost { .. })).await else { unreachable!() };
    assert_eq!(reason, "a subscription was not answered for 10 seconds");
    // With no luck at all the pause is half of its length.
    let due = loop {
        match world.wall.next_wake() {
            Some(at) => break at,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(due.duration_since(world.wall.now()), jiff::SignedDuration::from_millis(500));
    world.wall.advance(Duration::from_secs(1));
    let mut socket = world.accept().await;
    assert_eq!(asked(&mut socket).await["body"]["input"]["tr_key"], "000001");
}

#[tokio::test]
async fn a_server_that_does_not_open_the_websocket_is_given_up() {
    let mut world = World::start().await;
    world.feed.subscribe(trades("000001"), FeedPriority::Bots);
    let (_stream, _) = tokio::time::timeout(GUARD, world.socket.accept()).await.unwrap().unwrap();
    world.passes(FeedTiming::default().connect).await;
    let FeedEvent::Lost { reason } = world.until(|event| matches!(event, FeedEvent::Lost { .. })).await else { unreachable!() };
    assert_eq!(reason, "cannot connect: timed out");
}

#[tokio::test]
async fn unusable_configurations_are_refused() {
    let world = World::start().await;
    let http = HttpClient::new(HttpSettings::default()).unwrap();
    let config = |app_key: &str, ws_url: &str| KisFeedConfig {
        host: BrokerHost::Live,
        base_url: "http://127.0.0.1:1".to_owned(),
        ws_url: ws_url.to_owned(),
        app_key: app_key.into(),
        app_secret: "s".into(),
        accounts: Vec::new(),
        timing: FeedTiming::default(),
    };
    let start = |config| KisFeed::start(config, http.clone(), world.wall.clone(), world.wall.clone(), Jitter::random());
    assert!(matches!(start(config("a b", LIVE_WS_URL)), Err(BrokerError::Unauthorized { .. })));
    assert!(matches!(start(config("key", "http://127.0.0.1:1")), Err(BrokerError::Forbidden(_))));
    assert!(start(config("key", MOCK_WS_URL)).is_ok(), "and nothing is connected before something is wanted");
}
