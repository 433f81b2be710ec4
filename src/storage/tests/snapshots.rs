//! Snapshots before a migration and by hand.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::migrate::{Step, run_steps};
use super::super::port::{BatchFn, Engine, Entry, ReadView};
use super::super::redb::RedbEngine;
use super::super::{DATABASE_FILE, Store, StoreError};

const STEPS_TO_FIVE: [Step; 5] = [
    Step { to: 1, run: |_| Ok(()) },
    Step { to: 2, run: |_| Ok(()) },
    Step { to: 3, run: |_| Ok(()) },
    Step { to: 4, run: |_| Ok(()) },
    Step { to: 5, run: |_| Ok(()) },
];

/// The values under `key` of a space `rows`, as a snapshot has them.
fn saved(file: &Path) -> Option<Vec<u8>> {
    let engine = RedbEngine::open(file).unwrap();
    let mut value = None;
    engine
        .read(&mut |v| {
            value = v.get("rows", b"key")?;
            Ok(())
        })
        .unwrap();
    value
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_attempt_at_a_migration_saves_the_data_anew() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RedbEngine::open(&dir.path().join(DATABASE_FILE)).unwrap();
    let file = dir.path().join("snapshots/before-schema-2-from-1.redb");
    run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..1]).unwrap();
    let refused = [STEPS_TO_FIVE[0], Step { to: 2, run: |_| Err(StoreError::Corrupt("half way".to_owned())) }];
    for value in [b"first", b"again"] {
        engine.write(&mut |b| b.put("rows", b"key", value)).unwrap();
        run_steps(&engine, Some(dir.path()), &refused).unwrap_err();
        assert_eq!(saved(&file).as_deref(), Some(value.as_slice()));
    }
    // What an older version of this program left when it was killed.
    fs_err::write(&file, b"half a snapshot").unwrap();
    run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..2]).unwrap();
    assert_eq!(saved(&file).as_deref(), Some(b"again".as_slice()));
    assert_eq!(names_in(file.parent().unwrap()), ["before-schema-2-from-1.redb"]);
}

#[test]
fn the_snapshots_of_the_last_migrations_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let engine = RedbEngine::open(&dir.path().join(DATABASE_FILE)).unwrap();
    for newest in 1..=5 {
        run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..newest]).unwrap();
        if newest == 2 {
            fs_err::write(dir.path().join("snapshots/mine.redb"), b"put here by a person").unwrap();
        }
    }
    let kept = ["before-schema-3-from-2.redb", "before-schema-4-from-3.redb", "before-schema-5-from-4.redb", "mine.redb"];
    assert_eq!(names_in(&dir.path().join("snapshots")), kept);
}

#[test]
fn a_copy_takes_no_files_place_and_leaves_nothing_when_it_fails() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("copy.redb");
    fs_err::write(&file, b"somebody's file").unwrap();
    let store = Store::in_memory().unwrap();
    let refused = store.snapshot_to(&file).unwrap_err().to_string();
    assert!(refused.contains("copy.redb exists already"), "{refused}");
    assert_eq!(fs_err::read(&file).unwrap(), b"somebody's file");
    assert_eq!(names_in(dir.path()), ["copy.redb"]);
}

/// Tells a process of this test program which folder to migrate.
const FOLDER_FOR_CHILD: &str = "EGGMONEY_TEST_MIGRATE";
const HALF_WAY: &str = "half of the snapshot is written";
const LAST_SPACE: &str = "rows of the last space";

/// An engine whose reader stops for good at the last space.
struct Stopping(RedbEngine);
struct StoppingView<'a>(&'a dyn ReadView);

impl Engine for Stopping {
    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.0.read(&mut |view| f(&StoppingView(view)))
    }
    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError> {
        self.0.write(f)
    }
}

impl ReadView for StoppingView<'_> {
    fn get(&self, space: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(space, key)
    }
    fn range(&self, space: &str, from: &[u8], to: &[u8], descending: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if space == LAST_SPACE {
            println!("\n{HALF_WAY}");
            loop {
                std::thread::park();
            }
        }
        self.0.range(space, from, to, descending, limit)
    }
    fn spaces(&self) -> Result<Vec<String>, StoreError> {
        let mut spaces = self.0.spaces()?;
        spaces.sort_by_key(|space| space == LAST_SPACE);
        Ok(spaces)
    }
}

