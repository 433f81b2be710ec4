//! The way in: an archive's rows for a user of this installation who has none. All of it in one transaction,
//! with the folds recomputed before it counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::TransferError;
use super::zip::Archive;
use super::{FORMAT, Line, MANIFEST, Manifest, VERSION, data_file};
use crate::domain::account::Account;
use crate::domain::id::{AccountId, UserId};
use crate::domain::order::Environment;
use crate::storage::tables::{ACCOUNTS, BOTS, ORDERS};
use crate::storage::{PORTABLE, Store, StoreError, StoredRow, Tx, UserView, account_key};

/// Longest line: a message or a record with everything it may hold.
const LONGEST_LINE: usize = 4 << 20;
/// Everything unpacked. Twenty years of an active account are a fraction of it.
const MOST_UNPACKED: u64 = 2 << 30;

/// Whose an archive becomes.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub user: UserId,
    pub own_account: AccountId,
    /// Who asks; `None` = the command line.
    pub by: Option<UserId>,
    pub at: Timestamp,
    pub file: PathBuf,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TransferReport {
    /// Names of the accounts. All of them observe; broker keys are entered again.
    pub accounts: Vec<String>,
    /// Rows by space.
    pub rows: BTreeMap<String, usize>,
    /// Name and time of the export.
    pub username: String,
    pub made_at: Timestamp,
}

/// Ids that are others here: the user's, and that of the paper account which follows from it.
struct Ids {
    user: [String; 2],
    own_account: [AccountId; 2],
}

impl Ids {
    /// Replaces them wherever a record names them.
    fn rename(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let [from, to] = &self.user;
                if text == from {
                    text.clone_from(to);
                } else if *text == self.own_account[0].to_string() {
                    *text = self.own_account[1].to_string();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.rename(member)),
            _ => {}
        }
    }

    fn key(&self, mut key: Vec<u8>) -> Vec<u8> {
        let [from, to] = &self.own_account;
        if let Some(account) = key.first_chunk_mut::<16>().filter(|account| *account == from.as_bytes()) {
            *account = *to.as_bytes();
        }
        key
    }
}

/// Imports an archive.
///
/// # Errors
/// [`TransferError`]; nothing of it is then left behind.
pub fn import(store: &Store, arrival: &Arrival) -> Result<TransferReport, TransferError> {
    // Read once before the store waits for it: what is no archive of ours holds nobody up.
    manifest(&mut open(arrival)?)?;
    let arrival = arrival.clone();
    store.write_blocking(move |tx| apply(tx, &arrival))
}

fn open(arrival: &Arrival) -> Result<Archive<File>, TransferError> {
    let archive = Archive::open(File::open(&arrival.file)?)?;
    if archive.unpacked() > MOST_UNPACKED {
        return Err(TransferError::TooLarge(MOST_UNPACKED));
    }
    Ok(archive)
}

fn manifest(archive: &mut Archive<File>) -> Result<Manifest, TransferError> {
    #[derive(serde::Deserialize)]
    struct Form {
        format: String,
        version: u32,
    }
    let mut text = Vec::new();
    let found = archive.lines(MANIFEST, LONGEST_LINE, |line| {
        text.extend_from_slice(line);
        Ok::<_, io::Error>(())
    })?;
    let form: Form =
        serde_json::from_slice(&text).ok().filter(|form: &Form| found && form.format == FORMAT).ok_or(TransferError::Foreign)?;
    if form.version > VERSION {
        return Err(TransferError::Newer(form.version, VERSION));
    }
    serde_json::from_slice(&text).map_err(|e| TransferError::Contradiction(format!("{MANIFEST}: {e}")))
}

