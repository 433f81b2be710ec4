//! Bad input on the command line and in the surroundings: one clear line, a failing exit, nothing touched.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use eggmoney::storage::tables::{META, Number};
use eggmoney::storage::{Store, StoreError, contents_of};
use serde_json::json;

use crate::cli::{complaint, create, json_of, run};
use crate::support::old::fixtures;

/// Whether the parts stand in the one line of a failed command.
fn complains(arguments: &[&str], parts: &[&str]) {
    let text = complaint(run(arguments, ""));
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: {text} lacks {part}");
    }
}

#[test]
fn flags_and_configuration_are_checked_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let data = dir.to_str().unwrap();
    for listen in ["25:61", "127.0.0.1:99999", "127.0.0.1:-1", "localhost", ""] {
        complains(&["serve", "--data-dir", data, "--listen", listen], &["--listen", "ADDRESS:PORT"]);
    }
    complains(&["serve", "--data-dir", data, "--surprise"], &["--surprise"]);
    complains(&["serv"], &["serv"]);
    complains(&["demo", "--speed", "0"], &["--speed", "1 to 2000"]);
    complains(&["demo", "--speed", "NaN"], &["--speed"]);
    complains(&["import", "eggmoney", "--data-dir", data, "--user", "anna"], &["--db"]);
    let config = folder.path().join("config.toml");
    for (text, parts) in [
        ("listen = 8740\n", ["config.toml", "listen"]),
        ("listen = \"25:61\"\n", ["config.toml", "listen"]),
        ("trusted_scheme = \"gopher\"\n", ["config.toml", "trusted_scheme"]),
        ("[brokers.kis]\nmock = \"ftp://x\"\n", ["config.toml", "brokers.kis.mock"]),
        ("[brokers.toss]\nlive = \"http://x\"\n", ["config.toml", "toss"]),
        ("telegram_url = [1]\n", ["config.toml", "telegram_url"]),
        ("a = \u{1}", ["config.toml", "line 1"]),
    ] {
        fs_err::write(&config, text).unwrap();
        complains(&["serve", "--data-dir", data, "--config", config.to_str().unwrap()], &parts);
    }
    fs_err::write(&config, b"\xff\xfe").unwrap();
    complains(&["serve", "--data-dir", data, "--config", config.to_str().unwrap()], &["config.toml"]);
    assert!(!dir.exists(), "a mistake makes no data folder");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Another user may look into the folder, but not write there. The program is copied to where that
    // user can reach it.
    let program = folder.path().join("eggmoney");
    fs_err::copy(env!("CARGO_BIN_EXE_eggmoney"), &program).unwrap();
    let dir = folder.path().join("data");
    fs_err::create_dir(&dir).unwrap();
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    fs_err::set_permissions(&dir, std::fs::Permissions::from_mode(if root { 0o755 } else { 0o555 })).unwrap();
    let as_other = |arguments: &[&str]| {
        let mut command = if root { Command::new("setpriv") } else { Command::new(arguments[0]) };
        if root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).args(arguments);
        } else {
            command.args(&arguments[1..]);
        }
        command.output().unwrap()
    };
    let probe = as_other(&["touch", dir.join("probe").to_str().unwrap()]);
    assert!(!probe.status.success(), "the folder must really refuse");
    for data in [dir.clone(), dir.join("below")] {
        let output = as_other(&[program.to_str().unwrap(), "serve", "--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        let text = complaint(output);
        assert!(text.contains("cannot use the data folder") && text.contains(data.to_str().unwrap()), "{text}");
        assert!(text.contains("Permission denied") && text.contains("may write"), "{text}");
    }
    assert!(fs_err::read_dir(&dir).unwrap().next().is_none());
}

#[test]
fn files_that_are_no_old_database_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    json_of(create(data, "anna", "admin"));
    let file = folder.path().join("egg_x.db");
    let path = file.to_str().unwrap();
    let import = ["import", "eggmoney", "--data-dir", data, "--user", "anna", "--db", path];
    complains(&import, &["egg_x.db"]);
    let whole = fs_err::read(fixtures().join("egg_chan.db")).unwrap();
    let mut damaged = whole.clone();
    damaged[4_096..40_960].fill(0xa5);
    for bytes in [Vec::new(), b"hello".to_vec(), whole[..whole.len() / 2].to_vec(), damaged] {
        fs_err::write(&file, &bytes).unwrap();
        complains(&import, &["database"]);
    }
    fs_err::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("create table songs (title text)").unwrap();
    complains(&import, &["bot_info"]);
    let nobody = ["import", "eggmoney", "--data-dir", data, "--user", "nobody", "--db", path];
    complains(&nobody, &["no user 'nobody'"]);
    let report = json_of(run(&["verify", "--data-dir", data, "--json"], ""));
    assert_eq!((&report["accounts"], &report["differences"]), (&json!(0), &json!([])));
}

#[test]
fn data_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    json_of(create(data, "anna", "admin"));
    let store = Store::open(folder.path()).unwrap();
    let newer: Result<(), StoreError> =
        store.write_blocking(|tx| tx.put(&META, &eggmoney::storage::Key::new().raw(b"schema"), &Number(99)));
    newer.unwrap();
    drop(store);
    let database = folder.path().join("eggmoney.redb");
    let before = contents_of(&database).unwrap();
    for arguments in [&["serve", "--data-dir", data, "--listen", "127.0.0.1:0"][..], &["verify", "--data-dir", data]] {
        // A server that starts in spite of it must not hold up the test.
        let output = Command::new("timeout").args(["20", env!("CARGO_BIN_EXE_eggmoney")]).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains("newer version") && text.contains("schema 99"), "{text}");
    }
    assert_eq!((contents_of(&database).unwrap(), before.schema), (before, 99));
}