/// Not a test by itself: the process that the test below kills.
#[test]
fn the_migration_that_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER_FOR_CHILD) else { return };
    let dir = Path::new(&dir);
    let engine = Stopping(RedbEngine::open(&dir.join(DATABASE_FILE)).unwrap());
    let _ = run_steps(&engine, Some(dir), &STEPS_TO_FIVE[..2]);
}

#[test]
fn a_snapshot_whose_process_was_killed_is_never_relied_upon() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join(DATABASE_FILE);
    {
        let engine = RedbEngine::open(&database).unwrap();
        run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..1]).unwrap();
        engine.write(&mut |b| b.put("rows", b"key", b"value").and_then(|()| b.put(LAST_SPACE, b"key", b"value"))).unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage::tests::snapshots::the_migration_that_is_killed", "--nocapture"])
        .env(FOLDER_FOR_CHILD, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let reached = lines.any(|line| line == HALF_WAY);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "the child ended before it was killed");

    let snapshot = dir.path().join("snapshots/before-schema-2-from-1.redb");
    assert!(!snapshot.exists(), "half a snapshot bears the name of a whole one");
    assert_eq!(names_in(snapshot.parent().unwrap()).len(), 1, "what the killed process wrote");
    let engine = RedbEngine::open(&database).unwrap();
    run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..2]).unwrap();
    assert_eq!(names_in(snapshot.parent().unwrap()), ["before-schema-2-from-1.redb"], "and nothing is left of the first attempt");
    let whole = RedbEngine::open(&snapshot).unwrap();
    whole
        .read(&mut |v| {
            assert_eq!(v.get(LAST_SPACE, b"key")?.as_deref(), Some(b"value".as_slice()));
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_database_and_its_copies_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &str| fs_err::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    let engine = RedbEngine::open(&dir.path().join(DATABASE_FILE)).unwrap();
    run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..1]).unwrap();
    run_steps(&engine, Some(dir.path()), &STEPS_TO_FIVE[..2]).unwrap();
    drop(engine);
    assert_eq!([mode(DATABASE_FILE), mode("snapshots"), mode("snapshots/before-schema-2-from-1.redb")], [0o600, 0o700, 0o600]);
    let store = Store::in_memory().unwrap();
    store.snapshot_to(&dir.path().join("copy")).unwrap();
    assert_eq!(mode("copy"), 0o600);
}

#[test]
fn another_release_saves_the_data_before_it_changes_anything_and_only_once() {
    use std::cell::RefCell;

    use super::super::Saved;

    let dir = tempfile::tempdir().unwrap();
    let told: RefCell<Vec<Saved>> = RefCell::default();
    let open = |release: &str, refuse: bool| {
        Store::open_for(dir.path(), release, &|saved| {
            told.borrow_mut().push(saved.clone());
            if refuse { Err(StoreError::Full) } else { Ok(()) }
        })
    };
    let saved = |from: Option<&str>, to: &str| Saved {
        snapshot: format!("before-release-{to}-from-{}.redb", from.unwrap_or("unknown")),
        from: from.map(str::to_owned),
        to: to.to_owned(),
    };
    // Data of releases that did not say who they are.
    drop(Store::open(dir.path()).unwrap());
    assert!(!dir.path().join("snapshots").exists());
    assert!(open("0.2.0-7", true).is_err(), "whoever has to know of the snapshot could not take note of it");
    drop(open("0.2.0-7", false).unwrap());
    drop(open("0.2.0-7", false).unwrap());
    assert_eq!(told.take(), [saved(None, "0.2.0-7"), saved(None, "0.2.0-7")], "not again by the same release");
    for (from, to) in [("0.2.0-7", "0.2.0-8"), ("0.2.0-8", "0.3.0-9"), ("0.3.0-9", "0.2.0-8"), ("0.2.0-8", "0.3.0-9")] {
        drop(open(to, false).unwrap());
        assert_eq!(told.take(), [saved(Some(from), to)]);
    }
    let names = names_in(&dir.path().join("snapshots"));
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(!names.contains(&"before-release-0.2.0-7-from-unknown.redb".to_owned()), "the oldest goes: {names:?}");
    // Before the first user there is nothing to lose.
    let fresh = tempfile::tempdir().unwrap();
    drop(Store::open_for(fresh.path(), "1.0.0-1", &|_| Err(StoreError::Full)).unwrap());
    assert!(!fresh.path().join("snapshots").exists());
}
