//! The way out: a user's rows into an archive, a page in memory at a time.

use std::collections::BTreeMap;
use std::io::Write;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::error::TransferError;
use super::tables::TABLES;
use super::zip::Writer;
use super::{AccountEntry, FORMAT, MANIFEST, Manifest, VERSION, data_file};
use crate::domain::id::AccountId;
use crate::domain::user::User;
use crate::storage::{PORTABLE, StoreError, UserView};

const README: &str = "\
EggMoney: all data of one user.
csv/       tables for a spreadsheet (UTF-8): orders, fills, positions, holdings, history, bots, cash, ledger, audit log
data/      the same in the form that another EggMoney imports: More > Import data, or eggmoney import user
manifest.json says what is inside.
There are no passwords, broker keys or other secrets in it; enter the broker keys again after an import.

EggMoney: 한 사용자의 모든 데이터입니다.
csv/       스프레드시트로 여는 표입니다(UTF-8): 주문, 체결, 보유, 봇별 보유, 내역, 봇, 현금, 원장, 감사 기록
data/      다른 EggMoney에서 가져올 때 쓰는 같은 내용입니다: 더보기 > 데이터 가져오기, 또는 eggmoney import user
비밀번호, 증권사 키 등 비밀 값은 들어 있지 않습니다. 가져온 뒤에 증권사 키를 다시 넣어 주세요.
";

/// Whose data leave.
#[derive(Clone, Debug)]
pub struct Departure {
    pub user: User,
    pub own_account: AccountId,
    pub at: Timestamp,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferSummary {
    pub accounts: usize,
    pub rows: usize,
}

/// Writes a user's data to `out`.
///
/// # Errors
/// `Store` when they cannot be read, `Io` when the target cannot be written.
pub fn export(view: &UserView<'_>, departure: &Departure, out: impl Write) -> Result<TransferSummary, TransferError> {
    let accounts = view.accounts()?;
    let names: BTreeMap<[u8; 16], &str> = accounts.iter().map(|a| (*a.id.as_bytes(), a.name.as_str())).collect();
    let mut zip = Writer::new(out);
    zip.file("README.txt", |out| out.write_all(README.as_bytes()))?;
    let mut rows = BTreeMap::new();
    for space in PORTABLE {
        let mut count = 0_usize;
        zip.file(&data_file(space.name), |out| {
            view.each_stored(space.name, |row| {
                // A stored record is JSON on one line already.
                write!(out, "{{\"k\":\"{}\",\"v\":{},\"r\":", HEXLOWER.encode(&row.key), row.version)?;
                out.write_all(&row.json)?;
                out.write_all(b"}\n")?;
                count += 1;
                Ok::<_, TransferError>(())
            })
        })?;
        rows.insert(space.name.to_owned(), count);
    }
    for table in TABLES {
        zip.file(table.file, |out| {
            table.head(out)?;
            view.each_stored(table.space, |row| {
                let record: Value = serde_json::from_slice(&row.json).map_err(|e| corrupt(table.space, &e))?;
                let account = row.key.get(..16).and_then(|id| <[u8; 16]>::try_from(id).ok()).and_then(|id| names.get(&id).copied());
                Ok::<_, TransferError>(table.line(out, account.unwrap_or_default(), &record)?)
            })
        })?;
    }
    let mut entries = Vec::new();
    for account in &accounts {
        let open_orders = view.open_orders(account.id)?.iter().filter(|o| !o.state.is_final()).count();
        entries.push(AccountEntry { id: account.id, name: account.name.clone(), environment: account.environment, open_orders });
    }
    let summary = TransferSummary { accounts: entries.len(), rows: rows.values().sum() };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        made_at: departure.at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        user_id: departure.user.id,
        username: departure.user.username.clone(),
        own_account: departure.own_account,
        accounts: entries,
        rows,
    };
    zip.file(MANIFEST, |out| serde_json::to_writer(out, &manifest).map_err(std::io::Error::from))?;
    zip.finish()?;
    Ok(summary)
}

fn corrupt(space: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("{space}: {error}"))
}
