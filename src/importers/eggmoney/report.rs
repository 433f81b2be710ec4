//! What an import tells: what was read, what is stored, and everything that differs from both.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::dotenv::{OldEnv, masked};
use super::key_store::LeftOut;
use super::plan::{OldAccount, Plan, Unbooked, Unplaced, Warning};
use super::rows::Fault;
use super::schedule::{self, DescribedSchedule};
use super::source::FileMark;
use super::summary::{self, Notation};
use super::update::Changes;
use crate::domain::account::masked_number;
use crate::domain::id::AccountId;
use crate::domain::order::Environment;

/// What became, or would become, of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new account.
    New,
    /// A newer copy brought the account up to date.
    Replaced,
    /// The same files were imported before: nothing changed.
    Unchanged,
    /// Rows were refused: nothing was written.
    Refused,
}

/// An earlier import of the same database file by this user.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Previous {
    #[schema(value_type = uuid::Uuid)]
    pub account_id: AccountId,
    pub account_name: String,
    pub at: Timestamp,
}

/// The files, by name and hash.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Files {
    pub db: FileMark,
    pub key_store: Option<FileMark>,
    pub env: Option<FileMark>,
}

/// Credentials that were found, masked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Secrets {
    pub app_key_masked: Option<String>,
    pub app_secret: bool,
    pub account_masked: Option<String>,
    pub telegram: bool,
    pub telegram_chat: bool,
    pub environment: Option<Environment>,
    /// Known keys of the old server that are not taken.
    pub left_out: Vec<String>,
}

/// The report of an import or of its rehearsal.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Report {
    pub account_name: Option<String>,
    pub outcome: Outcome,
    /// Nothing was written; this tells what would be.
    pub dry_run: bool,
    /// Counts and sums of what was read; `rows` counts refused rows too.
    pub tables: Value,
    /// The same, computed from what is stored (in a rehearsal: from what was stored before it was undone).
    pub imported: Value,
    pub refused: Vec<Fault>,
    pub unplaced: Vec<Unplaced>,
    pub warnings: Vec<Warning>,
    /// Questions to be answered before the account can be started.
    pub unbooked: Vec<Unbooked>,
    /// Bots whose fills of a sheet in flight were booked by this import.
    pub booked: Vec<String>,
    pub schedule: DescribedSchedule,
    pub secrets: Secrets,
    pub settings_left_out: LeftOut,
    pub files: Files,
    pub previous: Vec<Previous>,
    /// What these files change in the account that they bring up to date.
    pub updates: Option<Changes>,
}

impl Report {
    /// Everything that follows from the files alone.
    pub fn of(old: &OldAccount, plan: &Plan, notation: &Notation) -> Self {
        let settings = old.settings.as_ref().map(|(_, s)| s);
        Self {
            account_name: None,
            outcome: Outcome::Refused,
            dry_run: false,
            tables: tables(old, notation),
            imported: Value::Null,
            refused: old.faults(),
            unplaced: plan.unplaced.clone(),
            warnings: plan.warnings.clone(),
            unbooked: plan.unbooked.clone(),
            booked: Vec::new(),
            schedule: schedule::described(settings, &plan.settings.schedule),
            secrets: old.env.as_ref().map(|(_, env)| secrets(env)).unwrap_or_default(),
            settings_left_out: settings.map(|s| s.left_out.clone()).unwrap_or_default(),
            files: Files {
                db: old.db.clone(),
                key_store: old.settings.as_ref().map(|(mark, _)| mark.clone()),
                env: old.env.as_ref().map(|(mark, _)| mark.clone()),
            },
            previous: Vec::new(),
            updates: None,
        }
    }
}

/// The summary of the file with refused rows counted.
fn tables(old: &OldAccount, notation: &Notation) -> Value {
    let mut tables = summary::of_rows(&old.rows, notation);
    for fault in &old.rows.faults {
        if let Some(rows) = tables.get_mut(&fault.table).and_then(|t| t.get_mut("rows")) {
            *rows = json!(rows.as_u64().unwrap_or(0) + 1);
        }
    }
    tables
}

fn secrets(env: &OldEnv) -> Secrets {
    use secrecy::ExposeSecret;
    let product = env.product.as_ref().map_or("01", |p: &SecretString| p.expose_secret());
    Secrets {
        app_key_masked: env.app_key.as_ref().map(masked),
        app_secret: env.app_secret.is_some(),
        account_masked: env.cano.as_ref().map(|c| masked_number(c.expose_secret(), product)),
        telegram: env.telegram_token.is_some(),
        telegram_chat: env.telegram_chat.is_some(),
        environment: env.environment,
        left_out: env.left_out.clone(),
    }
}
