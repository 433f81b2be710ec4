//! Commands that work on the data. While `serve` runs they go to it over `DIR/control.sock`, one JSON
//! line each way; otherwise the command opens the data itself. [`execute`] is the same on both ways.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::backup::{self, BackupRequest};
use super::export::{self, EggmoneyExport};
use super::import::{self, EggmoneyImport};
use super::keys::{self, KeysRequest};
use super::people::{self, PeopleRequest};
use super::transfer::{self, TransferRequest};
use crate::app::clock::SystemClock;
use crate::app::release::release;
use crate::app::{App, Config, config};
use crate::domain::id::UserId;
use crate::domain::network::Networks;
use crate::storage::{DATABASE_FILE, StoreError};
use crate::trading::HaltScope;

/// Name of the socket inside the data folder.
pub const SOCKET_FILE: &str = "control.sock";
/// Longest request or answer.
const LONGEST_LINE: u64 = 16 << 20;
/// The system takes no longer socket paths (its limit is 108 bytes with the closing zero).
const LONGEST_PATH: usize = 100;

/// A command with its arguments.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Whether a server runs over this data, and how it fares.
    Health,
    /// Lets slots and orders begin: the release has proved itself.
    PassTrial,
    /// What exchanging the program would disturb now.
    UpgradeCheck,
    /// Looks at everything that the server needs.
    Doctor,
    /// Recomputes every fold from its facts.
    Verify,
    /// Looks after users.
    People(PeopleRequest),
    /// Says from where people may come, or shows it.
    Networks { networks: Option<Networks> },
    /// Throws, lifts or shows a kill switch.
    KillSwitch { action: SwitchAction, user: Option<String>, account: Option<String>, password: Option<String> },
    /// Replaces keys.
    Keys(KeysRequest),
    /// Takes a user's data out, or brings them in.
    Transfer(TransferRequest),
    /// Writes a backup.
    Backup(BackupRequest),
    /// Brings an old account along.
    ImportEggmoney(EggmoneyImport),
    /// Writes an account for the old program.
    ExportEggmoney(EggmoneyExport),
}

/// What is done with a kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SwitchAction {
    On,
    Off,
    Status,
}

/// An answer on the socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(String),
}

impl Request {
    /// Some commands make a data folder, others need one.
    fn makes_data(&self) -> bool {
        match self {
            Request::People(people) => people.makes_data(),
            Request::Health
            | Request::PassTrial
            | Request::UpgradeCheck
            | Request::Doctor
            | Request::Verify
            | Request::KillSwitch { .. }
            | Request::Networks { .. }
            | Request::Keys(_)
            | Request::Transfer(_)
            | Request::Backup(_)
            | Request::ImportEggmoney(_)
            | Request::ExportEggmoney(_) => false,
        }
    }

    /// Commands about the running server make no sense without one.
    fn needs_server(&self) -> bool {
        match self {
            Request::Health | Request::PassTrial | Request::UpgradeCheck | Request::Doctor => true,
            Request::Verify
            | Request::Networks { .. }
            | Request::People(_)
            | Request::KillSwitch { .. }
            | Request::Keys(_)
            | Request::Transfer(_)
            | Request::Backup(_)
            | Request::ImportEggmoney(_)
            | Request::ExportEggmoney(_) => false,
        }
    }
}

/// Runs a command over an open installation.
///
/// # Errors
/// One line for the person who typed it.
pub async fn execute(app: &Arc<App>, request: Request) -> Result<Value, String> {
    match request {
        Request::Health => health(app),
        Request::PassTrial => {
            if app.trading.trial().is_on() {
                app.trading.trial().pass();
                tracing::info!("this release has proved itself: slots and orders begin");
                app.tell_of_stops().await.map_err(|e| e.to_string())?;
            }
            Ok(json!({}))
        }
        Request::UpgradeCheck => serialise(&app.trading.quiet().map_err(|e| e.to_string())?),
        Request::Doctor => {
            let app = app.clone();
            let findings = tokio::task::spawn_blocking(move || super::doctor::of_server(&app)).await.map_err(|e| e.to_string())?;
            serialise(&findings)
        }
        Request::Verify => {
            let store = app.store.clone();
            let report = tokio::task::spawn_blocking(move || store.verify()).await.map_err(|e| e.to_string())?;
            serialise(&report.map_err(|e| e.to_string())?)
        }
        Request::People(request) => people::execute(app, request).await,
        Request::Networks { networks } => {
            let settings = match networks {
                Some(networks) => app.auth.set_networks(None, None, networks).await,
                None => app.auth.settings(),
            };
            Ok(json!({ "networks": settings.map_err(|e| e.to_string())?.networks }))
        }
        Request::KillSwitch { action, user, account, password } => kill_switch(app, action, user, account, password).await,
        Request::Keys(request) => keys::execute(app, request).await,
        Request::Transfer(request) => transfer::execute(app, request).await,
        Request::Backup(request) => backup::execute(app, request).await,
        Request::ImportEggmoney(request) => import::execute(app, request).await,
        Request::ExportEggmoney(request) => export::execute(app, request).await,
    }
}

