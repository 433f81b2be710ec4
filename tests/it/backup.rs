//! Backups of a server that trades, and what a restore elsewhere gives: the same data, no sessions, and
//! nothing that trades before a person says that the old server is off.

use std::path::Path;
use std::sync::Arc;

use eggmoney::app::clock::SystemClock;
use eggmoney::app::system::disk_free;
use eggmoney::app::{App, Config};
use eggmoney::backup::{BackupError, Opening, RETURNED_FILE, Restored, restore};
use eggmoney::domain::clock::{Clock, SteppedClock};
use eggmoney::domain::slot::RunState;
use eggmoney::simulators::Control;
use eggmoney::storage::{Store, contents_of};
use serde_json::{Value, json};

use crate::support::old::{Night, Owned};
use crate::support::{Caller, START, TestServer};

const BACKUP: &str = "/api/v1/admin/backup";

async fn words(admin: &Caller<'_>) -> String {
    let (status, key) = admin.post(&format!("{BACKUP}/recovery-key"), &Value::Null).await;
    assert_eq!(status, 200, "{key}");
    assert!(key["qr_svg"].as_str().unwrap().contains("<svg"));
    key["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

async fn restored(from: &Path, to: &Path, words: &str, now: jiff::Timestamp) -> Result<Restored, BackupError> {
    let (from, to, opening) = (from.to_owned(), to.to_owned(), Opening::words(&words.into()).unwrap());
    tokio::task::spawn_blocking(move || restore(&from, &to, &opening, now, disk_free)).await.unwrap()
}

/// Waits until the backup or drill that was begun is done, and gives the report.
async fn done(admin: &Caller<'_>) -> Value {
    loop {
        let (status, report) = admin.get(BACKUP).await;
        assert_eq!(status, 200, "{report}");
        if report["running"] == false {
            return report;
        }
        tokio::task::yield_now().await;
    }
}

fn sent(control: &Control, owned: &Owned) -> usize {
    control.orders(&owned.app_key).len()
}

#[tokio::test]
async fn a_server_that_trades_comes_back_elsewhere_and_waits_for_a_word() {
    let night = Night::start("2026-05-15T14:30:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let user = night.server.app.auth.find_user("chan").unwrap().unwrap().id;
    night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
    let control = night.broker.control();
    night.run_until("2026-05-15T16:00:00Z", 60).await;
    assert!(sent(&control, &owned) > 0, "it trades");

    // While the next orders run.
    let admin = night.server.admin_made().await.proved().await;
    let key = words(&admin).await;
    let (stale, place) = (admin.token.clone(), tempfile::tempdir().unwrap());
    let file = place.path().join("moved.eggbackup");
    let writing = tokio::spawn({
        let (app, file) = (night.server.app.clone(), file.clone());
        async move { app.back_up_to(file).await }
    });
    night.run_until("2026-05-15T16:10:00Z", 30).await;
    let made = writing.await.unwrap().unwrap();
    let at_backup = sent(&control, &owned);
    // The old server goes on for a while, then dies.
    night.run_until("2026-05-15T17:00:00Z", 60).await;
    let since = sent(&control, &owned) - at_backup;
    assert!(since > 0, "executions since the backup are what this is about");
    let Night { server, broker } = night;
    let (wall, market) = (server.wall.clone(), server.market.clone());
    let config = server.app.config.clone();
    let _old = server.close().await;

    let dir = tempfile::tempdir().unwrap();
    let done = restored(&file, dir.path(), &key, wall.now()).await.unwrap();
    assert_eq!((done.secrets, done.without_key), (true, 0));
    assert_eq!(contents_of(&dir.path().join("eggmoney.redb")).unwrap(), made.contents, "every row came back");
    {
        let verified = Store::open(dir.path()).unwrap().verify().unwrap();
        assert!(verified.agrees() && verified.accounts > 0, "{verified:?}");
    }
    let config = Config { data_dir: dir.path().to_owned(), ..config };
    let server = TestServer::over(dir, config, wall, market).await;
    let night = Night { server, broker };
    let server = &night.server;
    assert!(!server.folder().join(RETURNED_FILE).exists(), "the note was taken");

    // Nobody is signed in; nothing leaves, whatever is due.
    let mut thief = server.anybody();
    thief.token = stale;
    assert_eq!(thief.get(BACKUP).await.0, 401);
    let admin = server.login("root-admin").await;
    let chan = server.login("chan").await;
    let before = sent(&control, &owned);
    night.run_until("2026-05-15T17:40:00Z", 60).await;
    assert_eq!(sent(&control, &owned), before, "nothing is traded");
    let held = chan.get("/api/v1/trading/kill-switch").await.1;
    assert_eq!(held["hold"]["reason"], "restored", "{held}");
    let order = json!({"account": owned.account, "symbol": "TQQQ", "side": "buy", "quantity": 1, "price": 10, "order_type": "limit"});
    let (status, refused) = chan.post("/api/v1/trading/orders", &order).await;
    assert_eq!((status, &refused["code"]), (422, &json!("held")), "{refused}");
    let alerts = server.login("root-admin").await.get("/api/v1/alerts").await.1;
    assert!(alerts["items"].as_array().unwrap().iter().any(|a| a["code"] == "INSTALLATION_HELD"), "{alerts}");

    // An administrator says that the old one is off.
    let release = format!("{BACKUP}/release");
    assert_eq!(admin.post(&release, &json!({"old_server_off": true})).await.1["code"], "step_up_required");
    admin.prove().await;
    assert_eq!(admin.post(&release, &json!({"old_server_off": false})).await.1["code"], "old_server_on");
    assert_eq!(admin.post(&release, &json!({"old_server_off": true})).await.0, 204);
    assert_eq!(admin.post(&release, &json!({"old_server_off": true})).await.1["code"], "no_hold");

    // What was due meanwhile is missed and told; the orders that were decided before are not carried on.
    night.run_until("2026-05-15T20:40:00Z", 60).await;
    assert_eq!(sent(&control, &owned), before, "nothing of the old session is sent again");
    let runs = server.app.trading.runs(user, owned.account, 100).unwrap();
    let missed = |job: &str| runs.iter().filter(|r| r.slot.job.name() == job && r.state == RunState::Missed).count();
    assert!(missed("slice") > 1, "{runs:?}");
    assert!(runs.iter().all(|r| r.state != RunState::Running), "{runs:?}");
    let alerts = chan.get("/api/v1/alerts?limit=200").await.1;
    let code = |code: &str| alerts["items"].as_array().unwrap().iter().any(|a| a["code"] == code);
    assert!(code("SESSIONS_MISSED") || code("SLOT_MISSED"), "{alerts}");
    assert!(!code("ANOTHER_PROGRAM"), "its own orders of before are no other program's");

    // The broker's executions since the backup are proposed to the bots, which wait for the answer.
    let path = format!("/api/v1/trading/accounts/{}/differences", owned.account);
    let (_, asked) = chan.get(&path).await;
    let items = asked["items"].as_array().unwrap();
    assert!(!items.is_empty(), "{asked}");
    let bots = chan.get(&format!("/api/v1/trading/bots?account_id={}", owned.account)).await.1["items"].as_array().unwrap().clone();
    assert!(items.iter().any(|item| item["proposal"]["bot_id"].is_string()), "{asked}");
    for item in items {
        assert!(!item["executions"].as_array().unwrap().is_empty(), "{item}");
        assert_eq!(item["kind"], "outside_trade", "{item}");
    }
    for item in items {
        // Where several bots trade the symbol and the sheets are closed, its owner says which.
        let of_symbol = |b: &&Value| b["symbol"] == item["symbol"];
        let proposed = &item["proposal"]["bot_id"];
        let bot = if proposed.is_string() { proposed } else { &bots.iter().find(of_symbol).unwrap()["id"] };
        let answer = json!({"action": "bot", "bot_id": bot});
        let to = format!("{path}/{}/answer", item["id"].as_str().unwrap());
        let (status, left) = chan.post(&to, &answer).await;
        assert_eq!(status, 200, "{left}");
    }
    assert_eq!(chan.get(&path).await.1["items"], json!([]));
    assert!(server.app.store.verify().unwrap().agrees());
    // The next session trades again.
    night.run_until("2026-05-18T17:30:00Z", 120).await;
    assert!(sent(&control, &owned) > before, "the bots trade again");
}

#[tokio::test]
async fn an_old_server_that_sees_a_newer_generation_refuses_to_trade_until_it_takes_over() {
    let share = tempfile::tempdir().unwrap();
    let folder = share.path().join("backup");
    let shared = folder.clone();
    let server = TestServer::start_with(move |config| config.backup_dir = Some(shared)).await;
    let admin = server.admin().await.proved().await;
    let key = words(&admin).await;
    // It may be done before the answer is.
    assert!(admin.post(&format!("{BACKUP}/run"), &Value::Null).await.1["running"].is_boolean());
    let report = done(&admin).await;
    assert_eq!((&report["failure"], report["sets"].as_array().unwrap().len()), (&Value::Null, 1), "{report}");
    assert_eq!(report["generation"], 1);
    assert!(report["last"]["made"]["bytes"].as_u64().unwrap() > 1_000 && report["folder"]["problem"].is_null(), "{report}");

    // Restored on another machine that has the same share.
    let dir = tempfile::tempdir().unwrap();
    restored(&folder, dir.path(), &key, server.wall.now()).await.unwrap();
    let config = Config { backup_dir: Some(folder.clone()), ..Config::new(dir.path()) };
    let market = Arc::new(SteppedClock::new(START.parse().unwrap()));
    let new = App::open(config, server.wall.clone(), market.clone()).await.unwrap();
    assert_eq!(new.backup_report().unwrap().installation.generation, 2);

    // The old one looks, and stops.
    server.app.watch_generation().await;
    let held = admin.get(BACKUP).await.1;
    assert_eq!((&held["hold"]["reason"], &held["hold"]["generation"]), (&json!("superseded"), &json!(2)), "{held}");
    assert_eq!(held["folder"]["problem"]["code"], "backup_superseded");
    admin.post(&format!("{BACKUP}/run"), &Value::Null).await;
    let report = done(&admin).await;
    assert_eq!(report["failure"]["code"], "backup_superseded", "it writes over nothing: {report}");
    // Its owner changes the mind: the other one must stop then.
    assert_eq!(admin.post(&format!("{BACKUP}/release"), &json!({"old_server_off": true})).await.0, 204);
    assert_eq!(admin.get(BACKUP).await.1["generation"], 3);
    admin.post(&format!("{BACKUP}/run"), &Value::Null).await;
    assert_eq!(done(&admin).await["failure"], Value::Null);
    new.watch_generation().await;
    let report = new.backup_report().unwrap();
    assert_eq!(report.folder.problem.unwrap().0, "backup_superseded");
    assert!(report.hold.is_some());
}

#[tokio::test]
async fn backups_and_drills_come_by_themselves_and_trouble_is_told() {
    let share = tempfile::tempdir().unwrap();
    let folder = share.path().join("share/backup");
    let shared = folder.clone();
    let server = TestServer::start_with(move |config| config.backup_dir = Some(shared)).await;
    server.admin().await;
    let app = server.app.clone();
    let told = async |code: &str| {
        // Hours pass in between: each look signs in anew.
        let alerts = server.login("root-admin").await.get("/api/v1/alerts?limit=100").await.1;
        alerts["items"].as_array().unwrap().iter().filter(|a| a["code"] == code).count()
    };

    // 10:00 in Seoul: no backup was ever made, so the first is due; the share is not mounted.
    app.backup_tick().await;
    assert_eq!(app.backup_state().unwrap().failure.unwrap().code, "backup_folder_missing");
    assert_eq!(told("BACKUP_FAILED").await, 1);
    app.backup_tick().await;
    server.advance(std::time::Duration::from_secs(3_601));
    app.backup_tick().await;
    assert_eq!(told("BACKUP_FAILED").await, 1, "the same trouble is told once");
    fs_err::create_dir(share.path().join("share")).unwrap();
    server.advance(std::time::Duration::from_secs(3_601));
    app.backup_tick().await;
    let state = app.backup_state().unwrap();
    assert!(state.failure.is_none() && state.last.is_some(), "{state:?}");
    assert_eq!((told("BACKUP_RECOVERED").await, told("RECOVERY_KEY_MADE").await), (1, 1));
    let names = || fs_err::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    assert_eq!(names().iter().filter(|n| n.starts_with("eggmoney-")).count(), 1, "{:?}", names());
    assert!(names().iter().any(|n| n.starts_with("user-keys-")) && names().contains(&"generation.json".to_owned()));

    // Five weeks, a look every six hours: a backup each day, those of seven days and five weeks and two months kept.
    for _ in 0..(35 * 4) {
        server.advance(std::time::Duration::from_secs(6 * 3_600));
        app.backup_tick().await;
    }
    let state = app.backup_state().unwrap();
    assert!(state.failure.is_none(), "{state:?}");
    let drill = state.drill.unwrap();
    assert!(drill.failure.is_none() && drill.rows > 10, "{drill:?}");
    let kept = names().iter().filter(|n| n.starts_with("eggmoney-")).count();
    assert!((9..=12).contains(&kept), "{:?}", names());

    // A damaged backup is found by the drill, and told.
    let newest = names().into_iter().filter(|n| n.starts_with("eggmoney-")).max().unwrap();
    let mut bytes = fs_err::read(folder.join(&newest)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(folder.join(&newest), &bytes).unwrap();
    let error = app.drill(None).await.unwrap_err();
    assert_eq!(error.code(), "backup_damaged");
    let admin = server.login("root-admin").await;
    let report = admin.get(BACKUP).await.1;
    assert_eq!(report["drill"]["failure"]["code"], "backup_damaged", "{report}");
    assert!(admin.get("/api/v1/alerts").await.1["items"].as_array().unwrap().iter().any(|a| a["code"] == "DRILL_FAILED"));
    let (_, audit) = admin.get("/api/v1/admin/audit?limit=500").await;
    for action in ["backup.made", "backup.failed", "backup.drilled"] {
        assert!(audit["items"].as_array().unwrap().iter().any(|i| i["action"] == action), "{action}");
    }
}

#[tokio::test]
async fn the_recovery_key_is_shown_after_a_proof_and_asked_for_by_two_words() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let show = format!("{BACKUP}/recovery-key");
    assert_eq!(admin.post(&show, &Value::Null).await.1["code"], "step_up_required");
    let before = admin.get(BACKUP).await.1;
    assert_eq!((&before["recovery_key"]["id"], &before["recovery_key"]["shown_at"]), (&Value::Null, &Value::Null));
    admin.prove().await;
    let key = words(&admin).await;
    assert_eq!(words(&admin).await, key, "it stays the same");
    let report = admin.get(BACKUP).await.1;
    assert!(report["recovery_key"]["shown_at"].is_string() && report["recovery_key"]["asked"].is_null(), "{report}");
    let answer = format!("{show}/words");
    assert_eq!(admin.post(&answer, &json!({"first": "a", "second": "b"})).await.1["code"], "words_not_asked");

    server.wall.advance(std::time::Duration::from_secs(183 * 24 * 3_600));
    server.app.backup_tick().await;
    let admin = server.login("root-admin").await;
    let places = admin.get(BACKUP).await.1["recovery_key"]["asked"].clone();
    let list: Vec<&str> = key.split(' ').collect();
    let word = |n: usize| list[usize::try_from(places[n].as_u64().unwrap()).unwrap() - 1];
    assert_eq!(admin.post(&answer, &json!({"first": word(1), "second": word(0)})).await.1["code"], "wrong_words");
    let right = json!({"first": format!(" {} ", word(0).to_uppercase()), "second": word(1)});
    assert_eq!(admin.post(&answer, &right).await.0, 204);
    let state = admin.get(BACKUP).await.1["recovery_key"].clone();
    assert!(state["asked"].is_null() && state["proved_at"].is_string(), "{state}");

    // Settings and the family passphrase.
    admin.prove().await;
    let settings = format!("{BACKUP}/settings");
    let body = json!({"enabled": true, "at": "02:30", "daily": 7, "weekly": 4, "monthly": 6, "min_free_mib": 512});
    let (_, refused) = admin.put(&settings, &body).await;
    assert_eq!((&refused["code"], &refused["pointer"]), (&json!("backup_night_time"), &json!("/at")), "{refused}");
    let body = json!({"enabled": true, "at": "07:15", "daily": 3, "weekly": 0, "monthly": 0, "min_free_mib": 512});
    assert_eq!(admin.put(&settings, &body).await.1["settings"], body);
    let passphrase = format!("{BACKUP}/passphrase");
    assert_eq!(admin.put(&passphrase, &json!({"passphrase": "too short"})).await.1["code"], "passphrase_short");
    assert_eq!(admin.put(&passphrase, &json!({"passphrase": "long enough it is"})).await.0, 204);
    assert!(admin.get(BACKUP).await.1["passphrase_since"].is_string());
    assert_eq!(admin.delete(&passphrase).await.0, 204);
    assert!(admin.get(BACKUP).await.1["passphrase_since"].is_null());
}

#[tokio::test]
async fn a_roll_back_misses_what_was_due_and_keeps_the_sessions() {
    let night = Night::start("2026-05-15T14:30:00Z").await;
    let owned = night.bring("chan", "chan", 30_000).await;
    let user = night.server.app.auth.find_user("chan").unwrap().unwrap().id;
    night.server.app.trading.start_account(user, owned.account, true).await.unwrap();
    let chan = night.server.login("chan").await;
    let token = chan.token.clone();
    drop(chan);
    let control = night.broker.control();
    let Night { server, broker } = night;
    // While the old program is put back, the decision and two slices fall due; their last call is not over.
    server.market.advance_to("2026-05-15T15:20:00Z".parse().unwrap());
    let (wall, market, config) = (server.wall.clone(), server.market.clone(), server.app.config.clone());
    let dir = server.close().await;
    let note = json!({"kind": "roll_back", "at": "2026-05-15T15:20:00Z", "reason": "it did not come up"});
    fs_err::write(dir.path().join(RETURNED_FILE), note.to_string()).unwrap();
    let night = Night { server: TestServer::over(dir, config, wall, market).await, broker };
    night.run_until("2026-05-15T16:30:00Z", 60).await;
    assert_eq!(sent(&control, &owned), 0, "what was due is missed, not run late");
    let runs = night.server.app.trading.runs(user, owned.account, 100).unwrap();
    assert!(runs.iter().any(|r| r.slot.job.name() == "decision" && r.state == RunState::Missed), "{runs:?}");
    let mut caller = night.server.anybody();
    caller.token = token;
    assert_eq!(caller.get("/api/v1/trading/kill-switch").await.1["hold"], Value::Null, "it is not held");
    night.run_until("2026-05-18T16:30:00Z", 120).await;
    assert!(sent(&control, &owned) > 0, "the next session trades");
}

#[tokio::test]
async fn a_note_that_cannot_be_read_stops_the_start() {
    let server = TestServer::start().await;
    let dir = server.close().await;
    fs_err::write(dir.path().join(RETURNED_FILE), "{\"kind\":\"sideways\"}").unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let error = App::open(Config::new(dir.path()), clock.clone(), clock).await.unwrap_err().to_string();
    assert!(error.contains("returned.json"), "{error}");
}
