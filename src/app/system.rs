//! The installation in figures, for administrators and health checks.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::hosts::HostHealth;
use super::state::App;
use crate::auth::AuthError;
use crate::backup::state;
use crate::brokers::calls::clock_ahead_ms;
use crate::domain::order::Environment;
use crate::domain::user::User;
use crate::domain::watch::Episode;
use crate::storage::{DATABASE_FILE, StoreError};
use crate::trading::SlotsOverview;

/// State of the installation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SystemReport {
    pub version: &'static str,
    pub uptime_s: i64,
    pub started_at: Timestamp,
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
    /// Open files and connections of this process; `null` where the system does not tell.
    pub open_files: Option<u64>,
    /// Free space on the volume of the data folder.
    pub disk_free_bytes: Option<u64>,
    /// Size of that volume.
    pub disk_bytes: Option<u64>,
    /// Open live connections of pages.
    pub sockets: i64,
    /// Writes that wait for the next commit.
    pub store_queue: usize,
    /// Messages that wait for delivery outside the app.
    pub outbox: usize,
    /// Exports and imports under way.
    pub transfers: usize,
    /// The day of the brokers' lists of instruments in use; `null` while there are none.
    pub masters_day: Option<Date>,
    /// The hosts that this server speaks to.
    pub hosts: Vec<HostHealth>,
    /// Milliseconds by which the clock is ahead of what those hosts say, half a second more or less;
    /// `null` while none has told lately, and in a simulation.
    pub clock_ahead_ms: Option<i64>,
    /// Slots of the present session; `null` beyond the calendar.
    pub slots: Option<SlotsOverview>,
    /// The last backup; `null` when none is made.
    pub backup: Option<BackupHealth>,
    /// What administrators were told of and is not over.
    pub alerts: Vec<Episode>,
}

/// How the backups stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackupHealth {
    /// The last one that was written and checked.
    pub last_backup_at: Option<Timestamp>,
    /// Why the last try failed; `null` when it did not.
    pub problem: Option<String>,
    /// The last time that one was restored as a trial.
    pub last_drill_at: Option<Timestamp>,
    /// Whether that trial gave the same data.
    pub drill_ok: Option<bool>,
}

/// What a host said of the time counts for so long.
const CLOCK_SAID: SignedDuration = SignedDuration::from_hours(24);

impl App {
    /// # Errors
    /// When the store cannot be read.
    pub fn system_report(&self) -> Result<SystemReport, AuthError> {
        let users = self.users_with_accounts()?;
        let space = space(&self.config.data_dir);
        Ok(SystemReport {
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.wall.now().duration_since(self.opened_at).as_secs(),
            started_at: self.opened_at,
            last_tick: self.pulse.last(),
            problem: self.ready().err(),
            store_bytes: fs_err::metadata(self.config.data_dir.join(DATABASE_FILE)).map_or(0, |m| m.len()),
            users: users.len(),
            accounts: users.iter().map(|(_, accounts)| accounts).sum(),
            memory_bytes: resident_memory(),
            open_files: open_files(),
            disk_free_bytes: space.map(|(free, _)| free),
            disk_bytes: space.map(|(_, all)| all),
            sockets: self.metrics.open_sockets(),
            store_queue: self.store.waiting_writes(),
            outbox: self.outbox_waiting()?,
            transfers: self.transfers.running(),
            masters_day: self.masters.day(),
            hosts: self.hosts(),
            clock_ahead_ms: self.clock_ahead_ms(),
            slots: self.trading.slots_overview().ok(),
            backup: self.backup_health()?,
            alerts: self.open_episodes()?,
        })
    }

    /// Milliseconds by which our clock is ahead of what hosts said within a day; `None` when none did,
    /// and in a simulation, whose hosts live in another time.
    pub fn clock_ahead_ms(&self) -> Option<i64> {
        let since = self.wall.now().saturating_sub(CLOCK_SAID).unwrap_or(Timestamp::MIN);
        if self.config.simulation_speed.is_some() { None } else { clock_ahead_ms(&self.calls.hosts(), since) }
    }

    /// How the backups stand; `None` where nobody wants any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn backup_health(&self) -> Result<Option<BackupHealth>, StoreError> {
        let (settings, state) = self.store.read(|view| Ok::<_, StoreError>((state::settings(view)?, state::state(view)?)))?;
        let wanted = settings.enabled || state.last.is_some();
        Ok(wanted.then(|| BackupHealth {
            last_backup_at: state.last.map(|last| last.at),
            problem: state.failure.map(|failure| failure.detail),
            last_drill_at: state.drill.as_ref().map(|drill| drill.at),
            drill_ok: state.drill.map(|drill| drill.failure.is_none()),
        }))
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
    space(folder).map(|(free, _)| free)
}

/// Free and all bytes on the volume of a folder.
fn space(folder: &std::path::Path) -> Option<(u64, u64)> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    Some((volume.f_bavail.saturating_mul(volume.f_frsize), volume.f_blocks.saturating_mul(volume.f_frsize)))
}

/// Entries of `/proc/self/fd`, without the one that is open for the reading.
fn open_files() -> Option<u64> {
    let entries = fs_err::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(entries.saturating_sub(1)).ok()
}

/// Second field of `/proc/self/statm`, in pages of 4 KiB on every NAS processor.
fn resident_memory() -> Option<u64> {
    let statm = fs_err::read_to_string("/proc/self/statm").ok()?;
    statm.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}
