//! A user's data as one file that the user takes along: tables for a spreadsheet, and the logical form that
//! another installation imports. It holds no secret: broker keys are entered again.
//!
//! The file is a zip archive:
//! - `manifest.json`: `{format, version, made_at, program, user_id, username, own_account, accounts: [{id,
//!   name, environment, open_orders}], rows: {space: count}}`; `format` is `eggmoney-user`, `version` 1.
//! - `data/SPACE.jsonl`, one for each space of the store that goes along: a line for each row, `{"k": key in
//!   hex without the user's id, "v": version of the record's form, "r": the record}`, in key order.
//! - `csv/*.csv`: orders, fills, positions, holdings, history, bots, cash, ledger and audit log. They are
//!   for people; an import does not read them.
//! - `README.txt`: the same in a few words.

mod error;
mod read;
mod settle;
mod tables;
mod write;
mod zip;

pub use error::TransferError;
pub use read::{Arrival, TransferReport, import};
pub use write::{Departure, TransferSummary, export};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::{AccountId, UserId};
use crate::domain::order::Environment;

const FORMAT: &str = "eggmoney-user";
const VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    made_at: Timestamp,
    /// Version of the program that made it.
    program: String,
    user_id: UserId,
    username: String,
    /// The paper account that every user has: its id follows from the user's.
    own_account: AccountId,
    accounts: Vec<AccountEntry>,
    rows: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AccountEntry {
    id: AccountId,
    name: String,
    environment: Environment,
    open_orders: usize,
}

/// A row on its line, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Key in hex.
    k: String,
    v: u8,
    r: serde_json::Value,
}

/// Where a space's rows stand in the archive.
fn data_file(space: &str) -> String {
    format!("data/{space}.jsonl")
}
