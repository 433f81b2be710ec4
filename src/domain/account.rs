//! A user's brokerage account: where its orders go, whether it may send, and when its bots act.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{AccountId, BotId};
use super::instrument::Market;
use super::limits::AccountLimits;
use super::money::decimal_from_f64;
use super::order::Environment;
use super::schedule::Schedule;

/// Whether an account's bots send orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountMode {
    /// Bots decide and report; nothing is sent.
    Observe,
    /// Bots trade.
    Trading,
}

/// A broker's account number as it is shown: `12******-01`.
pub fn masked_number(cano: &str, product: &str) -> String {
    format!("{}******-{product}", cano.get(..2).unwrap_or_default())
}

/// A brokerage account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    /// Unique per user.
    pub name: String,
    pub environment: Environment,
    pub mode: AccountMode,
    pub settings: AccountSettings,
    /// Counts the edits of the settings.
    pub version: u64,
    pub created_at: Timestamp,
    /// When the owner confirmed that no other program trades this account, and started it.
    pub started_at: Option<Timestamp>,
    /// Open questions that keep the account from being started, e.g. unbooked fills of an import.
    #[serde(default)]
    pub unsettled: Vec<Unsettled>,
    /// Where the account's data came from.
    #[serde(default)]
    pub imported: Option<ImportMark>,
    /// How far the owner has let a live account go.
    #[serde(default)]
    pub going_live: GoingLive,
    /// The account is the paper twin of a live one.
    #[serde(default)]
    pub twin: Option<Twin>,
}

impl Account {
    /// How far the account as a whole may go. Only live accounts climb; others trade in full once they are
    /// started. One that observes stands on the lowest rung, whatever it stood on before, or on that of
    /// paper, where another account trades for it.
    pub fn rung(&self) -> Rung {
        match (self.mode, self.environment) {
            (AccountMode::Observe, Environment::Live) if self.going_live.rung == Rung::Paper => Rung::Paper,
            (AccountMode::Observe, _) => Rung::Observe,
            (AccountMode::Trading, Environment::Live) => self.going_live.rung,
            (AccountMode::Trading, Environment::Own | Environment::Mock) => Rung::Full,
        }
    }

    /// How far a bot may go: as far as its account, or less. A twin holds those back that its live account
    /// does.
    pub fn rung_of(&self, bot: BotId) -> Rung {
        if self.environment == Environment::Live || self.twin.is_some() {
            self.going_live.bots.get(&bot).copied().unwrap_or(Rung::Full).min(self.rung())
        } else {
            self.rung()
        }
    }

    /// The rung above, for the account or for one bot. Beyond the paper rung there is no twin any more, so
    /// that a bot which was left behind goes on to one share.
    pub fn next_rung(&self, bot: Option<BotId>) -> Option<Rung> {
        let next = bot.map_or(self.rung(), |bot| self.rung_of(bot)).next()?;
        if next == Rung::Paper && bot.is_some() && self.rung() > Rung::Paper { next.next() } else { Some(next) }
    }

    /// A bot that joins an account which trades live already orders one share at a time, until its owner
    /// lets it climb.
    pub fn admit(&mut self, bot: BotId, now: Timestamp) {
        if self.environment == Environment::Live && self.rung() > Rung::Paper && !self.going_live.bots.contains_key(&bot) {
            self.going_live.bots.insert(bot, Rung::OneShare);
            self.going_live.bots_since.insert(bot, now);
        }
    }

    /// A paper twin that trades.
    pub fn is_running_twin(&self) -> bool {
        self.twin.as_ref().is_some_and(|twin| twin.ended_at.is_none())
    }

    /// Its bots observe from now on, and a live account begins its ladder anew, whoever stops it and for
    /// whatever reason. `false` when nothing was left to stop.
    pub fn stop(&mut self, now: Timestamp) -> bool {
        if self.mode == AccountMode::Observe && self.going_live.rung == Rung::Observe {
            return false;
        }
        self.mode = AccountMode::Observe;
        self.going_live.rung = Rung::Observe;
        self.going_live.since = Some(now);
        true
    }

    /// Whether a bot's decisions become orders.
    pub fn acts(&self, bot: BotId) -> bool {
        self.rung_of(bot) >= Rung::OneShare
    }
}

/// How far a live account, or one bot of it, may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Decisions are told and compared; nothing is sent.
    #[default]
    Observe,
    /// The same, while a paper twin trades them.
    Paper,
    /// Every order that a bot makes by itself is of one share.
    OneShare,
    /// As the bots decide.
    Full,
}

impl Rung {
    /// The rung above.
    pub fn next(self) -> Option<Rung> {
        match self {
            Rung::Observe => Some(Rung::Paper),
            Rung::Paper => Some(Rung::OneShare),
            Rung::OneShare => Some(Rung::Full),
            Rung::Full => None,
        }
    }

    /// What programs compare.
    pub fn code(self) -> &'static str {
        match self {
            Rung::Observe => "observe",
            Rung::Paper => "paper",
            Rung::OneShare => "one_share",
            Rung::Full => "full",
        }
    }
}

