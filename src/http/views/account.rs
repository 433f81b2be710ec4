//! Accounts as answers.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::app::credentials::{MaskedChat, MaskedKey};
use crate::app::feeds::NoticeState;
use crate::domain::account::{Account, AccountMode, Rung, Unsettled, UsFunds};
use crate::domain::id::UserId;
use crate::domain::limits::AccountLimits;
use crate::domain::order::Environment;
use crate::domain::schedule::Schedule;
use crate::http::error::ApiError;
use crate::trading::live_orders_allowed;

/// What the owner sets for an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsView {
    pub schedule: Schedule,
    /// USD.
    pub total_budget: Option<f64>,
    pub auto_start: bool,
    pub auto_start_threshold: f64,
    pub bot_sync: bool,
    pub fee_rate: f64,
    pub us_funds: UsFunds,
}

/// Something that is wrong with an account right now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttentionView {
    pub code: String,
    pub detail: String,
    pub since: Timestamp,
}

/// Whose paper twin an account is.
#[derive(Debug, Serialize, ToSchema)]
pub struct TwinView {
    /// The live account.
    pub of: Uuid,
    pub of_name: String,
    /// `null` while it trades; from then on its record can only be read.
    pub ended_at: Option<Timestamp>,
}

/// A brokerage account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    pub id: Uuid,
    pub name: String,
    /// `own`, `mock` or `live`
    pub environment: Environment,
    /// `observe` or `trading`
    pub mode: AccountMode,
    pub version: u64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub broker_key: Option<MaskedKey>,
    /// When the broker last answered to this key; `null` when it has not since the server started.
    pub broker_answered_at: Option<Timestamp>,
    /// How notices of executions come.
    pub notices: NoticeState,
    /// Why they do not come, in the broker's or the connection's words.
    pub notices_detail: Option<String>,
    pub telegram: Option<MaskedChat>,
    pub settings: SettingsView,
    pub limits: AccountLimits,
    /// A kill switch stops this account.
    pub halted: bool,
    pub unsettled: Vec<Unsettled>,
    pub attention: Vec<AttentionView>,
    /// A live account that may not send: administrator, permission or rung are missing.
    pub live_locked: bool,
    /// How far a live account may go; others trade in full once they are started.
    pub rung: Rung,
    /// The account is the paper twin of a live one, whose settings it follows.
    pub twin: Option<TwinView>,
    pub imported_at: Option<Timestamp>,
}

impl AccountView {
    /// # Errors
    /// When the vault or the store cannot be read.
    pub fn new(app: &App, user: UserId, account: &Account) -> Result<Self, ApiError> {
        let broker_key = app.masked_key(user, account.id)?;
        let twin = match &account.twin {
            Some(twin) => {
                let of_name = app.trading.account(user, twin.of)?.name;
                Some(TwinView { of: twin.of.0, of_name, ended_at: twin.ended_at })
            }
            None => None,
        };
        let (notices, notices_detail) = app.feeds.notices(account.id, broker_key.as_ref().is_some_and(|key| key.has_hts_id));
        Ok(Self {
            id: account.id.0,
            name: account.name.clone(),
            environment: account.environment,
            mode: account.mode,
            version: account.version,
            created_at: account.created_at,
            started_at: account.started_at,
            broker_key,
            broker_answered_at: app.trading.broker_answered_at(user, account.id),
            notices,
            notices_detail,
            telegram: app.masked_chat(user, account)?,
            settings: SettingsView {
                schedule: account.settings.schedule,
                total_budget: account.settings.total_budget,
                auto_start: account.settings.auto_start,
                auto_start_threshold: account.settings.auto_start_threshold,
                bot_sync: account.settings.bot_sync,
                fee_rate: account.settings.fee_rate,
                us_funds: account.settings.us_funds,
            },
            limits: account.settings.limits.clone(),
            halted: app.trading.is_halted(user, account.id)?,
            unsettled: account.unsettled.clone(),
            attention: app
                .trading
                .attention(user, account.id)
                .into_iter()
                .map(|a| AttentionView { code: a.code, detail: a.detail, since: a.since })
                .collect(),
            live_locked: account.environment == Environment::Live && !live_orders_allowed(&app.store, user, account.id),
            rung: account.rung(),
            twin,
            imported_at: account.imported.as_ref().map(|i| i.at),
        })
    }
}
