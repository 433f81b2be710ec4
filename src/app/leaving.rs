//! How a person leaves: with the data in a file, and for good.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::state::App;
use super::transfers::{Running, Sparing, Work, require_room};
use crate::auth::AuthError;
use crate::domain::account::AccountMode;
use crate::domain::id::{AccountId, UserId};
use crate::domain::order::Environment;
use crate::importers::staging::Staging;
use crate::importers::transfer::{self, Arrival, Departure, TransferError, TransferReport, TransferSummary};
use crate::storage::tables::POSITIONS;
use crate::storage::{StoreError, account_key};
use crate::trading::{may_arrive, own_account_id};

/// An account of somebody who thinks of leaving.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Remaining {
    #[schema(value_type = uuid::Uuid)]
    pub account_id: AccountId,
    pub name: String,
    pub environment: Environment,
    pub trading: bool,
    pub open_orders: usize,
    /// Positions stay at the broker.
    pub positions: usize,
}

/// Why a person cannot be erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("deactivate the user first: that stops the accounts and names what stays")]
    StillActive,
    #[error("orders are still open at the broker, and nobody here could follow them any more: {0}")]
    OrdersOpen(String),
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for EraseError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl App {
    /// What a person has here: accounts, open orders, positions.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn remaining(&self, user: UserId) -> Result<Vec<Remaining>, StoreError> {
        self.store.user(user).read(|view| {
            let accounts = view.accounts()?.into_iter();
            let remaining = accounts.map(|account| {
                let open_orders = view.open_orders(account.id)?.iter().filter(|o| !o.state.is_final()).count();
                let positions = view.list(&POSITIONS, &account_key(account.id))?.iter().filter(|p| !p.quantity.is_zero()).count();
                Ok(Remaining {
                    account_id: account.id,
                    environment: account.environment,
                    trading: account.mode == AccountMode::Trading,
                    name: account.name,
                    open_orders,
                    positions,
                })
            });
            remaining.collect()
        })
    }

    /// Writes everything of a user into a file that has no name, and gives it back at its beginning. Another
    /// export of the user begins after [`Running`] is dropped.
    ///
    /// # Errors
    /// `Running`; `Store` when the data cannot be read, `Io` when there is no room for the file.
    pub async fn export_user(self: &Arc<Self>, user: UserId, by: Option<UserId>) -> Result<(File, Running), TransferError> {
        let running = self.transfers.begin(Work::Export(user))?;
        self.until_quiet().await;
        let app = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::tempfile_in(&app.config.data_dir)?;
            let sparing = Sparing::new(&mut file, &app.config.data_dir)?;
            let summary = app.write_export(user, std::io::BufWriter::new(sparing))?;
            file.seek(SeekFrom::Start(0))?;
            Ok::<_, TransferError>((file, summary, running))
        });
        let (file, summary, running) = written.await.map_err(std::io::Error::other)??;
        self.note_export(user, by, &summary).await?;
        Ok((file, running))
    }

    /// The same into a file of that name, which must not exist.
    ///
    /// # Errors
    /// As [`App::export_user`].
    pub async fn export_user_to(self: &Arc<Self>, user: UserId, to: PathBuf) -> Result<TransferSummary, TransferError> {
        let app = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let folder = to.parent().filter(|f| !f.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            let summary = app.write_export(user, std::io::BufWriter::new(file.as_file_mut()))?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&to).map_err(|e| e.error)?;
            Ok::<_, TransferError>(summary)
        });
        let summary = written.await.map_err(std::io::Error::other)??;
        self.note_export(user, None, &summary).await?;
        Ok(summary)
    }

    /// Heavy work lets trading go first: it waits while a slot runs or is about to, though not so long that
    /// whoever asked would give up.
    async fn until_quiet(&self) {
        const SOON: SignedDuration = SignedDuration::from_secs(20);
        for _ in 0..20 {
            if !self.trading.is_due_within(SOON).unwrap_or_default() {
                return;
            }
            self.wall.sleep(Duration::from_secs(2)).await;
        }
    }

    fn write_export(&self, user: UserId, out: impl std::io::Write) -> Result<TransferSummary, TransferError> {
        let record = self.auth.user(user).map_err(std::io::Error::other)?.ok_or_else(|| StoreError::not_found("user"))?;
        let departure = Departure { own_account: own_account_id(user), at: self.market.now(), user: record };
        self.store.user(user).read(|view| transfer::export(view, &departure, out))
    }

    async fn note_export(&self, user: UserId, by: Option<UserId>, summary: &TransferSummary) -> Result<(), TransferError> {
        let (now, detail) = (self.wall.now(), json!({ "accounts": summary.accounts, "rows": summary.rows }));
        let rows = self.store.user(user);
        Ok(rows.write(move |tx| tx.audit(now, by, "transfer.exported", detail.clone())).await?)
    }

    /// Makes room for files on their way in, until what is given back is dropped.
    ///
    /// # Errors
    /// `Running` while another upload of the user is under way, `Io` when `bytes` would take the volume's
    /// spare room.
    pub fn begin_upload(&self, user: UserId, bytes: u64) -> Result<Running, TransferError> {
        let running = self.transfers.begin(Work::Upload(user))?;
        require_room(&self.config.data_dir, bytes)?;
        Ok(running)
    }

    /// Imports a file that [`App::export_user`] of some installation wrote. It takes memory, so only one goes
    /// on at a time.
    ///
    /// # Errors
    /// See [`TransferError`].
    pub async fn import_user(self: &Arc<Self>, user: UserId, by: Option<UserId>, file: PathBuf) -> Result<TransferReport, TransferError> {
        let running = self.transfers.begin(Work::Import)?;
        self.until_quiet().await;
        let arrival = Arrival { user, by, at: self.market.now(), file, own_account: own_account_id, allowed: may_arrive };
        let app = self.clone();
        let imported = move || {
            let _running = running;
            transfer::import(&app.store, &arrival)
        };
        let report = tokio::task::spawn_blocking(imported).await.map_err(std::io::Error::other)??;
        // The paper account that everybody has may be among what came, or is made again.
        if let Err(error) = self.trading.own_account(user).await {
            tracing::warn!(%error, "the paper account of an imported user is not there yet");
        }
        Ok(report)
    }

    /// Erases a user for good: every row, the data key, waiting uploads. Whoever erases themselves is stopped
    /// here; others were deactivated before. What is sealed for the user opens in no backup any more.
    ///
    /// # Errors
    /// `StillActive`; `OrdersOpen` unless `leave_orders`; `Auth(LastAdmin)`.
    pub async fn erase_user(&self, by: Option<UserId>, id: UserId, leave_orders: bool) -> Result<(), EraseError> {
        let user = self.auth.user(id)?.ok_or(AuthError::NotFound("user"))?;
        self.auth.may_leave(&user)?;
        if by == Some(id) {
            self.stop_accounts(id).await?;
        } else if user.active {
            return Err(EraseError::StillActive);
        }
        let open = |r: &Remaining| r.open_orders > 0 && r.environment != Environment::Own;
        let left: Vec<String> = self.remaining(id)?.into_iter().filter(open).map(|r| format!("{} ({})", r.name, r.open_orders)).collect();
        if !left.is_empty() && !leave_orders {
            return Err(EraseError::OrdersOpen(left.join(", ")));
        }
        self.auth.erase_user(by, id).await?;
        if let Err(error) = Staging::new(&self.config.data_dir).forget(id) {
            tracing::warn!(%error, "an upload of an erased user stays until its hour is over");
        }
        if let Err(error) = self.feeds.refresh() {
            tracing::warn!(%error, "the realtime feeds cannot be brought up to date");
        }
        if let Err(error) = self.rewrite_user_keys() {
            tracing::warn!(%error, "an erased user's key stays in the backup folder until the next backup");
        }
        Ok(())
    }
}
