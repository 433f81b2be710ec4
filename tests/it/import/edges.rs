//! Imports over HTTP and on the command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{all_files, differences, fixture, manifest};
use crate::support::{Answer, Caller, PASSWORD, TestServer, answer};

const UPLOAD: &str = "/api/v1/imports/eggmoney";

fn file(path: &Path) -> Part {
    Part::bytes(std::fs::read(path).unwrap()).file_name(path.file_name().unwrap().to_str().unwrap().to_owned())
}

fn form(name: &str) -> Form {
    let files = all_files(name);
    Form::new().part("db", file(&files.db)).part("key_store", file(&files.key_store.unwrap())).part("env", file(&files.env.unwrap()))
}

async fn upload(caller: &Caller<'_>, form: Form) -> Answer {
    answer(caller.request("POST", UPLOAD).multipart(form)).await
}

fn staged(server: &TestServer) -> usize {
    std::fs::read_dir(server.folder().join("staging")).map_or(0, Iterator::count)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn an_upload_is_rehearsed_confirmed_and_settled() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let expected = &manifest()["accounts"]["choe"]["tables"];

    let (status, body) = upload(&anna, form("choe")).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!((text(&body["account_name"]), text(&body["expires_at"])), ("choe", "2026-11-20T02:00:00Z"));
    assert_eq!(differences("", expected, &body["report"]["imported"]), Vec::<String>::new());
    assert_eq!(body["report"]["dry_run"], true);
    assert_eq!(anna.get("/api/v1/trading/accounts/01900000-0000-7000-8000-000000000001/unsettled").await.0, 404);
    assert_eq!(staged(&server), 1);

    let confirm = format!("/api/v1/imports/{}/confirm", text(&body["id"]));
    let (status, body) = anna.post(&confirm, &json!({})).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["report"]["outcome"], "new");
    assert_eq!(differences("", expected, &body["report"]["tables"]), Vec::<String>::new());
    assert_eq!(staged(&server), 0);
    assert_eq!(anna.post(&confirm, &json!({})).await.0, 404);

    let account = format!("/api/v1/trading/accounts/{}", text(&body["account_id"]));
    let (status, questions) = anna.get(&format!("{account}/unsettled")).await;
    assert_eq!(status, 200);
    let items = questions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let duplicate = items.iter().find(|q| q["type"] == "duplicate_holdings").unwrap();
    assert_eq!((duplicate["rows"].as_u64(), duplicate["holdings"].as_array().unwrap().len()), (Some(2), 2));
    let fills = items.iter().find(|q| q["type"] == "unbooked_fills").unwrap();
    assert_eq!(
        (fills["quantity"].as_f64(), fills["bot_exists"].as_bool(), fills["sheet"]["kind"].as_str()),
        (Some(48.0), Some(true), Some("SELL_3_4"))
    );

    let settle = format!("{account}/settle");
    let (status, body) = anna.post(&settle, &json!({"type": "unbooked_fills", "name": "TQ_1", "action": "merge"})).await;
    assert_eq!((status, text(&body["code"])), (422, "wrong_action"));
    let (status, body) = anna.post(&settle, &json!({"type": "unbooked_fills", "name": "TQ_1", "action": "book"})).await;
    assert_eq!((status, body["unsettled"].as_array().map(Vec::len)), (200, Some(1)), "{body}");
    let (status, body) = anna.post(&settle, &json!({"type": "duplicate_holdings", "name": "SO_1", "action": "merge"})).await;
    assert_eq!((status, body["unsettled"].as_array().map(Vec::len)), (200, Some(0)), "{body}");
    let (status, body) = anna.post(&settle, &json!({"type": "duplicate_holdings", "name": "SO_1", "action": "merge"})).await;
    assert_eq!((status, text(&body["code"])), (422, "no_such_question"));
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn nobody_else_can_touch_an_upload_or_an_account() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let bert = server.user("bert").await;
    let (_, body) = upload(&anna, form("chan")).await;
    let id = text(&body["id"]).to_owned();
    assert_eq!(bert.post(&format!("/api/v1/imports/{id}/confirm"), &json!({})).await.0, 404);
    assert_eq!(bert.delete(&format!("/api/v1/imports/{id}")).await.0, 404);
    let (status, body) = anna.post(&format!("/api/v1/imports/{id}/confirm"), &json!({"book_fills": true})).await;
    assert_eq!((status, body["report"]["booked"].clone()), (201, json!(["TQ_1"])));
    let account = format!("/api/v1/trading/accounts/{}", text(&body["account_id"]));
    assert_eq!(bert.get(&format!("{account}/unsettled")).await.0, 404);
    let answer = json!({"type": "unbooked_fills", "name": "TQ_1", "action": "discard"});
    assert_eq!(bert.post(&format!("{account}/settle"), &answer).await.0, 404);

    // The same server's key in another user's account is refused, and whose it is stays unsaid.
    let (status, body) = upload(&bert, form("chan")).await;
    assert_eq!((status, text(&body["code"])), (409, "app_key_taken"));
    assert!(!body.to_string().contains("anna"));
    assert_eq!(staged(&server), 0);
}