/// The user may have the paper account that everybody has, as long as nothing was done in it.
fn make_room(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<(), TransferError> {
    let view = tx.view().user(arrival.user);
    let used: Vec<String> = view
        .accounts()?
        .into_iter()
        .filter_map(|account| match is_untouched(&view, &account, arrival.own_account) {
            Ok(true) => None,
            Ok(false) => Some(Ok(account.name)),
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, StoreError>>()?;
    if !used.is_empty() {
        return Err(TransferError::NotEmpty(used.join(", ")));
    }
    Ok(tx.user(arrival.user).remove_account_rows(arrival.own_account)?)
}

fn is_untouched(view: &UserView<'_>, account: &Account, own: AccountId) -> Result<bool, StoreError> {
    let key = account_key(account.id);
    Ok(account.id == own && view.list(&BOTS, &key)?.is_empty() && view.list(&ORDERS, &key)?.is_empty())
}

fn apply(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<TransferReport, TransferError> {
    let mut archive = open(arrival)?;
    let manifest = manifest(&mut archive)?;
    if let Some(open) = manifest.accounts.iter().find(|a| a.open_orders > 0 && a.environment != Environment::Own) {
        return Err(TransferError::OpenOrders(open.name.clone()));
    }
    make_room(tx, arrival)?;
    let ids =
        Ids { user: [manifest.user_id.to_string(), arrival.user.to_string()], own_account: [manifest.own_account, arrival.own_account] };
    let everybody = tx.view().user_ids()?;
    for account in manifest.accounts.iter().filter(|a| a.id != manifest.own_account) {
        for user in &everybody {
            if tx.view().user(*user).get(&ACCOUNTS, &account_key(account.id))?.is_some() {
                return Err(TransferError::AlreadyHere);
            }
        }
    }
    let mut rows = BTreeMap::new();
    for space in PORTABLE {
        let mut count = 0_usize;
        let mut user = tx.user(arrival.user);
        let file = data_file(space.name);
        archive.lines(&file, LONGEST_LINE, |text| {
            let bad = |what: String| TransferError::Contradiction(format!("{file}, line {}: {what}", count + 1));
            let Line { k, v, mut r } = serde_json::from_slice(text).map_err(|e| bad(e.to_string()))?;
            let key = HEXLOWER.decode(k.as_bytes()).map_err(|e| bad(e.to_string()))?;
            ids.rename(&mut r);
            let json = serde_json::to_vec(&r).map_err(|e| bad(e.to_string()))?;
            let row = StoredRow { key: ids.key(key), version: v, json };
            user.put_stored(space, &row).map_err(|error| match error {
                StoreError::Corrupt(text) => bad(text),
                other => other.into(),
            })?;
            count += 1;
            Ok::<_, TransferError>(())
        })?;
        if manifest.rows.get(space.name).copied().unwrap_or(0) != count {
            return Err(TransferError::Contradiction(format!("{file} has {count} rows, and the manifest tells of another number")));
        }
        rows.insert(space.name.to_owned(), count);
    }
    let names = settle_in(tx, arrival, &manifest)?;
    let mut user = tx.user(arrival.user);
    if let Some(first) = user.verify()?.first() {
        return Err(TransferError::Contradiction(format!("{} row {} does not follow from its facts", first.table, first.row)));
    }
    let detail = json!({ "accounts": names, "rows": rows.values().sum::<usize>(), "made_at": manifest.made_at });
    user.audit(arrival.at, arrival.by, "transfer.imported", detail)?;
    Ok(TransferReport { accounts: names, rows, username: manifest.username, made_at: manifest.made_at })
}

/// Nothing that comes trades by itself: its owner starts it anew, with a key that is entered here.
fn settle_in(tx: &mut Tx<'_>, arrival: &Arrival, manifest: &Manifest) -> Result<Vec<String>, TransferError> {
    let mut user = tx.user(arrival.user);
    let accounts = user.view().accounts()?;
    if accounts.len() != manifest.accounts.len() {
        return Err(TransferError::Contradiction("the accounts are not those of the manifest".to_owned()));
    }
    let mut names = Vec::new();
    for mut account in accounts {
        if account.id != arrival.own_account {
            account.stop(arrival.at);
            account.going_live.restart(arrival.at);
            account.started_at = None;
            if let Some(twin) = account.twin.as_mut().filter(|twin| twin.ended_at.is_none()) {
                twin.ended_at = Some(arrival.at);
            }
            // The chat's token stayed behind as well.
            account.settings.telegram_chat = None;
            user.put(&ACCOUNTS, &account_key(account.id), &account)?;
        }
        names.push(account.name);
    }
    Ok(names)
}
