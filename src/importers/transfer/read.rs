//! The way in: an archive's rows for a user of this installation who has none. They are read, checked and
//! their folds recomputed in memory, where nobody waits for it; one transaction then only puts them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::TransferError;
use super::settle::settle_in;
use super::zip::Archive;
use super::{FORMAT, Line, MANIFEST, Manifest, VERSION, data_file};
use crate::domain::account::Account;
use crate::domain::bot::Bot;
use crate::domain::id::{AccountId, UserId};
use crate::storage::tables::{ACCOUNTS, BOTS, ORDERS};
use crate::storage::{Keyed, PORTABLE, Store, StoreError, StoredRow, Tx, UserView, account_key};

/// Longest line: a message or a record with everything it may hold.
const LONGEST_LINE: usize = 4 << 20;
/// Everything unpacked. Twenty years of an active account are a fraction of it.
const MOST_UNPACKED: u64 = 128 << 20;
/// The manifest: a few hundred accounts are a fraction of it.
const LARGEST_MANIFEST: u64 = 1 << 20;
const MOST_ROWS: usize = 1_000_000;
const MOST_ACCOUNTS: usize = 500;

/// Whose an archive becomes.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub user: UserId,
    /// Who asks; `None` = the command line.
    pub by: Option<UserId>,
    pub at: Timestamp,
    pub file: PathBuf,
    /// The paper account of a user: its id follows from the user's.
    pub own_account: fn(UserId) -> AccountId,
    /// Whether a person may set an account and its bots so here; says what is wrong.
    pub allowed: fn(&Account, &[Bot]) -> Result<(), String>,
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

    fn account(&self, id: AccountId) -> AccountId {
        let [from, to] = self.own_account;
        if id == from { to } else { id }
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
    // What is no archive of ours needs no store.
    manifest(&mut open(arrival)?)?;
    let aside = Store::in_memory()?;
    let (asked, arrival) = (arrival.clone(), arrival.clone());
    let report = aside.write_blocking(move |tx| read(tx, &asked)).map_err(|error| match error {
        TransferError::Store(StoreError::Corrupt(text) | StoreError::Ledger(text)) => TransferError::Contradiction(text),
        other => other,
    })?;
    store.write_blocking(move |tx| put(tx, &arrival, &aside, &report))
}

fn open(arrival: &Arrival) -> Result<Archive<File>, TransferError> {
    let archive = Archive::open(File::open(&arrival.file)?)?;
    if archive.unpacked() > MOST_UNPACKED {
        return Err(TransferError::TooLarge("the file", MOST_UNPACKED));
    }
    Ok(archive)
}

fn manifest(archive: &mut Archive<File>) -> Result<Manifest, TransferError> {
    #[derive(serde::Deserialize)]
    struct Form {
        format: String,
        version: u32,
    }
    let too_large = || TransferError::TooLarge(MANIFEST, LARGEST_MANIFEST);
    if archive.size_of(MANIFEST).is_some_and(|size| size > LARGEST_MANIFEST) {
        return Err(too_large());
    }
    let mut text = Vec::new();
    let found = archive.lines(MANIFEST, LONGEST_LINE, |line| {
        text.extend_from_slice(line);
        if text.len() as u64 > LARGEST_MANIFEST { Err(too_large()) } else { Ok(()) }
    })?;
    let form: Form =
        serde_json::from_slice(&text).ok().filter(|form: &Form| found && form.format == FORMAT).ok_or(TransferError::Foreign)?;
    if form.version > VERSION {
        return Err(TransferError::Newer(form.version, VERSION));
    }
    serde_json::from_slice(&text).map_err(|e| TransferError::Contradiction(format!("{MANIFEST}: {e}")))
}

