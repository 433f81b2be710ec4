//! What an administrator sets for the whole installation.

use serde::{Deserialize, Serialize};

use crate::domain::network::Networks;
use crate::storage::tables::SystemTable;
use crate::storage::{Key, Record, StoreError, Tx, View};

/// Whether people can register themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPolicy {
    Open,
    /// Only the administrator makes users.
    #[default]
    Closed,
}

impl std::str::FromStr for RegistrationPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            other => Err(format!("'{other}' is neither open nor closed")),
        }
    }
}

/// Settings of the installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    #[serde(default)]
    pub registration: RegistrationPolicy,
    /// From where people may come; empty = from everywhere.
    #[serde(default)]
    pub networks: Networks,
    /// Where browsers reach this installation (`https://HOST/PATH`, without a slash at the end): sign-in
    /// providers send people back to it.
    #[serde(default)]
    pub public_url: Option<String>,
}

impl Record for Settings {
    const NAME: &'static str = "installation settings";
}

/// One row.
const SETTINGS: SystemTable<Settings> = SystemTable::new("settings");

pub(super) fn read(view: &View<'_>) -> Result<Settings, StoreError> {
    Ok(view.get(&SETTINGS, &Key::new().text("installation"))?.unwrap_or_default())
}

pub(super) fn write(tx: &mut Tx<'_>, settings: &Settings) -> Result<(), StoreError> {
    tx.put(&SETTINGS, &Key::new().text("installation"), settings)
}
