//! The program itself: start, stop, commands beside a running server, and complaints about bad input.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::support::{PASSWORD, answer, client};

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eggmoney"));
    command.args(arguments).env_remove("EGGMONEY_DATA_DIR").env_remove("EGGMONEY_LISTEN").env_remove("EGGMONEY_CONFIG");
    command
}

pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = program(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that complains about its arguments does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub fn create(dir: &str, username: &str, role: &str) -> Output {
    run(
        &["user", "create", "--data-dir", dir, "--username", username, "--role", role, "--password-stdin", "--json"],
        &format!("{PASSWORD}\n"),
    )
}

/// Success with its JSON.
pub fn json_of(output: Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Failure with its one line.
pub fn complaint(output: Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// A server process; killed when a test fails.
pub struct Serve {
    pub child: Child,
    pub base: String,
}

impl Serve {
    pub fn start(dir: &str) -> Self {
        Self::start_by(dir, &[])
    }

    /// Starts with the program and its arguments appended to another command.
    pub fn start_by(dir: &str, wrapper: &[&str]) -> Self {
        let serve = [env!("CARGO_BIN_EXE_eggmoney"), "serve", "--data-dir", dir, "--listen", "127.0.0.1:0"];
        let command: Vec<&str> = wrapper.iter().copied().chain(serve).collect();
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .env_remove("EGGMONEY_CONFIG")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("first line: {line}")).to_owned();
        assert!(base.starts_with("http://127.0.0.1:"), "{base}");
        Self { child, base }
    }

    pub fn terminate(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "SIGTERM is a clean end");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_server_starts_takes_commands_and_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let dir = dir.to_str().unwrap();
    assert_eq!(json_of(create(dir, "anna", "admin"))["role"], "admin");
    assert!(!Path::new(dir).join("setup-code").exists());
    assert_eq!(fs_err::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);

    let server = Serve::start(dir);
    assert_eq!(json_of(create(dir, "ben", "user"))["username"], "ben");
    assert!(complaint(create(dir, "Ben", "user")).contains("taken"));
    assert_eq!(json_of(run(&["health", "--data-dir", dir, "--json"], ""))["users"], 2);
    assert_eq!(json_of(run(&["verify", "--data-dir", dir, "--json"], ""))["differences"], json!([]));
    let login = client().post(format!("{}/api/v1/auth/login", server.base)).json(&json!({"username": "ben", "password": PASSWORD}));
    assert_eq!(answer(login).await.0, 200);
    let second = complaint(run(&["serve", "--data-dir", dir, "--listen", "127.0.0.1:0"], ""));
    assert!(second.contains("another EggMoney process"), "{second}");
    server.terminate();

    assert!(!Path::new(dir).join("control.sock").exists());
    assert!(complaint(run(&["health", "--data-dir", dir], "")).contains("no server runs"));
    let verified = run(&["verify", "--data-dir", dir], "");
    assert!(String::from_utf8(verified.stdout).unwrap().starts_with("all agree"));
    let logs: Vec<_> = fs_err::read_dir(Path::new(dir).join("logs")).unwrap().map(|e| e.unwrap().path()).collect();
    let log = fs_err::read_to_string(&logs[0]).unwrap();
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(log.contains("\"path\":\"/api/v1/auth/login\"") && !log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn people_are_looked_after_from_the_command_line_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let dir = dir.to_str().unwrap();
    let user = |arguments: &[&str]| run(&[&["user"], arguments, &["--data-dir", dir, "--json"]].concat(), "");
    json_of(create(dir, "anna", "admin"));
    json_of(create(dir, "ben", "user"));
    assert_eq!(json_of(user(&["change", "--username", "ben", "--verified", "true"]))["verified"], true);

    let server = Serve::start(dir);
    let login = |name: &'static str, password: &'static str| {
        let request = client().post(format!("{}/api/v1/auth/login", server.base)).json(&json!({"username": name, "password": password}));
        async move { answer(request).await.0 }
    };
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|u| format!("{} {} {}", u["username"], u["role"], u["verified"])).collect::<Vec<_>>()
    };
    assert_eq!(names(&json_of(user(&["list"]))), [r#""anna" "admin" false"#, r#""ben" "user" true"#]);
    assert_eq!(login("ben", PASSWORD).await, 200);
    let left = json_of(user(&["change", "--username", "BEN", "--active", "false", "--role", "viewer"]));
    assert_eq!((&left["active"], &left["role"], &left["stopped"]), (&json!(false), &json!("viewer"), &json!([])));
    assert_ne!(login("ben", PASSWORD).await, 200);
    json_of(user(&["change", "--username", "ben", "--active", "true"]));

    let link = json_of(user(&["reset-link", "--username", "ben"]));
    let word = link["path"].as_str().unwrap().strip_prefix("/#/reset?word=").unwrap().to_owned();
    let reset = client().post(format!("{}/api/v1/auth/reset", server.base)).json(&json!({"word": word, "password": "another-word-of-ben"}));
    assert_eq!(answer(reset).await.0, 200);
    assert_eq!(login("ben", "another-word-of-ben").await, 200);

    let invite = json_of(user(&["invite", "--role", "viewer", "--note", "mother"]));
    let word = invite["path"].as_str().unwrap().strip_prefix("/#/register?invite=").unwrap().to_owned();
    let register = |name: &str, invite: Option<&str>| {
        let body = json!({"username": name, "password": PASSWORD, "invite": invite});
        client().post(format!("{}/api/v1/auth/register", server.base)).json(&body)
    };
    assert_eq!(answer(register("carl", Some(&word))).await.0, 201);
    assert_eq!(answer(register("dora", None)).await.0, 403);
    assert_eq!(json_of(user(&["registration", "open"]))["registration"], "open");
    assert_eq!(answer(register("dora", None)).await.0, 201);

    assert!(complaint(user(&["change", "--username", "anna", "--role", "user"])).contains("administrator"));
    assert!(complaint(user(&["change", "--username", "anna"])).contains("nothing to change"));
    assert!(complaint(user(&["reset-link", "--username", "nobody"])).contains("no user 'nobody'"));
    assert!(complaint(user(&["registration", "ajar"])).contains("neither open nor closed"));
    server.terminate();
    let shown = run(&["user", "list", "--data-dir", dir], "");
    assert!(String::from_utf8(shown.stdout).unwrap().contains("carl, viewer, active, 0 accounts"));
}

#[test]
fn mistakes_are_told_in_one_line_that_names_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let dir = dir.to_str().unwrap();
    let serve = |arguments: &[&str]| complaint(run(&[&["serve"], arguments].concat(), ""));

    assert!(serve(&[]).contains("--data-dir"));
    assert!(serve(&["--data-dir", dir, "--listen", "8740"]).contains("the flag --listen"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = serve(&["--data-dir", dir, "--listen", &address]);
    assert!(text.contains("is in use") && text.contains("--listen"), "{text}");

    let file = folder.path().join("file");
    fs_err::write(&file, "").unwrap();
    assert!(serve(&["--listen", "127.0.0.1:0", "--data-dir", file.join("data").to_str().unwrap()]).contains("cannot use the data folder"));

    let config = folder.path().join("config.toml");
    fs_err::write(&config, "lissten = \"[::]:1\"\n").unwrap();
    let text = serve(&["--data-dir", dir, "--config", config.to_str().unwrap()]);
    assert!(text.contains("config.toml") && text.contains("lissten"), "{text}");

    let unknown = complaint(run(&["user", "create", "--data-dir", dir, "--username", "anna", "--role", "boss", "--password-stdin"], ""));
    assert!(unknown.contains("boss") && unknown.contains("admin, user or viewer"), "{unknown}");
    let missing = complaint(run(&["user", "create", "--data-dir", dir, "--username", "anna"], ""));
    assert!(missing.contains("--role") && missing.contains("--password-stdin"), "{missing}");
    assert!(complaint(run(&["verify", "--data-dir", "/nowhere/at/all"], "")).contains("holds no EggMoney data"));
    let weak = run(&["user", "create", "--data-dir", dir, "--username", "anna", "--role", "user", "--password-stdin"], "short\n");
    assert!(complaint(weak).contains("at least 10 characters"));
    let none = run(&["user", "create", "--data-dir", dir, "--username", "anna", "--role", "user", "--password-stdin"], "");
    assert!(complaint(none).contains("no password"));
}

#[test]
fn a_lost_or_foreign_master_key_stops_everything_and_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    json_of(create(dir, "anna", "admin"));
    let key = folder.path().join("master.key");
    let bytes = fs_err::read(&key).unwrap();

    fs_err::remove_file(&key).unwrap();
    for _ in 0..2 {
        let text = complaint(run(&["verify", "--data-dir", dir], ""));
        assert!(text.contains("master.key is missing") && text.contains("backup"), "{text}");
        assert!(!key.exists());
    }
    fs_err::write(&key, [7; 32]).unwrap();
    fs_err::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(complaint(run(&["verify", "--data-dir", dir], "")).contains("does not belong to this database"));
    fs_err::write(&key, &bytes).unwrap();
    fs_err::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(complaint(run(&["verify", "--data-dir", dir], "")).contains("chmod 600"));
    fs_err::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(run(&["verify", "--data-dir", dir], "").status.success());
}

#[test]
fn the_api_description_is_printed() {
    let api = json_of(run(&["openapi"], ""));
    assert!(api["paths"]["/api/v1/auth/login"]["post"].is_object());
    for arguments in [&["--help"][..], &["serve", "--help"], &["user", "create", "--help"], &["verify", "--help"], &["--version"]] {
        assert!(run(arguments, "").status.success(), "{arguments:?}");
    }
}

#[test]
fn the_doctor_finds_what_is_wrong_with_and_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let doctor = |arguments: &[&str]| {
        // Nobody outside is asked in a test.
        let all = [&["doctor", "--data-dir", path, "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = program(&all);
        command.env("EGGMONEY_KIS_LIVE", "http://127.0.0.1:9").env("EGGMONEY_KIS_MOCK", "http://127.0.0.1:9");
        command.output().unwrap()
    };
    let of = |report: &Value, check: &str| report["findings"].as_array().unwrap().iter().find(|f| f["check"] == check).cloned().unwrap();
    let empty = json_of(doctor(&["--json"]));
    assert_eq!((&empty["healthy"], &of(&empty, "database")["health"]), (&json!(true), &json!("advice")));
    assert_eq!(fs_err::read_dir(path).unwrap().count(), 0, "it leaves nothing behind");

    json_of(create(path, "anna", "user"));
    let alone = json_of(doctor(&["--json"]));
    assert_eq!((&alone["server_runs"], &of(&alone, "database")["health"]), (&json!(false), &json!("good")), "{alone}");
    assert!(of(&alone, "disk")["found"].as_str().unwrap().contains("p50, p99 of 50"));

    let server = Serve::start(path);
    let beside = json_of(doctor(&["--json"]));
    assert_eq!(
        (&beside["server_runs"], &of(&beside, "server")["health"], &of(&beside, "keys")["health"]),
        (&json!(true), &json!("good"), &json!("good")),
        "{beside}"
    );
    drop(server);

    // A key that belongs to other data, and a file that everybody reads.
    fs_err::write(dir.path().join("master.key"), "00".repeat(32)).unwrap();
    fs_err::set_permissions(dir.path().join("eggmoney.redb"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = doctor(&[]);
    assert!(!output.status.success());
    let (told, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(complaint.contains("to be mended: privacy") && complaint.contains("database"), "{complaint}");
    assert!(told.contains("chmod -R go=") && told.contains("BAD"), "{told}");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let output = program(&["doctor", "--data-dir", path, "--listen", &address])
        .env("EGGMONEY_KIS_LIVE", "http://127.0.0.1:9")
        .env("EGGMONEY_KIS_MOCK", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("port"), "{output:?}");
}
