//! `eggmoney backup`, `restore` and `verify --backup` as programs: beside a server and without, killed and
//! out of disk, with everything that can be wrong about a backup.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eggmoney::app::clock::SystemClock;
use eggmoney::app::{App, Config};
use eggmoney::domain::clock::Clock;
use eggmoney::storage::{Contents, contents_of};
use serde_json::{Value, json};

use super::cli::{Serve, complaint, create, json_of, program, run};
use super::support::old::fixtures;
use super::support::{PASSWORD, answer, client};

/// An installation with a user and an account of the old program, and its recovery key.
struct Home {
    folder: tempfile::TempDir,
    words: String,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder, words: String::new() };
        json_of(create(&home.dir(), "anna", "admin"));
        let db = fixtures().join("egg_chan.db");
        let db = db.to_str().unwrap();
        json_of(run(&["import", "eggmoney", "--data-dir", &home.dir(), "--user", "anna", "--db", db, "--skip-refused", "--json"], ""));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let app = App::open(Config::new(home.data()), clock.clone(), clock).await.unwrap();
        let words = app.show_recovery_key(None).await.unwrap().words().join(" ");
        app.set_backup_passphrase(None, Some("the whole family knows".to_owned().into())).await.unwrap();
        Self { words, ..home }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn dir(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn contents(&self) -> Contents {
        contents_of(&self.data().join("eggmoney.redb")).unwrap()
    }

    fn back_up(&self, name: &str) -> String {
        let file = self.file(name);
        json_of(run(&["backup", "--data-dir", &self.dir(), "--to", &file, "--json"], ""));
        file
    }
}

fn restore(from: &str, to: &str, input: &str) -> Output {
    run(&["restore", "--from", from, "--data-dir", to, "--recovery-key-stdin"], input)
}

/// Everything in a folder that is not part of the data of a sound installation.
fn strangers(dir: &Path) -> Vec<String> {
    let names = fs_err::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|n| n.starts_with(".restore-") || n.starts_with(".backup-") || n == "restore-commit.json").collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_in_a_file_and_mistakes_are_named() {
    let home = Home::new().await;
    let server = Serve::start(&home.dir());
    let file = home.back_up("beside.eggbackup");
    assert!(complaint(run(&["backup", "--data-dir", &home.dir(), "--to", &file], "")).contains("exists already"));
    let text = complaint(restore(&file, &home.dir(), &home.words));
    assert!(text.contains("a server runs over") && text.contains("stop it first"), "{text}");
    server.terminate();
    let alone = home.back_up("alone.eggbackup");
    // Into the backup folder, without a name.
    let listed = json_of(run(&["backup", "--data-dir", &home.dir(), "--json"], ""));
    assert!(home.data().join("backups").join(listed["name"].as_str().unwrap()).exists());

    let verify = |arguments: &[&str], input: &str| run(&[&["verify", "--backup", &file], arguments].concat(), input);
    assert!(String::from_utf8(verify(&[], "").stdout).unwrap().contains("is whole; what is in it"));
    let whole = verify(&["--recovery-key-stdin"], &home.words.replace(' ', "\n"));
    assert!(String::from_utf8(whole.stdout).unwrap().contains("and the master key"));
    let history = verify(&["--passphrase-stdin"], "the whole family knows\n");
    assert!(String::from_utf8(history.stdout).unwrap().contains("without the master key"));
    assert!(complaint(run(&["verify"], "")).contains("--data-dir DIR or --backup FILE"));

    let target = home.file("elsewhere");
    let refused = |output: Output, parts: &[&str]| {
        let text = complaint(output);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert!(!Path::new(&target).join("eggmoney.redb").exists() && strangers(Path::new(&target)).is_empty());
    };
    refused(run(&["restore", "--from", &file, "--data-dir", &target], ""), &["--recovery-key-stdin", "--passphrase-stdin"]);
    refused(restore(&file, &target, ""), &["nothing came on standard input"]);
    refused(restore(&file, &target, "one two three"), &["12 words, these are 3"]);
    let typo = home.words.replacen(home.words.split(' ').nth(4).unwrap(), "qqqq", 1);
    refused(restore(&file, &target, &typo), &["word ", "'qqqq'", "is no word"]);
    let other = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    refused(restore(&file, &target, other), &["recovery key is another one"]);
    refused(restore(&file, &target, &other.replace("yellow", "year")), &["do not belong together"]);
    refused(
        run(&["restore", "--from", &file, "--data-dir", &target, "--passphrase-stdin"], "nobody knows this one"),
        &["passphrase is wrong"],
    );
    refused(restore(&home.file("nowhere"), &target, &home.words), &["nowhere"]);
    let bytes = fs_err::read(&file).unwrap();
    for (name, content, part) in [
        ("foreign", b"PK\x03\x04 photos".to_vec(), "no EggMoney backup"),
        ("empty", Vec::new(), "cut off"),
        ("cut", bytes[..bytes.len() - 7].to_vec(), "cut off"),
        ("half", bytes[..bytes.len() / 2].to_vec(), "cut off"),
        (
            "spoiled",
            {
                let mut b = bytes.clone();
                let middle = b.len() / 2;
                b[middle] ^= 4;
                b
            },
            "damaged",
        ),
    ] {
        let bad = home.file(name);
        fs_err::write(&bad, content).unwrap();
        refused(restore(&bad, &target, &home.words), &[part]);
        assert!(complaint(run(&["verify", "--backup", &bad], "")).contains(part));
    }

    let done = json_of(run(&["restore", "--from", &alone, "--data-dir", &target, "--recovery-key-stdin", "--json"], &home.words));
    assert_eq!((&done["secrets"], &done["aside"]), (&json!(true), &Value::Null));
    assert_eq!(json_of(run(&["verify", "--data-dir", &target, "--json"], ""))["differences"], json!([]));
    let server = Serve::start(&target);
    let login = client().post(format!("{}/api/v1/auth/login", server.base)).json(&json!({"username": "anna", "password": PASSWORD}));
    assert_eq!(answer(login).await.0, 200);
    server.terminate();

    // The family passphrase brings the history; what was there is kept aside.
    let arguments = ["restore", "--from", &file, "--data-dir", &target, "--passphrase-stdin", "--json"];
    let done = json_of(run(&arguments, "the whole family knows"));
    assert_eq!(done["secrets"], false);
    assert!(Path::new(done["aside"].as_str().unwrap()).join("eggmoney.redb").exists());
    assert_eq!(json_of(run(&["verify", "--data-dir", &target, "--json"], ""))["differences"], json!([]));
}

