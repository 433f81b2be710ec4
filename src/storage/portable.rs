//! A user's rows as another installation takes them, and their removal. What goes along is listed here by
//! hand: secrets, sessions and what an administrator allows stay where they are.

use super::key::Key;
use super::port::{StoreError, prefix_end};
use super::record::{Record, decode, encode};
use super::tables::{self, UserTable};
use super::verify::Difference;
use super::view::{Tx, UserTx, UserView};
use crate::domain::id::{AccountId, UserId};

/// Rows that are handled at a time.
const PAGE: usize = 2_048;

/// What the keys of a space that goes along begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyed {
    /// They are the ids of accounts, and the rows are those accounts.
    Account,
    /// The account whose row it is.
    OfAccount,
    /// Something else.
    Otherwise,
}

/// A space that goes along.
pub struct PortableSpace {
    pub name: &'static str,
    pub keyed: Keyed,
    /// Reads a row as its type and gives its present stored form: nothing else gets into the store.
    renew: fn(&[u8]) -> Result<Vec<u8>, StoreError>,
}

impl std::fmt::Debug for PortableSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn renew<R: Record>(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    encode(&decode::<R>(bytes)?)
}

const fn space<R: Record>(table: &UserTable<R>) -> PortableSpace {
    PortableSpace { name: table.name, keyed: Keyed::OfAccount, renew: renew::<R> }
}

/// All of them, the accounts before what belongs to them.
pub static PORTABLE: &[PortableSpace] = &[
    PortableSpace { keyed: Keyed::Account, ..space(&tables::ACCOUNTS) },
    space(&tables::BOTS),
    space(&tables::JOURNAL),
    space(&tables::ORDER_FACTS),
    space(&tables::HOLDINGS),
    space(&tables::HISTORY),
    space(&tables::SHEETS),
    space(&tables::ORDERS),
    space(&tables::OPEN_ORDERS),
    space(&tables::EXPOSURE),
    space(&tables::CASH),
    space(&tables::DAY_USE),
    space(&tables::DAY_PARENTS),
    space(&tables::POSITIONS),
    space(&tables::DIFFERENCES),
    space(&tables::CHECKED),
    space(&tables::OUTSIDE_SEEN),
    space(&tables::KNOWN_PRICES),
    space(&tables::CASH_DIFFERENCES),
    space(&tables::CASH_CHECKED),
    space(&tables::NIGHTS),
    PortableSpace { keyed: Keyed::Otherwise, ..space(&tables::MESSAGES) },
];

/// A row as it is stored: its key without the user's id, the version of its form, its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    pub key: Vec<u8>,
    pub version: u8,
    pub json: Vec<u8>,
}

impl UserView<'_> {
    /// Hands every row of one of the user's spaces to `each`, in key order, a page in memory at a time.
    ///
    /// # Errors
    /// Those of `each`; `Corrupt` for a row without content.
    pub fn each_stored<E: From<StoreError>>(&self, space: &str, mut each: impl FnMut(StoredRow) -> Result<(), E>) -> Result<(), E> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.stored_page(space, after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let (full, next) = (page.len() == PAGE, last.clone());
            for (key, bytes) in page {
                let (version, json) = bytes.split_first().ok_or_else(|| StoreError::Corrupt(format!("{space}: empty row")))?;
                each(StoredRow { key, version: *version, json: json.to_vec() })?;
            }
            if !full {
                return Ok(());
            }
            after = Some(next);
        }
    }
}

impl UserTx<'_> {
    /// Puts a row of another installation into one of the portable spaces.
    ///
    /// # Errors
    /// `Corrupt` when the row is not of the space's type.
    pub fn put_stored(&mut self, space: &PortableSpace, row: &StoredRow) -> Result<(), StoreError> {
        let bytes = (space.renew)(&[&[row.version], row.json.as_slice()].concat())?;
        self.put_bytes(space.name, &row.key, &bytes)
    }

    /// Puts the rows of all portable spaces as another store has them: they went through
    /// [`UserTx::put_stored`] there.
    ///
    /// # Errors
    /// When a row cannot be read or written.
    pub fn put_portable(&mut self, from: &UserView<'_>) -> Result<(), StoreError> {
        for space in PORTABLE {
            from.each_stored(space.name, |row| {
                let bytes = [&[row.version], row.json.as_slice()].concat();
                self.put_bytes(space.name, &row.key, &bytes)
            })?;
        }
        Ok(())
    }

    /// Recomputes the folds of the user's accounts, as they stand in the transaction, and compares.
    ///
    /// # Errors
    /// `Corrupt`, `Ledger` when a journal cannot be folded.
    pub fn verify(&self) -> Result<Vec<Difference>, StoreError> {
        super::verify::of_user(self.view())
    }

    /// Removes all portable rows of an account.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn remove_account_rows(&mut self, account: AccountId) -> Result<(), StoreError> {
        for space in PORTABLE {
            let from = Key::new().id(account.as_bytes()).into_bytes();
            for key in self.view().stored_keys(space.name, &from)? {
                self.remove_bytes(space.name, &key)?;
            }
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// Removes every row of a user from every space, whichever there are. Rows of the installation that name
    /// the user are the caller's.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn erase_user(&mut self, user: UserId) -> Result<usize, StoreError> {
        let from = user.as_bytes().to_vec();
        let to = prefix_end(&from);
        let mut erased = 0;
        for space in self.spaces()? {
            loop {
                let page = self.bytes_between(&space, &from, &to, PAGE)?;
                for (key, _) in &page {
                    self.remove_bytes(&space, key)?;
                }
                erased += page.len();
                if page.len() < PAGE {
                    break;
                }
            }
        }
        Ok(erased)
    }
}
