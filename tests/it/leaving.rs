//! Leaving: exports that another installation imports, disclosures, and the end of a user.

use std::collections::BTreeMap;
use std::io::Read;

use eggmoney::auth::{MasterKey, Vault};
use eggmoney::domain::id::{AccountId, UserId};
use eggmoney::domain::user::Role;
use eggmoney::importers::transfer::TransferReport;
use eggmoney::storage::tables::{ACCOUNTS, BOTS, CASH, HISTORY, HOLDINGS, JOURNAL, ORDERS, POSITIONS, UserTable, secret};
use eggmoney::storage::{Key, PORTABLE, Record, Store, StoreError, account_key};
use eggmoney::trading::own_account_id;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::support::old::Night;
use super::support::{Answer, Caller, TestServer, answer};

pub(super) const EXPORT: &str = "/api/v1/users/export";
pub(super) const IMPORT: &str = "/api/v1/imports/user";
const ERASE: &str = "/api/v1/users/erase";

pub(super) fn expect(status: u16, code: &str, found: &Answer) {
    assert_eq!((found.0, &found.1["code"]), (status, &json!(code)), "{}", found.1);
}

pub(super) fn id_of(server: &TestServer, username: &str) -> UserId {
    server.app.auth.find_user(username).unwrap().unwrap().id
}

pub(super) async fn exported(caller: &Caller<'_>) -> Vec<u8> {
    let response = caller.request("GET", EXPORT).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, "application/zip"));
    response.bytes().await.unwrap().to_vec()
}

pub(super) async fn upload(caller: &Caller<'_>, bytes: Vec<u8>) -> Answer {
    let form = Form::new().part("file", Part::bytes(bytes).file_name("export.zip"));
    answer(caller.request("POST", IMPORT).multipart(form)).await
}

/// A night of trading, so that there is something of everything.
pub(super) async fn traded() -> Night {
    let night = Night::start("2026-05-15T14:58:00Z").await;
    let mine = night.bring("chan", "chan", 30_000).await;
    let kim = night.server.login("chan").await;
    let account = format!("/api/v1/trading/accounts/{}", mine.account);
    let questions = kim.get(&format!("{account}/unsettled")).await.1["items"].as_array().unwrap().clone();
    for question in questions {
        let action = if question["type"] == "unbooked_fills" { "discard" } else { "merge" };
        let body = json!({"type": question["type"], "name": question["name"], "action": action});
        kim.post(&format!("{account}/settle"), &body).await;
    }
    assert_eq!(kim.post(&format!("{account}/start"), &json!({"old_server_stopped": true})).await.0, 200);
    let order = json!({"symbol": "005930", "quantity": 10, "price": 70000, "order_type": "limit"});
    assert_eq!(kim.post("/api/v1/trading/orders", &order).await.0, 201);
    night.run_until("2026-05-15T20:20:00Z", 60).await;
    night
}

fn rows<R: Record>(store: &Store, user: UserId, table: &UserTable<R>) -> Vec<R> {
    store.user(user).read(|v| v.list(table, &Key::new())).map_err(|e: StoreError| e).unwrap()
}

/// A user's rows of every portable space, with the ids that differ between installations made the same.
fn picture(server: &TestServer, user: UserId) -> BTreeMap<&'static str, Vec<String>> {
    let mut picture = BTreeMap::new();
    for space in PORTABLE {
        let mut lines = Vec::new();
        let own = own_account_id(user);
        let read = server.app.store.user(user).read(|view| {
            view.each_stored(space.name, |row| {
                let text = String::from_utf8(row.json).unwrap().replace(&user.to_string(), "USER").replace(&own.to_string(), "OWN");
                let key = if row.key.starts_with(own.as_bytes()) { "OWN".to_owned() } else { format!("{:02x?}", row.key) };
                lines.push(format!("{key} {text}"));
                Ok::<_, StoreError>(())
            })
        });
        read.unwrap();
        lines.sort();
        picture.insert(space.name, lines);
    }
    picture
}

