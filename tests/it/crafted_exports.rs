//! Exports that somebody has changed by hand: what is in them is the word of whoever uploads them.

use std::io::{Read, Write};

use data_encoding::HEXLOWER;
use eggmoney::app::transfers::Work;
use eggmoney::domain::account::{Account, AccountMode, Rung, Twin};
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::order::Environment;
use eggmoney::domain::user::Role;
use eggmoney::importers::transfer::TransferReport;
use eggmoney::storage::account_key;
use eggmoney::storage::tables::ACCOUNTS;
use eggmoney::trading::own_account_id;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use uuid::Uuid;

use super::leaving::{EXPORT, expect, exported, id_of, traded, upload};
use super::support::TestServer;

/// An export, unpacked: names and contents.
#[derive(Clone)]
struct Export(Vec<(String, Vec<u8>)>);

impl Export {
    fn open(archive: &[u8]) -> Self {
        let (mut files, mut at) = (Vec::new(), 0);
        while archive[at..].starts_with(b"PK\x03\x04") {
            let from = at + 30 + usize::from(u16::from_le_bytes([archive[at + 26], archive[at + 27]]));
            let mut decoder = DeflateDecoder::new(&archive[from..]);
            let mut bytes = Vec::new();
            decoder.read_to_end(&mut bytes).unwrap();
            files.push((String::from_utf8(archive[at + 30..from].to_vec()).unwrap(), bytes));
            at = from + usize::try_from(decoder.total_in()).unwrap() + 16;
        }
        Self(files)
    }

    fn pack(&self) -> Vec<u8> {
        let (mut out, mut list) = (Vec::new(), Vec::new());
        for (name, content) in &self.0 {
            let mut sum = flate2::Crc::new();
            sum.update(content);
            let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(content).unwrap();
            let packed = packed.finish().unwrap();
            let four = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
            let mut head =
                [[20, 0, 0, 0, 8, 0].as_slice(), &[0; 4], &sum.sum().to_le_bytes(), &four(packed.len()), &four(content.len())].concat();
            head.extend_from_slice(&four(name.len()));
            list.extend_from_slice(&[b"PK\x01\x02\x14\0", head.as_slice(), &[0; 10], &four(out.len()), name.as_bytes()].concat());
            out.extend_from_slice(&[b"PK\x03\x04", head.as_slice(), name.as_bytes(), &packed].concat());
        }
        let (count, from) = (u16::try_from(self.0.len()).unwrap().to_le_bytes(), u32::try_from(out.len()).unwrap());
        let length = u32::try_from(list.len()).unwrap();
        out.extend_from_slice(&list);
        out.extend_from_slice(
            &[b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &length.to_le_bytes(), &from.to_le_bytes(), &[0; 2]].concat(),
        );
        out
    }

    fn file(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(n, _)| n == name).unwrap().1
    }

    /// Replaces a text in every file.
    fn replaced(mut self, from: &str, to: &str) -> Self {
        for (_, content) in &mut self.0 {
            *content = String::from_utf8(content.clone()).unwrap().replace(from, to).into_bytes();
        }
        self
    }

    /// Another account id wherever it stands, in keys as well.
    fn with_account(self, from: AccountId, to: AccountId) -> Self {
        let hex = |id: AccountId| HEXLOWER.encode(id.as_bytes());
        self.replaced(&from.to_string(), &to.to_string()).replaced(&hex(from), &hex(to))
    }

    fn manifest(&mut self) -> Value {
        serde_json::from_slice(self.file("manifest.json")).unwrap()
    }

    /// Changes the lines of a space, and what the manifest tells of their number.
    fn changed(mut self, space: &str, change: impl FnOnce(&mut Vec<Value>)) -> Self {
        let file = self.file(&format!("data/{space}.jsonl"));
        let mut lines: Vec<Value> =
            file.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
        change(&mut lines);
        *file = lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        let mut manifest = self.manifest();
        manifest["rows"][space] = json!(lines.len());
        *self.file("manifest.json") = manifest.to_string().into_bytes();
        self
    }

    /// Changes the record of one account.
    fn account(self, id: AccountId, change: impl FnOnce(&mut Value)) -> Self {
        self.changed("accounts", |lines| change(&mut lines.iter_mut().find(|l| l["r"]["id"] == json!(id)).unwrap()["r"]))
    }
}

