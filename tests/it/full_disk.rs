//! A disk that fills up under a running server: writes are refused with the reason, nothing is half
//! done, and when there is space again the same process goes on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cli::{Serve, complaint, create, json_of, run};
use crate::support::old::fixtures;
use crate::support::{PASSWORD, answer, client};

/// A small file system where this may be mounted, otherwise a limit for the size of files.
struct Tight {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Tight {
    fn limited() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), mounted: false }
    }

    fn mounted() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(folder.path()).output();
        Self { folder, mounted: mount.is_ok_and(|o| o.status.success()) }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    fn fill(&self, process: u32) {
        if self.mounted {
            let mut file = std::fs::File::create(self.ballast()).unwrap();
            let block = [7; 4096];
            while file.write_all(&block).is_ok() {}
        } else {
            // Enough for the copy that an import makes of the old database, and not for what it makes of it.
            let length = fs_err::metadata(self.data().join("eggmoney.redb")).unwrap().len().max(384 << 10);
            self.limit(process, &length.to_string());
        }
    }

    fn free(&self, process: u32) {
        if self.mounted { fs_err::remove_file(self.ballast()).unwrap() } else { self.limit(process, "unlimited") }
    }

    fn limit(&self, process: u32, bytes: &str) {
        let limited = Command::new("prlimit").args(["--pid", &process.to_string(), &format!("--fsize={bytes}:unlimited")]).status();
        assert!(limited.unwrap().success());
    }
}

impl Drop for Tight {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
        }
    }
}

struct Client<'s> {
    server: &'s Serve,
    token: String,
}

impl Client<'_> {
    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        client().request(method.parse().unwrap(), format!("{}/api/v1/{path}", self.server.base)).bearer_auth(&self.token)
    }

    async fn make(&self, name: &str) -> (u16, Value) {
        answer(self.request("POST", "trading/accounts").json(&json!({"name": name, "environment": "mock"}))).await
    }

    async fn names(&self) -> Vec<String> {
        let (status, list) = answer(self.request("GET", "trading/accounts")).await;
        assert_eq!(status, 200, "{list}");
        // Everybody's paper account is made by the server itself, when it can.
        let by_hand = list["items"].as_array().unwrap().iter().filter(|a| a["environment"] != "own");
        by_hand.map(|a| a["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn import(dir: &str) -> Vec<String> {
    let db = fixtures().join("egg_chan.db");
    ["import", "eggmoney", "--data-dir", dir, "--user", "anna", "--db", db.to_str().unwrap(), "--skip-refused"].map(str::to_owned).to_vec()
}

fn arguments(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_full_volume_refuses_and_forgets_nothing() {
    refuses_and_forgets_nothing(Tight::mounted()).await;
}

#[tokio::test]
async fn a_database_that_cannot_grow_refuses_and_forgets_nothing() {
    refuses_and_forgets_nothing(Tight::limited()).await;
}

async fn refuses_and_forgets_nothing(tight: Tight) {
    let data = tight.data();
    let dir = data.to_str().unwrap();
    json_of(create(dir, "anna", "admin"));
    // The limit of file sizes comes as a signal, which a shell can make a program ignore.
    let server = Serve::start_by(dir, &["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let process = server.child.id();
    let login = client().post(format!("{}/api/v1/auth/login", server.base)).json(&json!({"username": "anna", "password": PASSWORD}));
    let token = answer(login).await.1["access_token"].as_str().unwrap().to_owned();
    let caller = Client { server: &server, token };
    let mut made = vec!["first".to_owned()];
    assert_eq!(caller.make("first").await.0, 201);

    tight.fill(process);
    let full = |(status, problem): (u16, Value)| {
        assert_eq!((status, &problem["code"]), (503, &json!("disk_full")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("disk"), "{problem}");
    };
    // Not only the first of them, and on every way in.
    for _ in 0..2 {
        let text = complaint(run(&arguments(&import(dir)), ""));
        assert!(text.contains("disk is full"), "{text}");
    }
    if tight.mounted {
        full(caller.make("refused").await);
        let db = fs_err::read(fixtures().join("egg_chan.db")).unwrap();
        let form = reqwest::multipart::Form::new().part("db", reqwest::multipart::Part::bytes(db).file_name("egg_chan.db"));
        full(answer(caller.request("POST", "imports/eggmoney").multipart(form)).await);
        assert!(is_empty(&data.join("staging")), "half an upload stays");
    } else {
        // Whatever still fits into the file goes on working, although a bigger write has failed.
        assert_eq!(caller.make("second").await.0, 201);
        made.push("second".to_owned());
    }
    assert_eq!(caller.names().await, made, "what was acknowledged is there, what was refused is not");
    assert_eq!(json_of(run(&["verify", "--data-dir", dir, "--json"], ""))["differences"], json!([]));

    tight.free(process);
    assert_eq!(caller.make("last").await.0, 201, "the same process goes on");
    made.push("last".to_owned());
    let imported = json_of(run(&[&arguments(&import(dir))[..], &["--json"]].concat(), ""));
    made.push(imported["account_name"].as_str().unwrap().to_owned());
    assert_eq!(caller.names().await, made);
    server.terminate();

    assert_eq!(json_of(run(&["verify", "--data-dir", dir, "--json"], ""))["differences"], json!([]));
    let server = Serve::start(dir);
    let login = client().post(format!("{}/api/v1/auth/login", server.base)).json(&json!({"username": "anna", "password": PASSWORD}));
    let token = answer(login).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(Client { server: &server, token }.names().await, made, "and so it stays after a restart");
}

fn is_empty(folder: &Path) -> bool {
    fs_err::read_dir(folder).map(|mut entries| entries.next().is_none()).unwrap_or(true)
}