#[tokio::test]
async fn an_export_imported_elsewhere_has_the_same_books_bots_and_history() {
    let night = traded().await;
    let chan = night.server.login("chan").await;
    expect(403, "step_up_required", &chan.get(EXPORT).await);
    chan.prove().await;
    let remaining = chan.get("/api/v1/users/remaining").await.1;
    assert!(remaining["items"].as_array().unwrap().iter().any(|a| a["trading"] == true), "{remaining}");
    let archive = exported(&chan).await;
    for secret in ["PSchan", "chanssss", "50010004"] {
        assert!(!unpacked(&archive).contains(secret), "{secret} is in the export");
    }
    let names: Vec<String> = entries(&archive);
    for name in ["manifest.json", "README.txt", "csv/orders.csv", "csv/fills.csv", "csv/history.csv", "csv/audit.csv", "data/journal.jsonl"]
    {
        assert!(names.iter().any(|n| n == name), "{name} is missing: {names:?}");
    }
    assert!(unpacked(&archive).contains("order_id,created_at,session,bot"));
    let audited = chan.get("/api/v1/users/audit").await.1;
    assert_eq!(audited["items"][0]["action"], "transfer.exported");

    let other = TestServer::start().await;
    other.user("root-admin").await;
    let anna = other.user("anna").await;
    expect(403, "step_up_required", &upload(&anna, archive.clone()).await);
    anna.prove().await;
    let (status, report) = upload(&anna, archive.clone()).await;
    assert_eq!(status, 201, "{report}");
    let report: Value = report;
    assert_eq!(report["username"], "chan");
    let (from, to) = (id_of(&night.server, "chan"), id_of(&other, "anna"));
    let (before, after) = (picture(&night.server, from), picture(&other, to));
    for space in PORTABLE.iter().filter(|space| space.name != "accounts") {
        assert_eq!(before[space.name], after[space.name], "{}", space.name);
    }
    assert!(before["journal"].len() > 100 && before["bots"].len() > 3 && before["history"].len() > 100 && before["orders"].len() > 3);
    let (stores, ids) = ([&night.server.app.store, &other.app.store], [from, to]);
    macro_rules! same {
        ($($table:expr),+) => {$( assert_eq!(rows(stores[0], ids[0], &$table).len(), rows(stores[1], ids[1], &$table).len()); )+};
    }
    same!(BOTS, CASH, HISTORY, HOLDINGS, JOURNAL, ORDERS, POSITIONS);
    // Nothing trades: it is started anew, with a key that is entered here.
    for account in rows(stores[1], ids[1], &ACCOUNTS).iter().filter(|a| a.id != own_account_id(to)) {
        assert!(account.mode == eggmoney::domain::account::AccountMode::Observe && account.started_at.is_none(), "{account:?}");
    }
    let accounts = anna.get("/api/v1/trading/accounts").await.1;
    assert!(accounts["items"].as_array().unwrap().iter().all(|a| a["broker_key"].is_null()), "{accounts}");
    assert!(other.app.store.verify().unwrap().agrees());
    assert_eq!(anna.get("/api/v1/users/audit").await.1["items"][0]["action"], "transfer.imported");

    // Once more, into the same user and into another one.
    expect(409, "transfer_user_not_empty", &upload(&anna, archive.clone()).await);
    let ben = other.user("ben").await.proved().await;
    expect(409, "transfer_already_here", &upload(&ben, archive.clone()).await);

    // What came can leave again, the same to the row.
    let anna = other.login("anna").await.proved().await;
    let again = exported(&anna).await;
    let third = TestServer::start().await;
    let eve = third.user("eve").await.proved().await;
    assert_eq!(upload(&eve, again).await.0, 201);
    let last = picture(&third, id_of(&third, "eve"));
    assert!(PORTABLE.iter().all(|space| space.name == "accounts" || after[space.name] == last[space.name]));
    let _: fn(TransferReport) = drop;
}

