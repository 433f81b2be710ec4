//! Typed access: what a reader and a writer see of the store, as a whole and for one user.

use super::key::Key;
use super::port::{Batch, Entry, ReadView, StoreError, prefix_end};
use super::record::{Record, decode, encode};
use super::tables::{ACCOUNTS, RULES_ROW, SystemTable, USER_RULES, USERS, UserTable};
use crate::domain::id::UserId;
use crate::domain::limits::UserRules;

/// Page size of scans that read everything.
const ALL: usize = usize::MAX;

/// A snapshot of the whole store.
pub struct View<'a> {
    view: &'a dyn ReadView,
}

impl<'a> View<'a> {
    pub(super) fn new(view: &'a dyn ReadView) -> Self {
        Self { view }
    }

    /// A record of the installation.
    pub fn get<R: Record>(&self, table: &SystemTable<R>, key: &Key) -> Result<Option<R>, StoreError> {
        self.view.get(table.name, key.as_bytes())?.map(|bytes| decode(&bytes)).transpose()
    }

    /// All records of a space of the installation whose keys begin with `prefix`, in key order.
    pub fn list<R: Record>(&self, table: &SystemTable<R>, prefix: &Key) -> Result<Vec<R>, StoreError> {
        self.view
            .range(table.name, prefix.as_bytes(), &prefix_end(prefix.as_bytes()), false, ALL)?
            .iter()
            .map(|(_, bytes)| decode(bytes))
            .collect()
    }

    /// All keys of a space of the installation with their records, in key order.
    pub fn entries<R: Record>(&self, table: &SystemTable<R>) -> Result<Vec<(Key, R)>, StoreError> {
        let rows = self.view.range(table.name, &[], &[], false, ALL)?;
        rows.into_iter().map(|(key, bytes)| Ok((Key::new().raw(&key), decode(&bytes)?))).collect()
    }

    /// The last `limit` records of a space of the installation, newest key first; `before` continues a page.
    pub fn list_latest<R: Record>(&self, table: &SystemTable<R>, before: Option<&Key>, limit: usize) -> Result<Vec<R>, StoreError> {
        let to = before.map_or_else(Vec::new, |key| key.as_bytes().to_vec());
        self.view.range(table.name, &[], &to, true, limit)?.iter().map(|(_, bytes)| decode(bytes)).collect()
    }

    /// One user's rows.
    pub fn user(&self, id: UserId) -> UserView<'a> {
        UserView { view: self.view, id }
    }

    /// Everybody's id: for the scheduler, backup and verification only.
    pub fn user_ids(&self) -> Result<Vec<UserId>, StoreError> {
        Ok(self.list(&USERS, &Key::new())?.into_iter().map(|u| u.id).collect())
    }
}

/// A snapshot of one user's rows.
#[derive(Clone, Copy)]
pub struct UserView<'a> {
    view: &'a dyn ReadView,
    id: UserId,
}

impl UserView<'_> {
    pub fn user_id(&self) -> UserId {
        self.id
    }

    fn key(&self, suffix: &Key) -> Vec<u8> {
        [self.id.as_bytes().as_slice(), suffix.as_bytes()].concat()
    }

    /// One record.
    pub fn get<R: Record>(&self, table: &UserTable<R>, key: &Key) -> Result<Option<R>, StoreError> {
        self.view.get(table.name, &self.key(key))?.map(|bytes| decode(&bytes)).transpose()
    }

    /// One record, or `NotFound` naming it.
    pub fn require<R: Record>(&self, table: &UserTable<R>, key: &Key) -> Result<R, StoreError> {
        self.get(table, key)?.ok_or_else(|| StoreError::not_found(R::NAME))
    }

    /// All records whose keys begin with `prefix`, in key order.
    pub fn list<R: Record>(&self, table: &UserTable<R>, prefix: &Key) -> Result<Vec<R>, StoreError> {
        let from = self.key(prefix);
        self.decode_range(table, &from, &prefix_end(&from), false, ALL)
    }

    /// The last `limit` records under `prefix`, newest key first; `before` continues a page.
    pub fn list_latest<R: Record>(
        &self,
        table: &UserTable<R>,
        prefix: &Key,
        before: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<R>, StoreError> {
        let from = self.key(prefix);
        let to = before.map_or_else(|| prefix_end(&from), |key| self.key(key));
        self.decode_range(table, &from, &to, true, limit)
    }

    /// Records with `from ≤ key < to`, in key order.
    pub fn range<R: Record>(&self, table: &UserTable<R>, from: &Key, to: &Key) -> Result<Vec<R>, StoreError> {
        self.decode_range(table, &self.key(from), &self.key(to), false, ALL)
    }

    /// Keys (without the user's id) under `prefix` with their records.
    pub fn entries<R: Record>(&self, table: &UserTable<R>, prefix: &Key) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        let from = self.key(prefix);
        self.view
            .range(table.name, &from, &prefix_end(&from), false, ALL)?
            .into_iter()
            .map(|(key, bytes)| Ok((key.get(16..).unwrap_or_default().to_vec(), decode(&bytes)?)))
            .collect()
    }

    /// Keys (without the user's id) under `prefix`.
    pub fn keys<R: Record>(&self, table: &UserTable<R>, prefix: &Key) -> Result<Vec<Vec<u8>>, StoreError> {
        let from = self.key(prefix);
        Ok(self
            .view
            .range(table.name, &from, &prefix_end(&from), false, ALL)?
            .into_iter()
            .map(|(key, _)| key.get(16..).unwrap_or_default().to_vec())
            .collect())
    }

    /// The last key (without the user's id) under `prefix`.
    pub fn last_key<R: Record>(&self, table: &UserTable<R>, prefix: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let from = self.key(prefix);
        let last = self.view.range(table.name, &from, &prefix_end(&from), true, 1)?;
        Ok(last.into_iter().next().map(|(key, _)| key.get(16..).unwrap_or_default().to_vec()))
    }

    fn decode_range<R: Record>(
        &self,
        table: &UserTable<R>,
        from: &[u8],
        to: &[u8],
        descending: bool,
        limit: usize,
    ) -> Result<Vec<R>, StoreError> {
        self.view.range(table.name, from, to, descending, limit)?.iter().map(|(_, bytes)| decode(bytes)).collect()
    }

    /// Stored rows of a space after a key, both without the user's id.
    pub(super) fn stored_page(&self, space: &str, after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let whole = self.key(&Key::new());
        // The smallest key after the last one.
        let from = after.map_or_else(|| whole.clone(), |key| [whole.as_slice(), key, &[0]].concat());
        let rows = self.view.range(space, &from, &prefix_end(&whole), false, limit)?;
        Ok(rows.into_iter().map(|(key, bytes)| (key.get(16..).unwrap_or_default().to_vec(), bytes)).collect())
    }

    /// Keys of a space under a prefix, both without the user's id.
    pub(super) fn stored_keys(&self, space: &str, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let from = self.key(&Key::new().raw(prefix));
        let rows = self.view.range(space, &from, &prefix_end(&from), false, ALL)?;
        Ok(rows.into_iter().map(|(key, _)| key.get(16..).unwrap_or_default().to_vec()).collect())
    }

    /// This user's accounts.
    pub fn accounts(&self) -> Result<Vec<crate::domain::account::Account>, StoreError> {
        self.list(&ACCOUNTS, &Key::new())
    }

    /// What an administrator allows this user.
    pub fn rules(&self) -> Result<UserRules, StoreError> {
        Ok(self.get(&USER_RULES, &Key::new().text(RULES_ROW))?.unwrap_or_default())
    }
}

