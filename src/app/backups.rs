//! Backups of a running installation: by themselves, on demand, and tried out; and what administrators do
//! about their keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use super::config::Config;
use super::returned::{generation_of, watch_generation};
use super::state::App;
use super::system::disk_free;
use super::transfers::{Running, Work};
use crate::backup::{
    self, BackupError, BackupSettings, BackupState, Destination, Drill, Failure, Generation, Installation, LastBackup, Listed, Made,
    PassphraseKey, RecoveryKey, Source, WORDS, WrappingKeys, folder, state,
};
use crate::domain::id::UserId;
use crate::domain::limits::{Hold, HoldReason};
use crate::domain::message::Notice;
use crate::domain::user::Role;
use crate::storage::tables::USERS;
use crate::storage::{Key, StoreError, Tx};
use crate::trading::TradingError;

/// Folder in the data folder for backups, where no other is configured.
pub const BACKUPS_FOLDER: &str = "backups";

/// Where the backups of an installation go.
pub(super) fn backup_dir(config: &Config) -> PathBuf {
    config.backup_dir.clone().unwrap_or_else(|| config.data_dir.join(BACKUPS_FOLDER))
}

/// Tells every administrator.
pub(super) fn post_to_admins(tx: &mut Tx<'_>, now: Timestamp, notice: &Notice) -> Result<(), StoreError> {
    for user in tx.view().list(&USERS, &Key::new())?.into_iter().filter(|u| u.role == Role::Admin && u.active) {
        tx.user(user.id).post_to_person(now, notice.level(), notice)?;
    }
    Ok(())
}

/// Why something about backups was refused.
#[derive(Debug, thiserror::Error)]
pub enum BackupRefusal {
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("these are not the words: compare them with what you wrote down")]
    WrongWords,
    #[error("no words are asked for at the moment")]
    NotAsked,
    #[error(transparent)]
    Trading(#[from] TradingError),
}

impl From<StoreError> for BackupRefusal {
    fn from(error: StoreError) -> Self {
        Self::Backup(error.into())
    }
}

/// How the backup folder fares.
#[derive(Clone, Debug)]
pub struct FolderReport {
    pub path: PathBuf,
    pub free_bytes: Option<u64>,
    /// What keeps backups from it.
    pub problem: Option<(String, String)>,
    pub sets: Vec<Listed>,
}

/// Everything about backups, for the page.
#[derive(Clone, Debug)]
pub struct BackupReport {
    pub settings: BackupSettings,
    pub state: BackupState,
    pub installation: Installation,
    pub next_at: Option<Timestamp>,
    pub running: bool,
    pub folder: FolderReport,
    pub hold: Option<Hold>,
    /// Of the recovery key, once there is one.
    pub key_id: Option<String>,
}

impl App {
    /// Where backups go.
    pub fn backup_dir(&self) -> PathBuf {
        backup_dir(&self.config)
    }

    /// Whether a backup or a drill is under way.
    pub fn backup_runs(&self) -> bool {
        self.transfers.is_running(Work::Backup)
    }

    /// How backups fare: the last one and its age are in it.
    ///
    /// # Errors
    /// The store's.
    pub fn backup_state(&self) -> Result<BackupState, StoreError> {
        self.store.read(state::state)
    }