#[tokio::test]
async fn what_is_no_export_or_was_changed_is_refused_and_leaves_nothing() {
    let night = traded().await;
    let chan = night.server.login("chan").await.proved().await;
    let archive = exported(&chan).await;
    let other = TestServer::start().await;
    let anna = other.user("anna").await.proved().await;
    let accounts = |v: Value| v["items"].as_array().unwrap().len();
    let before = accounts(anna.get("/api/v1/trading/accounts").await.1);
    expect(422, "transfer_unreadable", &upload(&anna, b"hello".to_vec()).await);
    expect(422, "missing_field", &upload(&anna, Vec::new()).await);
    expect(422, "transfer_unreadable", &upload(&anna, archive[..archive.len() / 2].to_vec()).await);
    let at = archive.len() / 3;
    let mut damaged = archive.clone();
    damaged[at] ^= 0x55;
    let (status, problem) = upload(&anna, damaged).await;
    assert!(status == 422 && problem["code"].as_str().unwrap().starts_with("transfer_"), "{problem}");
    let no_form = answer(anna.request("POST", IMPORT).json(&json!({}))).await;
    expect(400, "malformed", &no_form);
    assert_eq!(accounts(anna.get("/api/v1/trading/accounts").await.1), before);
    assert!(other.app.store.verify().unwrap().agrees());
}

/// Names in an archive's list, and all of its text: a second reader, which knows nothing of the first.
fn entries(archive: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = archive;
    while let Some(at) = rest.windows(4).position(|w| w == b"PK\x01\x02") {
        let length = usize::from(u16::from_le_bytes([rest[at + 28], rest[at + 29]]));
        names.push(String::from_utf8(rest[at + 46..at + 46 + length].to_vec()).unwrap());
        rest = &rest[at + 46..];
    }
    names
}