/// A write transaction over the store.
pub struct Tx<'a> {
    batch: &'a mut dyn Batch,
}

impl<'a> Tx<'a> {
    pub(super) fn new(batch: &'a mut dyn Batch) -> Self {
        Self { batch }
    }

    /// What the transaction sees, its own writes included.
    pub fn view(&self) -> View<'_> {
        View::new(self.batch.view())
    }

    pub fn get<R: Record>(&self, table: &SystemTable<R>, key: &Key) -> Result<Option<R>, StoreError> {
        self.view().get(table, key)
    }

    pub fn put<R: Record>(&mut self, table: &SystemTable<R>, key: &Key, record: &R) -> Result<(), StoreError> {
        self.batch.put(table.name, key.as_bytes(), &encode(record)?)
    }

    pub fn remove<R: Record>(&mut self, table: &SystemTable<R>, key: &Key) -> Result<(), StoreError> {
        self.batch.remove(table.name, key.as_bytes())
    }

    pub(super) fn spaces(&self) -> Result<Vec<String>, StoreError> {
        self.batch.spaces()
    }

    pub(super) fn bytes_between(&self, space: &str, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.batch.range(space, from, to, false, limit)
    }

    pub(super) fn remove_bytes(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError> {
        self.batch.remove(space, key)
    }

    /// One user's rows.
    pub fn user(&mut self, id: UserId) -> UserTx<'_> {
        UserTx { batch: self.batch, id }
    }
}

/// A write transaction over one user's rows.
pub struct UserTx<'a> {
    batch: &'a mut dyn Batch,
    id: UserId,
}

impl UserTx<'_> {
    pub fn user_id(&self) -> UserId {
        self.id
    }

    /// A record of the installation, to be read together with the user's rows.
    pub fn of_installation<R: Record>(&self, table: &SystemTable<R>, key: &Key) -> Result<Option<R>, StoreError> {
        View::new(self.batch.view()).get(table, key)
    }

    /// What the transaction sees, its own writes included.
    pub fn view(&self) -> UserView<'_> {
        UserView { view: self.batch.view(), id: self.id }
    }

    pub fn get<R: Record>(&self, table: &UserTable<R>, key: &Key) -> Result<Option<R>, StoreError> {
        self.view().get(table, key)
    }

    pub fn require<R: Record>(&self, table: &UserTable<R>, key: &Key) -> Result<R, StoreError> {
        self.view().require(table, key)
    }

    pub fn list<R: Record>(&self, table: &UserTable<R>, prefix: &Key) -> Result<Vec<R>, StoreError> {
        self.view().list(table, prefix)
    }

    pub fn put<R: Record>(&mut self, table: &UserTable<R>, key: &Key, record: &R) -> Result<(), StoreError> {
        let key = self.view().key(key);
        self.batch.put(table.name, &key, &encode(record)?)
    }

    pub(super) fn put_bytes(&mut self, space: &str, key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let key = self.view().key(&Key::new().raw(key));
        self.batch.put(space, &key, bytes)
    }

    pub(super) fn remove_bytes(&mut self, space: &str, key: &[u8]) -> Result<(), StoreError> {
        let key = self.view().key(&Key::new().raw(key));
        self.batch.remove(space, &key)
    }

    pub fn remove<R: Record>(&mut self, table: &UserTable<R>, key: &Key) -> Result<(), StoreError> {
        let key = self.view().key(key);
        self.batch.remove(table.name, &key)
    }
}
