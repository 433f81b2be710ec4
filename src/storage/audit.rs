//! Audit rows: who did what, written in the same transaction as what they tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::Key;
use super::port::StoreError;
use super::record::Record;
use super::tables::{SystemTable, UserTable};
use super::view::{Tx, UserTx};
use crate::domain::id::UserId;

/// One audited act. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    pub id: Uuid,
    pub at: Timestamp,
    /// Who did it; `None` for the program itself and the command line.
    pub by: Option<UserId>,
    /// What, in dotted words: `bot.changed`, `broker_key.replaced`.
    pub action: String,
    /// What it was done to, and how it changed.
    pub detail: serde_json::Value,
}

impl Record for AuditRow {
    const NAME: &'static str = "audit row";
}

/// id (time-ordered).
pub const AUDIT: UserTable<AuditRow> = UserTable::new("audit");
/// id (time-ordered).
pub const SYSTEM_AUDIT: SystemTable<AuditRow> = SystemTable::new("system_audit");

fn row(at: Timestamp, by: Option<UserId>, action: &str, detail: serde_json::Value) -> AuditRow {
    AuditRow { id: Uuid::now_v7(), at, by, action: action.to_owned(), detail }
}

impl UserTx<'_> {
    /// Writes an audit row among the user's rows.
    pub fn audit(&mut self, at: Timestamp, by: Option<UserId>, action: &str, detail: serde_json::Value) -> Result<(), StoreError> {
        let row = row(at, by, action, detail);
        self.put(&AUDIT, &Key::new().id(row.id.as_bytes()), &row)
    }
}

impl Tx<'_> {
    /// Writes an audit row of the installation.
    pub fn audit(&mut self, at: Timestamp, by: Option<UserId>, action: &str, detail: serde_json::Value) -> Result<(), StoreError> {
        let row = row(at, by, action, detail);
        self.put(&SYSTEM_AUDIT, &Key::new().id(row.id.as_bytes()), &row)
    }
}
