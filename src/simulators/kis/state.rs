//! What both hosts of the server share.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::super::config::{Limits, Quirks, SimAccount};
use super::super::exchange::{AccountKey, Position, Purse, SimExchange};
use super::faults::Faults;
use super::keeper;
use super::quota::Quota;
use super::tokens::Tokens;
use super::ws::Sessions;
use crate::domain::clock::Clock;
use crate::domain::order::BrokerHost;

/// So many requests are remembered.
const LONGEST_LOG: usize = 50_000;
/// Cash on an account that the permissive scenario opens by itself.
const PERMISSIVE_CASH: Purse =
    Purse { usd: Decimal::from_parts(100_000, 0, 0, false, 0), krw: Decimal::from_parts(100_000_000, 0, 0, false, 0) };

/// One request that the server answered (or dropped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Market time.
    pub at: Timestamp,
    pub environment: BrokerHost,
    pub app_key: String,
    /// Transaction id; the last part of the path for the token endpoints.
    pub tr_id: String,
    pub status: u16,
    /// `msg_cd` or `error_code`; blank where there is none.
    pub code: String,
}

/// Keys, tokens, quotas, faults and the request log.
#[derive(Debug)]
pub(super) struct Gate {
    /// Secrets by host and app key.
    pub keys: HashMap<(BrokerHost, String), String>,
    pub tokens: Tokens,
    pub quota: Quota,
    pub faults: Faults,
    pub limits: Limits,
    /// By how much the server's clock, as it shows it, is ahead of market time.
    pub skew: SignedDuration,
    pub quirks: Quirks,
    pub log: VecDeque<RequestRecord>,
}

impl Gate {
    pub fn record(&mut self, record: RequestRecord) {
        if self.log.len() >= LONGEST_LOG {
            self.log.pop_front();
        }
        self.log.push_back(record);
    }
}

/// Everything behind the two listeners.
#[derive(Debug)]
pub(super) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub permissive: bool,
    pub state_file: Option<PathBuf>,
    pub seed: u64,
    exchange: Mutex<SimExchange>,
    gate: Mutex<Gate>,
    sessions: Mutex<Sessions>,
}

impl Shared {
    pub fn new(clock: Arc<dyn Clock>, permissive: bool, limits: Limits, quirks: Quirks, seed: u64, exchange: SimExchange) -> Self {
        Self {
            clock,
            permissive,
            state_file: None,
            seed,
            sessions: Mutex::default(),
            exchange: Mutex::new(exchange),
            gate: Mutex::new(Gate {
                keys: HashMap::new(),
                tokens: Tokens::new(seed),
                quota: Quota::default(),
                faults: Faults::default(),
                limits,
                skew: SignedDuration::ZERO,
                quirks,
                log: VecDeque::new(),
            }),
        }
    }

    pub fn exchange(&self) -> MutexGuard<'_, SimExchange> {
        self.exchange.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The websocket sessions. Never taken together with the exchange or the gate by a session.
    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Opens an account under its app key.
    pub fn add_account(&self, account: SimAccount) {
        self.gate().keys.insert((account.environment, account.app_key.clone()), account.app_secret);
        let key = AccountKey { environment: account.environment, app_key: account.app_key, cano: account.cano, product: account.product };
        let positions = account.positions.into_iter().map(|position| {
            let cost = position.quantity * position.average_price;
            (position.symbol, Position { quantity: position.quantity, cost })
        });
        let cash = Purse { usd: account.cash_usd, krw: account.cash_krw };
        let mut exchange = self.exchange();
        exchange.open_account(key, cash, positions);
        self.keep(&exchange);
    }

    /// Opens an account under its app key, unless it is there already.
    pub fn add_account_unless_kept(&self, account: SimAccount) {
        let SimAccount { environment, app_key, cano, product, .. } = account.clone();
        let secret = account.app_secret.clone();
        if self.exchange().has_account(&AccountKey { environment, app_key: app_key.clone(), cano, product }) {
            self.gate().keys.insert((environment, app_key), secret);
        } else {
            self.add_account(account);
        }
    }

    /// Writes the state file, if there is to be one.
    pub fn save(&self) -> std::io::Result<()> {
        match &self.state_file {
            Some(file) => keeper::save(file, &self.exchange(), self.clock.now()),
            None => Ok(()),
        }
    }

    /// Writes the state file after a change; a simulation goes on without it.
    pub fn keep(&self, exchange: &SimExchange) {
        let Some(file) = &self.state_file else { return };
        if let Err(error) = keeper::save(file, exchange, self.clock.now()) {
            tracing::error!(%error, file = %file.display(), "the simulated broker's accounts cannot be kept");
        }
    }

    /// The account that a call names; the permissive scenario opens it when it is new.
    pub fn find_account(&self, key: &AccountKey) -> bool {
        let mut exchange = self.exchange();
        if exchange.has_account(key) {
            return true;
        }
        if self.permissive {
            exchange.open_account(key.clone(), PERMISSIVE_CASH, []);
        }
        self.permissive
    }
}
