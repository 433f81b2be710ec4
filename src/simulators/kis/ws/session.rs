//! One client's session: subscriptions in, market data and notices out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::super::super::exchange::{ExchangeEvent, Noise};
use super::super::state::Shared;
use super::market::{Kind, MarketWatch};
use super::notices;
use super::registry::{Command, Denial};
use super::wire::{self, Ask, SessionKey};
use crate::domain::clock::Clock;
use crate::domain::instrument::Market;
use crate::domain::order::BrokerHost;

/// How often the market is looked at, wall time.
const TICK: Duration = Duration::from_secs(1);

/// What a transaction id stands for.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Market(Kind, Market),
    Notices(Market),
}

/// The transactions of a host; foreign prices come from the live one only.
fn subject(tr_id: &str, host: BrokerHost) -> Option<Subject> {
    let live = host == BrokerHost::Live;
    match tr_id {
        "H0STCNT0" => Some(Subject::Market(Kind::Trades, Market::Krx)),
        "H0STASP0" => Some(Subject::Market(Kind::Book, Market::Krx)),
        "HDFSCNT0" if live => Some(Subject::Market(Kind::Trades, Market::Us)),
        "HDFSASP0" if live => Some(Subject::Market(Kind::Book, Market::Us)),
        "H0STCNI0" if live => Some(Subject::Notices(Market::Krx)),
        "H0STCNI9" if !live => Some(Subject::Notices(Market::Krx)),
        "H0GSCNI0" if live => Some(Subject::Notices(Market::Us)),
        "H0GSCNI9" if !live => Some(Subject::Notices(Market::Us)),
        _ => None,
    }
}

/// Whether either host has a transaction.
#[cfg(test)]
pub(in super::super) fn serves(tr_id: &str) -> bool {
    [BrokerHost::Live, BrokerHost::Mock].into_iter().any(|host| subject(tr_id, host).is_some())
}

/// A subscription that stands.
#[derive(Debug)]
enum Registration {
    Market(MarketWatch),
    Notices(Market),
}

/// Serves a connection until either side closes it.
pub(super) async fn serve(stream: TcpStream, host: BrokerHost, shared: Arc<Shared>, wall: Arc<dyn Clock>) {
    let _ = stream.set_nodelay(true);
    let Ok(socket) = accept_async(stream).await else { return };
    let (commands, mut orders) = mpsc::unbounded_channel();
    let id = shared.sessions().open(host, commands);
    let mut events = shared.exchange().subscribe();
    let now = wall.now();
    let mut session = Session {
        id,
        host,
        key: SessionKey::new(Noise::new(shared.seed).named("websocket").at(id)),
        shared: Arc::clone(&shared),
        socket,
        app_key: None,
        registrations: BTreeMap::new(),
        last_notice: None,
        muted: false,
        last_ping: now,
        last_heard: now,
    };
    // Kept over all that happens in between, so that a busy session looks at the market as often.
    let mut alarm = wall.sleep(TICK);
    loop {
        let next = tokio::select! {
            message = session.socket.next() => match message {
                Some(Ok(message)) => session.hear(message, wall.now()).await,
                _ => None,
            },
            event = events.recv() => match event {
                Ok(event) => session.notify(&event).await,
                Err(RecvError::Lagged(_)) => Some(()),
                Err(RecvError::Closed) => None,
            },
            order = orders.recv() => match order {
                Some(order) => session.obey(order).await,
                None => None,
            },
            () = &mut alarm => {
                alarm = wall.sleep(TICK);
                session.tick(wall.now()).await
            }
        };
        if next.is_none() {
            break;
        }
    }
    shared.sessions().close(id);
    let _ = session.socket.close(None).await;
}

struct Session {
    id: u64,
    host: BrokerHost,
    key: SessionKey,
    shared: Arc<Shared>,
    socket: WebSocketStream<TcpStream>,
    app_key: Option<String>,
    registrations: BTreeMap<(String, String), Registration>,
    last_notice: Option<String>,
    muted: bool,
    last_ping: Timestamp,
    last_heard: Timestamp,
}

/// Every step answers `None` when the session is over.
impl Session {
    async fn say(&mut self, text: String) -> Option<()> {
        if self.muted {
            return Some(());
        }
        self.socket.send(Message::text(text)).await.ok()
    }

    async fn hear(&mut self, message: Message, now: Timestamp) -> Option<()> {
        self.last_heard = now;
        match message {
            Message::Close(_) => None,
            Message::Text(text) if text.contains("\"PINGPONG\"") => Some(()),
            Message::Text(text) => {
                let (answer, goes_on) = self.answer(text.as_str());
                self.say(answer).await?;
                let held = self.registrations.keys().cloned();
                self.shared.sessions().note(self.id, held);
                goes_on.then_some(())
            }
            _ => Some(()),
        }
    }