    /// Everything about backups.
    ///
    /// # Errors
    /// The store's, or when the keys cannot be opened. What is wrong with the folder is part of the report.
    pub fn backup_report(&self) -> Result<BackupReport, BackupError> {
        let path = self.backup_dir();
        let (settings, state, installation, keys) = self.store.read(|view| {
            let keys = WrappingKeys::of(&self.vault, view)?;
            Ok::<_, BackupError>((state::settings(view)?, state::state(view)?, Installation::read(view)?, keys))
        })?;
        let listed = folder::list(&path, installation.id);
        let problem = match (&listed, folder::generation(&path)) {
            (Err(error), _) => Some(told(error)),
            (_, Err(error)) => Some(told(&error)),
            (_, Ok(Some(found))) if found.installation != installation.id => Some(told(&BackupError::ForeignFolder(path.clone()))),
            (_, Ok(Some(found))) if found.generation > installation.generation => {
                Some(told(&BackupError::Superseded { found: found.generation, own: installation.generation }))
            }
            _ if !path.is_dir() && !path.parent().is_some_and(Path::is_dir) => Some(told(&BackupError::FolderMissing(path.clone()))),
            _ => None,
        };
        let hold = self.trading.install_rules().map_err(|e| StoreError::Io(e.to_string()))?.hold;
        Ok(BackupReport {
            next_at: backup::next_scheduled(&settings, self.wall.now()),
            running: self.backup_runs(),
            folder: FolderReport {
                free_bytes: disk_free(if path.is_dir() { &path } else { &self.config.data_dir }),
                problem,
                sets: listed.unwrap_or_default(),
                path,
            },
            hold,
            key_id: keys.map(|k| k.recovery().id()),
            settings,
            state,
            installation,
        })
    }

    /// Work that comes by itself: a backup when its time has come, a drill each month, the question for two words.
    /// Called every few minutes; what fails is noted, told, and tried again.
    pub async fn backup_tick(self: &Arc<Self>) {
        let now = self.wall.now();
        let read = self.store.read(|view| Ok::<_, StoreError>((state::settings(view)?, state::state(view)?)));
        let Ok((settings, state)) = read else { return };
        if state.is_due(&settings, now) {
            if let Err(error) = self.back_up(None).await {
                tracing::warn!(%error, "the backup failed");
            }
        } else if state.is_drill_due(now)
            && state.last.is_some()
            && let Err(error) = self.drill(None).await
        {
            tracing::warn!(%error, "the restore drill failed");
        }
        if let Err(error) = self.ask_for_words(now).await {
            tracing::warn!(%error, "the question for words of the recovery key cannot be asked");
        }
    }

    /// Looks whether these data were restored elsewhere.
    pub async fn watch_generation(&self) {
        if let Err(error) = watch_generation(&self.config, &self.store, &self.trading).await {
            tracing::warn!(%error, "whether the data were restored elsewhere cannot be found out");
        }
    }

    /// Keeps every other backup and drill away until what is given back is dropped.
    ///
    /// # Errors
    /// `Running` while one is under way.
    pub fn begin_backup(&self) -> Result<Running, BackupError> {
        self.transfers.begin(Work::Backup).map_err(|_| BackupError::Running)
    }

    /// Makes a backup in the backup folder and thins it out.
    ///
    /// # Errors
    /// See [`BackupError`]; it is noted, and administrators are told of what is new.
    pub async fn back_up(self: &Arc<Self>, by: Option<UserId>) -> Result<LastBackup, BackupError> {
        self.back_up_alone(self.begin_backup()?, by).await
    }

    /// The same, where the caller has begun it.
    ///
    /// # Errors
    /// As [`App::back_up`].
    pub async fn back_up_alone(self: &Arc<Self>, _running: Running, by: Option<UserId>) -> Result<LastBackup, BackupError> {
        let (began, at) = (self.wall.now(), self.market.now());
        let done = self.write_backup(None).await;
        let took_ms = u64::try_from(self.wall.now().duration_since(began).as_millis()).unwrap_or_default();
        let noted = match &done {
            Ok(made) => Ok(LastBackup { at: began, took_ms, made: made.clone() }),
            Err(error) => Err(failure(began, error)),
        };
        if matches!(done, Err(BackupError::Superseded { .. })) {
            self.watch_generation().await;
        }
        let stored = noted.clone();
        self.store
            .write(move |tx| -> Result<(), StoreError> {
                let before = state::state(&tx.view())?.failure;
                state::change_state(tx, |state| {
                    state.tried_at = Some(began);
                    match &stored {
                        Ok(last) => {
                            state.first_at.get_or_insert(began);
                            state.last = Some(last.clone());
                            state.failure = None;
                        }
                        Err(failure) => state.failure = Some(failure.clone()),
                    }
                })?;
                match &stored {
                    Ok(last) => {
                        tx.audit(began, by, "backup.made", json!({ "name": last.made.name, "bytes": last.made.bytes }))?;
                        if before.is_some() { post_to_admins(tx, at, &Notice::BackupRecovered) } else { Ok(()) }
                    }
                    Err(failure) => {
                        tx.audit(began, by, "backup.failed", json!({ "code": failure.code }))?;
                        if before.is_some_and(|before| before.code == failure.code) {
                            return Ok(());
                        }
                        let Failure { code, detail, .. } = failure.clone();
                        post_to_admins(tx, at, &Notice::BackupFailed { reason_code: code, detail })
                    }
                }
            })
            .await?;
        match (done, noted) {
            (Err(error), _) => Err(error),
            (_, Ok(last)) => Ok(last),
            // Both say the same.
            (Ok(_), Err(failure)) => Err(BackupError::Differs(failure.detail)),
        }
    }

