//! The installation in figures, for administrators and health checks.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::App;
use crate::auth::AuthError;
use crate::domain::order::Environment;
use crate::domain::user::User;
use crate::storage::{DATABASE_FILE, StoreError};

/// State of the installation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SystemReport {
    pub version: &'static str,
    pub uptime_s: i64,
    /// When the scheduler last ran.
    pub last_tick: Timestamp,
    /// Why the server is not ready; `null` when it is.
    pub problem: Option<String>,
    /// Size of the database file.
    pub store_bytes: u64,
    pub users: usize,
    pub accounts: usize,
    /// Memory of this process that is in RAM; `null` where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Free space on the volume of the data folder.
    pub disk_free_bytes: Option<u64>,
}

impl App {
    /// # Errors
    /// When the store cannot be read.
    pub fn system_report(&self) -> Result<SystemReport, AuthError> {
        let users = self.users_with_accounts()?;
        Ok(SystemReport {
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.wall.now().duration_since(self.opened_at).as_secs(),
            last_tick: self.pulse.last(),
            problem: self.ready().err(),
            store_bytes: fs_err::metadata(self.config.data_dir.join(DATABASE_FILE)).map_or(0, |m| m.len()),
            users: users.len(),
            accounts: users.iter().map(|(_, accounts)| accounts).sum(),
            memory_bytes: resident_memory(),
            disk_free_bytes: disk_free(&self.config.data_dir),
        })
    }

    /// Whether the server does what it is there for: its data can be read and the scheduler runs.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn ready(&self) -> Result<(), String> {
        self.auth.settings().map_err(|_| "the store cannot be read".to_owned())?;
        self.pulse.check().map_err(|silent| silent.to_string())
    }

    /// Everybody with the number of their accounts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn users_with_accounts(&self) -> Result<Vec<(User, usize)>, AuthError> {
        let users = self.auth.users()?;
        let counted = self.store.read(|view| {
            users
                .into_iter()
                .map(|user| {
                    Ok::<_, StoreError>((view.user(user.id).accounts()?.iter().filter(|a| a.environment != Environment::Own).count(), user))
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(counted.into_iter().map(|(accounts, user)| (user, accounts)).collect())
    }
}

/// Free bytes on the volume of a folder; `None` where the system does not tell.
pub fn disk_free(folder: &std::path::Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|s| s.f_bavail.saturating_mul(s.f_frsize))
}

/// Second field of `/proc/self/statm`, in pages of 4 KiB on every NAS processor.
fn resident_memory() -> Option<u64> {
    let statm = fs_err::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}