fn health(app: &App) -> Result<Value, String> {
    let mut report = serialise(&app.system_report().map_err(|e| e.to_string())?)?;
    report["release"] = json!(release());
    report["on_trial"] = json!(app.trading.trial().is_on());
    Ok(report)
}

/// Lifting needs the password of the person whose switch it is, or of an administrator when it is the
/// installation's.
async fn kill_switch(
    app: &Arc<App>,
    action: SwitchAction,
    user: Option<String>,
    account: Option<String>,
    password: Option<String>,
) -> Result<Value, String> {
    let person = user.as_ref().map(|name| people::find(app, name)).transpose()?;
    let scope = match (&person, &account) {
        (None, Some(_)) => return Err("--account needs --user: whose account is it?".to_owned()),
        (None, None) => HaltScope::Installation,
        (Some(person), None) => HaltScope::User(person.id),
        (Some(person), Some(name)) => {
            let accounts = app.store.user(person.id).read(|v| v.accounts()).map_err(|e: StoreError| e.to_string())?;
            let found = accounts.into_iter().find(|a| a.name.eq_ignore_ascii_case(name));
            HaltScope::Account(person.id, found.ok_or_else(|| format!("{} has no account '{name}'", person.username))?.id)
        }
    };
    match action {
        SwitchAction::Status => {}
        SwitchAction::On => {
            app.trading.set_halt(None, scope, true).await.map_err(|e| e.to_string())?;
            app.trading.cancel_halted(scope).await;
        }
        SwitchAction::Off => {
            let password = password.ok_or("lifting a kill switch needs the password: add --password-stdin")?;
            let owner = person.as_ref().map(|p| p.id);
            if !app.auth.proves_owner(owner, SecretString::from(password)).await.map_err(|e| e.to_string())? {
                return Err("the password is wrong: the kill switch stays on".to_owned());
            }
            app.trading.set_halt(None, scope, false).await.map_err(|e| e.to_string())?;
        }
    }
    let halts = app.trading.halts(person.map_or(UserId(uuid::Uuid::nil()), |p| p.id)).map_err(|e| e.to_string())?;
    let on = match scope {
        HaltScope::Installation => halts.installation.is_some(),
        HaltScope::User(_) => halts.user.is_some(),
        HaltScope::Account(_, id) => halts.accounts.iter().any(|(account, _)| *account == id),
    };
    Ok(json!({ "on": on, "installation": halts.installation, "user": halts.user }))
}

fn serialise(value: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|e| e.to_string())
}

/// Runs a command on the data of a folder: in the server that has it open, or here.
///
/// # Errors
/// One line for the person who typed it.
pub async fn run(data_dir: &Path, request: Request) -> Result<Value, String> {
    match connect(data_dir).await {
        Ok(stream) => ask(stream, &request).await,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            if request.needs_server() {
                return Err(format!("no server runs over {}: start it with eggmoney serve", data_dir.display()));
            }
            if data_dir.is_dir() {
                // A restore that was cut off after it counted.
                crate::backup::finish(data_dir).map_err(|e| e.to_string())?;
            }
            if !request.makes_data() && !data_dir.join(DATABASE_FILE).exists() {
                return Err(format!("{} holds no EggMoney data: check --data-dir", data_dir.display()));
            }
            let master_passphrase = config::passphrase(|name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
            let backup_dir = std::env::var_os("EGGMONEY_BACKUP_DIR").filter(|v| !v.is_empty()).map(PathBuf::from);
            let config = Config { master_passphrase, backup_dir, ..Config::new(data_dir) };
            let app = App::open(config, Arc::new(SystemClock), Arc::new(SystemClock)).await.map_err(|e| e.to_string())?;
            execute(&app, request).await
        }
        Err(e) => Err(format!("cannot speak to the server over {}: {e}", data_dir.join(SOCKET_FILE).display())),
    }
}

