//! Backups: consistent, encrypted and read back, made while trading goes on; and the way back from them.
//!
//! A backup is one file ([`container`](self) describes its form). Everything in it opens with the recovery key;
//! everything but the keys of secrets opens with the family passphrase, too. In the backup folder the keys of
//! users are in a file of their own, which is written anew when a user is erased: older backups beside it give
//! nothing away that was sealed for that user. A backup that a person wrote elsewhere holds them itself.
//!
//! After a restore the data are those of an earlier time, and whoever made the backup may still run: see
//! [`Returned`] and `app::returned`.

mod archive;
mod cipher;
mod container;
mod drill;
mod error;
mod files;
pub mod folder;
mod keys;
mod plan;
mod restore;
mod returned;
mod set;
pub mod state;
#[cfg(test)]
mod tests;
mod words;

pub use drill::drill;
pub use error::BackupError;
pub use folder::{Generation, Listed};
pub use keys::{Opening, PassphraseKey, SHORTEST_PASSPHRASE, WrappingKeys};
pub use plan::{BackupSettings, next_scheduled};
pub use restore::{ASIDE, Restored, finish, restore, sweep_copies};
pub use returned::{RETURNED_FILE, Returned};
pub use set::{CONFIG_COPY, Checked, Destination, Made, Source, verify, write_user_keys};
pub use state::{BackupState, Drill, Failure, Installation, LastBackup};
pub use words::{RecoveryKey, WORDS};

use jiff::Timestamp;

impl BackupState {
    /// Whether a backup is to be made now.
    pub fn is_due(&self, settings: &BackupSettings, now: Timestamp) -> bool {
        plan::is_due(settings, self.last.as_ref().map(|l| l.at), self.tried_at, now)
    }

    /// Whether a restore drill is to be made now.
    pub fn is_drill_due(&self, now: Timestamp) -> bool {
        plan::is_drill_due(self.drill.as_ref().map(|d| d.at), self.first_at, now)
    }

    /// Notes that somebody saw the recovery key, or knew two of its words: the next question is half a year away.
    pub fn key_is_known(&mut self, now: Timestamp) {
        self.ask_at = now.checked_add(plan::ASK_EVERY).ok();
        self.asked = None;
    }
}

impl BackupSettings {
    /// What the backup's volume keeps free, bytes.
    pub fn spare_bytes(&self) -> u64 {
        self.min_free()
    }
}