#[tokio::test]
async fn uploads_end_after_an_hour_or_when_cancelled() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let (_, body) = upload(&anna, form("chan")).await;
    let cancel = format!("/api/v1/imports/{}", text(&body["id"]));
    assert_eq!(anna.delete(&cancel).await.0, 204);
    assert_eq!(anna.delete(&cancel).await.0, 404);
    assert_eq!(staged(&server), 0);

    let (_, body) = upload(&anna, form("chan")).await;
    server.advance(Duration::from_secs(3600));
    let anna = server.login("anna").await;
    let (status, _) = anna.post(&format!("/api/v1/imports/{}/confirm", text(&body["id"])), &json!({})).await;
    assert_eq!((status, staged(&server)), (404, 0));
}

#[tokio::test]
async fn bad_uploads_are_answered_and_leave_nothing() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let db = || file(&fixture("egg_chan.db"));
    let part = |content: &'static [u8]| Part::bytes(content).file_name("x");
    for (form, status, code, pointer) in [
        (Form::new().text("account_name", "x"), 422, "missing_field", "/db"),
        (Form::new().part("db", part(b"")), 422, "file_empty", "/db"),
        (Form::new().part("db", part(b"not a database at all")), 422, "not_sqlite", "/db"),
        (Form::new().part("db", db()).part("key_store", part(b"{\"TRADE_TIME\":")), 422, "settings_unreadable", "/key_store"),
        (Form::new().part("db", db()).part("env", part(b"\xff\xfe")), 422, "settings_unreadable", "/env"),
        (Form::new().part("db", db()).text("bot_sync", "perhaps"), 422, "invalid", "/bot_sync"),
        (Form::new().part("db", db()).text("surprise", "x"), 422, "unknown_field", "/surprise"),
        (Form::new().part("db", db()).part("db", db()), 422, "invalid", "/db"),
        (Form::new().part("db", db().file_name("data.sqlite")), 422, "account_name_required", "/account_name"),
        (Form::new().part("db", db()).text("account_name", "x".repeat(41)), 422, "account_name_invalid", "/account_name"),
    ] {
        let (found, body) = upload(&anna, form).await;
        assert_eq!((found, &body["code"], &body["pointer"]), (status, &json!(code), &json!(pointer)), "{body}");
        assert_eq!(staged(&server), 0, "{code}");
    }
    let (status, body) = answer(anna.request("POST", UPLOAD).json(&json!({}))).await;
    assert_eq!((status, text(&body["code"])), (400, "malformed"));
    let large = Part::bytes(vec![0_u8; 64 * 1024 * 1024 + 1]).file_name("egg_x.db");
    let (status, body) = upload(&anna, Form::new().part("db", large)).await;
    assert_eq!((status, text(&body["code"]), staged(&server)), (413, "too_large", 0));
}

