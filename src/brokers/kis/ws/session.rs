//! One websocket session: asks for what is granted, one subscription at a time, and turns frames
//! into events.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::crypt::Cipher;
use super::driver::Driver;
use super::frame::{self, Answer, Data, Frame};
use super::records::{self, Notice, Record};
use super::topics::{Registration, Tr, registration};
use super::{SLOTS, lock};
use crate::brokers::BrokerError;
use crate::brokers::feed::{ExecutionNotice, FeedEvent, NotLive};
use crate::brokers::http::Redactor;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("no approval key: {0}")]
    NoApproval(BrokerError),
    #[error("cannot connect: {0}")]
    NoConnection(String),
    #[error("the broker no longer knows the approval key")]
    ApprovalUnknown,
    #[error("another session uses this app key (OPSP8996): only one is allowed at a time")]
    InUse,
    #[error("the broker closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("nothing came for {0} seconds")]
    Silent(u64),
    #[error("a subscription was not answered for {0} seconds")]
    Unanswered(u64),
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Pending {
    registration: Registration,
    subscribes: bool,
    asked_at: Timestamp,
}

/// A registration that the broker would not make.
#[derive(Debug)]
struct Refusal {
    code: String,
    message: String,
    again_at: Timestamp,
}

/// A session that stands.
#[derive(Debug)]
pub(super) struct Session<'a> {
    driver: &'a Driver,
    socket: Socket,
    approval: SecretString,
    secrets: Redactor,
    registered: BTreeSet<Registration>,
    pending: Option<Pending>,
    refused: BTreeMap<Registration, Refusal>,
    ciphers: BTreeMap<Tr, Cipher>,
    /// Registrations that the broker takes.
    capacity: usize,
    last_frame: Timestamp,
    /// What is registered may not be what is wanted.
    stale: bool,
}

impl<'a> Session<'a> {
    pub fn new(driver: &'a Driver, socket: Socket, approval: SecretString) -> Self {
        Self {
            driver,
            socket,
            secrets: driver.secrets.with(&approval),
            approval,
            registered: BTreeSet::new(),
            pending: None,
            refused: BTreeMap::new(),
            ciphers: BTreeMap::new(),
            capacity: SLOTS,
            last_frame: driver.wall.now(),
            stale: true,
        }
    }

    /// Runs to the session's end.
    pub async fn run(mut self) -> End {
        match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        let (wall, shared) = (&self.driver.wall, &self.driver.shared);
        let mut rings_at = self.next_deadline();
        let mut alarm = wall.sleep(super::driver::since(wall.now(), rings_at));
        loop {
            self.settle().await?;
            let due = self.next_deadline();
            // The alarm is set anew only when it would ring too late or has rung: frames come often.
            if due < rings_at || wall.now() >= rings_at {
                rings_at = due;
                alarm = wall.sleep(super::driver::since(wall.now(), rings_at));
            }
            tokio::select! {
                biased;
                message = self.socket.next() => self.receive(message).await?,
                () = shared.changed.notified() => self.stale = true,
                () = &mut alarm => {}
            }
            self.check_time()?;
        }
    }

    /// When something is due if nothing comes.
    fn next_deadline(&self) -> Timestamp {
        let timing = &self.driver.config.timing;
        let silence = after(self.last_frame, timing.silence);
        let answer = self.pending.as_ref().map(|pending| after(pending.asked_at, timing.answer));
        let again = self.refused.values().map(|refusal| refusal.again_at).min();
        [answer, again].into_iter().flatten().fold(silence, Timestamp::min)
    }

    fn check_time(&mut self) -> Result<(), End> {
        let (now, timing) = (self.driver.wall.now(), &self.driver.config.timing);
        if after(self.last_frame, timing.silence) <= now {
            return Err(End::Silent(timing.silence.as_secs()));
        }
        if self.pending.as_ref().is_some_and(|pending| after(pending.asked_at, timing.answer) <= now) {
            return Err(End::Unanswered(timing.answer.as_secs()));
        }
        let before = self.refused.len();
        self.refused.retain(|_, refusal| refusal.again_at > now);
        self.stale |= self.refused.len() != before;
        Ok(())
    }

    /// Brings what is registered one step nearer to what is granted.
    async fn settle(&mut self) -> Result<(), End> {
        if !self.stale {
            return Ok(());
        }
        self.stale = false;
        let config = &self.driver.config;
        let grants = lock(&self.driver.shared.slots).share_out(self.capacity, |topic| {
            let needed = registration(topic, config.host, &config.accounts)?;
            match self.refused.get(&needed) {
                Some(refusal) => Err(NotLive::Refused { code: refusal.code.clone(), message: refusal.message.clone() }),
                None => Ok(needed),
            }
        });
        // What nobody needs any more goes first and makes room.
        let dropped = self.registered.iter().find(|held| !grants.granted.iter().any(|(_, needed)| needed == *held)).cloned();
        let missing = grants.granted.iter().map(|(_, needed)| needed).find(|needed| !self.registered.contains(*needed)).cloned();
        self.driver.shared.publish(grants, |needed| self.registered.contains(needed));
        if self.pending.is_some() {
            return Ok(());
        }
        match (dropped, missing) {
            (Some(registration), _) => self.ask(registration, false).await,
            (None, Some(registration)) => self.ask(registration, true).await,
            (None, None) => Ok(()),
        }
    }