/// An honest export with its owner's paper account and the one at the broker.
async fn honest() -> (Export, AccountId, AccountId) {
    let night = traded().await;
    let chan = night.server.login("chan").await.proved().await;
    let mut export = Export::open(&exported(&chan).await);
    let manifest = export.manifest();
    let own: AccountId = serde_json::from_value(manifest["own_account"].clone()).unwrap();
    let accounts = manifest["accounts"].as_array().unwrap().iter();
    let brokers = accounts.map(|a| serde_json::from_value::<AccountId>(a["id"].clone()).unwrap()).find(|id| *id != own).unwrap();
    (export, own, brokers)
}

/// What becomes of an export in the hands of a user, past the limits of the API.
async fn brought(server: &TestServer, user: UserId, export: &Export) -> Result<TransferReport, &'static str> {
    let file = server.folder().join("crafted.zip");
    fs_err::write(&file, export.pack()).unwrap();
    let done = server.app.import_user(user, None, file).await;
    done.map_err(|error| {
        assert!(server.app.store.user(user).read(|v| v.accounts()).unwrap().iter().all(|a| a.id == own_account_id(user)));
        error.code()
    })
}

fn account(server: &TestServer, user: UserId, id: AccountId) -> Account {
    server.app.store.user(user).read(|v| v.require(&ACCOUNTS, &account_key(id))).unwrap()
}

async fn put(server: &TestServer, user: UserId, account: Account) {
    server.app.store.user(user).write(move |tx| tx.put(&ACCOUNTS, &account_key(account.id), &account)).await.unwrap();
}

#[tokio::test]
async fn the_accounts_of_others_are_not_brought_along() {
    let (export, own, mine) = honest().await;
    let server = TestServer::start().await;
    let victim = server.user("victim").await;
    let (_, made) = victim.post("/api/v1/trading/accounts", &json!({"name": "theirs", "environment": "mock"})).await;
    let theirs: AccountId = serde_json::from_value(made["id"].clone()).unwrap();
    // Nobody has ever seen this one, and yet it is taken.
    server.create("silent", Role::User).await;
    let to_be = own_account_id(id_of(&server, "silent"));
    let eve = server.user("eve").await.proved().await;
    let user = id_of(&server, "eve");
    let hex = |id: AccountId| HEXLOWER.encode(id.as_bytes());

    let in_rows = |key: AccountId, id: AccountId| {
        export.clone().changed("accounts", move |lines| {
            let line = lines.iter_mut().find(|l| l["r"]["id"] == json!(mine)).unwrap();
            (line["k"], line["r"]["id"]) = (json!(hex(key)), json!(id));
        })
    };
    let of_another = |space: &str, change: &dyn Fn(&mut Value)| {
        export.clone().changed(space, |lines| change(lines.iter_mut().rfind(|l| l["k"].as_str().unwrap().starts_with(&hex(mine))).unwrap()))
    };
    let cases = [
        ("everywhere", export.clone().with_account(mine, theirs), "transfer_already_here"),
        ("to be somebody's", export.clone().with_account(mine, to_be), "transfer_already_here"),
        ("in the rows", in_rows(theirs, theirs), "transfer_contradicts"),
        ("as the key", in_rows(theirs, mine), "transfer_contradicts"),
        ("as the id", in_rows(mine, theirs), "transfer_contradicts"),
        (
            "as one more",
            export.clone().changed("accounts", |lines| {
                let mut line = lines.iter().find(|l| l["r"]["id"] == json!(mine)).unwrap().clone();
                (line["k"], line["r"]["id"], line["r"]["name"]) = (json!(hex(theirs)), json!(theirs), json!("one more"));
                lines.push(line);
            }),
            "transfer_contradicts",
        ),
        (
            "as the key of a bot",
            of_another("bots", &|line| line["k"] = json!(line["k"].as_str().unwrap().replace(&hex(mine), &hex(theirs)))),
            "transfer_contradicts",
        ),
        (
            "as the key of a night",
            export.clone().changed("checked", |lines| lines.push(json!({"k": hex(theirs), "v": 1, "r": {}}))),
            "transfer_contradicts",
        ),
        ("as the account of a bot", of_another("bots", &|line| line["r"]["account_id"] = json!(theirs)), "transfer_contradicts"),
        (
            "as the account of an order",
            of_another("orders", &|line| line["r"]["intent"]["account_id"] = json!(theirs)),
            "transfer_contradicts",
        ),
        ("as the own account", export.clone().replaced(&own.to_string(), &theirs.to_string()), "transfer_contradicts"),
    ];
    for (what, crafted, code) in cases {
        assert_eq!(brought(&server, user, &crafted).await, Err(code), "{what}");
    }
    for id in [theirs, to_be] {
        expect(404, "not_found", &eve.get(&format!("/api/v1/trading/accounts/{id}/balance")).await);
    }
    // The same file as it was is taken.
    let (status, report) = upload(&eve, export.pack()).await;
    assert_eq!(status, 201, "{report}");
    assert!(server.app.store.verify().unwrap().agrees());
}

