//! Every space of the store: name, key layout, record type. The only place with names.

use std::marker::PhantomData;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::domain::account::Account;
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use crate::domain::difference::{CashChecked, CashDifference, Checked, Difference, KnownPrice, OutsideSeen};
use crate::domain::exposure::Exposure;
use crate::domain::fact::Fact;
use crate::domain::id::{AccountId, OrderId, UserId};
use crate::domain::instrument::Exchange;
use crate::domain::ledger::{CashBalance, Position};
use crate::domain::limits::{DayUse, Halt, InstallRules, UserRules};
use crate::domain::message::{Delivery, Message};
use crate::domain::night::Night;
use crate::domain::order::Order;
use crate::domain::slot::{SliceTimes, SlotRun};
use crate::domain::user::{LiveHold, User};
use crate::domain::watch::{AccountEnds, Episode, ServerRun};

/// A space whose keys all begin with a user's id.
pub struct UserTable<R> {
    pub(super) name: &'static str,
    record: PhantomData<fn() -> R>,
}

/// A space of the installation.
pub struct SystemTable<R> {
    pub(super) name: &'static str,
    record: PhantomData<fn() -> R>,
}

impl<R> UserTable<R> {
    /// Declares a per-user space. All declarations stand in this file or beside their aggregate.
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }
}

impl<R> SystemTable<R> {
    /// Declares a space of the installation.
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }
}

macro_rules! records {
    ($($t:ty => $name:literal),+ $(,)?) => {$(impl Record for $t { const NAME: &'static str = $name; })+};
}

/// A counter or a marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number(pub u64);

/// A reference to a user, as index rows hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef(pub UserId);

/// The one account that uses a broker app key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRef {
    pub user_id: UserId,
    pub account_id: AccountId,
}

/// A request that was answered: the same key and body get the same answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// SHA-256 of the request, hex.
    pub request: String,
    pub account_id: AccountId,
    pub order_id: OrderId,
    pub at: Timestamp,
    /// The order as the first answer showed it; `None` while it is not given yet.
    pub answer: Option<Box<Order>>,
}

/// Where a ticker is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing(pub Exchange);

/// A secret under a user's data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Version of the data key; of a wrapped data key the generation of the master key.
    pub key_version: u32,
    /// The user's key file is needed as well as the master key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_two_parts: bool,
    /// Base64 of nonce and ciphertext.
    pub ciphertext: String,
}

records! {
    User => "user",
    LiveHold => "hold of live trading",
    Account => "account",
    Bot => "bot",
    Holding => "holding",
    HistoryRow => "history row",
    Sheet => "sheet",
    Order => "order",
    Position => "position",
    CashBalance => "cash balance",
    Exposure => "exposure",
    DayUse => "use of a day",
    UserRules => "user rules",
    InstallRules => "installation rules",
    Halt => "kill switch",
    Answered => "idempotency key",
    Fact => "fact",
    Number => "number",
    UserRef => "user reference",
    AccountRef => "account reference",
    Listing => "listing",
    Sealed => "sealed secret",
    SlotRun => "slot",
    SliceTimes => "slice times",
    Night => "observed night",
    Message => "message",
    Delivery => "delivery",
    Difference => "difference",
    Checked => "comparison with the broker",
    OutsideSeen => "execution outside",
    KnownPrice => "known price",
    CashDifference => "difference of cash",
    CashChecked => "comparison of cash",
    AccountEnds => "ends of an account",
    Episode => "episode",
    ServerRun => "run of the server",
}

// Installation
/// name → number: `schema` and counters.
pub const META: SystemTable<Number> = SystemTable::new("meta");
/// user → person.
pub const USERS: SystemTable<User> = SystemTable::new("users");
/// lower-case name → user.
pub const USER_NAMES: SystemTable<UserRef> = SystemTable::new("user_names");
/// keyed hash of a broker app key → the account that owns it.
pub const APP_KEY_OWNERS: SystemTable<AccountRef> = SystemTable::new("app_key_owners");
/// ticker → US exchange that lists it.
pub const LISTINGS: SystemTable<Listing> = SystemTable::new("listings");

/// One row: what an administrator allows the installation.
pub const INSTALL_RULES: SystemTable<InstallRules> = SystemTable::new("install_rules");
/// what it is about → an episode that administrators were told of and that is not over.
pub const EPISODES: SystemTable<Episode> = SystemTable::new("episodes");
/// One row (`last`): the present run of the server, or the last one.
pub const SERVER_RUNS: SystemTable<ServerRun> = SystemTable::new("server_runs");