fn unpacked(archive: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while archive[at..].starts_with(b"PK\x03\x04") {
        let name = usize::from(u16::from_le_bytes([archive[at + 26], archive[at + 27]]));
        let from = at + 30 + name;
        let mut decoder = flate2::read::DeflateDecoder::new(&archive[from..]);
        let mut bytes = Vec::new();
        decoder.read_to_end(&mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
        at = from + usize::try_from(decoder.total_in()).unwrap() + 16;
    }
    text
}

#[tokio::test]
async fn an_erased_user_leaves_nothing_that_can_be_read_and_a_line_that_names_nobody() {
    let night = traded().await;
    let server = &night.server;
    let admin = server.admin_made().await;
    let chan = server.login("chan").await;
    let id = id_of(server, "chan");
    let account = rows(&server.app.store, id, &ACCOUNTS).iter().find(|a| a.id != own_account_id(id)).unwrap().id;
    // What leads to the user from elsewhere: a key, and what was given to and by somebody else.
    let (other, other_id) = (server.user("friend").await, id_of(server, "friend"));
    let grant = |to: &str| json!({"username": to, "kind": "view", "until": "2026-12-01T00:00:00Z"});
    let granted = async |by: &Caller<'_>, of: AccountId, to: &str| {
        let by = server.login(by.get("/api/v1/users/profile").await.1["username"].as_str().unwrap()).await.proved().await;
        assert_eq!(by.post(&format!("/api/v1/trading/accounts/{of}/grants"), &grant(to)).await.0, 201);
        by
    };
    let proved = granted(&chan, account, "friend").await;
    assert_eq!(proved.post("/api/v1/users/api-keys", &json!({"name": "script", "scope": "read"})).await.0, 201);
    let theirs = server.app.trading.own_account(other_id).await.unwrap();
    granted(&other, theirs, "chan").await;
    let copy = server.folder().join("copy.redb");
    server.app.store.snapshot_to(&copy).unwrap();

    expect(403, "step_up_required", &chan.post(ERASE, &json!({"username": "chan"})).await);
    chan.prove().await;
    expect(422, "invalid", &chan.post(ERASE, &json!({"username": "Chan"})).await);
    // An administrator deactivates first, and cannot do it by mistake.
    let path = format!("/api/v1/admin/users/{id}/erase");
    admin.prove().await;
    expect(409, "deactivate_first", &admin.post(&path, &json!({"username": "chan"})).await);
    let positions = server.app.store.user(id).read(|v| v.list(&POSITIONS, &account_key(account))).unwrap();
    let held: Vec<Value> =
        positions.iter().filter(|p| !p.quantity.is_zero()).map(|p| json!({"symbol": p.symbol, "quantity": p.quantity})).collect();
    let (status, gone) = admin.patch(&format!("/api/v1/admin/users/{id}"), &json!({"active": false})).await;
    let left = gone["stopped"].as_array().unwrap().iter().find(|s| s["account_id"] == account.to_string()).unwrap();
    assert_eq!((status, &left["positions"]), (200, &json!(held)), "what stays is named: {gone}");
    assert!(!held.is_empty());
    expect(422, "invalid", &admin.post(&path, &json!({"username": "choe"})).await);
    assert_eq!(admin.post(&path, &json!({"username": "chan"})).await.0, 204);
    expect(404, "not_found", &admin.post(&path, &json!({"username": "chan"})).await);
    assert_eq!(chan.get("/api/v1/users/profile").await.0, 401);

    // No row of any space is left, nor any word of the name; the chains hold.
    let left = server.app.store.read(|v| Ok::<_, StoreError>(v.user(id).keys(&JOURNAL, &Key::new())?.len())).unwrap();
    assert_eq!(left, 0);
    let after = server.folder().join("after.redb");
    server.app.store.snapshot_to(&after).unwrap();
    let bytes = fs_err::read(&after).unwrap();
    // The friend's audit log tells of the grants, with the name; a chain of which a link is taken out would break.
    let audit = admin.get("/api/v1/admin/audit?limit=500").await.1;
    let friends = server.login("friend").await.get("/api/v1/users/audit?limit=500").await.1["items"].to_string();
    let times = |bytes: &[u8], word: &str| {
        // What was changed anew says `changed`.
        let found = bytes.windows(word.len()).enumerate().filter(|(_, w)| *w == word.as_bytes());
        found.filter(|(at, _)| !bytes[*at..].starts_with(b"change") && !bytes[*at..].starts_with(b"channel")).count()
    };
    for word in ["chan", "PSchan"] {
        assert_eq!(times(&bytes, word), times(friends.as_bytes(), word), "{word} stands in the database");
    }
    let named = |text: &str| times(text.as_bytes(), &id.to_string());
    assert_eq!(times(&bytes, &id.to_string()), named(&audit.to_string()) + named(&friends), "only what is audited names the id");
    let line = &audit["items"][0];
    assert_eq!((&line["action"], line["detail"].as_object().unwrap().len()), (&json!("user.erased"), 2), "{line}");
    assert!(server.app.store.verify().unwrap().agrees());

    // The copy from before still has the rows, and even with the master key no secret of them opens.
    assert!(!server.folder().join("keys").join(format!("{id}.key")).exists());
    let restored = tempfile::tempdir().unwrap();
    fs_err::copy(&copy, restored.path().join("eggmoney.redb")).unwrap();
    fs_err::copy(server.folder().join("master.key"), restored.path().join("master.key")).unwrap();
    for file in fs_err::read_dir(server.folder().join("keys")).unwrap().map(|f| f.unwrap().path()) {
        fs_err::create_dir_all(restored.path().join("keys")).unwrap();
        fs_err::copy(&file, restored.path().join("keys").join(file.file_name().unwrap())).unwrap();
    }
    let store = Store::open(restored.path()).unwrap();
    let master = MasterKey::load_or_create(restored.path(), true, None).unwrap();
    let vault = Vault::open_over(&store, restored.path(), &master).unwrap();
    assert!(store.read(|v| Ok::<_, StoreError>(v.user(id).keys(&JOURNAL, &Key::new())?.len())).unwrap() > 100);
    for kind in [secret::APP_KEY, secret::APP_SECRET, secret::CANO] {
        assert!(store.read(|v| vault.open(&v.user(id), account, kind)).is_err(), "{kind}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays_and_others_may_erase_themselves() {
    let server = TestServer::start().await;
    let admin = server.admin().await.proved().await;
    expect(409, "last_admin", &admin.post(ERASE, &json!({"username": "root-admin"})).await);
    let id = id_of(&server, "root-admin");
    let own = admin.post(&format!("/api/v1/admin/users/{id}/erase"), &json!({"username": "root-admin"})).await;
    expect(409, "erase_yourself", &own);
    server.create("viewer", Role::Viewer).await;
    let viewer = server.login("viewer").await.proved().await;
    assert_eq!(viewer.post(ERASE, &json!({"username": "viewer"})).await.0, 204);
    assert_eq!(viewer.get("/api/v1/users/profile").await.0, 401);
    server.create("second", Role::Admin).await;
    assert_eq!(admin.post(ERASE, &json!({"username": "root-admin"})).await.0, 204);
    assert!(server.app.store.verify().unwrap().agrees());
    // The name is free again.
    server.create("viewer", Role::User).await;
    // A key file that a crash left behind goes at the next start.
    let keys = server.folder().join("keys");
    fs_err::create_dir_all(&keys).unwrap();
    let (gone, there) = (keys.join(format!("{id}.key")), keys.join(format!("{}.key", id_of(&server, "second"))));
    for file in [&gone, &there] {
        fs_err::write(file, [7; 32]).unwrap();
    }
    let _server = server.restart().await;
    assert!(!gone.exists() && there.exists());
}

#[tokio::test]
async fn a_broker_key_waits_for_its_disclosure() {
    let server = TestServer::start().await;
    let new = eggmoney::auth::NewUser {
        username: "anna".to_owned(),
        password: super::support::PASSWORD.to_owned().into(),
        email: None,
        role: Role::User,
    };
    server.app.auth.create_user(new, None).await.unwrap();
    let anna = server.login("anna").await.proved().await;
    let path = "/api/v1/users/disclosures";
    let (_, listed) = anna.get(path).await;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["accepted_at"]), (1, &Value::Null), "{listed}");
    let account = json!({"name": "KIS", "environment": "mock", "app_key": "PSkey", "app_secret": "secret", "account_no": "50010001-01"});
    let accounts = "/api/v1/trading/accounts";
    expect(403, "disclosure_required", &anna.post(accounts, &account).await);
    let (_, plain) = anna.post(accounts, &json!({"name": "later", "environment": "mock"})).await;
    let key = json!({"environment": "mock", "app_key": "PSother", "app_secret": "secret", "account_no": "50010002-01"});
    let put = format!("{accounts}/{}/broker-key", plain["id"].as_str().unwrap());
    expect(403, "disclosure_required", &anna.put(&put, &key).await);
    expect(409, "disclosure_changed", &anna.post(path, &json!({"name": "broker_key", "version": 2})).await);
    expect(404, "not_found", &anna.post(path, &json!({"name": "administration", "version": 1})).await);
    for _ in 0..2 {
        assert_eq!(anna.post(path, &json!({"name": "broker_key", "version": 1})).await.0, 204);
    }
    assert!(anna.get(path).await.1["items"][0]["accepted_at"].is_string());
    assert_eq!(anna.post(accounts, &account).await.0, 201);
    assert_eq!(anna.put(&put, &key).await.0, 200);
    let audit = anna.get("/api/v1/users/audit").await.1;
    let accepted: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|i| i["action"] == "disclosure.accepted").collect();
    assert_eq!((accepted.len(), &accepted[0]["detail"]), (1, &json!({"name": "broker_key", "version": 1})));
}