/// Reads, checks and settles everything in a store of its own.
fn read(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<TransferReport, TransferError> {
    let mut archive = open(arrival)?;
    let manifest = manifest(&mut archive)?;
    let own = (arrival.own_account)(arrival.user);
    let ids = Ids { user: [manifest.user_id.to_string(), arrival.user.to_string()], own_account: [manifest.own_account, own] };
    let mut checked = Checked::default();
    let mut rows = BTreeMap::new();
    for space in PORTABLE {
        let mut count = 0_usize;
        let mut user = tx.user(arrival.user);
        let file = data_file(space.name);
        archive.lines(&file, LONGEST_LINE, |text| {
            let bad = |what: String| TransferError::Contradiction(format!("{file}, line {}: {what}", count + 1));
            checked.count()?;
            let Line { k, v, mut r } = serde_json::from_slice(text).map_err(|e| bad(e.to_string()))?;
            let key = ids.key(HEXLOWER.decode(k.as_bytes()).map_err(|e| bad(e.to_string()))?);
            ids.rename(&mut r);
            checked.row(space.keyed, &key, &r).map_err(|what| bad(what.to_owned()))?;
            let json = serde_json::to_vec(&r).map_err(|e| bad(e.to_string()))?;
            user.put_stored(space, &StoredRow { key, version: v, json }).map_err(|error| match error {
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
    if manifest.accounts.iter().map(|account| ids.account(account.id)).collect::<BTreeSet<_>>() != checked.accounts {
        return Err(TransferError::Contradiction("the accounts are not those of the manifest".to_owned()));
    }
    let mut user = tx.user(arrival.user);
    let accounts = settle_in(&mut user, arrival, own)?;
    if let Some(first) = user.verify()?.first() {
        return Err(TransferError::Contradiction(format!("{} row {} does not follow from its facts", first.table, first.row)));
    }
    Ok(TransferReport { accounts, rows, username: manifest.username, made_at: manifest.made_at })
}

/// What the rows so far came to.
#[derive(Default)]
struct Checked {
    accounts: BTreeSet<AccountId>,
    rows: usize,
}

impl Checked {
    /// Counts a row before anything is made of it.
    fn count(&mut self) -> Result<(), TransferError> {
        self.rows += 1;
        if self.rows > MOST_ROWS { Err(TransferError::TooManyRows(MOST_ROWS)) } else { Ok(()) }
    }

    /// Whether a row belongs to where its key says. Who made the file wrote the manifest as well, so only
    /// the rows tell whose they are.
    fn row(&mut self, keyed: Keyed, key: &[u8], record: &Value) -> Result<(), &'static str> {
        let of = key.first_chunk::<16>().map(|id| AccountId(uuid::Uuid::from_bytes(*id)));
        match (keyed, of) {
            (Keyed::Account, Some(id)) if key.len() == 16 && record.get("id").and_then(Value::as_str) == Some(id.to_string().as_str()) => {
                self.accounts.insert(id);
                if self.accounts.len() > MOST_ACCOUNTS { Err("there are too many accounts") } else { Ok(()) }
            }
            (Keyed::Account, _) => Err("its key is not the account's id"),
            (Keyed::OfAccount, Some(id)) if self.accounts.contains(&id) => {
                if names_another(record, &id.to_string()) {
                    Err("it names another account than its key")
                } else {
                    Ok(())
                }
            }
            (Keyed::OfAccount, _) => Err("it belongs to no account of the export"),
            (Keyed::Otherwise, _) => Ok(()),
        }
    }
}

/// Whether an `account_id` in a record is another than this.
fn names_another(value: &Value, account: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| names_another(item, account)),
        Value::Object(members) => members.iter().any(|(name, member)| match member {
            Value::String(id) => name == "account_id" && id != account,
            other => names_another(other, account),
        }),
        _ => false,
    }
}

/// The user may have the paper account that everybody has, as long as nothing was done in it.
fn make_room(tx: &mut Tx<'_>, user: UserId, own: AccountId) -> Result<(), TransferError> {
    let view = tx.view().user(user);
    let used: Vec<String> = view
        .accounts()?
        .into_iter()
        .filter_map(|account| match is_untouched(&view, &account, own) {
            Ok(true) => None,
            Ok(false) => Some(Ok(account.name)),
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, StoreError>>()?;
    if !used.is_empty() {
        return Err(TransferError::NotEmpty(used.join(", ")));
    }
    Ok(tx.user(user).remove_account_rows(own)?)
}

fn is_untouched(view: &UserView<'_>, account: &Account, own: AccountId) -> Result<bool, StoreError> {
    let key = account_key(account.id);
    Ok(account.id == own && view.list(&BOTS, &key)?.is_empty() && view.list(&ORDERS, &key)?.is_empty())
}

/// An id is nobody's here, and will be nobody's paper account.
fn is_free(tx: &Tx<'_>, arrival: &Arrival, account: AccountId) -> Result<bool, StoreError> {
    for user in tx.view().user_ids()? {
        let to_be = user != arrival.user && (arrival.own_account)(user) == account;
        if to_be || tx.view().user(user).get(&ACCOUNTS, &account_key(account))?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts what was read where it belongs.
fn put(tx: &mut Tx<'_>, arrival: &Arrival, aside: &Store, report: &TransferReport) -> Result<TransferReport, TransferError> {
    make_room(tx, arrival.user, (arrival.own_account)(arrival.user))?;
    let came = aside.user(arrival.user).read(|from| from.accounts())?;
    for account in &came {
        if !is_free(tx, arrival, account.id)? {
            return Err(TransferError::AlreadyHere);
        }
    }
    let mut user = tx.user(arrival.user);
    aside.user(arrival.user).read(|from| user.put_portable(from))?;
    let detail = json!({ "accounts": report.accounts, "rows": report.rows.values().sum::<usize>(), "made_at": report.made_at });
    user.audit(arrival.at, arrival.by, "transfer.imported", detail)?;
    Ok(report.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_limit_are_not_looked_at() {
        let mut checked = Checked { rows: MOST_ROWS - 1, ..Checked::default() };
        checked.count().unwrap();
        assert!(matches!(checked.count(), Err(TransferError::TooManyRows(MOST_ROWS))));
    }

    #[test]
    fn a_row_belongs_to_an_account_of_the_export() {
        let id = |n| AccountId(uuid::Uuid::from_u128(n));
        let mut checked = Checked::default();
        let account = |n| json!({ "id": id(n) });
        assert!(checked.row(Keyed::Account, id(1).as_bytes(), &account(2)).is_err());
        assert!(checked.row(Keyed::Account, &[&id(1).as_bytes()[..], &[0]].concat(), &account(1)).is_err());
        assert!(checked.row(Keyed::OfAccount, id(1).as_bytes(), &json!({})).is_err());
        checked.row(Keyed::Account, id(1).as_bytes(), &account(1)).unwrap();
        checked.row(Keyed::OfAccount, id(1).as_bytes(), &json!({})).unwrap();
        checked.row(Keyed::OfAccount, id(1).as_bytes(), &json!({ "a": [{ "account_id": id(1) }] })).unwrap();
        assert!(checked.row(Keyed::OfAccount, id(1).as_bytes(), &json!({ "a": [{ "account_id": id(2) }] })).is_err());
        assert!(checked.row(Keyed::OfAccount, id(2).as_bytes(), &json!({})).is_err());
        assert!(checked.row(Keyed::OfAccount, &[1; 15], &json!({})).is_err());
    }
}