async fn ask(mut stream: UnixStream, request: &Request) -> Result<Value, String> {
    let broken = |e: &dyn std::fmt::Display| format!("the server broke off: {e}");
    let mut line = serde_json::to_vec(request).map_err(|e| broken(&e))?;
    line.push(b'\n');
    stream.write_all(&line).await.map_err(|e| broken(&e))?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut answer).await.map_err(|e| broken(&e))?;
    match serde_json::from_str(&answer).map_err(|e| broken(&e))? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(text) => Err(text),
    }
}

/// A path to the socket that the system accepts however deep the folder lies. The open folder must
/// outlive its use.
fn socket_path(data_dir: &Path) -> io::Result<(PathBuf, Option<fs_err::File>)> {
    let path = data_dir.join(SOCKET_FILE);
    if path.as_os_str().len() <= LONGEST_PATH {
        return Ok((path, None));
    }
    let folder = fs_err::File::open(data_dir)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", folder.as_raw_fd())), Some(folder)))
}

async fn connect(data_dir: &Path) -> io::Result<UnixStream> {
    let (path, _folder) = socket_path(data_dir)?;
    UnixStream::connect(path).await
}

/// Whether a server answers over a data folder.
pub(super) async fn is_served(data_dir: &Path) -> bool {
    connect(data_dir).await.is_ok()
}

/// The listening end. Removes its file when dropped.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_file(&self.path) {
            tracing::warn!(%error, "the control socket stays behind");
        }
    }
}

impl Control {
    /// Opens the socket. A file that a killed server left behind is replaced: the open store proves
    /// that no other server lives.
    ///
    /// # Errors
    /// When the folder takes no socket.
    pub fn listen(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(SOCKET_FILE);
        match fs_err::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let (short, _folder) = socket_path(data_dir)?;
        let listener = UnixListener::bind(short)?;
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers commands until dropped.
    pub async fn serve(self, app: Arc<App>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let app = app.clone();
                    tokio::spawn(async move {
                        if let Err(error) = handle(stream, &app).await {
                            tracing::warn!(%error, "a control connection broke off");
                        }
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the control socket failed");
                    return;
                }
            }
        }
    }
}

