//! The package's life on a NAS: its own scripts, run in DSM's order with DSM's variables by a user
//! without rights, over the real program, in a folder that stands in for the NAS.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eggmoney::storage::tables::{META, Number};
use eggmoney::storage::{Key, Store, StoreError};
use serde_json::{Value, json};

use crate::support::{PASSWORD, answer, client};

/// `nobody` of most systems.
const NOBODY: &str = "65534";
const SCRIPTS_PATIENCE: Duration = Duration::from_secs(120);

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command as a user without rights, and waits.
fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new(if is_root() { Path::new("setpriv") } else { program });
    if is_root() {
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "--"]).arg(program);
    }
    command
}

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Packages made of this very program, by version; built once for all tests.
struct Packages(tempfile::TempDir);

impl Packages {
    fn get() -> &'static Self {
        static PACKAGES: OnceLock<Packages> = OnceLock::new();
        PACKAGES.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("eggmoney");
            // Without symbols a package is unpacked in a moment.
            shell(&format!("strip -o {} {}", program.display(), env!("CARGO_BIN_EXE_eggmoney")));
            Packages(folder)
        })
    }

    /// The package of a version, with this program or with a script in its place.
    fn make(&self, version: &str, instead: Option<&str>) -> PathBuf {
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _only = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
        let kind = if instead.is_some() { "broken" } else { "sound" };
        let to = self.0.path().join(format!("{version}-{kind}"));
        let spk = to.join(format!("EggMoney-{version}-x86_64.spk"));
        if !spk.exists() {
            let mut program = self.0.path().join("eggmoney");
            if let Some(script) = instead {
                program = self.0.path().join(format!("fake-{version}"));
                fs_err::write(&program, script).unwrap();
            }
            let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("spk/pack.py");
            let made = Command::new("python3")
                .arg(pack)
                .args(["--version", version, "--arch", "x86_64", "--level", "1", "--program"])
                .arg(program)
                .arg("--to")
                .arg(&to)
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        spk
    }
}

/// How a script ended, and what the dialog shows.
#[derive(Debug)]
struct Ended {
    code: i32,
    dialog: String,
    log: String,
}

impl Ended {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.dialog
    }

    /// Refused with a text that has these parts.
    #[track_caller]
    fn refused(self, parts: &[&str]) {
        assert_eq!(self.code, 1, "{self:?}");
        for part in parts {
            assert!(self.dialog.contains(part), "{self:?} lacks {part}");
        }
    }
}

/// A NAS with one volume.
struct Nas {
    root: tempfile::TempDir,
    port: u16,
    language: &'static str,
    /// Whether a person stands behind what is done.
    by_hand: bool,
    /// Runs the scripts instead of the system's shell: DSM's is much like busybox's.
    busybox: bool,
    more: BTreeMap<&'static str, String>,
}