#[tokio::test]
async fn what_unpacks_to_too_much_is_not_unpacked() {
    let (export, ..) = honest().await;
    let server = TestServer::start().await;
    server.create("eve", Role::User).await;
    let user = id_of(&server, "eve");
    let mut long = export.clone();
    long.file("manifest.json").extend(std::iter::repeat_n(b'\n', 2 << 20));
    assert_eq!(brought(&server, user, &long).await, Err("transfer_too_large"));
    let mut wide = export.clone();
    wide.file("manifest.json").extend(std::iter::repeat_n(b' ', 2 << 20));
    assert_eq!(brought(&server, user, &wide).await, Err("transfer_too_large"));
    let mut large = export;
    large.0.push(("csv/zeros.csv".to_owned(), vec![0; 129 << 20]));
    assert_eq!(brought(&server, user, &large).await, Err("transfer_too_large"));
}

#[tokio::test]
async fn nothing_comes_in_that_could_not_be_set_here() {
    let (export, own, mine) = honest().await;
    let server = TestServer::start().await;
    server.create("eve", Role::User).await;
    let user = id_of(&server, "eve");
    let twin = |of: AccountId| json!({"of": of, "ended_at": null, "settings": 1, "bots": {}});
    let bot = |change: &dyn Fn(&mut Value)| export.clone().changed("bots", |lines| change(&mut lines[0]["r"]));
    let own_name = json!(
        serde_json::from_slice::<Value>(export.clone().file("data/accounts.jsonl").split(|b| *b == b'\n').next().unwrap()).unwrap()["r"]["name"]
    );
    let cases = [
        ("a live paper account", export.clone().account(own, |a| a["environment"] = json!("live")), "transfer_contradicts"),
        ("a paper account as a twin", export.clone().account(own, |a| a["twin"] = twin(mine)), "transfer_contradicts"),
        ("a twin at a broker", export.clone().account(mine, |a| a["twin"] = twin(own)), "transfer_contradicts"),
        (
            "a twin of nothing",
            export.clone().account(mine, |a| (a["environment"], a["twin"]) = (json!("own"), twin(AccountId(Uuid::nil())))),
            "transfer_contradicts",
        ),
        (
            "a twin of itself",
            export.clone().account(mine, |a| (a["environment"], a["twin"]) = (json!("own"), twin(mine))),
            "transfer_contradicts",
        ),
        (
            "one name twice",
            export.clone().changed("accounts", |lines| lines.iter_mut().for_each(|l| l["r"]["name"] = own_name.clone())),
            "transfer_contradicts",
        ),
        ("no name", export.clone().account(mine, |a| a["name"] = json!("")), "transfer_not_allowed"),
        (
            "a limit of nothing",
            export.clone().account(mine, |a| a["settings"]["limits"] = json!({"orders_per_second": 0})),
            "transfer_not_allowed",
        ),
        ("a fee beyond all", export.clone().account(mine, |a| a["settings"]["fee_rate"] = json!(7.0)), "transfer_not_allowed"),
        ("a seed beyond all", bot(&|b| b["seed"] = json!(1e300)), "transfer_not_allowed"),
        ("endless turns", bot(&|b| b["max_tier"] = json!(i64::MAX)), "transfer_not_allowed"),
        ("no ticker", bot(&|b| b["symbol"] = json!("../..")), "transfer_not_allowed"),
        (
            "too many bots",
            export.clone().changed("bots", |lines| {
                for n in 0..200_u128 {
                    let mut line = lines[0].clone();
                    let (id, key) = (Uuid::from_u128(n), line["k"].as_str().unwrap()[..32].to_owned());
                    (line["r"]["id"], line["r"]["name"]) = (json!(id), json!(format!("more {n}")));
                    line["k"] = json!(key + &HEXLOWER.encode(id.as_bytes()));
                    lines.push(line);
                }
            }),
            "transfer_not_allowed",
        ),
        (
            // The manifest still says that there is none.
            "an open order",
            export.clone().changed("orders", |lines| {
                let order = lines.iter_mut().find(|l| l["r"]["intent"]["account_id"] == json!(mine)).unwrap();
                order["r"]["state"] = json!("accepted");
            }),
            "transfer_open_orders",
        ),
    ];
    for (what, crafted, code) in cases {
        assert_eq!(brought(&server, user, &crafted).await.map(drop), Err(code), "{what}");
    }
    // What trades and has climbed observes, and begins from below.
    let climbed = export.clone().account(mine, |a| {
        (a["environment"], a["mode"]) = (json!("live"), json!("trading"));
        a["going_live"] = json!({"rung": "full"});
    });
    brought(&server, user, &climbed).await.unwrap();
    let account = account(&server, user, mine);
    assert_eq!((account.mode, account.going_live.rung, account.rung()), (AccountMode::Observe, Rung::Observe, Rung::Observe));
    assert!(server.app.store.verify().unwrap().agrees());
}