async fn handle(stream: UnixStream, app: &Arc<App>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST_LINE)).read_line(&mut line).await?;
    if line.is_empty() {
        // Somebody looked whether a server is here, and asked nothing.
        return Ok(());
    }
    let answer = match serde_json::from_str(&line) {
        Ok(request) => execute(app, request).await.map_or_else(Answer::Error, Answer::Ok),
        Err(e) => Answer::Error(format!("the server does not know this command; are both of the same version? ({e})")),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Passphrase;

    async fn server(dir: &Path) -> (Arc<App>, tokio::task::JoinHandle<()>) {
        let app = App::open(Config::new(dir), Arc::new(SystemClock), Arc::new(SystemClock)).await.unwrap();
        let control = Control::listen(dir).unwrap();
        let task = tokio::spawn(control.serve(app.clone()));
        (app, task)
    }

    fn create(username: &str) -> Request {
        let (username, password) = (username.to_owned(), "correct horse battery".to_owned());
        Request::People(PeopleRequest::Create { username, password, role: crate::domain::user::Role::User })
    }

    #[tokio::test]
    async fn commands_give_the_same_with_and_without_a_server() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a-folder-with-a-long-name".repeat(6));
        for folder in [dir.path().join("short"), deep] {
            let made = run(&folder, create("anna")).await.unwrap();
            assert_eq!(made["username"], "anna");
            assert!(run(&folder, Request::Health).await.unwrap_err().contains("no server runs"));
            let alone = run(&folder, Request::Verify).await.unwrap();

            let (app, task) = server(&folder).await;
            let mode = fs_err::metadata(folder.join(SOCKET_FILE)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            assert_eq!(run(&folder, Request::Verify).await.unwrap(), alone);
            assert_eq!(run(&folder, Request::Health).await.unwrap()["users"], 1);
            assert!(run(&folder, create("ANNA")).await.unwrap_err().contains("taken"));
            run(&folder, create("ben")).await.unwrap();
            assert!(app.auth.find_user("ben").unwrap().is_some());
            task.abort();
            let _ = task.await;
            assert!(!folder.join(SOCKET_FILE).exists(), "the socket goes with the server");
        }
    }

    #[tokio::test]
    async fn nonsense_on_the_socket_is_answered_and_a_stale_file_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(SOCKET_FILE), b"left by a killed server").unwrap();
        let (_app, task) = server(dir.path()).await;
        for line in ["nonsense\n", "{\"command\":\"reboot\"}\n", "\n"] {
            let mut stream = connect(dir.path()).await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = BufReader::new(stream).read_line(&mut answer).await;
            assert!(read.is_ok() && answer.contains("same version"), "{answer}");
        }
        task.abort();
    }

    #[tokio::test]
    async fn keys_rotate_with_and_without_a_server_and_the_data_open_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), create("anna")).await.unwrap();
        let master = || KeysRequest::Master { passphrase: None, to_file: false };
        assert_eq!(run(dir.path(), Request::Keys(master())).await.unwrap()["generation"], 2);
        let (app, task) = server(dir.path()).await;
        assert_eq!(run(dir.path(), Request::Keys(master())).await.unwrap()["generation"], 3);
        assert_eq!(run(dir.path(), Request::Keys(KeysRequest::Users { user: None })).await.unwrap()["users"], 1);
        let unknown = run(dir.path(), Request::Keys(KeysRequest::Users { user: Some("ben".to_owned()) })).await.unwrap_err();
        assert!(unknown.contains("no user 'ben'"), "{unknown}");
        let phrase = Some("words that nobody guesses".to_owned());
        let short = KeysRequest::Master { passphrase: Some("short".to_owned()), to_file: false };
        assert!(run(dir.path(), Request::Keys(short)).await.unwrap_err().contains("too short"));
        let moved = run(dir.path(), Request::Keys(KeysRequest::Master { passphrase: phrase.clone(), to_file: false })).await.unwrap();
        assert_eq!((&moved["generation"], &moved["from_passphrase"]), (&json!(4), &json!(true)));
        assert!(run(dir.path(), Request::Keys(master())).await.unwrap_err().contains("--to-file"));
        task.abort();
        let _ = task.await;
        drop(app);

        let open = async |text: Option<&str>| {
            let master_passphrase = text.map(|t| Passphrase::new(t.to_owned().into()));
            let config = Config { master_passphrase, ..Config::new(dir.path()) };
            App::open(config, Arc::new(SystemClock), Arc::new(SystemClock)).await.map_err(|e| e.to_string())
        };
        assert!(open(None).await.unwrap_err().contains("EGGMONEY_MASTER_PASSPHRASE"));
        assert!(open(Some("words that somebody guesses")).await.unwrap_err().contains("passphrase is wrong"));
        let app = open(phrase.as_deref()).await.unwrap();
        execute(&app, Request::Keys(KeysRequest::Master { passphrase: None, to_file: true })).await.unwrap();
        drop(app);
        assert!(open(None).await.unwrap().auth.find_user("anna").unwrap().is_some());
    }

    #[tokio::test]
    async fn a_user_moves_from_one_folder_to_another_and_no_file_is_overwritten() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(from.path(), create("anna")).await.unwrap();
        run(to.path(), create("ben")).await.unwrap();
        let file = from.path().join("anna.zip");
        let out = |user: &str| Request::Transfer(TransferRequest::Out { user: user.to_owned(), to: file.clone() });
        let (_app, task) = server(from.path()).await;
        assert!(run(from.path(), out("ben")).await.unwrap_err().contains("no user 'ben'"));
        assert!(run(from.path(), out("anna")).await.unwrap()["rows"].is_u64());
        let mode = fs_err::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(run(from.path(), out("anna")).await.is_err(), "it exists");
        task.abort();
        let arrive = || Request::Transfer(TransferRequest::In { user: "ben".to_owned(), file: file.clone() });
        let report = run(to.path(), arrive()).await.unwrap();
        assert_eq!(report["username"], "anna");
        fs_err::write(&file, b"no archive at all, but long enough").unwrap();
        assert!(run(to.path(), arrive()).await.unwrap_err().contains("no zip archive"));
    }

    #[tokio::test]
    async fn commands_that_need_data_do_not_make_any() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(dir.path(), Request::Verify).await.unwrap_err();
        assert!(error.contains("holds no EggMoney data"), "{error}");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
    }
}