/// The ladder of a live account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GoingLive {
    #[serde(default)]
    pub rung: Rung,
    /// Bots that stay below their account.
    #[serde(default)]
    pub bots: BTreeMap<BotId, Rung>,
    /// When the account came to its rung.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When each of those bots came to its own.
    #[serde(default)]
    pub bots_since: BTreeMap<BotId, Timestamp>,
}

impl GoingLive {
    /// From which time on a night says something about the rung that a bot (`None`: the account) is on.
    /// A bot that trades needs an account that trades, so the later of the two counts; one that stays
    /// behind goes on observing while its account climbs.
    pub fn counts_from(&self, bot: Option<BotId>, rung: Rung) -> Option<Timestamp> {
        match bot.and_then(|bot| self.bots_since.get(&bot).copied()) {
            Some(since) if rung == Rung::Observe => Some(since),
            Some(since) => self.since.max(Some(since)),
            None => self.since,
        }
    }

    /// The ladder of another broker account: nothing that was seen before says anything about it. Bots
    /// that are held back stay so.
    pub fn restart(&mut self, now: Timestamp) {
        self.rung = Rung::Observe;
        self.since = Some(now);
        self.bots_since.values_mut().for_each(|since| *since = now);
    }
}

/// An account of our own paper that trades the nights of a live account which is on the paper rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Twin {
    /// The live account.
    pub of: AccountId,
    /// `None` while it trades.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The version of the live account whose settings it has.
    pub settings: u64,
    /// The same by bot of the live account.
    pub bots: BTreeMap<BotId, u64>,
}

/// What an owner must settle before an imported account can start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Unsettled {
    /// A sheet of the old program holds fills that never reached its books.
    UnbookedFills {
        #[schema(value_type = uuid::Uuid)]
        sheet_id: super::id::SheetId,
        name: String,
        quantity: f64,
        total: f64,
    },
    /// One bot has several open positions.
    DuplicateHoldings { name: String, rows: u32 },
}

/// Which files an import took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportMark {
    /// SHA-256 of the database file, hex.
    pub db_sha256: String,
    /// What that file was called.
    #[serde(default)]
    pub db_name: String,
    pub key_store_sha256: Option<String>,
    pub env_sha256: Option<String>,
    pub at: Timestamp,
    /// Sequence number of the last fact that the import wrote: later ones are the account's own.
    pub last_fact: u64,
    /// Version of the account's settings that the import wrote: later ones are its owner's edits.
    #[serde(default)]
    pub version: u64,
}

/// Whose money an account's US orders spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsFunds {
    /// As the broker's own figures show it.
    #[default]
    Automatic,
    /// The account's dollars, even if its broker would exchange won.
    DollarsOnly,
    /// Dollars, and won that the broker exchanges on the spot (통합증거금).
    IntegratedMargin,
}

/// What the owner sets for an account as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountSettings {
    pub schedule: Schedule,
    /// USD; what renewal spreads over the bots.
    #[serde(default)]
    pub total_budget: Option<f64>,
    /// Activate the next bot of a symbol when the lowest T passes the threshold.
    #[serde(default)]
    pub auto_start: bool,
    /// Fraction of max_tier.
    #[serde(default = "default_auto_start_threshold")]
    pub auto_start_threshold: f64,
    /// Switch the average-price condition with T every day.
    #[serde(default = "yes")]
    pub bot_sync: bool,
    /// USD/KRW by month (`2026-05`), for reports of past months.
    #[serde(default)]
    pub month_rates: BTreeMap<String, f64>,
    /// Last known USD/KRW with its time.
    #[serde(default)]
    pub usd_krw: Option<KnownRate>,
    /// The Telegram chat that gets this account's messages.
    #[serde(default)]
    pub telegram_chat: Option<String>,
    /// Fee per US trade as a fraction of its value.
    #[serde(default = "default_fee_rate")]
    pub fee_rate: f64,
    #[serde(default)]
    pub us_funds: UsFunds,
    #[serde(default)]
    pub limits: AccountLimits,
}

/// An exchange rate with its source and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownRate {
    pub rate: f64,
    pub at: Timestamp,
    /// `import`, `present_balance` or `chart`.
    pub source: String,
}

fn default_auto_start_threshold() -> f64 {
    0.5
}

fn default_fee_rate() -> f64 {
    0.0009
}

fn yes() -> bool {
    true
}

impl AccountSettings {
    /// What the account agreed with its broker, a fraction: the owner's rate for US trades. Korean
    /// trades have the broker's usual one.
    pub fn commission(&self, market: Market) -> Option<Decimal> {
        if market == Market::Us { decimal_from_f64(self.fee_rate) } else { None }
    }

    /// Settings of a new account.
    pub fn new() -> Self {
        Self {
            schedule: Schedule::default(),
            total_budget: None,
            auto_start: false,
            auto_start_threshold: default_auto_start_threshold(),
            bot_sync: true,
            month_rates: BTreeMap::new(),
            usd_krw: None,
            telegram_chat: None,
            fee_rate: default_fee_rate(),
            us_funds: UsFunds::default(),
            limits: AccountLimits::default(),
        }
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self::new()
    }
}
