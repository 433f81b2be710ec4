//! Files that are not what they should be: each is refused with its reason and leaves nothing.

use std::path::{Path, PathBuf};

use eggmoney::importers::eggmoney::{ImportError, OldFiles, SourceError};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{World, all_files, fixture, only_db};

fn with_content(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_x.db");
    std::fs::write(&file, content).unwrap();
    (folder, file)
}

fn chan() -> Vec<u8> {
    std::fs::read(fixture("egg_chan.db")).unwrap()
}

/// Imports, also with `skip_refused`, and checks that nothing stays.
fn refused(files: &OldFiles) -> ImportError {
    let world = World::new();
    let before = world.dump();
    let error = world.import(files).unwrap_err();
    let skipping = world.import_as(files, |r| r.skip_refused = true).unwrap_err();
    assert_eq!(error.code(), skipping.code());
    assert!(world.rehearse(files).is_err());
    assert_eq!(world.dump(), before);
    error
}

#[test]
fn files_that_are_no_database_are_named() {
    let (_folder, empty) = with_content(b"");
    assert_eq!(refused(&only_db(&empty)).code(), "file_empty");
    let (_folder, text) = with_content(b"hello, I am a text file, longer than the first sixteen bytes");
    assert_eq!(refused(&only_db(&text)).code(), "not_sqlite");
    assert_eq!(refused(&only_db(Path::new("/nonexistent/egg_x.db"))).code(), "file_unreadable");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refused(&only_db(folder.path())).code(), "file_unreadable");
}

#[test]
fn databases_of_other_programs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_x.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE notes(id, text); INSERT INTO notes VALUES (1, 'x')").unwrap();
    let ImportError::Database(SourceError::Foreign { missing, .. }) = refused(&only_db(&file)) else { panic!("not foreign") };
    for table in ["bot_info", "trade", "history", "order"] {
        assert!(missing.contains(&format!("the table {table} is missing")), "{missing}");
    }
}

#[test]
fn virtual_tables_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_x.db");
    std::fs::copy(fixture("egg_chan.db"), &file).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE VIRTUAL TABLE words USING fts5(text)").unwrap();
    assert_eq!(refused(&only_db(&file)).code(), "not_eggmoney");
}

#[test]
fn a_missing_column_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_x.db");
    std::fs::copy(fixture("egg_chan.db"), &file).unwrap();
    Connection::open(&file).unwrap().execute_batch("ALTER TABLE trade RENAME COLUMN total_price TO total").unwrap();
    let error = refused(&only_db(&file));
    assert!(error.to_string().contains("the table trade has no column total_price"), "{error}");
}

#[test]
fn truncated_files_are_damaged() {
    let content = chan();
    for part in [1, 2, 5, 9] {
        let (_folder, file) = with_content(&content[..content.len() * part / 10]);
        assert_eq!(refused(&only_db(&file)).code(), "file_damaged", "{part}/10");
    }
    let (_folder, header) = with_content(&content[..100]);
    assert_eq!(refused(&only_db(&header)).code(), "file_damaged");
}

#[test]
fn flipped_pages_are_damaged() {
    let mut content = chan();
    let page = usize::from(u16::from_be_bytes([content[16], content[17]]));
    // The heads of b-tree pages: their structure no longer holds.
    for number in 1..content.len() / page {
        content[number * page] ^= 0xff;
    }
    let (_folder, file) = with_content(&content);
    assert_eq!(refused(&only_db(&file)).code(), "file_damaged");
}

#[test]
fn broken_settings_and_environment_are_never_replaced_by_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("key_store.json");
    std::fs::write(&broken, "{\"TRADE_TIME\": \"00:0").unwrap();
    let error = refused(&OldFiles { key_store: Some(broken), ..all_files("chan") });
    assert!(matches!(&error, ImportError::Settings { file, .. } if file == "key_store.json"), "{error}");
    let binary = folder.path().join("env");
    std::fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    assert_eq!(refused(&OldFiles { env: Some(binary), ..all_files("chan") }).code(), "settings_unreadable");
    let missing = folder.path().join("nothing");
    assert_eq!(refused(&OldFiles { env: Some(missing), ..all_files("chan") }).code(), "settings_unreadable");
}

#[test]
fn a_crashed_write_is_rolled_back_from_its_journal_and_the_original_stays_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_chan.db");
    std::fs::copy(fixture("egg_chan.db"), &file).unwrap();
    // A write that is on disk but not committed: the journal beside it holds the way back.
    let writer = Connection::open(&file).unwrap();
    writer.execute_batch("PRAGMA cache_size=1; BEGIN; DELETE FROM history; UPDATE bot_info SET seed = 1;").unwrap();
    writer.cache_flush().unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let copy = crashed.path().join("egg_chan.db");
    std::fs::copy(&file, &copy).unwrap();
    std::fs::copy(folder.path().join("egg_chan.db-journal"), crashed.path().join("egg_chan.db-journal")).unwrap();
    drop(writer);
    let before = std::fs::read(&copy).unwrap();
    assert_ne!(before, chan(), "the crash must have reached the file");
    let world = World::new();
    let imported = world.import(&only_db(&copy)).unwrap();
    assert_eq!(imported.report.imported["history"]["rows"], 1651);
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    let mut names: Vec<_> = std::fs::read_dir(crashed.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["egg_chan.db", "egg_chan.db-journal"]);
}

#[test]
fn a_write_ahead_log_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_chan.db");
    std::fs::copy(fixture("egg_chan.db"), &file).unwrap();
    let writer = Connection::open(&file).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1';")
        .unwrap();
    let imported = World::new().import(&only_db(&file)).unwrap();
    assert_eq!(imported.report.imported["bot_info"]["sum_seed"].as_f64(), Some(2020.83 + 75.0));
    drop(writer);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), header: bool) {
        let content = if header { [&chan()[..100], &bytes].concat() } else { bytes };
        let (_folder, file) = with_content(&content);
        prop_assert!(World::new().import(&only_db(&file)).is_err());
    }

    #[test]
    fn flipped_bytes_import_wholly_or_not_at_all(flips in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6)) {
        let mut content = std::fs::read(fixture("egg_sk.db")).unwrap();
        for (at, mask) in flips {
            let index = at.index(content.len());
            content[index] ^= mask;
        }
        let (_folder, file) = with_content(&content);
        let world = World::new();
        match world.import_as(&only_db(&file), |r| r.account_name = Some("x".to_owned())) {
            Ok(_) => world.verify(),
            Err(_) => prop_assert_eq!(world.accounts().len(), 0),
        }
    }
}