#[tokio::test]
async fn unreadable_rows_need_a_second_confirmation() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("egg_sk.db");
    std::fs::copy(fixture("egg_sk.db"), &broken).unwrap();
    rusqlite::Connection::open(&broken).unwrap().execute_batch("UPDATE history SET trade_type = 'ODD' WHERE rowid < 4").unwrap();
    let form = Form::new().part("db", file(&broken)).text("account_name", " mine ").text("bot_sync", "true");
    let (status, body) = upload(&anna, form).await;
    assert_eq!((status, text(&body["account_name"]), text(&body["report"]["outcome"])), (201, "mine", "refused"));
    assert_eq!(body["report"]["refused"].as_array().unwrap().len(), 3);
    let confirm = format!("/api/v1/imports/{}/confirm", text(&body["id"]));
    let (status, body) = anna.post(&confirm, &json!({})).await;
    assert_eq!((status, text(&body["code"]), body["errors"].as_array().unwrap().len()), (422, "rows_refused", 3));
    let (status, body) = anna.post(&confirm, &json!({"skip_refused": true, "session_relative": false})).await;
    assert_eq!((status, body["report"]["imported"]["history"]["rows"].as_u64()), (201, Some(217)), "{body}");
    assert_eq!(server.app.store.verify().unwrap().differences, []);
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eggmoney"));
    command.args(arguments).env_remove("EGGMONEY_DATA_DIR").stdin(Stdio::null()).output().unwrap()
}

fn create_user(dir: &str) {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_eggmoney"))
        .args(["user", "create", "--data-dir", dir, "--username", "anna", "--role", "user", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn import(dir: &str, name: &str, more: &[&str]) -> Output {
    let files = all_files(name);
    let (db, key_store, env) = (files.db, files.key_store.unwrap(), files.env.unwrap());
    let paths = [&db, &key_store, &env].map(|p| p.to_str().unwrap().to_owned());
    let mut arguments = vec!["import", "eggmoney", "--data-dir", dir, "--user", "anna"];
    arguments.extend(["--db", &paths[0], "--key-store", &paths[1], "--env", &paths[2]]);
    arguments.extend(more);
    program(&arguments)
}

#[test]
fn the_command_line_imports_reports_and_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let lines = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let early = import(dir, "chan", &[]);
    assert!(!early.status.success() && lines(&early).contains("holds no EggMoney data"), "{}", lines(&early));
    create_user(dir);

    let rehearsed = import(dir, "chan", &["--dry-run", "--json"]);
    let report: Value = serde_json::from_slice(&rehearsed.stdout).unwrap();
    assert_eq!((report["dry_run"].clone(), report["account_id"].clone()), (json!(true), Value::Null));
    let imported = import(dir, "chan", &["--json"]);
    assert!(imported.status.success(), "{}", lines(&imported));
    let report: Value = serde_json::from_slice(&imported.stdout).unwrap();
    let expected = &manifest()["accounts"]["chan"]["tables"];
    for part in ["tables", "imported"] {
        assert_eq!(differences(part, expected, &report[part]), Vec::<String>::new());
    }
    assert_eq!((report["refused"].clone(), report["unplaced"].clone()), (json!([]), json!([])));
    let again = String::from_utf8(import(dir, "chan", &[]).stdout).unwrap();
    assert!(again.contains("nothing changed"), "{again}");
    let choe = String::from_utf8(import(dir, "choe", &["--book-fills", "--account", "두번째"]).stdout).unwrap();
    assert!(choe.contains("imported account '두번째': 4 bots") && choe.contains("booked: the fills of TQ_1"), "{choe}");

    let broken = folder.path().join("egg_bad.db");
    std::fs::copy(fixture("egg_sk.db"), &broken).unwrap();
    rusqlite::Connection::open(&broken).unwrap().execute_batch("UPDATE trade SET amount = 'x' WHERE name = 'TQ_1'").unwrap();
    let arguments = ["import", "eggmoney", "--data-dir", dir, "--user", "anna", "--db", broken.to_str().unwrap(), "--json"];
    let refused = program(&arguments);
    assert!(!refused.status.success());
    assert_eq!(lines(&refused).lines().count(), 1);
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((report["outcome"].as_str(), report["refused"][0]["table"].as_str()), (Some("refused"), Some("trade")));
    assert!(program(&[&arguments[..], &["--skip-refused"]].concat()).status.success());

    for (change, complaint) in [("--user=nobody", "no user 'nobody'"), ("--db=/nonexistent.db", "/nonexistent.db")] {
        let base = if change.starts_with("--user") { vec!["--db", broken.to_str().unwrap()] } else { vec!["--user", "anna"] };
        let failed = program(&[&["import", "eggmoney", "--data-dir", dir, change], &base[..]].concat());
        assert!(!failed.status.success() && failed.stdout.is_empty());
        assert!(lines(&failed).contains(complaint) && lines(&failed).lines().count() == 1, "{}", lines(&failed));
    }
    let verified = program(&["verify", "--data-dir", dir]);
    assert!(verified.status.success(), "{}", lines(&verified));
}

#[test]
fn the_command_line_exports_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    create_user(dir);
    assert!(import(dir, "chan", &[]).status.success());
    let out = tempfile::tempdir().unwrap();
    let export = |name: &str, account: &str, user: &str| {
        let db = out.path().join(format!("egg_{name}.db"));
        let settings = out.path().join(format!("key_store.{name}.json"));
        let paths = ["--db", db.to_str().unwrap(), "--key-store", settings.to_str().unwrap()];
        program(&[&["export", "eggmoney", "--data-dir", dir, "--user", user, "--account", account, "--json"], &paths[..]].concat())
    };
    let lines = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let alone = export("alone", "chan", "anna");
    assert!(alone.status.success(), "{}", lines(&alone));
    let server = crate::cli::Serve::start(dir);
    let beside = export("beside", "Chan", "anna");
    assert!(beside.status.success(), "{}", lines(&beside));
    assert_eq!(alone.stdout, beside.stdout);
    let report: Value = serde_json::from_slice(&beside.stdout).unwrap();
    assert_eq!(report["rows"], json!({"bot_info": 5, "trade": 7, "history": 1651, "order": 2}));
    for (name, account, user, complaint) in [
        ("beside", "chan", "anna", "egg_beside.db exists already"),
        ("new", "other", "anna", "anna has no account 'other'"),
        ("new", "chan", "bert", "there is no user 'bert'"),
    ] {
        let refused = export(name, account, user);
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(lines(&refused).contains(complaint) && lines(&refused).lines().count() == 1, "{}", lines(&refused));
    }
    server.terminate();
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 4);
    // What it wrote goes in again.
    let db = out.path().join("egg_beside.db");
    let again =
        program(&["import", "eggmoney", "--data-dir", dir, "--user", "anna", "--account", "copy", "--db", db.to_str().unwrap(), "--json"]);
    assert!(again.status.success(), "{}", lines(&again));
    assert!(program(&["verify", "--data-dir", dir]).status.success());
}

