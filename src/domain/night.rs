//! What an observing account's bots would have done in a session, beside what the program that trades
//! the account really did.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::bot::TradeKind;
use super::id::BotId;

/// What a bot decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decided {
    #[schema(value_type = uuid::Uuid)]
    pub bot_id: BotId,
    pub bot: String,
    pub symbol: String,
    /// `None` = no order.
    #[schema(value_type = Option<String>)]
    pub kind: Option<TradeKind>,
    /// USD for buys, shares for sells.
    pub value: f64,
    /// Price that the decision saw, USD; `None` = the broker had none.
    pub price: Option<f64>,
    /// USD of the closing-drop buy.
    #[serde(default)]
    pub closing: Option<f64>,
}

/// Executions of one symbol in one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Executed {
    pub bought: u64,
    /// USD, gross.
    pub bought_usd: f64,
    pub sold: u64,
    /// USD, gross.
    pub sold_usd: f64,
}

/// How a bot's night compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both did the same, within what slices and whole shares leave open.
    Same,
    /// They did not.
    Different,
    /// Nothing was decided and nothing was done.
    Nothing,
    /// It cannot be told, for the reason given.
    NotComparable,
}

/// One bot's night, both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NightLine {
    #[schema(value_type = uuid::Uuid)]
    pub bot_id: BotId,
    pub bot: String,
    pub symbol: String,
    pub verdict: Verdict,
    /// `side`, `amount`, `only_here`, `only_there`; `not_decided`, `no_price`, `books_outdated`.
    pub reason: Option<String>,
    /// Buys that were decided, USD.
    pub buy_usd: f64,
    /// Sells that were decided, shares.
    pub sell_shares: f64,
    /// What was executed in the symbol, by whichever bot of the other program.
    pub executed: Executed,
    /// Other bots on the same symbol: executions do not tell them apart, so they are compared together.
    pub together_with: Vec<String>,
}

/// A session of an observing account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Night {
    #[schema(value_type = String)]
    pub session: Date,
    pub decided_at: Option<Timestamp>,
    pub decided: Vec<Decided>,
    /// `None` until the session is over and was compared.
    pub compared_at: Option<Timestamp>,
    pub lines: Vec<NightLine>,
}

impl Night {
    pub fn new(session: Date) -> Self {
        Self { session, decided_at: None, decided: Vec::new(), compared_at: None, lines: Vec::new() }
    }

    /// The night as a whole: as good as its worst line; `None` while there is nothing to judge.
    pub fn verdict(&self) -> Option<Verdict> {
        let any = |verdict| self.lines.iter().any(|l| l.verdict == verdict);
        self.compared_at?;
        [Verdict::Different, Verdict::NotComparable, Verdict::Same, Verdict::Nothing].into_iter().find(|v| any(*v))
    }

    /// Every bot was compared and none differed.
    pub fn is_clean(&self) -> bool {
        matches!(self.verdict(), Some(Verdict::Same | Verdict::Nothing))
    }
}
