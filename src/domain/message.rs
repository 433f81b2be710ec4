//! Messages to a user: what happened, typed, worded by the `notify` layer in the reader's language.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{AccountId, MessageId};
use super::night::NightLine;
use super::watch::{Alert, LostSlots};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// A message as stored: the event itself, not its wording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub account_id: Option<AccountId>,
    pub at: Timestamp,
    /// Code of the event (`TRAILING_ENTERED`, `READY`).
    pub code: String,
    pub level: Level,
    /// The event with all it carries.
    pub event: serde_json::Value,
    pub read: bool,
}

impl Message {
    /// A step of the work that went as it should; the reports say what came of it.
    pub fn is_step(&self) -> bool {
        const REPORTS: [&str; 5] = ["SESSION_REPORT", "READINESS", "BROKER_RECOVERED", "DIFFERENCE_ENDED", "ORDER_FOUND"];
        const SERVER: [&str; 3] = ["WATCH_RAISED", "WATCH_ENDED", "SERVER_STARTED"];
        const CHANGES: [&str; 3] = ["ACCOUNT_STARTED", "ACCOUNT_STOPPED", "KILL_SWITCH_OFF"];
        let code = self.code.as_str();
        self.level == Level::Info && !REPORTS.contains(&code) && !SERVER.contains(&code) && !CHANGES.contains(&code)
    }
}

/// A message on its way to a channel outside the app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub message_id: MessageId,
    pub account_id: AccountId,
    /// Failed tries so far.
    pub attempts: u32,
}

