//! What the store keeps about backups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::plan::BackupSettings;
use super::set::Made;
use crate::domain::limits::ReturnKind;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record, StoreError, Tx, View};

/// Which installation these data are, through all restores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    pub id: Uuid,
    /// Grows with every restore and every taking over.
    pub generation: u64,
    /// The last return from an earlier time that was acted on: its kind and time.
    #[serde(default)]
    pub returned: Option<(ReturnKind, Timestamp)>,
}

impl Record for Installation {
    const NAME: &'static str = "installation";
}

/// The last backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastBackup {
    pub at: Timestamp,
    pub took_ms: u64,
    pub made: Made,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    pub at: Timestamp,
    pub code: String,
    pub detail: String,
}

/// How the last restore drill went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Drill {
    pub at: Timestamp,
    /// The backup that was restored for it.
    pub backup: String,
    pub took_ms: u64,
    pub rows: usize,
    /// What went wrong; `null` = everything came back as it was.
    pub failure: Option<Failure>,
}

/// How backups fare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupState {
    /// When a backup was last tried.
    #[serde(default)]
    pub tried_at: Option<Timestamp>,
    #[serde(default)]
    pub first_at: Option<Timestamp>,
    #[serde(default)]
    pub last: Option<LastBackup>,
    /// What went wrong since; `None` when the last try succeeded.
    #[serde(default)]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub drill: Option<Drill>,
    /// When the recovery key was first shown; nobody can have it written down before.
    #[serde(default)]
    pub key_shown_at: Option<Timestamp>,
    /// When two of its words were last given right.
    #[serde(default)]
    pub key_proved_at: Option<Timestamp>,
    /// When two of its words are asked for.
    #[serde(default)]
    pub ask_at: Option<Timestamp>,
    /// Which two, from 1, once they are asked for.
    #[serde(default)]
    pub asked: Option<(u8, u8)>,
    #[serde(default)]
    pub passphrase_at: Option<Timestamp>,
}

impl Record for BackupState {
    const NAME: &'static str = "state of backups";
}

const INSTALLATION: SystemTable<Installation> = SystemTable::new("installation");
const SETTINGS: SystemTable<BackupSettings> = SystemTable::new("backup_settings");
const STATE: SystemTable<BackupState> = SystemTable::new("backup_state");

fn row() -> Key {
    Key::new().text("backup")
}

impl Installation {
    /// Which installation this is; it is made at the first start.
    ///
    /// # Errors
    /// The store's.
    pub fn ensure(tx: &mut Tx<'_>, fresh: Uuid) -> Result<Self, StoreError> {
        match tx.get(&INSTALLATION, &row())? {
            Some(known) => Ok(known),
            None => {
                let made = Self { id: fresh, generation: 1, returned: None };
                tx.put(&INSTALLATION, &row(), &made)?;
                Ok(made)
            }
        }
    }

    /// # Errors
    /// The store's; `NotFound` before the first start.
    pub fn read(view: &View<'_>) -> Result<Self, StoreError> {
        view.get(&INSTALLATION, &row())?.ok_or_else(|| StoreError::not_found(Self::NAME))
    }

    /// # Errors
    /// The store's.
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.put(&INSTALLATION, &row(), self)
    }
}

/// # Errors
/// The store's.
pub fn settings(view: &View<'_>) -> Result<BackupSettings, StoreError> {
    Ok(view.get(&SETTINGS, &row())?.unwrap_or_default())
}

/// # Errors
/// The store's.
pub fn put_settings(tx: &mut Tx<'_>, settings: &BackupSettings) -> Result<(), StoreError> {
    tx.put(&SETTINGS, &row(), settings)
}

/// How backups fare: for the page, for metrics, for alerts.
///
/// # Errors
/// The store's.
pub fn state(view: &View<'_>) -> Result<BackupState, StoreError> {
    Ok(view.get(&STATE, &row())?.unwrap_or_default())
}

/// # Errors
/// The store's.
pub fn change_state(tx: &mut Tx<'_>, change: impl FnOnce(&mut BackupState)) -> Result<BackupState, StoreError> {
    let mut changed = state(&tx.view())?;
    change(&mut changed);
    tx.put(&STATE, &row(), &changed)?;
    Ok(changed)
}
