//! Making and restoring over real folders, without a server.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::*;
use crate::auth::{MASTER_KEY_FILE, MasterKey, Passphrase, Vault};
use crate::domain::id::{AccountId, UserId};
use crate::domain::samples;
use crate::storage::tables::{SECRETS, USERS, secret};
use crate::storage::{Contents, DATABASE_FILE, Key, Store, StoreError, contents_of};

const NOW: &str = "2026-11-21T09:30:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn roomy(_: &Path) -> Option<u64> {
    None
}

fn cramped(_: &Path) -> Option<u64> {
    Some(1 << 20)
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    vault: Vault,
    user: UserId,
    account: AccountId,
    keys: WrappingKeys,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let master = MasterKey::load_or_create(dir.path(), false, None).unwrap();
        let store = Store::open(dir.path()).unwrap();
        let vault = Vault::open_over(&store, dir.path(), &master).unwrap();
        let (user, account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
        let sealing = vault.clone();
        store
            .write(move |tx| {
                tx.put(&USERS, &Key::new().id(user.as_bytes()), &samples::user(user, now()))?;
                sealing.seal_into(&mut tx.user(user), account, secret::APP_KEY, &"canary app key".into())
            })
            .await
            .unwrap();
        fs_err::create_dir(dir.path().join("masters")).unwrap();
        fs_err::write(dir.path().join("masters/nasdaq.txt"), b"AAPL|Apple").unwrap();
        fs_err::write(dir.path().join("calendar-nyse.toml"), b"# closures").unwrap();
        let (keys, made) = WrappingKeys::ensure(&vault, &store).await.unwrap();
        assert!(made && !WrappingKeys::ensure(&vault, &store).await.unwrap().1);
        Self { dir, store, vault, user, account, keys }
    }

    fn source(&self) -> Source<'_> {
        Source {
            data_dir: self.dir.path(),
            store: &self.store,
            config_file: None,
            installation: Uuid::from_u128(7),
            generation: 3,
            keys: &self.keys,
            now: now(),
            min_free: 1,
            free: roomy,
        }
    }

    fn recovery(&self) -> Opening {
        Opening::Recovery(self.keys.recovery().clone())
    }

    async fn with_passphrase(&mut self, text: &str) {
        let key = PassphraseKey::derive(&text.into()).unwrap();
        let (vault, put) = (self.vault.clone(), key.clone());
        self.store.write(move |tx| WrappingKeys::put_passphrase(&vault, tx, Some(&put))).await.unwrap();
        self.keys = self.store.read(|v| WrappingKeys::of(&self.vault, v)).unwrap().unwrap();
        assert!(self.keys.passphrase().is_some());
    }
}

/// Runs blocking work outside the runtime, as the program does.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn restored(from: &Path, to: &Path, opening: &Opening) -> Result<Restored, BackupError> {
    let (from, to, opening) = (from.to_owned(), to.to_owned(), opening.clone());
    blocking(move || restore(&from, &to, &opening, now(), roomy)).await
}

