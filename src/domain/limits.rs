//! What an administrator and an owner allow: permissions, limits and the kill switch.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::UserId;
use super::order::Environment;

/// The kill switch of a user, an account or the installation is on: no new order passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Halt {
    pub at: Timestamp,
    /// `None` when the command line did it.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub by: Option<UserId>,
}

/// Kind of instrument, as far as limits tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    Stock,
    Etf,
}

/// Why a whole installation sends nothing at all until an administrator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum HoldReason {
    /// The data came out of a backup: the installation that made it may still run.
    Restored,
    /// The backup folder shows that these data were restored elsewhere, under this generation.
    Superseded { generation: u64 },
}

/// The installation is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hold {
    pub since: Timestamp,
    #[serde(flatten)]
    pub reason: HoldReason,
}

/// How data came back from an earlier time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// Out of a backup.
    Restore,
    /// With the program of before an upgrade.
    RollBack,
}

/// The data are those of an earlier time: what was due up to `until` counts as missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    pub kind: ReturnKind,
    /// When they came back, market time.
    pub at: Timestamp,
    /// Nothing that was due until then runs any more; later than `at` where a hold was lifted since.
    pub until: Timestamp,
}

/// What an administrator allows the whole installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallRules {
    /// Off until an administrator turns it on: no order goes to a live host.
    #[serde(default)]
    pub live_allowed: bool,
    #[serde(default)]
    pub halt: Option<Halt>,
    /// While it is there, nothing is sent to any broker: no order, no change, no cancel by itself.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// The last time that the data came back from an earlier time.
    #[serde(default)]
    pub returned: Option<Return>,
}

/// What an administrator allows one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRules {
    /// Paper orders: our own engine and the broker's mock host.
    pub can_paper_trade: bool,
    pub can_real_trade: bool,
    /// New orders per session date over all of the user's accounts; the slices of one sheet count as one.
    #[serde(default)]
    pub daily_trade_limit: Option<u32>,
    /// Calls with an API key per day.
    #[serde(default)]
    pub api_calls_limit: Option<u32>,
    /// `None` allows every product.
    #[serde(default)]
    pub allowed_products: Option<Vec<Product>>,
}

impl Default for UserRules {
    fn default() -> Self {
        Self { can_paper_trade: true, can_real_trade: false, daily_trade_limit: None, api_calls_limit: None, allowed_products: None }
    }
}

/// Limits of one account. A limit that is `None` is not kept. None of them stands against an order
/// that reduces a position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountLimits {
    /// New orders per session date in this account; the slices of one sheet count as one.
    #[serde(default)]
    pub max_daily_trades: Option<u32>,
    /// New orders per session date in all of the user's accounts together.
    #[serde(default)]
    pub daily_trade_limit: Option<u32>,
    /// Most that one instrument may cost, in the currency of its market.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub max_position_size: Option<Decimal>,
    /// Most that one order may be worth.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub max_order_value: Option<Decimal>,
    /// Most that the buys of one session may be worth together.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub max_daily_value: Option<Decimal>,
    #[serde(default)]
    pub orders_per_second: Option<u32>,
    /// A buy's limit may be this far above the last trade, in percent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub price_collar: Option<Decimal>,
}

impl AccountLimits {
    /// Limits of an account that a person adds by hand. Imported ones start without limits, because
    /// they must trade exactly as before, and our own paper has nothing to protect.
    pub fn of_new_account(environment: Environment) -> Self {
        match environment {
            Environment::Own => Self::default(),
            Environment::Mock | Environment::Live => Self {
                max_daily_trades: Some(50),
                daily_trade_limit: Some(10),
                max_position_size: Some(Decimal::from(1_000_000)),
                max_order_value: None,
                max_daily_value: None,
                orders_per_second: Some(10),
                price_collar: Some(Decimal::from(5)),
            },
        }
    }
}

/// What an account has asked for in one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    /// New orders; the slices of one sheet count as one.
    pub orders: u32,
    /// Worth of the buys, in the market's currency.
    pub buys: Decimal,
}
