//! Why a backup cannot be made, read or restored. Every sentence names what is wrong and how to mend it.

use std::io;
use std::path::PathBuf;

use crate::auth::{AuthError, MasterKeyError, RotationError, VaultError};
use crate::storage::StoreError;

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    const MEBI: u64 = 1 << 20;
    if bytes >= 10 * 1024 * MEBI { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes.div_ceil(MEBI)) }
}

/// What went wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is no EggMoney backup: choose a file whose name ends in .eggbackup", .0.display())]
    Foreign(PathBuf),
    #[error("{} is cut off: it was not written or copied to its end. Take another backup, or copy this one again", .0.display())]
    Truncated(PathBuf),
    #[error("{} is damaged ({detail}): take another backup, or copy this one again", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the backup was made by a newer version of EggMoney ({version}; its form is {found}, this program reads {known}): install that version first"
    )]
    NewerFormat { found: u32, known: u32, version: String },
    #[error(
        "the backup was made by EggMoney {version}, whose data are newer (schema {found}, this program knows {known}): install that version first"
    )]
    NewerSchema { found: u64, known: u64, version: String },
    #[error("this is a file of users' keys, no backup: choose a file that begins with eggmoney-")]
    NoSet,
    #[error("the recovery key is another one: the backup was made under key {wanted}, these words are key {given}")]
    OtherRecoveryKey { wanted: String, given: String },
    #[error("the family passphrase is wrong")]
    WrongPassphrase,
    #[error("this backup was made before a family passphrase was set: it opens with the recovery key only")]
    NoPassphrase,
    #[error("a recovery key has {WORDS} words, these are {0}", WORDS = super::words::WORDS)]
    WordCount(usize),
    #[error("word {place}, '{word}', is no word of a recovery key{hint}", hint = hint.as_ref().map_or(String::new(), |h| format!(": is it '{h}'?")))]
    UnknownWord { place: usize, word: String, hint: Option<String> },
    #[error("the words do not belong together: one of them is another one, or their order is. Compare them with what you wrote down")]
    Checksum,
    #[error("the family passphrase is too short: use at least {0} characters")]
    PassphraseShort(usize),
    #[error("a backup is opened with --recovery-key-stdin or with --passphrase-stdin")]
    KeyNeeded,
    #[error("a server runs over {}: stop it first, a restore replaces its data", .0.display())]
    InUse(PathBuf),
    #[error("{} keeps no spare room: {} are free, and {} are needed. Free some space, keep fewer backups, or choose another folder", folder.display(), size(*free), size(*needed))]
    NoSpace { folder: PathBuf, needed: u64, free: u64 },
    #[error("the disk of {} became full: nothing was changed. Free some space and try again", .0.display())]
    Full(PathBuf),
    #[error("the backup folder {} is not there: is the shared folder mounted and unlocked?", .0.display())]
    FolderMissing(PathBuf),
    #[error("the backup folder {} cannot be written to: give the package's user the right to write there", .0.display())]
    FolderReadOnly(PathBuf),
    #[error("the backup folder {} belongs to another installation: restore from its backups, or choose another folder", .0.display())]
    ForeignFolder(PathBuf),
    #[error("these data were restored elsewhere (generation {found}, here it is {own}): this installation writes no backups over those")]
    Superseded { found: u64, own: u64 },
    #[error("there is no backup in {}", .0.display())]
    NoSets(PathBuf),
    #[error("{} exists already: choose another name", .0.display())]
    Exists(PathBuf),
    #[error("a backup or a restore drill is under way already")]
    Running,
    #[error("what was written differs from what was read ({0}): the backup was thrown away")]
    Differs(String),
    #[error("backups are made outside 22:00 to 06:30 Korean time, when the US market trades: choose another time")]
    NightTime,
    #[error("{what} is {found}: use {least} to {most}")]
    OutOfRange { what: &'static str, found: u64, least: u64, most: u64 },
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot work on {}: {detail}", path.display())]
    Io { path: PathBuf, detail: String },
}

impl BackupError {
    /// What an access to a file or folder met.
    pub(super) fn io(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full(path),
            _ => Self::Io { path, detail: error.to_string() },
        }
    }

    /// Stable; notices and translations go by it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Foreign(_) => "backup_foreign",
            Self::Truncated(_) => "backup_truncated",
            Self::Damaged { .. } => "backup_damaged",
            Self::NewerFormat { .. } | Self::NewerSchema { .. } => "backup_newer",
            Self::NoSet => "backup_foreign",
            Self::OtherRecoveryKey { .. } => "other_recovery_key",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::NoPassphrase => "no_passphrase",
            Self::WordCount(_) | Self::UnknownWord { .. } | Self::Checksum => "wrong_words",
            Self::PassphraseShort(_) => "passphrase_short",
            Self::KeyNeeded => "backup_key_needed",
            Self::InUse(_) => "data_in_use",
            Self::NoSpace { .. } => "backup_no_space",
            Self::Full(_) | Self::Store(StoreError::Full) => "disk_full",
            Self::FolderMissing(_) => "backup_folder_missing",
            Self::FolderReadOnly(_) => "backup_folder_read_only",
            Self::ForeignFolder(_) => "backup_folder_foreign",
            Self::Superseded { .. } => "backup_superseded",
            Self::NoSets(_) => "backup_none",
            Self::Exists(_) => "backup_exists",
            Self::Running => "backup_running",
            Self::Differs(_) => "backup_differs",
            Self::NightTime => "backup_night_time",
            Self::OutOfRange { .. } => "invalid",
            Self::MasterKey(_) | Self::Vault(_) | Self::Auth(_) | Self::Rotation(_) => "backup_keys",
            Self::Store(_) => "backup_store",
            Self::Io { .. } => "backup_io",
        }
    }
}
