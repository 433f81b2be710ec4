//! Last known prices, exchange rates and cash, for pages and the price check. Decisions never read
//! them: they ask the broker at their time.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::brokers::{DailyBar, Quote};
use crate::domain::id::{AccountId, UserId};

/// Trades move a price that is no older than this: a session lies well apart from the next.
const TRADES_FOLLOW: SignedDuration = SignedDuration::from_hours(1);

/// A figure with the time it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Known<T> {
    pub value: T,
    pub at: Timestamp,
    /// `price`, `present_balance`, `chart`, `import`.
    pub source: &'static str,
}

/// The daily bars of a ticker, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownBars {
    pub bars: Vec<DailyBar>,
    /// The last session in them has closed.
    pub through: Date,
    /// When they were asked for.
    pub at: Timestamp,
}

#[derive(Debug, Default)]
struct Inner {
    /// Changes of anything below.
    revision: u64,
    quotes: HashMap<String, Quote>,
    usd_krw: Option<Known<Decimal>>,
    cash: HashMap<(UserId, AccountId), Known<Decimal>>,
    bars: HashMap<String, Arc<KnownBars>>,
    /// When the bars of a ticker were last asked for.
    bars_asked: HashMap<String, Timestamp>,
    /// Mean won per dollar of months that are over (`2026-04`); `None` where the broker has none.
    month_means: HashMap<String, Option<f64>>,
    /// The Korean day on which an account's months were last seen to.
    months_seen_to: HashMap<AccountId, Date>,
}

/// What was read last. Prices and rates are public figures and shared; cash is per account.
#[derive(Clone, Debug, Default)]
pub struct Quotes(Arc<RwLock<Inner>>);

impl Quotes {
    /// Grows with every figure that is put here.
    pub fn revision(&self) -> u64 {
        self.read(|i| i.revision)
    }

    pub fn put(&self, symbol: &str, quote: Quote) {
        self.write(|i| i.quotes.insert(symbol.to_owned(), quote));
    }

    /// A trade that a feed brought moves a price that was read lately; the day's other figures are left
    /// to the next reading.
    pub fn trade(&self, symbol: &str, price: Decimal, at: Timestamp) {
        self.write(|i| {
            if let Some(quote) = i.quotes.get_mut(symbol)
                && at >= quote.at
                && at.duration_since(quote.at) < TRADES_FOLLOW
            {
                (quote.last, quote.at) = (price, at);
            }
        });
    }

    pub fn get(&self, symbol: &str) -> Option<Quote> {
        self.read(|i| i.quotes.get(symbol).cloned())
    }

    pub fn put_cash(&self, user: UserId, account: AccountId, value: Decimal, at: Timestamp) {
        self.write(|i| i.cash.insert((user, account), Known { value, at, source: "buying_power" }));
    }

    pub fn cash(&self, user: UserId, account: AccountId) -> Option<Known<Decimal>> {
        self.read(|i| i.cash.get(&(user, account)).cloned())
    }

    pub fn put_usd_krw(&self, value: Decimal, at: Timestamp, source: &'static str) {
        self.write(|i| i.usd_krw = Some(Known { value, at, source }));
    }

    pub fn usd_krw(&self) -> Option<Known<Decimal>> {
        self.read(|i| i.usd_krw.clone())
    }

    pub(in crate::trading) fn put_bars(&self, symbol: &str, bars: Arc<KnownBars>) {
        self.write(|i| i.bars.insert(symbol.to_owned(), bars));
    }

    /// Whether a ticker's bars may be asked for now; the answer yes counts as asking.
    pub(in crate::trading) fn ask_bars(&self, symbol: &str, now: Timestamp, pause: SignedDuration) -> bool {
        self.write(|i| {
            let due = i.bars_asked.get(symbol).is_none_or(|at| now.duration_since(*at) >= pause);
            if due {
                i.bars_asked.insert(symbol.to_owned(), now);
            }
            due
        })
    }

    /// The mean rate of a month as far as it was asked for.
    pub(in crate::trading) fn month_mean(&self, month: &str) -> Option<Option<f64>> {
        self.read(|i| i.month_means.get(month).copied())
    }

    pub(in crate::trading) fn put_month_mean(&self, month: String, mean: Option<f64>) {
        self.write(|i| i.month_means.insert(month, mean));
    }

    pub(in crate::trading) fn months_seen_to(&self, account: AccountId) -> Option<Date> {
        self.read(|i| i.months_seen_to.get(&account).copied())
    }

    pub(in crate::trading) fn see_to_months(&self, account: AccountId, day: Date) {
        self.write(|i| i.months_seen_to.insert(account, day));
    }

    pub(in crate::trading) fn bars(&self, symbol: &str) -> Option<Arc<KnownBars>> {
        self.read(|i| i.bars.get(symbol).cloned())
    }

    fn read<T>(&self, f: impl FnOnce(&Inner) -> T) -> T {
        f(&self.0.read().unwrap_or_else(|e| e.into_inner()))
    }

    fn write<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.0.write().unwrap_or_else(|e| e.into_inner());
        inner.revision += 1;
        f(&mut inner)
    }
}