impl Drop for Nas {
    fn drop(&mut self) {
        // Whatever a failed test left running.
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

impl Nas {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs_err::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nas = Self { root, port, language: "enu", by_hand: true, busybox: false, more: BTreeMap::new() };
        for folder in ["@appstore/EggMoney", "@appdata/EggMoney", "@apphome/EggMoney", "packages/EggMoney/shares/EggMoney", "tmp"] {
            fs_err::create_dir_all(nas.path(folder)).unwrap();
        }
        nas.give_to_nobody();
        nas
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn data(&self) -> PathBuf {
        self.path("@appdata/EggMoney/data")
    }

    fn give_to_nobody(&self) {
        if is_root() {
            shell(&format!("chown -R {NOBODY}:{NOBODY} {}", self.root.path().display()));
        }
    }

    /// One of the package's scripts, as DSM calls it.
    fn script(&self, folder: &str, name: &str, arguments: &[&str], status: &str, versions: (&str, &str)) -> Ended {
        let dialog = self.path("tmp/dialog");
        fs_err::write(&dialog, "").unwrap();
        self.give_to_nobody();
        let script = self.path(folder).join("scripts").join(name);
        let mut command = as_nobody(if self.busybox { Path::new("busybox") } else { &script });
        if self.busybox {
            command.arg("ash").arg(&script);
        }
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").current_dir("/");
        let real = |below: &str| self.path(below).display().to_string();
        for (variable, value) in [
            ("SYNOPKG_PKGNAME", "EggMoney".to_owned()),
            ("SYNOPKG_PKGVER", versions.1.to_owned()),
            ("SYNOPKG_OLD_PKGVER", versions.0.to_owned()),
            ("SYNOPKG_PKGDEST", real("@appstore/EggMoney")),
            ("SYNOPKG_PKGDEST_VOL", real("")),
            ("SYNOPKG_PKGVAR", real("@appdata/EggMoney")),
            ("SYNOPKG_PKGHOME", real("@apphome/EggMoney")),
            ("SYNOPKG_PKGPORT", self.port.to_string()),
            ("SYNOPKG_TEMP_LOGFILE", dialog.display().to_string()),
            ("SYNOPKG_DSM_LANGUAGE", self.language.to_owned()),
            ("SYNOPKG_PKG_STATUS", status.to_owned()),
            ("SYNOPKG_USERNAME", if self.by_hand { "admin".to_owned() } else { String::new() }),
        ] {
            command.env(variable, value);
        }
        command.envs(&self.more);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ended { code: output.status.code().unwrap_or(-1), dialog: fs_err::read_to_string(dialog).unwrap(), log: text(&output.stderr) }
    }

    /// A script of the installed package.
    fn installed(&self, name: &str, arguments: &[&str], status: &str) -> Ended {
        self.script("packages/EggMoney", name, arguments, status, ("", &self.version()))
    }

    fn version(&self) -> String {
        let info = fs_err::read_to_string(self.path("packages/EggMoney/INFO")).unwrap_or_default();
        info.lines().find_map(|l| l.strip_prefix("version=\"")).unwrap_or_default().trim_end_matches('"').to_owned()
    }

    /// Unpacks what surrounds the payload, as DSM does before it asks the package's scripts.
    fn unpack(&self, spk: &Path, to: &str) {
        let to = self.path(to);
        shell(&format!("mkdir -p {0} && tar -xf {1} -C {0}", to.display(), spk.display()));
    }

    fn put_in_place(&self) {
        let (from, store) = (self.path("tmp/package"), self.path("@appstore/EggMoney"));
        let package = self.path("packages/EggMoney");
        shell(&format!("rm -rf {0} && mkdir {0} && tar -xzf {1}/package.tgz -C {0}", store.display(), from.display()));
        shell(&format!(
            "cd {0} && rm -rf INFO conf scripts WIZARD_UIFILES && cp -a {1}/* . && rm -rf {1}",
            package.display(),
            from.display()
        ));
        self.give_to_nobody();
    }

    /// Installs and does not start yet.
    fn install(&mut self, spk: &Path) -> Result<(), Ended> {
        self.unpack(spk, "tmp/package");
        let version = version_of(spk);
        let asked = self.script("tmp/package", "preinst", &[], "INSTALL", ("", &version));
        if asked.code != 0 {
            return Err(asked);
        }
        self.put_in_place();
        self.installed("postinst", &[], "INSTALL").well();
        self.listen();
        Ok(())
    }

    /// The sandbox has no port of its own, so the owner's configuration names one.
    fn listen(&self) {
        fs_err::write(self.data().join("config.toml"), format!("listen = \"127.0.0.1:{}\"\n", self.port)).unwrap();
        self.give_to_nobody();
    }

    /// Upgrades a package that runs; gives how the start ended, or what refused.
    fn upgrade(&mut self, spk: &Path) -> Result<Ended, Ended> {
        let versions = (self.version(), version_of(spk));
        let versions = (versions.0.as_str(), versions.1.as_str());
        self.unpack(spk, "tmp/package");
        let old = |name: &str, arguments: &[&str]| self.script("packages/EggMoney", name, arguments, "UPGRADE", versions);
        let new = |name: &str| self.script("tmp/package", name, &[], "UPGRADE", versions);
        let asked = old("start-stop-status", &["prestop"]);
        if asked.code != 0 {
            return Err(asked);
        }
        old("start-stop-status", &["stop"]).well();
        let asked = new("preupgrade");
        if asked.code != 0 {
            return Err(asked);
        }
        old("preuninst", &[]).well();
        old("postuninst", &[]).well();
        new("preinst").well();
        self.put_in_place();
        let new = |name: &str, arguments: &[&str]| self.script("packages/EggMoney", name, arguments, "UPGRADE", versions);
        new("postinst", &[]).well();
        new("postupgrade", &[]).well();
        new("start-stop-status", &["prestart"]).well();
        Ok(new("start-stop-status", &["start"]))
    }

    fn uninstall(&mut self) {
        self.control("prestop", "UNINSTALL").well();
        self.control("stop", "UNINSTALL").well();
        self.installed("preuninst", &[], "UNINSTALL").well();
        shell(&format!("rm -rf {}/*", self.path("@appstore/EggMoney").display()));
        self.installed("postuninst", &[], "UNINSTALL").well();
        shell(&format!("cd {} && rm -rf INFO conf scripts WIZARD_UIFILES", self.path("packages/EggMoney").display()));
    }

    fn control(&self, verb: &str, status: &str) -> Ended {
        self.installed("start-stop-status", &[verb], status)
    }

    fn start(&self) -> Ended {
        self.control("start", "START")
    }

    fn stop(&self) {
        self.control("stop", "STOP").well();
    }

    fn status(&self) -> i32 {
        self.control("status", "").code
    }

    /// The supervisor, as the scripts remember it.
    fn pid(&self) -> Option<u32> {
        fs_err::read_to_string(self.path("@appdata/EggMoney/run.pid")).ok()?.trim().parse().ok()
    }

    /// The program itself, as its own user.
    fn eggmoney(&self, arguments: &[&str]) -> Output {
        let program = self.path("@appstore/EggMoney/bin/eggmoney");
        as_nobody(&program).args(arguments).arg("--data-dir").arg(self.data()).arg("--json").output().unwrap()
    }

    fn people(&self) -> Vec<String> {
        let output = self.eggmoney(&["user", "list"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        list.as_array().unwrap().iter().map(|p| p["username"].as_str().unwrap().to_owned()).collect()
    }

    fn make_admin(&self, name: &str) {
        let program = self.path("@appstore/EggMoney/bin/eggmoney");
        let mut command = as_nobody(&program);
        command.args(["user", "create", "--username", name, "--role", "admin", "--password-stdin", "--data-dir"]).arg(self.data());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn health(&self) -> Option<Value> {
        serde_json::from_slice(&self.eggmoney(&["health"]).stdout).ok()
    }

    fn release(&self) -> String {
        self.health().map_or(String::new(), |h| h["release"].as_str().unwrap().to_owned())
    }

    async fn get(&self, path: &str) -> Value {
        answer(client().get(format!("http://127.0.0.1:{}{path}", self.port))).await.1
    }

    /// Codes of the messages to a person.
    async fn told(&self, name: &str) -> Vec<Value> {
        let base = format!("http://127.0.0.1:{}/api/v1", self.port);
        let login = client().post(format!("{base}/auth/login")).json(&json!({"username": name, "password": PASSWORD}));
        let token = answer(login).await.1["access_token"].as_str().unwrap().to_owned();
        let alerts = answer(client().get(format!("{base}/alerts")).bearer_auth(token)).await.1;
        alerts["items"].as_array().unwrap().clone()
    }

    fn read(&self, below: &str) -> Option<String> {
        fs_err::read_to_string(self.path("@appdata/EggMoney").join(below)).ok()
    }

    /// Everything outside the places that a package may write to.
    fn surroundings(&self) -> Vec<PathBuf> {
        let ours = ["@appdata/EggMoney", "@apphome/EggMoney", "@appstore/EggMoney", "packages/EggMoney/shares/EggMoney", "tmp"];
        let mut found = Vec::new();
        collect(self.root.path(), &mut |path| {
            let below = path.strip_prefix(self.root.path()).unwrap();
            let skip = ours.iter().any(|folder| below.starts_with(folder));
            if !skip {
                found.push(below.to_path_buf());
            }
            !skip
        });
        found.sort();
        found
    }
}

fn collect(folder: &Path, visit: &mut impl FnMut(&Path) -> bool) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if visit(&path) && path.is_dir() && !path.is_symlink() {
            collect(&path, visit);
        }
    }
}

fn version_of(spk: &Path) -> String {
    spk.file_name().unwrap().to_str().unwrap().trim_start_matches("EggMoney-").trim_end_matches("-x86_64.spk").to_owned()
}

/// Waits for processes of the system: there is no clock to step.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < SCRIPTS_PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn is_alive(pid: u32) -> bool {
    fs_err::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn kill(pid: u32) {
    shell(&format!("kill -9 {pid}"));
}

#[tokio::test]
async fn a_package_is_installed_runs_and_comes_back_after_a_crash() {
    let mut nas = Nas::new();
    nas.more.insert("pkgwizard_registration_open", "true".to_owned());
    nas.install(&Packages::get().make("0.1.0-0001", None)).unwrap();
    nas.more.clear();
    let before = nas.surroundings();
    assert_eq!(nas.status(), 3, "installed and never started");

    let dialog = nas.control("start", "INSTALL").well();
    let code = nas.read("data/setup-code").unwrap().trim().to_owned();
    assert!(dialog.contains(&code), "whoever installs is shown the code: {dialog}");
    let in_share = fs_err::read_to_string(nas.path("packages/EggMoney/shares/EggMoney/setup-code.txt")).unwrap();
    assert_eq!(in_share.trim(), code);
    assert_eq!(nas.status(), 0);
    assert_eq!(nas.get("/api/v1/system").await["registration"], "open", "as chosen in the wizard");
    assert_eq!(nas.read("data/first-start.toml"), None, "and once");
    assert_eq!((nas.release().as_str(), nas.health().unwrap()["on_trial"].clone()), ("0.1.0-0001", json!(false)));
    let supervisor = nas.pid().unwrap();
    nas.start().well();
    assert_eq!(nas.pid(), Some(supervisor), "a second start changes nothing");
    for verb in ["prestart", "log", "killall", ""] {
        nas.control(verb, "").well();
    }
    assert_eq!(fs_err::metadata(nas.data()).unwrap().permissions().mode() & 0o077, 0, "for its own user only");

    nas.make_admin("anna");
    let server = children_of(supervisor);
    assert_eq!(server.len(), 1);
    kill(server[0]);
    until("the server comes back", || nas.health().is_some() && children_of(supervisor) != server);
    assert_eq!((nas.status(), nas.people()), (0, vec!["anna".to_owned()]));
    let told = nas.told("anna").await;
    let restarted: Vec<&Value> = told.iter().filter(|m| m["code"] == "SERVER_RESTARTED").collect();
    assert_eq!(restarted.len(), 1, "{told:?}");
    let texts = &restarted[0]["text"];
    assert!(texts["en"].as_str().unwrap().contains("signal 9") && texts["ko"].as_str().unwrap().contains("1번"), "{texts}");
    assert_eq!(nas.read("data/program/stops.json"), None);

    // Without its supervisor the server ends, cleanly: nobody would start it again.
    let server = children_of(supervisor)[0];
    kill(supervisor);
    until("the server ends with its supervisor", || !is_alive(server));
    assert_eq!(nas.status(), 1);
    nas.start().well();
    assert_eq!((nas.status(), nas.people()), (0, vec!["anna".to_owned()]));
    assert!(!nas.path("packages/EggMoney/shares/EggMoney/setup-code.txt").exists(), "the code is used up");
    let (supervisor, server) = (nas.pid().unwrap(), children_of(nas.pid().unwrap())[0]);
    nas.stop();
    assert!(!is_alive(supervisor) && !is_alive(server));
    assert_eq!(nas.status(), 3);
    nas.stop();

    // After a power cut the number belongs to somebody else.
    let mut stranger = as_nobody(Path::new("sleep")).arg("600").spawn().unwrap();
    fs_err::write(nas.path("@appdata/EggMoney/run.pid"), format!("{}\n", stranger.id())).unwrap();
    assert_eq!(nas.status(), 1);
    nas.control("start", "").well();
    assert!(is_alive(stranger.id()), "a stranger is left alone");
    nas.stop();
    assert!(is_alive(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(nas.surroundings(), before, "nothing outside its places");
}

#[tokio::test]
async fn an_upgrade_keeps_the_data_and_one_that_fails_is_undone() {
    let mut nas = Nas::new();
    nas.install(&Packages::get().make("0.1.0-0001", None)).unwrap();
    nas.start().well();
    nas.make_admin("anna");
    nas.stop();
    // As the first schema left them.
    let store = Store::open(&nas.data()).unwrap();
    let first: Result<(), StoreError> = store.write(|tx| tx.put(&META, &Key::new().raw(b"schema"), &Number(1))).await;
    first.unwrap();
    drop(store);
    nas.give_to_nobody();
    nas.start().well();
    nas.upgrade(&Packages::get().make("0.1.0-0002", None)).unwrap().well();
    assert_eq!((nas.release().as_str(), nas.people()), ("0.1.0-0002", vec!["anna".to_owned()]));
    let kept = |which: &str| nas.read(&format!("data/program/{which}/eggmoney.version")).unwrap_or_default().trim().to_owned();
    assert_eq!((kept("kept"), kept("previous")), ("0.1.0-0002".to_owned(), "0.1.0-0001".to_owned()));
    assert!(nas.data().join("snapshots/before-release-0.1.0-0002-from-0.1.0-0001.redb").exists());
    assert!(nas.data().join("program/way-back.json").exists(), "until the first order");
    assert_eq!(fs_err::read(nas.data().join("master.key")).unwrap().len(), 32, "the key stays");

    // A release that changes the data and dies of it. Its program is the real one in another's clothes.
    let real = nas.path("tmp/real");
    fs_err::create_dir_all(&real).unwrap();
    fs_err::copy(nas.path("@appstore/EggMoney/bin/eggmoney"), real.join("eggmoney")).unwrap();
    fs_err::write(real.join("eggmoney.version"), "0.1.0-0003").unwrap();
    let crashing = format!(
        "#!/bin/sh\nreal={}/eggmoney\n[ \"$1\" = serve ] || exec \"$real\" \"$@\"\n\
         printf '{PASSWORD}\\n' | \"$real\" user create --username ghost --role admin --password-stdin --data-dir {}\nexit 101\n",
        real.display(),
        nas.data().display()
    );
    let dialog = nas.upgrade(&Packages::get().make("0.1.0-0003", Some(&crashing))).unwrap().well();
    assert!(dialog.contains("0.1.0-0003 did not come up"), "{dialog}");
    assert_eq!(nas.status(), 0);
    until("the release before runs", || nas.health().is_some());
    let log = nas.read("console.log").unwrap();
    assert!(log.contains("0.1.0-0003 did not come up: the program and the data before it are back"), "{log}");
    // Asked through the program that runs: the installed one is broken.
    let program = nas.data().join("program/kept/eggmoney");
    let data = nas.data();
    let people = || {
        let output = as_nobody(&program).args(["user", "list", "--json", "--data-dir"]).arg(&data).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(people().contains("anna") && !people().contains("ghost"), "the data before it: {}", people());
    let told = nas.told("anna").await;
    assert!(told.iter().any(|m| m["code"] == "UPGRADE_UNDONE" && m["text"]["en"].as_str().unwrap().contains("exit code 101")), "{told:?}");
    // Once is enough: a restart does not try it again.
    nas.stop();
    let dialog = nas.start().well();
    assert!(dialog.contains("did not come up"), "{dialog}");
    assert_eq!(nas.read("console.log").unwrap().matches("starting 0.1.0-0003").count(), 2);

    // One that hangs, in Korean.
    nas.language = "krn";
    nas.more.insert("EGGMONEY_START_PATIENCE", "4".to_owned());
    let hanging = format!("#!/bin/sh\n[ \"$1\" = serve ] || exec {}/eggmoney \"$@\"\nexec sleep 600\n", real.display());
    let dialog = nas.upgrade(&Packages::get().make("0.1.0-0004", Some(&hanging))).unwrap().well();
    assert!(dialog.contains("이전 버전으로 되돌렸습니다"), "{dialog}");
    assert!(people().contains("anna"));
    nas.more.clear();

    // What comes after them is tried, and works.
    nas.upgrade(&Packages::get().make("0.1.0-0005", None)).unwrap().well();
    assert_eq!((nas.release().as_str(), nas.people()), ("0.1.0-0005", vec!["anna".to_owned()]));
    // Downgrades are refused, over the package and over its data.
    let older = Packages::get().make("0.1.0-0001", None);
    nas.upgrade(&older).unwrap_err().refused(&["0.1.0-0001", "0.1.0-0005", "설치할 수 없습니다"]);
    // Repair: the same version again, over what runs.
    nas.start().well();
    nas.upgrade(&Packages::get().make("0.1.0-0005", None)).unwrap().well();
    assert_eq!(nas.people(), ["anna"]);
    nas.uninstall();
    nas.language = "enu";
    nas.install(&older).unwrap_err().refused(&["newer version 0.1.0-0005", "untouched"]);
    let verified = as_nobody(&program).args(["verify", "--data-dir"]).arg(&data).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test]
async fn data_stay_unless_the_wizard_says_exactly_that_they_go() {
    let mut nas = Nas::new();
    nas.busybox = Command::new("busybox").arg("true").status().is_ok();
    let trap = nas.path("tmp/trap");
    let hostile = format!("true\"; touch {0}; $(touch {0}) `touch {0}` '\n[x]\nregistration = \"open", trap.display());
    nas.more.insert("pkgwizard_registration_open", hostile);
    let package = Packages::get().make("0.1.0-0001", None);
    nas.install(&package).unwrap();
    assert_eq!(nas.read("data/first-start.toml").unwrap().matches("open").count(), 0);
    nas.more.clear();
    nas.control("start", "INSTALL").well();
    assert_eq!(nas.get("/api/v1/system").await["registration"], "closed");
    nas.make_admin("anna");
    fs_err::write(nas.path("packages/EggMoney/shares/EggMoney/mine.txt"), "a person's file").unwrap();
    for answer in ["", "false", "TRUE", "true ", "1", "true; rm -rf /", "$(echo true)"] {
        nas.more.insert("pkgwizard_erase_data", answer.to_owned());
        nas.uninstall();
        nas.more.clear();
        assert!(nas.data().join("eggmoney.redb").exists(), "{answer:?}");
        nas.install(&package).unwrap();
    }
    assert!(!trap.exists(), "an answer was run");
    // The right answer at the wrong time.
    nas.more.insert("pkgwizard_erase_data", "true".to_owned());
    for status in ["UPGRADE", "INSTALL", ""] {
        nas.installed("preuninst", &[], status).well();
        nas.installed("postuninst", &[], status).well();
    }
    nas.more.clear();
    // A choice does not count for data that are there already.
    nas.more.insert("pkgwizard_registration_open", "true".to_owned());
    nas.uninstall();
    nas.install(&package).unwrap();
    nas.start().well();
    assert_eq!((nas.people(), nas.get("/api/v1/system").await["registration"].clone()), (vec!["anna".to_owned()], json!("closed")));
    let supervisor = nas.pid().unwrap();
    nas.more.insert("pkgwizard_erase_data", "true".to_owned());
    nas.uninstall();
    assert!(!is_alive(supervisor));
    for place in ["@appdata/EggMoney", "@apphome/EggMoney"] {
        assert_eq!(fs_err::read_dir(nas.path(place)).unwrap().count(), 0, "{place}");
    }
    assert!(nas.path("packages/EggMoney/shares/EggMoney/mine.txt").exists(), "never the share");
}

#[test]
fn what_is_in_the_way_is_told() {
    let mut nas = Nas::new();
    let package = Packages::get().make("0.1.0-0001", None);
    let other = TcpListener::bind(("127.0.0.1", nas.port)).unwrap();
    let port = nas.port.to_string();
    nas.install(&package).unwrap_err().refused(&["Another program uses port", &port]);
    nas.language = "krn";
    nas.install(&package).unwrap_err().refused(&["다른 프로그램이 포트", &port]);
    drop(other);
    nas.install(&package).unwrap();
    let other = TcpListener::bind(("127.0.0.1", nas.port)).unwrap();
    nas.control("start", "INSTALL").refused(&["시작하지 못했습니다", &port]);
    assert_eq!(nas.status(), 3, "and nothing is left running");
    nas.language = "enu";
    let ended = nas.start();
    assert!(ended.log.contains(&port), "for the package's log, too: {ended:?}");
    ended.refused(&["another program uses port", &port]);
    // At boot nobody reads a dialog: it tries until the port is free.
    let waiting = std::thread::scope(|scope| {
        let boot = scope.spawn(|| nas.control("start", ""));
        until("the supervisor tries again", || nas.read("console.log").unwrap_or_default().matches("starting again").count() > 2);
        drop(other);
        boot.join().unwrap()
    });
    waiting.well();
    assert_eq!(nas.status(), 0);

    // A release that says that the moment is bad.
    nas.stop();
    let busy = "#!/bin/sh\nif [ \"$1\" = supervise ]; then trap 'kill $!; exit' TERM; sleep 600 & wait; fi\n\
                if [ \"$1\" = upgrade-check ]; then echo 'eggmoney: 1 accounts trade now and 0 orders are open: wait until 2026-11-24 06:30 KST' >&2; exit 1; fi\n\
                echo '{\"release\":\"0.1.0-0006\",\"on_trial\":false}'\n";
    let program = nas.path("@appstore/EggMoney/bin/eggmoney");
    fs_err::write(&program, busy).unwrap();
    nas.start().well();
    let next = Packages::get().make("0.1.0-0007", None);
    nas.upgrade(&next).unwrap_err().refused(&["Upgrade after 2026-11-24 06:30 KST"]);
    assert_eq!(nas.status(), 0, "it runs on");
    nas.control("prestop", "STOP").well();
    nas.by_hand = false;
    let ended = nas.script("packages/EggMoney", "start-stop-status", &["prestop"], "UPGRADE", ("0.1.0-0006", "0.1.0-0007"));
    ended.well();
    nas.stop();
}

#[test]
fn the_package_holds_what_a_good_one_does() {
    let spk = Packages::get().make("0.1.0-0001", None);
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-spk");
    let output = Command::new("python3").arg(check).arg(&spk).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let failed: Vec<&str> = text.lines().filter(|line| line.contains(" FAIL ")).collect();
    // This program is a test build: of this machine's C library, with its paths, without notices.
    let of_test_builds = ["no newer glibc", "no build paths", "notices of others", "at most 30 MiB"];
    let real: Vec<&&str> = failed.iter().filter(|line| !of_test_builds.iter().any(|part| line.contains(part))).collect();
    assert!(real.is_empty() && text.matches("  ok  ").count() > 40, "{text}");

    // The same input gives the same bytes, and a changed byte is noticed.
    let again = tempfile::tempdir().unwrap();
    let copy = again.path().join(spk.file_name().unwrap());
    let mut bytes = fs_err::read(&spk).unwrap();
    let at = bytes.windows(8).position(|w| w == b"\nport=\"x").unwrap_or(bytes.len() / 2);
    bytes[at] ^= 1;
    fs_err::write(&copy, bytes).unwrap();
    fs_err::copy(spk.with_extension("spk.sha256"), copy.with_extension("spk.sha256")).unwrap();
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-spk");
    assert!(!Command::new("python3").arg(check).arg(&copy).output().unwrap().status.success());
}