// Per user
/// what it is about → an episode that the person was told of and that is not over.
pub const OWN_EPISODES: UserTable<Episode> = UserTable::new("own_episodes");
/// account.
pub const ACCOUNTS: UserTable<Account> = UserTable::new("accounts");
/// account · bot.
pub const BOTS: UserTable<Bot> = UserTable::new("bots");
/// account · sequence.
pub const JOURNAL: UserTable<Fact> = UserTable::new("journal");
/// account · order · sequence: which facts of the journal are an order's.
pub const ORDER_FACTS: UserTable<Number> = UserTable::new("order_facts");
/// account · holding.
pub const HOLDINGS: UserTable<Holding> = UserTable::new("holdings");
/// account · history id; the id carries the trade's time, so keys are in time order.
pub const HISTORY: UserTable<HistoryRow> = UserTable::new("history");
/// account · sheet.
pub const SHEETS: UserTable<Sheet> = UserTable::new("sheets");
/// account · order.
pub const ORDERS: UserTable<Order> = UserTable::new("orders");
/// account · order, only while the order is open or its result is not taken yet.
pub const OPEN_ORDERS: UserTable<Number> = UserTable::new("open_orders");
/// account · market · symbol, only while orders are open.
pub const EXPOSURE: UserTable<Exposure> = UserTable::new("exposure");
/// account · currency.
pub const CASH: UserTable<CashBalance> = UserTable::new("cash");
/// account · session date.
pub const DAY_USE: UserTable<DayUse> = UserTable::new("day_use");
/// account · session date · sheet whose slices were counted as one order.
pub const DAY_PARENTS: UserTable<Number> = UserTable::new("day_parents");
/// account: when its broker key and its term end.
pub const ACCOUNT_ENDS: UserTable<AccountEnds> = UserTable::new("account_ends");
/// One row: what an administrator allows the user.
pub const USER_RULES: UserTable<UserRules> = UserTable::new("user_rules");
/// Key of the one row of [`USER_RULES`] and of [`INSTALL_RULES`].
pub const RULES_ROW: &str = "rules";
/// One row, while live trading waits for the user's word that a new password is theirs.
pub const LIVE_HOLDS: UserTable<LiveHold> = UserTable::new("live_holds");
/// `user`, or `account` · account: kill switches that are on.
pub const HALTS: UserTable<Halt> = UserTable::new("halts");
/// idempotency key → the answer that it got.
pub const IDEMPOTENCY: UserTable<Answered> = UserTable::new("idempotency");
/// account · market · symbol.
pub const POSITIONS: UserTable<Position> = UserTable::new("positions");
/// account · market · symbol: open questions about books and broker.
pub const DIFFERENCES: UserTable<Difference> = UserTable::new("differences");
/// account · market: how far the books were compared with the broker.
pub const CHECKED: UserTable<Checked> = UserTable::new("checked");
/// account · market · date · broker's number: executions outside that the books know of.
pub const OUTSIDE_SEEN: UserTable<OutsideSeen> = UserTable::new("outside_seen");
/// account · market · symbol: the last price that was relied upon.
pub const KNOWN_PRICES: UserTable<KnownPrice> = UserTable::new("known_prices");
/// account · currency: open questions about cash.
pub const CASH_DIFFERENCES: UserTable<CashDifference> = UserTable::new("cash_differences");
/// account · currency: the last comparison of cash with the broker.
pub const CASH_CHECKED: UserTable<CashChecked> = UserTable::new("cash_checked");
/// key version → the user's data key, wrapped by the master key.
pub const DATA_KEYS: UserTable<Sealed> = UserTable::new("data_keys");
/// account · kind of secret.
pub const SECRETS: UserTable<Sealed> = UserTable::new("secrets");
/// account · session · job · n.
pub const SLOTS: UserTable<SlotRun> = UserTable::new("slots");
/// account · session, only after an outage.
pub const SLICE_TIMES: UserTable<SliceTimes> = UserTable::new("slice_times");
/// account · session, of accounts and bots that observe.
pub const NIGHTS: UserTable<Night> = UserTable::new("nights");
/// message id (time-ordered).
pub const MESSAGES: UserTable<Message> = UserTable::new("messages");
/// message id, only while it waits for delivery outside the app.
pub const OUTBOX: UserTable<Delivery> = UserTable::new("outbox");

/// Kinds of sealed secrets of an account, as they stand in the keys of [`SECRETS`].
pub mod secret {
    pub const APP_KEY: &str = "kis_app_key";
    pub const APP_SECRET: &str = "kis_app_secret";
    /// First eight digits of the account number.
    pub const CANO: &str = "kis_cano";
    /// Its last two digits.
    pub const PRODUCT: &str = "kis_product";
    /// The login name at the broker under which it sends notices of executions.
    pub const HTS_ID: &str = "kis_hts_id";
    /// The broker's access token with its expiry, as JSON; made here, never imported.
    pub const TOKEN: &str = "kis_token";
    pub const TELEGRAM_TOKEN: &str = "telegram_token";
}