/// What the trading and scheduling layers tell an owner, beside the decision engine's own events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Notice {
    /// The readiness line before a session.
    Readiness {
        ready: bool,
        session: String,
        checks: Vec<ReadinessCheck>,
        largest_spending_usd: f64,
        /// When the bots act in this session; absent in messages of the first version.
        #[serde(default)]
        times: Option<EffectiveTimes>,
    },
    /// The plan beside the result, after the close.
    SessionReport {
        session: String,
        bots: Vec<ReportLine>,
        bought_usd: f64,
        sold_usd: f64,
        profit_usd: f64,
        /// Bots that observe, beside what the other program did.
        #[serde(default)]
        compared: Vec<NightLine>,
    },
    /// A slot was due while nothing ran, and is too late now.
    SlotMissed {
        job: String,
        due: Timestamp,
    },
    /// Slots of one or more sessions were not run in time.
    SessionsMissed {
        /// Oldest first.
        sessions: Vec<MissedSession>,
        /// Sessions before those, of which only the number is told.
        earlier: u32,
        /// They could not run, because the account has no usable broker key.
        no_key: bool,
    },
    /// A slot ended with an error.
    SlotFailed {
        job: String,
        detail: String,
    },
    /// Slices were moved because the server stood still.
    SlicesRespaced {
        bot: String,
        slices: u32,
        last: Timestamp,
    },
    /// An order's fate is not known yet.
    OrderUnknown {
        bot: String,
        symbol: String,
        detail: String,
    },
    /// An unknown order was found at the broker.
    OrderFound {
        bot: String,
        symbol: String,
        broker_order_no: String,
    },
    /// An unknown order was never placed.
    OrderNotPlaced {
        bot: String,
        symbol: String,
    },
    /// Several orders at the broker could be the unknown one: the owner must look.
    OrderAmbiguous {
        bot: String,
        symbol: String,
        candidates: Vec<String>,
    },
    /// The gate or the broker refused an order.
    OrderRefused {
        bot: String,
        symbol: String,
        reason_code: String,
        detail: String,
    },
    /// An execution arrived after its sheet was completed.
    LateFill {
        bot: String,
        symbol: String,
        quantity: f64,
        price: f64,
    },
    /// The broker cannot be used.
    BrokerProblem {
        reason_code: String,
        detail: String,
    },
    /// The broker works again.
    BrokerRecovered,
    /// Observation: what would have been ordered.
    WouldOrder {
        bot: String,
        symbol: String,
        kind: String,
        value: f64,
    },
    /// One bot's standing.
    StatusBot {
        bot: String,
        symbol: String,
        started: jiff::civil::Date,
        days: i64,
        quantity: f64,
        average_price: f64,
        price: f64,
        profit_usd: f64,
        /// Percent.
        profit_percent: f64,
        t: f64,
        max_tier: i64,
        /// Fraction.
        point: f64,
        point_price: f64,
        cost_usd: f64,
        /// Percent of the bot's budget.
        progress_percent: f64,
    },
    /// The account's standing.
    StatusPortfolio {
        cash_usd: Option<f64>,
        invested_usd: f64,
        reserve_usd: f64,
        total_usd: f64,
        profit_usd: f64,
        one_day_seed_usd: f64,
        pool_usd: f64,
        realised_usd: f64,
        /// Percent of the total.
        invested_percent: f64,
        active_bots: usize,
        bots: usize,
        low_cash: bool,
        usd_krw: Option<f64>,
    },
    /// The first look at the broker found shares beyond the bots'.
    FirstConnection {
        /// Symbol and shares that nobody in the books has.
        surplus: Vec<(String, f64)>,
    },
    /// Books and broker show different numbers of shares.
    PositionDiffers {
        symbol: String,
        ours: f64,
        brokers: f64,
        /// Executions in the broker's list that were not sent from here.
        executions: u32,
        /// A bot trades the symbol and waits for the answer.
        holds: bool,
    },
    /// Shares or price changed as in a split.
    SplitSuspected {
        symbol: String,
        new: u32,
        old: u32,
        ours: f64,
        brokers: f64,
        /// Last known price and the new one, where the price gave the hint.
        price: Option<(f64, f64)>,
        holds: bool,
    },
    /// A price lies far from the last known one, near no split's ratio.
    PriceOutOfBounds {
        symbol: String,
        before: f64,
        now: f64,
    },
    /// Books and broker show different cash. It holds nothing.
    CashDiffers {
        currency: super::money::Currency,
        ours: f64,
        brokers: f64,
    },
    /// Books and broker agree again, or the owner's answer is booked.
    DifferenceEnded {
        symbol: String,
    },
    /// A bot did nothing, because its symbol's figures wait for an answer.
    BotHeld {
        bot: String,
        symbol: String,
        ours: f64,
        brokers: f64,
    },
    /// Executions look like the bots', but were not sent from here: the account only observes now.
    AnotherProgram {
        symbol: String,
        broker_order_nos: Vec<String>,
    },
    /// What the session's sells earned.
    StatusToday {
        session: String,
        profit_usd: f64,
        usd_krw: Option<f64>,
        bots: Vec<(String, f64)>,
    },
    /// The account was started or stopped.
    AccountStarted,
    /// A kill switch stopped the account: nothing new is sent, open orders are cancelled.
    KillSwitchOn,
    KillSwitchOff,
    AccountStopped,
    /// An administrator made a link with which the person sets a new password.
    ResetLinkMade {
        /// The administrator's name.
        by: String,
    },
    /// The password was set with such a link, or with the code on the NAS.
    PasswordReset {
        /// Where from.
        address: String,
    },
    /// Somebody signed in as the person made an API key.
    ApiKeyMade {
        name: String,
        address: String,
    },
    /// A sign-in at a provider was linked to the person.
    IdentityLinked {
        /// The provider's name.
        provider: String,
        /// Where from.
        address: String,
    },
    /// The live account came to the paper rung: its bots trade in an account of our own paper.
    PaperStarted {
        /// That account's name.
        twin: String,
    },
    PaperEnded {
        twin: String,
    },
    /// The server ended without being told to, and was started again; told to administrators.
    ServerRestarted {
        times: u32,
        first: Timestamp,
        last: Timestamp,
        /// How it ended the last time.
        how: String,
    },
    /// A new version did not come up, so the one before runs again; told to administrators.
    UpgradeUndone {
        from: String,
        to: String,
        reason: String,
    },
    /// A scheduled backup failed.
    BackupFailed {
        reason_code: String,
        detail: String,
    },
    /// Backups succeed again.
    BackupRecovered,
    /// The newest backup could not be restored in a drill.
    DrillFailed {
        reason_code: String,
        detail: String,
    },
    /// A recovery key was made, and nobody has seen it yet.
    RecoveryKeyMade,
    /// Two words of the recovery key are asked for.
    RecoveryKeyAsked,
    /// The whole installation sends nothing until an administrator decides.
    InstallationHeld {
        /// The generation that was found elsewhere; `None` after a restore.
        generation: Option<u64>,
    },
    InstallationReleased {
        /// The administrator's name.
        by: String,
    },
    /// Something of the installation, or something that ends, calls for the reader.
    WatchRaised {
        alert: Alert,
    },
    /// It is over.
    WatchEnded {
        alert: Alert,
        since: Timestamp,
    },
    /// The server runs again.
    ServerStarted {
        /// When the run before ended, or its last sign of life.
        since: Timestamp,
        until: Timestamp,
        /// It had been stopped in order.
        clean: bool,
        /// What could not run meanwhile, and what could not be caught up.
        lost: Vec<LostSlots>,
    },
    /// A refresh token was shown a second time, so its session was ended.
    SessionRevoked {
        /// Where the request came from.
        address: String,
    },
}