    /// Writes a backup that stands by itself into a file of that name, which must not exist.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn back_up_to(self: &Arc<Self>, file: PathBuf) -> Result<Made, BackupError> {
        let _running = self.begin_backup()?;
        let made = self.write_backup(Some(file)).await?;
        let (now, detail) = (self.wall.now(), json!({ "name": made.name, "bytes": made.bytes }));
        self.store.write(move |tx| tx.audit(now, None, "backup.written", detail.clone())).await?;
        Ok(made)
    }

    async fn write_backup(self: &Arc<Self>, file: Option<PathBuf>) -> Result<Made, BackupError> {
        let (keys, fresh) = WrappingKeys::ensure(&self.vault, &self.store).await?;
        if fresh {
            let at = self.market.now();
            self.store.write(move |tx| post_to_admins(tx, at, &Notice::RecoveryKeyMade)).await?;
        }
        let (settings, installation) = self.store.read(|view| Ok::<_, StoreError>((state::settings(view)?, Installation::read(view)?)))?;
        // The database and the file of the master key belong to each other.
        let unrotated = self.auth.hold_master_key().await;
        let (app, now) = (self.clone(), self.wall.now());
        let made = tokio::task::spawn_blocking(move || {
            let _held = unrotated;
            let source = app.source(&keys, &installation, &settings, now);
            let Some(file) = file else {
                let folder = app.backup_dir();
                folder::prepare(&folder)?;
                let own = Generation { installation: installation.id, generation: installation.generation, at: now };
                folder::claim(&folder, &own)?;
                let made = source.make(Destination::Folder(&folder))?;
                let removed = folder::thin_out(&folder, installation.id, &settings)?;
                tracing::info!(name = %made.name, bytes = made.bytes, removed, "backed up");
                return Ok(made);
            };
            source.make(Destination::File(&file))
        });
        made.await.map_err(|e| StoreError::Io(e.to_string()))?
    }

    fn source<'a>(&'a self, keys: &'a WrappingKeys, installation: &Installation, settings: &BackupSettings, now: Timestamp) -> Source<'a> {
        Source {
            data_dir: &self.config.data_dir,
            store: &self.store,
            config_file: self.config.config_file.as_deref(),
            installation: installation.id,
            generation: installation.generation,
            keys,
            now,
            min_free: settings.spare_bytes(),
            free: disk_free,
        }
    }

    /// Takes the keys of erased users out of the backup folder.
    pub(super) fn rewrite_user_keys(&self) -> Result<(), BackupError> {
        let folder = self.backup_dir();
        let (keys, settings, installation) = self
            .store
            .read(|view| Ok::<_, BackupError>((WrappingKeys::of(&self.vault, view)?, state::settings(view)?, Installation::read(view)?)))?;
        let own = generation_of(&folder, installation.id) == Some(installation.generation);
        match keys.filter(|_| own) {
            Some(keys) => backup::write_user_keys(&self.source(&keys, &installation, &settings, self.wall.now()), &folder),
            None => Ok(()),
        }
    }

    /// Restores the newest backup into a scratch folder and compares.
    ///
    /// # Errors
    /// See [`BackupError`]; it is noted, and administrators are told.
    pub async fn drill(self: &Arc<Self>, by: Option<UserId>) -> Result<Drill, BackupError> {
        self.drill_alone(self.begin_backup()?, by).await
    }

    /// The same, where the caller has begun it.
    ///
    /// # Errors
    /// As [`App::drill`].
    pub async fn drill_alone(self: &Arc<Self>, _running: Running, by: Option<UserId>) -> Result<Drill, BackupError> {
        let keys = self.store.read(|view| WrappingKeys::of(&self.vault, view))?;
        let keys = keys.ok_or_else(|| BackupError::NoSets(self.backup_dir()))?;
        let (app, began) = (self.clone(), self.wall.now());
        let tried = tokio::task::spawn_blocking(move || {
            let passphrase = app.config.master_passphrase.as_ref();
            backup::drill(&app.backup_dir(), &app.config.data_dir, &keys, passphrase, disk_free)
        });
        let tried = tried.await.map_err(|e| StoreError::Io(e.to_string()))?;
        let took_ms = u64::try_from(self.wall.now().duration_since(began).as_millis()).unwrap_or_default();
        let drill = match &tried {
            Ok((name, rows)) => Drill { at: began, backup: name.clone(), took_ms, rows: *rows, failure: None },
            Err(error) => Drill { at: began, backup: String::new(), took_ms, rows: 0, failure: Some(failure(began, error)) },
        };
        let (noted, at) = (drill.clone(), self.market.now());
        self.store
            .write(move |tx| -> Result<(), StoreError> {
                state::change_state(tx, |state| state.drill = Some(noted.clone()))?;
                let code = noted.failure.as_ref().map(|f| f.code.clone());
                tx.audit(began, by, "backup.drilled", json!({ "backup": noted.backup, "rows": noted.rows, "failure": code }))?;
                match &noted.failure {
                    Some(Failure { code, detail, .. }) => {
                        post_to_admins(tx, at, &Notice::DrillFailed { reason_code: code.clone(), detail: detail.clone() })
                    }
                    None => Ok(()),
                }
            })
            .await?;
        tried.map(|_| drill)
    }

    /// Says when backups are made and which are kept.
    ///
    /// # Errors
    /// `NightTime`, `OutOfRange`, the store's.
    pub async fn set_backup_settings(&self, by: Option<UserId>, settings: BackupSettings) -> Result<(), BackupError> {
        let (settings, now) = (settings.checked()?, self.wall.now());
        let written = self.store.write(move |tx| -> Result<(), StoreError> {
            tx.audit(now, by, "backup.settings_changed", json!({ "settings": settings }))?;
            state::put_settings(tx, &settings)
        });
        Ok(written.await?)
    }

    /// The recovery key, to be written down; it is made when there is none. The caller proved who is asking.
    ///
    /// # Errors
    /// `Vault`, the store's.
    pub async fn show_recovery_key(&self, by: Option<UserId>) -> Result<RecoveryKey, BackupError> {
        let (keys, _) = WrappingKeys::ensure(&self.vault, &self.store).await?;
        let now = self.wall.now();
        let noted = self.store.write(move |tx| -> Result<(), StoreError> {
            state::change_state(tx, |state| {
                state.key_shown_at.get_or_insert(now);
                state.key_is_known(now);
            })?;
            tx.audit(now, by, "recovery_key.shown", json!({}))
        });
        noted.await?;
        Ok(keys.recovery().clone())
    }

    /// Asks for two words when half a year is over.
    async fn ask_for_words(&self, now: Timestamp) -> Result<(), StoreError> {
        let state = self.backup_state()?;
        if state.asked.is_some() || state.ask_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        let asked = two_places();
        let at = self.market.now();
        let posted = self.store.write(move |tx| -> Result<(), StoreError> {
            state::change_state(tx, |state| state.asked = Some(asked))?;
            post_to_admins(tx, at, &Notice::RecoveryKeyAsked)
        });
        posted.await
    }

    /// Compares the two words that were asked for.
    ///
    /// # Errors
    /// `NotAsked`, `WrongWords`.
    pub async fn answer_words(&self, by: Option<UserId>, words: [String; 2]) -> Result<(), BackupRefusal> {
        let (state, keys) = self.store.read(|view| Ok::<_, BackupError>((state::state(view)?, WrappingKeys::of(&self.vault, view)?)))?;
        let ((first, second), keys) = state.asked.zip(keys).ok_or(BackupRefusal::NotAsked)?;
        let key = keys.recovery().words();
        let word = |place: u8| key.get(usize::from(place).saturating_sub(1)).copied().unwrap_or_default();
        let right = [first, second].into_iter().zip(&words).all(|(place, given)| given.trim().to_lowercase() == word(place));
        let now = self.wall.now();
        self.store
            .write(move |tx| -> Result<(), StoreError> {
                if !right {
                    return tx.audit(now, by, "recovery_key.not_proved", json!({}));
                }
                state::change_state(tx, |state| {
                    state.key_proved_at = Some(now);
                    state.key_is_known(now);
                })?;
                tx.audit(now, by, "recovery_key.proved", json!({}))
            })
            .await?;
        if right { Ok(()) } else { Err(BackupRefusal::WrongWords) }
    }

    /// Sets or removes the family passphrase of backups to come.
    ///
    /// # Errors
    /// `PassphraseShort`, `Vault`, the store's.
    pub async fn set_backup_passphrase(&self, by: Option<UserId>, passphrase: Option<SecretString>) -> Result<(), BackupError> {
        let made = tokio::task::spawn_blocking(move || passphrase.as_ref().map(PassphraseKey::derive).transpose());
        let key = made.await.map_err(|e| StoreError::Io(e.to_string()))??;
        let (vault, now) = (self.vault.clone(), self.wall.now());
        let written = self.store.write(move |tx| -> Result<(), BackupError> {
            WrappingKeys::put_passphrase(&vault, tx, key.as_ref())?;
            state::change_state(tx, |state| state.passphrase_at = key.as_ref().map(|_| now))?;
            Ok(tx.audit(now, by, "backup.passphrase_changed", json!({ "set": key.is_some() }))?)
        });
        written.await
    }

    /// Lifts the hold on an administrator's word that nobody else trades these data. Where they were restored
    /// elsewhere, this installation takes the next generation.
    ///
    /// # Errors
    /// `Trading(Refused)` when there is no hold; the folder's when it cannot be told.
    pub async fn release(&self, by: UserId, name: &str) -> Result<(), BackupRefusal> {
        let hold = self.trading.install_rules()?.hold;
        if let Some(Hold { reason: HoldReason::Superseded { generation }, .. }) = hold {
            let (folder, now) = (self.backup_dir(), self.wall.now());
            let installation = self.store.read(Installation::read)?;
            let next = generation_of(&folder, installation.id).unwrap_or(generation).max(generation) + 1;
            // The folder first: the other installation must see it.
            folder::put_generation(&folder, &Generation { installation: installation.id, generation: next, at: now })?;
            self.store.write(move |tx| Installation { generation: next, ..installation.clone() }.write(tx)).await?;
        }
        self.trading.lift_hold(Some(by)).await?;
        let (at, notice) = (self.market.now(), Notice::InstallationReleased { by: name.to_owned() });
        Ok(self.store.write(move |tx| post_to_admins(tx, at, &notice)).await?)
    }
}

fn told(error: &BackupError) -> (String, String) {
    (error.code().to_owned(), error.to_string())
}

fn failure(at: Timestamp, error: &BackupError) -> Failure {
    Failure { at, code: error.code().to_owned(), detail: error.to_string() }
}

/// Two different places of words, in order.
fn two_places() -> (u8, u8) {
    let most = u8::try_from(WORDS).unwrap_or(u8::MAX);
    let first = rand::random_range(1..=most);
    let second = (first - 1 + rand::random_range(1..most)) % most + 1;
    (first.min(second), first.max(second))
}

/// How often [`App::backup_tick`] looks.
pub(super) const LOOK: &str = "30 */5 * * * *";
/// How often it is looked whether the data were restored elsewhere: seldom, so that disks may sleep.
pub(super) const WATCH: &str = "15 7 * * * *";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_words_are_asked_for() {
        for _ in 0..500 {
            let (first, second) = two_places();
            assert!(first >= 1 && first < second && usize::from(second) <= WORDS, "{first}, {second}");
        }
    }
}