#[tokio::test]
async fn an_export_can_be_downloaded() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await.proved().await;
    let (_, body) = upload(&anna, form("choe")).await;
    let (_, body) = anna.post(&format!("/api/v1/imports/{}/confirm", text(&body["id"])), &json!({"account_name": "나의 계좌"})).await;
    let at = format!("/api/v1/trading/accounts/{}/export/eggmoney", text(&body["account_id"]));
    let (status, report) = anna.get(&at).await;
    assert_eq!((status, &report["rows"]["bot_info"], text(&report["account_name"])), (200, &json!(4), "나의 계좌"));
    assert_eq!(server.login("anna").await.get(&format!("{at}/database")).await.1["code"], "step_up_required");
    let download = anna.request("GET", &format!("{at}/database")).send().await.unwrap();
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=\"egg______.db\"");
    let bytes = download.bytes().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_again.db");
    std::fs::write(&file, &bytes).unwrap();
    let rows: i64 = rusqlite::Connection::open(&file).unwrap().query_row("SELECT count(*) FROM history", [], |row| row.get(0)).unwrap();
    assert_eq!(Some(rows), report["rows"]["history"].as_i64());
    let (status, settings) = anna.get(&format!("{at}/settings")).await;
    assert_eq!((status, settings["TWAP_COUNT"].as_u64()), (200, Some(5)));
    let nobodys = "/api/v1/trading/accounts/01900000-0000-7000-8000-000000000000/export/eggmoney/database";
    assert_eq!(anna.get(nobodys).await.0, 404);
}