#[tokio::test]
async fn a_twin_that_is_none_is_stopped_and_changes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin().await.proved().await;
    let eve = server.user("eve").await.proved().await;
    let user = id_of(&server, "eve");
    let (_, made) = eve.post("/api/v1/trading/accounts", &json!({"name": "KIS", "environment": "live"})).await;
    let id: AccountId = serde_json::from_value(made["id"].clone()).unwrap();
    let at = format!("/api/v1/trading/accounts/{id}");
    let mut row = account(&server, user, id);
    row.twin = Some(Twin { of: own_account_id(user), ended_at: None, settings: 1, bots: Default::default() });
    put(&server, user, row.clone()).await;
    let key = json!({"environment": "live", "app_key": "PSother", "app_secret": "secret", "account_no": "50010002-01"});
    expect(409, "twin_follows", &eve.put(&format!("{at}/broker-key"), &key).await);
    let step = json!({"rung": "one_share", "old_server_stopped": true, "skip_night": true});
    let (status, refused) = eve.post(&format!("{at}/going-live"), &step).await;
    assert_eq!((status, &refused["code"]), (409, &json!("twin_follows")), "{refused}");

    (row.mode, row.going_live.rung) = (AccountMode::Trading, Rung::Full);
    assert_eq!(row.environment, Environment::Live);
    put(&server, user, row).await;
    assert_eq!(admin.patch(&format!("/api/v1/admin/users/{user}"), &json!({"active": false})).await.0, 200);
    assert_eq!(account(&server, user, id).mode, AccountMode::Observe);
}

#[tokio::test]
async fn one_export_and_one_import_go_on_at_a_time_and_a_few_imports_a_day() {
    let server = TestServer::start().await;
    let eve = server.user("eve").await.proved().await;
    let user = id_of(&server, "eve");
    let begin = |work| server.app.transfers.begin(work).unwrap();
    let running = begin(Work::Export(user));
    expect(409, "transfer_running", &eve.get(EXPORT).await);
    drop(running);
    let archive = exported(&eve).await;
    let running = begin(Work::Upload(user));
    expect(409, "transfer_running", &upload(&eve, archive.clone()).await);
    drop(running);
    let running = begin(Work::Import);
    expect(409, "transfer_running", &upload(&eve, archive.clone()).await);
    drop(running);
    for _ in 0..9 {
        expect(422, "transfer_unreadable", &upload(&eve, b"hello".to_vec()).await);
    }
    expect(429, "transfer_too_often", &upload(&eve, archive).await);
}