fn killed_after(arguments: &[&str], input: &str, pause: Duration) -> bool {
    let mut child = program(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    std::thread::sleep(pause);
    let alive = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    alive
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_backups_and_restores_lose_nothing() {
    let home = Home::new().await;
    let file = home.back_up("good.eggbackup");
    let (contents, dir) = (home.contents(), home.dir());
    let mut killed = 0;
    for round in 0..12_u64 {
        let target = home.file(&format!("killed-{round}.eggbackup"));
        let alive = killed_after(&["backup", "--data-dir", &dir, "--to", &target], "", Duration::from_millis(8 + 17 * round));
        killed += u64::from(alive);
        if Path::new(&target).exists() {
            json_of(run(&["verify", "--backup", &target, "--recovery-key-stdin", "--json"], &home.words));
        }
        assert_eq!(home.contents(), contents, "round {round}");
    }
    assert!(killed >= 3, "only {killed} backups were caught under way");
    json_of(run(&["verify", "--data-dir", &dir, "--json"], ""));
    assert_eq!(strangers(&home.data()), Vec::<String>::new(), "what killed backups left is swept");

    let good = json_of(run(&["verify", "--backup", &file, "--recovery-key-stdin", "--json"], &home.words))["contents"].clone();
    let other = Home::new().await;
    let (target, old) = (other.data(), other.contents());
    let (mut caught, mut came) = (0, 0);
    for round in 0..16_u64 {
        let arguments = ["restore", "--from", &file, "--data-dir", target.to_str().unwrap(), "--recovery-key-stdin"];
        caught += u64::from(killed_after(&arguments, &home.words, Duration::from_millis(10 + 9 * round)));
        // Whoever comes next finds the old data or the new ones, each whole.
        let verified = json_of(run(&["verify", "--data-dir", target.to_str().unwrap(), "--json"], ""));
        assert_eq!((&verified["differences"], &verified["broken_chains"]), (&json!([]), &json!([])), "round {round}");
        assert_eq!(strangers(&target).iter().filter(|n| !n.starts_with(".restore-")).count(), 0);
        let users = json_of(run(&["user", "list", "--data-dir", target.to_str().unwrap(), "--json"], ""));
        assert_eq!(users[0]["username"], "anna");
        came += u64::from(
            target.join(".").read_dir().unwrap().any(|e| e.unwrap().file_name().to_str().unwrap().starts_with("before-restore-")),
        );
    }
    assert!(caught >= 3, "only {caught} restores were caught under way");
    if came == 0 {
        assert_eq!(contents_of(&target.join("eggmoney.redb")).unwrap().rows, old.rows);
    }
    json_of(run(&["restore", "--from", &file, "--data-dir", target.to_str().unwrap(), "--recovery-key-stdin", "--json"], &home.words));
    let there = contents_of(&target.join("eggmoney.redb")).unwrap();
    assert_eq!((there.rows as u64, there.sha256.as_str()), (good["rows"].as_u64().unwrap(), good["sha256"].as_str().unwrap()));
    assert_eq!(strangers(&target), Vec::<String>::new());
}

/// Runs the program where no file may become larger than so many KiB.
fn cramped(kib: u64, arguments: &[&str], input: &str) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_eggmoney")])
        .args(arguments)
        .env_remove("EGGMONEY_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_leaves_everything_as_it_was() {
    let home = Home::new().await;
    let file = home.back_up("good.eggbackup");
    let contents = home.contents();
    let mut refusals = 0;
    for kib in [4, 40, 120, 400, 1_000] {
        let target = home.file(&format!("full-{kib}.eggbackup"));
        let output = cramped(kib, &["backup", "--data-dir", &home.dir(), "--to", &target], "");
        if output.status.success() {
            continue;
        }
        refusals += 1;
        let text = complaint(output);
        assert!(text.contains("full"), "{kib}: {text}");
        assert!(!Path::new(&target).exists());
        assert_eq!(home.contents(), contents);
    }
    assert!(refusals >= 3, "{refusals}");

    let other = Home::new().await;
    let (target, old) = (other.data(), other.contents());
    for kib in [4, 40, 120, 400] {
        let output =
            cramped(kib, &["restore", "--from", &file, "--data-dir", target.to_str().unwrap(), "--recovery-key-stdin"], &home.words);
        let text = complaint(output);
        assert!(text.contains("full"), "{kib}: {text}");
        assert_eq!(other.contents(), old);
        assert_eq!(strangers(&target), Vec::<String>::new());
    }
}
