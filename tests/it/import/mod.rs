//! Importing old EggMoney accounts, against the fixtures' own manifest and against files that are
//! broken in every way that could be thought of.

mod damage;
mod edges;
mod export;
mod fixtures;
mod mixtures;
mod settle;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eggmoney::auth::{MasterKey, Vault};
use eggmoney::domain::account::Account;
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::user::{Language, Role, User};
use eggmoney::importers::eggmoney::{self as egg, ImportError, ImportRequest, Imported, OldFiles, Report};
use eggmoney::storage::tables::USERS;
use eggmoney::storage::{Key, Store, StoreError};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub const NAMES: [&str; 3] = ["chan", "choe", "sk"];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data-fixtures/eggmoney").join(name)
}

pub fn manifest() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("manifest.json")).unwrap()).unwrap()
}

/// All three files of a fixture account.
pub fn all_files(name: &str) -> OldFiles {
    OldFiles {
        db: fixture(&format!("egg_{name}.db")),
        db_name: None,
        key_store: Some(fixture(&format!("key_store.{name}.json"))),
        env: Some(fixture(&format!("dotenv.{name}.txt"))),
    }
}

pub fn only_db(db: &Path) -> OldFiles {
    OldFiles { db: db.to_owned(), db_name: None, key_store: None, env: None }
}

/// A store with two users.
pub struct World {
    pub store: Store,
    pub vault: Vault,
    pub user: UserId,
    pub other: UserId,
}

pub fn now() -> Timestamp {
    "2026-05-15T08:00:00Z".parse().unwrap()
}

impl World {
    pub fn new() -> Self {
        let store = Store::in_memory().unwrap();
        let ids = [UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2))];
        store
            .write_blocking(move |tx| {
                for (n, id) in ids.into_iter().enumerate() {
                    let user = User {
                        id,
                        username: format!("user{n}"),
                        email: None,
                        role: Role::User,
                        password_hash: String::new(),
                        active: true,
                        verified: false,
                        premium: false,
                        networks: Default::default(),
                        language: Language::Ko,
                        created_at: now(),
                        updated_at: now(),
                    };
                    tx.put(&USERS, &Key::new().id(id.as_bytes()), &user)?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        Self { store, vault: Vault::new(&MasterKey::generate()), user: ids[0], other: ids[1] }
    }

    pub fn request(&self) -> ImportRequest {
        ImportRequest {
            user: self.user,
            by: None,
            account_name: None,
            bot_sync: None,
            session_relative: true,
            skip_refused: false,
            book_fills: false,
            at: now(),
        }
    }

    pub fn import(&self, files: &OldFiles) -> Result<Imported, ImportError> {
        self.import_as(files, |_| {})
    }

    pub fn import_as(&self, files: &OldFiles, change: impl FnOnce(&mut ImportRequest)) -> Result<Imported, ImportError> {
        let mut request = self.request();
        change(&mut request);
        egg::run(&self.store, &self.vault, &Arc::new(egg::read(files)?), &request)
    }

    pub fn rehearse(&self, files: &OldFiles) -> Result<Report, ImportError> {
        egg::dry_run(&self.store, &self.vault, &Arc::new(egg::read(files)?), &self.request())
    }

    pub fn accounts(&self) -> Vec<Account> {
        self.store.read(|view| view.user(self.user).accounts()).unwrap()
    }

    pub fn account(&self, id: AccountId) -> Account {
        self.accounts().into_iter().find(|a| a.id == id).unwrap()
    }

    /// Every fold equals its facts.
    pub fn verify(&self) {
        let report = self.store.verify().unwrap();
        assert_eq!(report.differences, []);
    }

    /// Every row of the store, to compare before and after.
    pub fn dump(&self) -> std::collections::BTreeMap<String, Vec<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.redb");
        self.store.snapshot_to(&file).unwrap();
        rows_of(&file)
    }
}

/// Keys and values of every space of a database file.
fn rows_of(file: &Path) -> std::collections::BTreeMap<String, Vec<Vec<u8>>> {
    use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableHandle};
    let database = redb::Database::open(file).unwrap();
    let read = database.begin_read().unwrap();
    read.list_tables()
        .unwrap()
        .map(|table| {
            let name = table.name().to_owned();
            let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
            let opened = read.open_table(definition).unwrap();
            let rows = opened.iter().unwrap().map(|row| {
                let (key, value) = row.unwrap();
                [key.value(), b"=", value.value()].concat()
            });
            (name.clone(), rows.collect())
        })
        .collect()
}

/// Where two JSON trees differ; numbers may be 0.005 apart.
pub fn differences(path: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => a
            .keys()
            .chain(b.keys().filter(|k| !a.contains_key(*k)))
            .flat_map(|k| differences(&format!("{path}/{k}"), a.get(k).unwrap_or(&Value::Null), b.get(k).unwrap_or(&Value::Null)))
            .collect(),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().flat_map(|(i, (a, b))| differences(&format!("{path}/{i}"), a, b)).collect()
        }
        (Value::Number(a), Value::Number(b)) if (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= 0.005 => Vec::new(),
        (a, b) if a == b => Vec::new(),
        (a, b) => vec![format!("{path}: expected {a}, found {b}")],
    }
}
