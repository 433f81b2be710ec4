//! What a start does with data of an earlier time. A restore or a roll-back of the program left a note in the
//! data folder. After either, past slots count as missed, and every account is compared with its broker before
//! it trades, as after any start. After a restore all sessions end, too, the data get the next generation, and
//! nothing is sent until an administrator says that the old installation is off.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::backups::{backup_dir, post_to_admins};
use super::config::Config;
use super::state::OpenError;
use crate::auth::end_all_sessions;
use crate::backup::{BackupError, Generation, Installation, Returned, folder};
use crate::domain::limits::{HoldReason, ReturnKind};
use crate::domain::message::Notice;
use crate::storage::{Store, StoreError};
use crate::trading::Trading;

/// Acts on the note, once, and looks whether somebody restored these data elsewhere. `now` is wall time.
pub(super) async fn settle(config: &Config, store: &Store, trading: &Trading, now: Timestamp) -> Result<(), OpenError> {
    let fresh = Uuid::now_v7();
    let installation = store.write(move |tx| Installation::ensure(tx, fresh)).await?;
    if let Some(note) = Returned::read(&config.data_dir)? {
        act(config, store, trading, &installation, &note, now).await?;
        Returned::remove(&config.data_dir)?;
    }
    watch_generation(config, store, trading).await?;
    Ok(())
}

async fn act(
    config: &Config,
    store: &Store,
    trading: &Trading,
    installation: &Installation,
    note: &Returned,
    now: Timestamp,
) -> Result<(), OpenError> {
    let seen = Some((note.kind, note.at));
    let folder = backup_dir(config);
    // A process that was killed before it removed the note has done this already.
    if installation.returned != seen {
        let elsewhere = generation_of(&folder, installation.id).unwrap_or_default();
        let (note, mut back, market) = (note.clone(), installation.clone(), trading.clock().now());
        back.returned = seen;
        if note.kind == ReturnKind::Restore {
            back.generation = back.generation.max(elsewhere) + 1;
        }
        store
            .write(move |tx| -> Result<(), StoreError> {
                Trading::note_return(tx, note.kind, market)?;
                let mut sessions = 0;
                if note.kind == ReturnKind::Restore {
                    sessions = end_all_sessions(tx)?;
                    post_to_admins(tx, market, &Notice::InstallationHeld { generation: None })?;
                }
                let detail = json!({ "kind": note.kind, "at": note.at, "from": note.from, "sessions_ended": sessions, "generation": back.generation });
                tx.audit(now, None, "data.returned", detail)?;
                back.write(tx)
            })
            .await?;
        tracing::warn!(kind = ?note.kind, "the data are those of an earlier time: what was due meanwhile counts as missed");
    }
    if note.kind == ReturnKind::Restore {
        let installation = store.read(Installation::read)?;
        let own = Generation { installation: installation.id, generation: installation.generation, at: now };
        // Another's folder stays another's; the next backup tells.
        let is_ours = folder::generation(&folder).ok().flatten().is_none_or(|found| found.installation == own.installation);
        if folder.is_dir()
            && is_ours
            && let Err(error) = folder::put_generation(&folder, &own)
        {
            tracing::warn!(%error, "the backup folder cannot be told of the restore; the next backup tells it");
        }
    }
    Ok(())
}

/// The generation that a folder shows of an installation.
pub(super) fn generation_of(folder: &Path, installation: Uuid) -> Option<u64> {
    match folder::generation(folder) {
        Ok(found) => found.filter(|g| g.installation == installation).map(|g| g.generation),
        Err(error) => {
            tracing::debug!(%error, "the generation of the backup folder cannot be read");
            None
        }
    }
}

/// Holds the installation when the backup folder shows that its data were restored elsewhere.
pub(super) async fn watch_generation(config: &Config, store: &Store, trading: &Trading) -> Result<(), BackupError> {
    let installation = store.read(Installation::read)?;
    let Some(found) = generation_of(&backup_dir(config), installation.id).filter(|found| *found > installation.generation) else {
        return Ok(());
    };
    let held = trading.hold(HoldReason::Superseded { generation: found }).await;
    if held.map_err(|e| StoreError::Io(e.to_string()))? {
        let now = trading.clock().now();
        let told = store.write(move |tx| post_to_admins(tx, now, &Notice::InstallationHeld { generation: Some(found) }));
        told.await?;
        tracing::error!(found, own = installation.generation, "these data were restored elsewhere: nothing is traded here");
    }
    Ok(())
}