    /// The answer to a request, and whether the session goes on after it.
    fn answer(&mut self, text: &str) -> (String, bool) {
        let ask = match Ask::read(text) {
            Ok(ask) => ask,
            Err((code, message)) => return (wire::refused(None, "9", code, message), true),
        };
        let refused = |rt_cd: &str, code: &str, message: &str| (wire::refused(Some(&ask), rt_cd, code, message), true);
        let now = self.shared.clock.now();
        match self.shared.sessions().admit(self.id, &ask.approval_key, now, self.shared.permissive) {
            Ok(app_key) => self.app_key = Some(app_key),
            Err(Denial::UnknownApproval) => return refused("9", "OPSP0011", "invalid approval : NOT FOUND"),
            Err(Denial::InUse) => return (wire::refused(None, "9", "OPSP8996", "ALREADY IN USE appkey"), false),
        }
        if !matches!(ask.custtype.as_str(), "P" | "B") {
            return refused("9", "OPSP8998", "invalid custtype");
        }
        let Some(subject) = subject(&ask.tr_id, self.host) else { return refused("9", "OPSP8991", "invalid tr_id") };
        let name = (ask.tr_id.clone(), ask.tr_key.clone());
        let notice = matches!(subject, Subject::Notices(_));
        match ask.tr_type.as_str() {
            "1" if self.registrations.contains_key(&name) => refused("1", "OPSP0002", "ALREADY IN SUBSCRIBE"),
            "1" if self.registrations.len() >= self.shared.gate().limits.ws_registrations && !self.shared.permissive => {
                refused("1", "OPSP0008", "MAX SUBSCRIBE OVER")
            }
            "1" => match register(subject, &ask.tr_key) {
                Some(mut registration) => {
                    if let Registration::Market(watch) = &mut registration {
                        watch.look(&mut self.shared.exchange(), now, false);
                    }
                    self.registrations.insert(name, registration);
                    (wire::granted(&ask, notice, Some(&self.key)), true)
                }
                None => refused("9", "OPSP8992", "invalid tr_key"),
            },
            "2" if self.registrations.remove(&name).is_some() => (wire::granted(&ask, notice, None), true),
            "2" => refused("1", "OPSP0003", "UNSUBSCRIBE ERROR(not found!)"),
            _ => refused("9", "OPSP8997", "invalid tr_type"),
        }
    }

    /// Looks at the market, keeps the connection alive, and gives a silent client up.
    async fn tick(&mut self, now: Timestamp) -> Option<()> {
        let limits = self.shared.gate().limits;
        let due = |since: Timestamp, seconds: u32| now.duration_since(since) >= SignedDuration::from_secs(seconds.into());
        if due(self.last_heard, limits.ws_silence_seconds) {
            return None;
        }
        if due(self.last_ping, limits.ws_ping_seconds) {
            self.last_ping = now;
            self.say(wire::ping_pong(now)).await?;
        }
        for frame in self.market_frames() {
            self.say(frame).await?;
        }
        Some(())
    }

    fn market_frames(&mut self) -> Vec<String> {
        let now = self.shared.clock.now();
        let split = self.shared.gate().quirks.many_records;
        let mut exchange = self.shared.exchange();
        // What is due on the accounts comes back as events.
        exchange.advance_all(now);
        let mut frames = Vec::new();
        for ((tr_id, _), registration) in &mut self.registrations {
            if let Registration::Market(watch) = registration {
                let records = watch.look(&mut exchange, now, split);
                if !records.is_empty() {
                    frames.push(wire::plain(tr_id, &records));
                }
            }
        }
        frames
    }

    /// Sends the notice of an event that concerns an account of the session's owner.
    async fn notify(&mut self, event: &ExchangeEvent) -> Option<()> {
        if event.account.environment != self.host || Some(&event.account.app_key) != self.app_key.as_ref() {
            return Some(());
        }
        // The simulator knows no login names: whatever the client gave stands for the owner.
        let wanted = self.registrations.iter().find_map(|((tr_id, key), registration)| match registration {
            Registration::Notices(market) if *market == notices::market(event) => Some((tr_id, key)),
            _ => None,
        });
        let Some((tr_id, customer)) = wanted else { return Some(()) };
        let Some(record) = notices::record(event, customer) else { return Some(()) };
        let wrong = self.shared.gate().quirks.wrong_notice_key;
        let key = if wrong { SessionKey::new(Noise::new(self.shared.seed).named("another key")) } else { self.key.clone() };
        let frame = wire::encrypted(tr_id, &record, &key);
        self.last_notice = Some(frame.clone());
        self.say(frame).await
    }

    async fn obey(&mut self, command: Command) -> Option<()> {
        match command {
            Command::Kick => None,
            Command::Say(text) => self.say(text).await,
            Command::RepeatNotice => match self.last_notice.clone() {
                Some(frame) => self.say(frame).await,
                None => Some(()),
            },
            Command::Mute(muted) => {
                self.muted = muted;
                Some(())
            }
        }
    }
}

fn register(subject: Subject, key: &str) -> Option<Registration> {
    match subject {
        Subject::Market(kind, market) => MarketWatch::find(kind, market, key).map(Registration::Market),
        Subject::Notices(market) => (!key.is_empty()).then_some(Registration::Notices(market)),
    }
}
