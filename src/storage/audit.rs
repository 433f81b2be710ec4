//! Audit rows: who did what, written in the same transaction as what they tell. Each row carries a hash
//! over itself and the row before, so that one that was changed, left out or put in is noticed.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::Key;
use super::port::{Batch, StoreError};
use super::record::{Record, decode, encode};
use super::tables::{SystemTable, UserTable};
use super::view::{Tx, UserTx, View};
use crate::domain::id::UserId;

/// One audited act. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Place in its chain, from 1.
    #[serde(default)]
    pub seq: u64,
    pub at: Timestamp,
    /// Who did it; `None` for the program itself and the command line.
    pub by: Option<UserId>,
    /// What, in dotted words: `bot.changed`, `broker_key.replaced`.
    pub action: String,
    /// What it was done to, and how it changed.
    pub detail: serde_json::Value,
    /// SHA-256, hex, over the hash of the row before and this row's other members.
    #[serde(default)]
    pub hash: String,
}

impl Record for AuditRow {
    const NAME: &'static str = "audit row";
}

/// sequence.
pub const AUDIT: UserTable<AuditRow> = UserTable::new("audit");
/// sequence.
pub const SYSTEM_AUDIT: SystemTable<AuditRow> = SystemTable::new("system_audit");

impl AuditRow {
    /// The row that follows `last` in its chain.
    fn after(
        last: Option<&Self>,
        at: Timestamp,
        by: Option<UserId>,
        action: String,
        detail: serde_json::Value,
    ) -> Result<Self, StoreError> {
        let seq = last.map_or(0, |l| l.seq) + 1;
        let mut row = Self { seq, at, by, action, detail, hash: String::new() };
        row.hash = row.chained_to(last)?;
        Ok(row)
    }

    fn chained_to(&self, last: Option<&Self>) -> Result<String, StoreError> {
        let members = serde_json::to_vec(&(self.seq, self.at, self.by, &self.action, &self.detail));
        let members = members.map_err(|e| StoreError::Corrupt(format!("{}: {e}", Self::NAME)))?;
        let mut digest = Sha256::new();
        digest.update(last.map_or("", |l| l.hash.as_str()));
        digest.update(members);
        Ok(HEXLOWER.encode(&digest.finalize()))
    }
}

fn key(seq: u64) -> Key {
    Key::new().u64(seq)
}

impl UserTx<'_> {
    /// Writes an audit row among the user's rows.
    pub fn audit(&mut self, at: Timestamp, by: Option<UserId>, action: &str, detail: serde_json::Value) -> Result<(), StoreError> {
        let last = self.view().list_latest(&AUDIT, &Key::new(), None, 1)?.pop();
        let row = AuditRow::after(last.as_ref(), at, by, action.to_owned(), detail)?;
        self.put(&AUDIT, &key(row.seq), &row)
    }
}

impl Tx<'_> {
    /// Writes an audit row of the installation.
    pub fn audit(&mut self, at: Timestamp, by: Option<UserId>, action: &str, detail: serde_json::Value) -> Result<(), StoreError> {
        let last = self.view().list_latest(&SYSTEM_AUDIT, None, 1)?.pop();
        let row = AuditRow::after(last.as_ref(), at, by, action.to_owned(), detail)?;
        self.put(&SYSTEM_AUDIT, &key(row.seq), &row)
    }
}

/// A chain of audit rows that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenChain {
    /// Whose; `null` = the installation's.
    pub user_id: Option<UserId>,
    /// The first row that is not what the ones before it make of it, or that is missing.
    pub seq: u64,
}

/// The first fault of a chain.
fn first_fault(rows: &[AuditRow]) -> Result<Option<u64>, StoreError> {
    let mut last = None;
    for (seq, row) in (1..).zip(rows) {
        if row.seq != seq || row.hash != row.chained_to(last)? {
            return Ok(Some(seq));
        }
        last = Some(row);
    }
    Ok(None)
}

