//! Users, their brokers and a server that can die and be started again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::sync::Notify;
use uuid::Uuid;

use super::broker::ScriptedBroker;
use crate::brokers::OrderGateway;
use crate::domain::account::{Account, AccountMode};
use crate::domain::bot::{Bot, HistoryRow};
use crate::domain::calendar::Calendar;
use crate::domain::clock::{Clock, SteppedClock};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::ledger::Position;
use crate::domain::message::Message;
use crate::domain::order::{Environment, Order};
use crate::domain::samples;
use crate::domain::slot::SlotRun;
use crate::storage::tables::{ACCOUNTS, BOTS, HISTORY, MESSAGES, ORDERS, POSITIONS, SLOTS, USERS};
use crate::storage::{CommitsLeft, Key, Store, StoreError, Tx, UserView, account_key};
use crate::trading::books::Books;
use crate::trading::error::TradingError;
use crate::trading::line::Connector;
use crate::trading::tick::{Calendars, Surroundings, Trading};
use crate::trading::trial::Trial;

#[derive(Debug)]
struct Quiet;

impl Surroundings for Quiet {
    fn disk_free(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug, Default)]
struct Desk(Mutex<HashMap<AccountId, Arc<ScriptedBroker>>>);

#[async_trait]
impl Connector for Desk {
    async fn connect(&self, _: UserId, account: &Account) -> Result<Arc<dyn OrderGateway>, TradingError> {
        if account.environment == Environment::Own {
            return Ok(Arc::new(crate::brokers::paper::PaperBroker));
        }
        let broker = self.0.lock().unwrap().get(&account.id).cloned();
        broker.map(|b| b as Arc<dyn OrderGateway>).ok_or_else(|| TradingError::refused("no_broker_key", "no key"))
    }
}

/// One user with one account at one broker.
#[derive(Clone, Debug)]
pub struct Client {
    pub user: UserId,
    pub account: AccountId,
    pub broker: Arc<ScriptedBroker>,
}

/// Users, their brokers and a server that can be restarted.
pub struct World {
    pub clock: Arc<SteppedClock>,
    pub store: Store,
    pub commits_left: CommitsLeft,
    pub trading: Arc<Trading>,
    calendar: Arc<Calendar>,
    desk: Arc<Desk>,
    died: Arc<Notify>,
    users: u128,
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn calendars(us: &Arc<Calendar>) -> Calendars {
    Calendars { us: us.clone(), krx: Arc::new(Calendar::krx().unwrap()) }
}

impl World {
    /// A world that begins at `start`.
    pub fn new(start: &str) -> Self {
        Self::over(start, Store::in_memory_mortal().unwrap())
    }

    /// A world in which everything happens in one order, the same every time.
    pub fn deterministic(start: &str) -> Self {
        Self::over(start, Store::in_memory_deterministic().unwrap())
    }

    fn over(start: &str, (store, commits_left): (Store, CommitsLeft)) -> Self {
        let clock = Arc::new(SteppedClock::new(time(start)));
        let (calendar, desk) = (Arc::new(Calendar::nyse().unwrap()), Arc::new(Desk::default()));
        let trading = Arc::new(Trading::new(store.clone(), clock.clone(), calendars(&calendar), desk.clone(), Arc::new(Quiet)));
        Self { clock, store, commits_left, trading, calendar, desk, died: Arc::default(), users: 0 }
    }

    /// The process ends and another begins over the same data.
    pub fn restart(&mut self) {
        let (clock, calendar, desk) = (self.clock.clone(), self.calendar.clone(), self.desk.clone());
        self.trading = Arc::new(Trading::new(self.store.clone(), clock, calendars(&calendar), desk, Arc::new(Quiet)));
    }

    /// The process ends, and a new release begins that has still to prove itself.
    pub fn hold_on_trial(&mut self) {
        let (clock, calendar, desk) = (self.clock.clone(), self.calendar.clone(), self.desk.clone());
        let trading = Trading::new(self.store.clone(), clock, calendars(&calendar), desk, Arc::new(Quiet));
        self.trading = Arc::new(trading.with_trial(Trial::new(true, None)));
    }

    pub fn user(&mut self, bots: Vec<(Bot, f64, f64)>) -> Client {
        self.user_with(Environment::Mock, AccountMode::Trading, bots)
    }