    async fn ask(&mut self, registration: Registration, subscribes: bool) -> Result<(), End> {
        let request = json!({
            "header": {
                "approval_key": self.approval.expose_secret(),
                "custtype": "P",
                "tr_type": if subscribes { "1" } else { "2" },
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": registration.tr.id(self.driver.config.host), "tr_key": registration.key}},
        });
        self.pending = Some(Pending { registration, subscribes, asked_at: self.driver.wall.now() });
        self.send(Message::text(request.to_string())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.socket.send(message).await.map_err(|error| End::Broken(error.to_string()))
    }

    async fn receive(&mut self, message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Result<(), End> {
        let message = match message {
            None | Some(Ok(Message::Close(_))) => return Err(End::Closed),
            Some(Err(error)) => return Err(End::Broken(error.to_string())),
            Some(Ok(message)) => message,
        };
        self.last_frame = self.driver.wall.now();
        self.driver.shared.count(|stats| stats.frames += 1);
        let text = match &message {
            Message::Text(text) => text.as_str(),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            _ => return self.skip("", "not text"),
        };
        match frame::read(text) {
            Ok(Frame::PingPong) => self.send(message).await,
            Ok(Frame::Answer(answer)) => self.answered(answer),
            Ok(Frame::Data(data)) => self.data(&data),
            Err(fault) => self.skip("", fault),
        }
    }

    fn answered(&mut self, answer: Answer) -> Result<(), End> {
        match answer.code.as_str() {
            "OPSP0010" | "OPSP0011" => return Err(End::ApprovalUnknown),
            "OPSP8996" => return Err(End::InUse),
            _ => {}
        }
        // Only one request is under way at a time, so a refusal without a name is its answer too.
        let host = self.driver.config.host;
        let belongs = |pending: &mut Pending| !answer.good || answer.tr_id == pending.registration.tr.id(host);
        let Some(pending) = self.pending.take_if(belongs) else { return self.skip(&answer.tr_id, "an answer to nothing") };
        self.stale = true;
        if !pending.subscribes {
            // A refused withdrawal means that there was nothing to withdraw.
            self.registered.remove(&pending.registration);
            return Ok(());
        }
        if let Some(cipher) = answer.cipher.and_then(|(key, iv)| Cipher::new(key, iv)) {
            self.ciphers.insert(pending.registration.tr, cipher);
        }
        match answer.code.as_str() {
            _ if answer.good => {
                self.registered.insert(pending.registration);
            }
            "OPSP0002" => {
                self.registered.insert(pending.registration);
            }
            // Fewer slots than documented: what does not fit has none.
            "OPSP0008" if !self.registered.is_empty() => self.capacity = self.registered.len(),
            code => {
                let (code, message) = (self.secrets.clean(code), self.secrets.clean(&answer.message));
                tracing::warn!(registration = ?pending.registration, code, message, "realtime subscription refused");
                let again_at = after(self.driver.wall.now(), self.driver.config.timing.refused);
                self.refused.insert(pending.registration, Refusal { code, message, again_at });
            }
        }
        Ok(())
    }

    fn data(&mut self, data: &Data<'_>) -> Result<(), End> {
        let Some(tr) = Tr::find(data.tr_id) else { return self.skip(data.tr_id, "an unknown transaction") };
        let plain = match (data.encrypted, self.ciphers.get(&tr)) {
            (false, _) => None,
            (true, Some(cipher)) => match cipher.decrypt(data.body) {
                Ok(text) => Some(text),
                Err(fault) => return self.skip(data.tr_id, fault),
            },
            (true, None) => return self.skip(data.tr_id, "encrypted without a key"),
        };
        let body = plain.as_deref().unwrap_or(data.body);
        match frame::records(body, data.count, records::least_fields(tr)) {
            Ok(rows) => rows.iter().try_for_each(|row| match self.event(tr, Record(row)) {
                Ok(Some(event)) => {
                    self.driver.shared.hub.tell(event);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(fault) => self.skip(data.tr_id, fault),
            }),
            Err(fault) => self.skip(data.tr_id, fault),
        }
    }

    fn event(&self, tr: Tr, record: Record<'_>) -> Result<Option<FeedEvent>, &'static str> {
        let now = self.driver.market.now();
        Ok(match tr {
            Tr::KrxTrade => Some(FeedEvent::Trade(records::krx_trade(record)?)),
            Tr::UsTrade => Some(FeedEvent::Trade(records::us_trade(record)?)),
            Tr::KrxBook => Some(FeedEvent::Book(records::krx_book(record, now)?)),
            Tr::UsBook => Some(FeedEvent::Book(records::us_book(record)?)),
            Tr::KrxNotice => self.own(&records::krx_notice(record, now)?),
            Tr::UsNotice => self.own(&records::us_notice(record, now)?),
        })
    }

    /// A notice of an account that this feed serves. One registration brings those of all accounts of
    /// the login name, also of accounts that are not connected here.
    fn own(&self, notice: &Notice<'_>) -> Option<FeedEvent> {
        let owner = self
            .driver
            .config
            .accounts
            .iter()
            .find(|account| notice.account_no.strip_prefix(account.cano.expose_secret()) == Some(&account.product));
        let Some(owner) = owner else {
            self.driver.shared.count(|stats| stats.foreign_notices += 1);
            return None;
        };
        Some(FeedEvent::Execution(ExecutionNotice {
            account: owner.account,
            market: notice.market,
            broker_order_no: notice.order_no.to_owned(),
            original_order_no: notice.original_no.map(str::to_owned),
            symbol: notice.symbol.to_owned(),
            side: notice.side,
            subject: notice.subject,
            kind: notice.kind,
            quantity: notice.quantity,
            price: notice.price,
            at: notice.at,
        }))
    }

    /// Counts what cannot be read; the session goes on.
    fn skip(&self, tr_id: &str, fault: &'static str) -> Result<(), End> {
        let tr_id: String = tr_id.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        tracing::debug!(tr_id, fault, "realtime frame skipped");
        self.driver.shared.count(|stats| stats.bad_frames += 1);
        Ok(())
    }
}

fn after(at: Timestamp, wait: std::time::Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}