/// When a session's jobs really run, after all moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectiveTimes {
    pub decision: Timestamp,
    /// In order; never empty.
    pub slices: Vec<Timestamp>,
    pub closing_buy: Timestamp,
}

/// What was missed in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedSession {
    pub session: jiff::civil::Date,
    /// Names of the jobs, in the order of the night.
    pub jobs: Vec<String>,
    /// Nothing of the session ran.
    pub whole: bool,
}

/// One line of the readiness check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadinessCheck {
    /// `trading_day`, `no_broker_key`, `broker_key_unreadable`, `token`, `cash`, `cash_unknown`, `clock`, `disk`, `unresolved`,
    /// `schedule`.
    pub name: String,
    pub ok: bool,
    /// A sentence or a number: USD (`cash`), seconds (`clock`), MiB (`disk`), orders (`unresolved`).
    pub detail: String,
}

/// One bot's line of the session report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportLine {
    pub bot: String,
    pub symbol: String,
    /// Kind of the planned sheet; `None` = no order was planned.
    pub planned_kind: Option<String>,
    /// USD for buys, shares for sells.
    pub planned_value: f64,
    pub filled_quantity: f64,
    pub filled_usd: f64,
    pub profit_usd: f64,
}

impl Notice {
    pub fn level(&self) -> Level {
        match self {
            Notice::Readiness { ready, .. } => {
                if *ready {
                    Level::Info
                } else {
                    Level::Warning
                }
            }
            Notice::WatchRaised { alert } => alert.level(),
            Notice::ServerStarted { clean, lost, .. } if *clean && lost.is_empty() => Level::Info,
            Notice::ServerStarted { .. }
            | Notice::SessionsMissed { .. }
            | Notice::SlotMissed { .. }
            | Notice::OrderUnknown { .. }
            | Notice::OrderRefused { .. }
            | Notice::LateFill { .. }
            | Notice::KillSwitchOn
            | Notice::FirstConnection { .. }
            | Notice::PositionDiffers { .. }
            | Notice::SplitSuspected { .. }
            | Notice::PriceOutOfBounds { .. }
            | Notice::CashDiffers { .. }
            | Notice::BotHeld { .. }
            | Notice::ResetLinkMade { .. }
            | Notice::ApiKeyMade { .. }
            | Notice::PasswordReset { .. }
            | Notice::IdentityLinked { .. }
            | Notice::ServerRestarted { .. }
            | Notice::SessionRevoked { .. }
            | Notice::BackupFailed { .. }
            | Notice::RecoveryKeyMade
            | Notice::RecoveryKeyAsked => Level::Warning,
            Notice::SlotFailed { .. }
            | Notice::OrderAmbiguous { .. }
            | Notice::BrokerProblem { .. }
            | Notice::UpgradeUndone { .. }
            | Notice::AnotherProgram { .. }
            | Notice::DrillFailed { .. }
            | Notice::InstallationHeld { .. } => Level::Error,
            Notice::WatchEnded { .. }
            | Notice::SessionReport { .. }
            | Notice::SlicesRespaced { .. }
            | Notice::OrderFound { .. }
            | Notice::OrderNotPlaced { .. }
            | Notice::BrokerRecovered
            | Notice::DifferenceEnded { .. }
            | Notice::WouldOrder { .. }
            | Notice::StatusBot { .. }
            | Notice::StatusPortfolio { .. }
            | Notice::StatusToday { .. }
            | Notice::AccountStarted
            | Notice::PaperStarted { .. }
            | Notice::PaperEnded { .. }
            | Notice::KillSwitchOff
            | Notice::BackupRecovered
            | Notice::InstallationReleased { .. }
            | Notice::AccountStopped => Level::Info,
        }
    }
}