/// How many rows all chains have together, and the chains that do not hold.
pub(super) fn check(view: &View<'_>) -> Result<(usize, Vec<BrokenChain>), StoreError> {
    let mut chains = vec![(None, view.list(&SYSTEM_AUDIT, &Key::new())?)];
    for user in view.user_ids()? {
        chains.push((Some(user), view.user(user).list(&AUDIT, &Key::new())?));
    }
    let (mut rows, mut broken) = (0, Vec::new());
    for (user_id, chain) in chains {
        rows += chain.len();
        broken.extend(first_fault(&chain)?.map(|seq| BrokenChain { user_id, seq }));
    }
    Ok((rows, broken))
}

/// Schema 5: rows stand in the order of their sequence and are chained; before, they had ids.
pub(super) fn chain_rows(batch: &mut dyn Batch) -> Result<(), StoreError> {
    const OWNER: usize = 16;
    for (space, owner) in [(SYSTEM_AUDIT.name, 0), (AUDIT.name, OWNER)] {
        // Looking into a space would make it.
        if !batch.spaces()?.iter().any(|known| known == space) {
            continue;
        }
        let old = batch.range(space, &[], &[], false, usize::MAX)?;
        let mut last: Option<(Vec<u8>, AuditRow)> = None;
        for (old_key, bytes) in old {
            let row: AuditRow = decode(&bytes)?;
            let whose = old_key.get(..owner).unwrap_or_default().to_vec();
            let before = last.as_ref().filter(|(of, _)| *of == whose).map(|(_, row)| row);
            let row = AuditRow::after(before, row.at, row.by, row.action, row.detail)?;
            batch.remove(space, &old_key)?;
            batch.put(space, Key::new().raw(&whose).u64(row.seq).as_bytes(), &encode(&row)?)?;
            last = Some((whose, row));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::super::Store;
    use super::*;

    fn fixture() -> (Store, UserId) {
        let (store, user) = (Store::in_memory().unwrap(), UserId(Uuid::now_v7()));
        store
            .write_blocking(move |tx| {
                super::super::verify::test_account(tx, user, crate::domain::id::AccountId(Uuid::now_v7()))?;
                for n in 0..5 {
                    tx.user(user).audit(Timestamp::UNIX_EPOCH, Some(user), "bot.changed", json!({ "n": n }))?;
                    tx.audit(Timestamp::UNIX_EPOCH, None, "settings.changed", json!({ "n": n, "rate": 0.1 }))?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        (store, user)
    }

    fn broken(store: &Store) -> Vec<BrokenChain> {
        store.read(check).unwrap().1
    }

    #[test]
    fn an_untouched_chain_holds_and_what_is_changed_left_out_or_put_in_is_found() {
        let (store, user) = fixture();
        assert_eq!(store.read(check).unwrap(), (10, vec![]));
        let change = |what: fn(&mut UserTx<'_>) -> Result<(), StoreError>| {
            let (store, user) = fixture();
            store.write_blocking(move |tx| what(&mut tx.user(user))).unwrap();
            let found = broken(&store);
            assert!(found.iter().all(|b| b.user_id == Some(user)), "{found:?}");
            found.iter().map(|b| b.seq).collect::<Vec<_>>()
        };
        let rewritten = change(|tx| {
            let mut row = tx.require(&AUDIT, &key(3))?;
            row.detail = json!({ "n": 7 });
            tx.put(&AUDIT, &key(3), &row)
        });
        assert_eq!(rewritten, [3]);
        let forged = change(|tx| {
            let before = tx.require(&AUDIT, &key(2))?;
            let row = tx.require(&AUDIT, &key(3))?;
            let row = AuditRow::after(Some(&before), row.at, None, row.action, row.detail)?;
            tx.put(&AUDIT, &key(3), &row)
        });
        assert_eq!(forged, [4], "the next row tells");
        assert_eq!(change(|tx| tx.remove(&AUDIT, &key(2))), [2]);
        let put_in = change(|tx| {
            let row = tx.require(&AUDIT, &key(5))?;
            tx.put(&AUDIT, &key(6), &row)
        });
        assert_eq!(put_in, [6]);
        let _ = (store, user);
    }
}