/// The app key as the restored data give it.
fn app_key(dir: &Path, world: &World) -> Option<String> {
    let master = MasterKey::load_or_create(dir, true, None).unwrap();
    let store = Store::open(dir).unwrap();
    let vault = Vault::open_over(&store, dir, &master).unwrap();
    store.read(|v| vault.open(&v.user(world.user), world.account, secret::APP_KEY)).unwrap().map(|s| s.expose_secret().to_owned())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_comes_back_with_everything_and_shows_nothing() {
    let world = World::new().await;
    let file = world.dir.path().join("copy.eggbackup");
    let made = world.source().make(Destination::File(&file)).unwrap();
    let bytes = fs_err::read(&file).unwrap();
    let master = fs_err::read(world.dir.path().join(MASTER_KEY_FILE)).unwrap();
    for canary in [&b"canary"[..], b"AAPL", &master, world.user.to_string().as_bytes()] {
        assert!(!bytes.windows(canary.len()).any(|w| w == canary), "{}", String::from_utf8_lossy(canary));
    }
    assert_eq!(made.bytes, bytes.len() as u64);
    assert!(matches!(world.source().make(Destination::File(&file)), Err(BackupError::Exists(_))));
    assert_eq!(names(world.dir.path()).iter().filter(|n| n.starts_with('.')).count(), 0, "nothing is left behind");

    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("new");
    let done = restored(&file, &to, &world.recovery()).await.unwrap();
    assert_eq!((done.secrets, done.without_key, &done.aside), (true, 0, &None));
    assert_eq!(contents_of(&to.join(DATABASE_FILE)).unwrap(), made.contents);
    assert_eq!(names(&to), ["calendar-nyse.toml", "eggmoney.redb", "keys", "master.key", "masters", "returned.json"], "and nothing else");
    assert_eq!(fs_err::read(to.join("masters/nasdaq.txt")).unwrap(), b"AAPL|Apple");
    assert_eq!(app_key(&to, &world).as_deref(), Some("canary app key"));
    let note = Returned::read(&to).unwrap().unwrap();
    assert_eq!((note.generation, note.from.as_deref()), (Some(3), Some("copy.eggbackup")));
    assert_eq!(verify(&file, None).unwrap().contents, None);
    let checked = verify(&file, Some(&world.recovery())).unwrap();
    assert_eq!((checked.contents, checked.keys), (Some(made.contents), true));
}

#[tokio::test]
async fn the_old_data_are_kept_aside_and_a_wrong_key_changes_nothing() {
    let world = World::new().await;
    let file = world.dir.path().join("copy.eggbackup");
    world.source().make(Destination::File(&file)).unwrap();
    let other = World::new().await;
    let to = other.dir.path().to_owned();
    let in_use = restored(&file, &to, &world.recovery()).await.unwrap_err();
    assert!(matches!(in_use, BackupError::InUse(_)), "{in_use}");
    let before = names(&to);
    for wrong in [other.recovery(), Opening::Passphrase(Passphrase::new("a passphrase of nobody".into()))] {
        assert!(restored(&file, &to, &wrong).await.is_err());
        assert_eq!(names(&to), before);
    }
    let key = other.recovery();
    let World { dir, store, vault, .. } = other;
    drop((store, vault));
    assert!(restored(&file, &to, &key).await.is_err());
    let done = restored(&file, &to, &world.recovery()).await.unwrap();
    let aside = done.aside.unwrap();
    assert!(aside.file_name().unwrap().to_str().unwrap().starts_with(ASIDE));
    assert_eq!(names(&aside), ["calendar-nyse.toml", "eggmoney.redb", "keys", "master.key", "masters"]);
    assert_eq!(app_key(&to, &world).as_deref(), Some("canary app key"));
    drop(dir);
}

#[tokio::test]
async fn the_family_passphrase_brings_the_history_without_the_secrets() {
    let mut world = World::new().await;
    let early = world.dir.path().join("early.eggbackup");
    world.source().make(Destination::File(&early)).unwrap();
    assert!(matches!(PassphraseKey::derive(&"too short".into()), Err(BackupError::PassphraseShort(12))));
    world.with_passphrase("our family passphrase").await;
    let file = world.dir.path().join("copy.eggbackup");
    world.source().make(Destination::File(&file)).unwrap();
    let phrase = |text: &str| Opening::Passphrase(Passphrase::new(SecretString::from(text)));
    let target = tempfile::tempdir().unwrap();
    let to = target.path().to_owned();
    let error = restored(&early, &to, &phrase("our family passphrase")).await.unwrap_err();
    assert!(matches!(error, BackupError::NoPassphrase), "{error}");
    assert!(matches!(restored(&file, &to, &phrase("their family passphrase")).await, Err(BackupError::WrongPassphrase)));
    assert_eq!(names(&to), Vec::<String>::new());
    let done = restored(&file, &to, &phrase("our family passphrase")).await.unwrap();
    assert_eq!((done.secrets, done.without_key), (false, 0), "nobody has a data key any more");
    assert_eq!(app_key(&to, &world), None);
    let store = Store::open(&to).unwrap();
    let left = store.read(|v| Ok::<_, StoreError>((v.user_ids()?, v.user(world.user).list(&SECRETS, &Key::new())?.len()))).unwrap();
    assert_eq!(left, (vec![world.user], 0));
    // The passphrase goes on to open backups; the recovery key is a new one.
    let master = MasterKey::load_or_create(&to, true, None).unwrap();
    let vault = Vault::open_over(&store, &to, &master).unwrap();
    let (keys, made) = WrappingKeys::ensure(&vault, &store).await.unwrap();
    assert!(made && keys.passphrase().is_some() && keys.recovery().id() != world.keys.recovery().id());
}

#[tokio::test]
async fn an_erased_users_key_is_in_no_backup_of_the_folder_any_more() {
    let world = World::new().await;
    let backups = tempfile::tempdir().unwrap();
    let made = world.source().make(Destination::Folder(backups.path())).unwrap();
    let set = backups.path().join(&made.name);
    let target = tempfile::tempdir().unwrap();
    let done = restored(&set, &target.path().join("with"), &world.recovery()).await.unwrap();
    assert_eq!((done.secrets, done.without_key), (true, 0));
    assert_eq!(app_key(&target.path().join("with"), &world).as_deref(), Some("canary app key"));
    fs_err::remove_file(world.dir.path().join("keys").join(format!("{}.key", world.user))).unwrap();
    write_user_keys(&world.source(), backups.path()).unwrap();
    let to = target.path().join("without");
    assert_eq!(restored(backups.path(), &to, &world.recovery()).await.unwrap().without_key, 1);
    let master = MasterKey::load_or_create(&to, true, None).unwrap();
    let store = Store::open(&to).unwrap();
    let vault = Vault::open_over(&store, &to, &master).unwrap();
    assert!(store.read(|v| vault.open(&v.user(world.user), world.account, secret::APP_KEY)).is_err());
    // The drill tells the same as a restore.
    assert_eq!(drill(backups.path(), world.dir.path(), &world.keys, None, roomy).unwrap(), (made.name, made.contents.rows));
}

#[tokio::test]
async fn a_restore_that_is_cut_off_anywhere_is_finished_or_never_was() {
    let world = World::new().await;
    let file = world.dir.path().join("copy.eggbackup");
    let made = world.source().make(Destination::File(&file)).unwrap();
    let old = World::new().await;
    let (dir, contents) = (old.dir, old.store.contents().unwrap());
    drop((old.store, old.vault));
    let to = dir.path();
    let found = |to: &Path| contents_of(&to.join(DATABASE_FILE)).unwrap();
    // What a process that was killed before the commit leaves: everything is as it was, and swept.
    let staged = to.join(".restore-killed");
    fs_err::create_dir_all(staged.join("keys")).unwrap();
    fs_err::write(staged.join("lock"), b"").unwrap();
    fs_err::write(staged.join(DATABASE_FILE), b"half").unwrap();
    assert!(!finish(to).unwrap());
    assert!(!staged.exists());
    assert_eq!(found(to), contents);
    // After the commit: each rename may be the last one that was done.
    for (n, step) in ["aside", "place"].into_iter().enumerate() {
        let whole = tempfile::tempdir().unwrap();
        restored(&file, whole.path(), &world.recovery()).await.unwrap();
        let staged = to.join(format!(".restore-{n}"));
        fs_err::rename(whole.keep(), &staged).unwrap();
        let aside = format!("before-restore-{n}");
        if step == "place" {
            // Everything is aside, and half of the places are taken.
            fs_err::create_dir(to.join(&aside)).unwrap();
            for name in names(to).into_iter().filter(|n| !n.starts_with(['.', 'b'])) {
                fs_err::rename(to.join(&name), to.join(&aside).join(&name)).unwrap();
            }
            for name in ["master.key", "returned.json"] {
                fs_err::rename(staged.join(name), to.join(name)).unwrap();
            }
        } else {
            fs_err::create_dir(to.join(&aside)).unwrap();
            fs_err::rename(to.join("master.key"), to.join(&aside).join("master.key")).unwrap();
        }
        let commit = serde_json::json!({"staged": format!(".restore-{n}"), "aside": aside, "step": step});
        fs_err::write(to.join("restore-commit.json"), commit.to_string()).unwrap();
        assert!(finish(to).unwrap() && !finish(to).unwrap());
        assert_eq!(found(to), made.contents);
        assert_eq!(app_key(to, &world).as_deref(), Some("canary app key"));
        assert!(to.join("returned.json").exists() && !to.join("restore-commit.json").exists() && !staged.exists());
        if step == "aside" {
            assert_eq!(contents_of(&to.join(&aside).join(DATABASE_FILE)).unwrap(), contents);
        }
    }
}

#[tokio::test]
async fn too_little_room_is_told_before_anything_is_written() {
    let world = World::new().await;
    let backups = tempfile::tempdir().unwrap();
    let source = Source { free: cramped, ..world.source() };
    let error = source.make(Destination::Folder(backups.path())).unwrap_err();
    assert!(matches!(error, BackupError::NoSpace { .. }) && error.to_string().contains("1 MiB are free"), "{error}");
    assert_eq!(names(backups.path()), Vec::<String>::new());
    let file = world.dir.path().join("copy.eggbackup");
    world.source().make(Destination::File(&file)).unwrap();
    let (to, key) = (backups.path().to_owned(), world.recovery());
    let error = blocking(move || restore(&file, &to, &key, now(), cramped)).await.unwrap_err();
    assert!(matches!(error, BackupError::NoSpace { .. }), "{error}");
    assert_eq!(names(backups.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_is_one_installations_and_a_newer_generation_wins() {
    let world = World::new().await;
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("backup");
    assert!(matches!(folder::prepare(&folder.join("deeper")), Err(BackupError::FolderMissing(_))));
    folder::prepare(&folder).unwrap();
    let own = |generation| Generation { installation: Uuid::from_u128(7), generation, at: now() };
    folder::claim(&folder, &own(1)).unwrap();
    folder::claim(&folder, &own(3)).unwrap();
    assert!(matches!(folder::claim(&folder, &own(2)), Err(BackupError::Superseded { found: 3, own: 2 })));
    let foreign = Generation { installation: Uuid::from_u128(8), ..own(9) };
    assert!(matches!(folder::claim(&folder, &foreign), Err(BackupError::ForeignFolder(_))));
    for day in 0..12 {
        let source = Source { now: now() + SignedDuration::from_hours(24 * day), ..world.source() };
        source.make(Destination::Folder(&folder)).unwrap();
    }
    fs_err::write(folder.join("eggmoney-broken.eggbackup"), b"nonsense").unwrap();
    fs_err::write(folder.join("photo.jpg"), b"somebody's").unwrap();
    fs_err::write(folder.join(".tmp-killed"), b"half a backup").unwrap();
    let settings = BackupSettings { daily: 3, weekly: 0, monthly: 0, ..BackupSettings::default() };
    assert_eq!(folder::thin_out(&folder, Uuid::from_u128(8), &settings).unwrap(), 0, "another's stay");
    assert_eq!(folder::thin_out(&folder, Uuid::from_u128(7), &settings).unwrap(), 9);
    folder::prepare(&folder).unwrap();
    assert!(folder::claim(&folder, &foreign).is_err() && folder.join(".tmp-killed").exists(), "nothing of another's is swept");
    folder::claim(&folder, &own(3)).unwrap();
    assert!(folder.join("photo.jpg").exists() && !folder.join(".tmp-killed").exists());
    let listed = folder::list(&folder, Uuid::from_u128(7)).unwrap();
    assert_eq!(listed.iter().filter(|l| l.problem.is_none()).count(), 3);
    assert_eq!(listed.iter().filter_map(|l| l.problem.as_deref()).collect::<Vec<_>>(), ["backup_foreign"]);
    fs_err::remove_file(folder.join("generation.json")).unwrap();
    assert!(matches!(folder::claim(&folder, &foreign), Err(BackupError::ForeignFolder(_))));
}

#[test]
fn the_digest_tells_contents_apart() {
    let dir = tempfile::tempdir().unwrap();
    let contents = |f: &dyn Fn(&Store)| -> Contents {
        let store = Store::in_memory().unwrap();
        f(&store);
        store.contents().unwrap()
    };
    let put = |store: &Store, name: &'static str| {
        store
            .write_blocking(move |tx| tx.put(&crate::storage::tables::META, &Key::new().text(name), &crate::storage::tables::Number(1)))
            .unwrap();
    };
    let (empty, one) = (contents(&|_| {}), contents(&|s| put(s, "a")));
    assert_ne!(empty.sha256, one.sha256);
    assert_ne!(one, contents(&|s| put(s, "b")));
    assert_eq!(one, contents(&|s| put(s, "a")));
    let store = Store::in_memory().unwrap();
    put(&store, "a");
    store.snapshot_to(&dir.path().join("copy.redb")).unwrap();
    assert_eq!(contents_of(&dir.path().join("copy.redb")).unwrap(), one);
}