    /// A user with one account; each bot comes with the shares that it holds and their average price.
    pub fn user_with(&mut self, environment: Environment, mode: AccountMode, bots: Vec<(Bot, f64, f64)>) -> Client {
        self.users += 1;
        let number = self.users;
        let (user, account) = (UserId(Uuid::from_u128(number << 64)), AccountId(Uuid::from_u128((number << 64) + 1)));
        let created = self.clock.now();
        let openings: Vec<(String, f64)> = bots.iter().map(|(bot, quantity, _)| (bot.symbol.clone(), *quantity)).collect();
        self.write(move |tx| {
            tx.put(&USERS, &Key::new().id(user.as_bytes()), &samples::user(user, created))?;
            let mut tx = tx.user(user);
            let row = Account { started_at: Some(created), ..samples::account(account, environment, mode, created) };
            tx.put(&ACCOUNTS, &account_key(account), &row)?;
            for (place, (bot, quantity, average)) in bots.iter().enumerate() {
                let id = BotId(Uuid::from_u128((number << 64) + 10 + place as u128));
                let bot = Bot { id, account_id: account, position: place as u32, ..bot.clone() };
                tx.put(&BOTS, &account_key(account).id(id.as_bytes()), &bot)?;
                if *quantity > 0.0 {
                    let bought = created - SignedDuration::from_hours(30 * 24);
                    let holding = samples::holding(&bot, (number << 64) + 1_000 + place as u128, *quantity, *average, bought);
                    tx.record(account, created, Actor::Import, vec![Event::OpeningHolding { holding }])?;
                }
            }
            Ok(())
        });
        let journal = (self.store.clone(), user, account);
        let broker = Arc::new(ScriptedBroker::new(self.clock.clone(), environment, self.died.clone(), journal));
        for (symbol, quantity) in openings {
            broker.open_with(&symbol, Decimal::try_from(quantity).unwrap());
        }
        broker.set_price("TQQQ", "60", "65");
        broker.set_price("SOXL", "30", "30");
        self.desk.0.lock().unwrap().insert(account, broker.clone());
        Client { user, account, broker }
    }

    /// Writes from a thread of its own: a runtime's thread may not wait for the store.
    pub fn write(&self, f: impl Fn(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        let store = self.store.clone();
        std::thread::spawn(move || store.write_blocking(f)).join().unwrap().unwrap();
    }

    /// The account's owner has entered no broker key, or removes it; with `false` it is there (again).
    pub fn without_key(&self, client: &Client, without: bool) {
        let mut desk = self.desk.0.lock().unwrap();
        if without {
            desk.remove(&client.account);
        } else {
            desk.insert(client.account, client.broker.clone());
        }
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn edit_account(&self, client: &Client, edit: impl Fn(&mut Account) + Send + 'static) {
        let (user, key) = (client.user, account_key(client.account));
        self.write(move |tx| {
            let mut tx = tx.user(user);
            let mut account = tx.require(&ACCOUNTS, &key)?;
            edit(&mut account);
            tx.put(&ACCOUNTS, &key, &account)
        });
    }

    /// Ticks once at `at`; `true` when the process died in it. Then nothing of it goes on.
    pub async fn tick_at(&self, at: Timestamp) -> bool {
        self.clock.advance_to(at);
        self.live(async { _ = self.trading.tick().await }).await
    }

    /// Runs some work of the process; `true` when the process died in it. Then nothing of it goes on.
    pub async fn live(&self, work: impl Future<Output = ()>) -> bool {
        let died = tokio::select! {
            biased;
            () = self.died.notified() => true,
            () = work => false,
        };
        if died {
            // Let the tasks that were cut off come to their end.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        died
    }

    /// Ticks every `step` until `to`; a process that dies is started again.
    pub async fn run_until(&mut self, to: &str, step: Duration) {
        let (to, step) = (time(to), SignedDuration::try_from(step).unwrap());
        while self.clock.now() < to {
            let next = (self.clock.now() + step).min(to);
            if self.tick_at(next).await {
                self.restart();
            }
        }
    }

    pub fn read<T>(&self, client: &Client, f: impl FnOnce(&UserView<'_>) -> Result<T, StoreError>) -> T {
        self.store.user(client.user).read(f).unwrap()
    }

    pub fn books(&self, client: &Client) -> Books {
        self.read(client, |v| Books::read(v, client.account))
    }

    pub fn orders(&self, client: &Client) -> Vec<Order> {
        self.read(client, |v| v.list(&ORDERS, &account_key(client.account)))
    }

    pub fn history(&self, client: &Client) -> Vec<HistoryRow> {
        self.read(client, |v| v.list(&HISTORY, &account_key(client.account)))
    }

    pub fn runs(&self, client: &Client) -> Vec<SlotRun> {
        self.read(client, |v| v.list(&SLOTS, &account_key(client.account)))
    }

    pub fn messages(&self, client: &Client) -> Vec<Message> {
        self.read(client, |v| v.list(&MESSAGES, &Key::new()))
    }

    /// How often a message of this code was posted.
    pub fn told(&self, client: &Client, code: &str) -> usize {
        self.messages(client).iter().filter(|m| m.code == code).count()
    }

    pub fn positions(&self, client: &Client) -> Vec<Position> {
        self.read(client, |v| v.list(&POSITIONS, &account_key(client.account)))
    }
}
