//! A real server over a temporary data folder, with clocks that tests step.

pub mod chat;
pub mod keys;
pub mod old;
pub mod provider;

use std::sync::Arc;
use std::time::Duration;

use eggmoney::app::config::Listen;
use eggmoney::app::{App, Config};
use eggmoney::domain::clock::SteppedClock;
use eggmoney::http::server;
use eggmoney::storage::{Store, StoreError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A password that the rules accept.
pub const PASSWORD: &str = "correct horse battery";

/// Present time of both clocks when a test begins (a trading Friday, 10:00 in Seoul).
pub const START: &str = "2026-11-20T01:00:00Z";

/// A running server. It stops when dropped.
pub struct TestServer {
    pub app: Arc<App>,
    dir: Option<TempDir>,
    pub wall: Arc<SteppedClock>,
    pub market: Arc<SteppedClock>,
    pub base: String,
    pub client: reqwest::Client,
    stop: actix_web::dev::ServerHandle,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Dropping the future still sends the command; tests need not wait for the workers.
        drop(self.stop.stop(false));
    }
}

/// A status with its JSON body (`null` when there is none).
pub type Answer = (u16, Value);

impl TestServer {
    /// Starts an empty installation.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(Arc::new(SteppedClock::new(START.parse().unwrap())), change).await
    }

    /// Starts on a given wall clock.
    pub async fn start_by(wall: Arc<SteppedClock>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path());
        Self::open(dir, config, wall, Arc::new(SteppedClock::new(START.parse().unwrap()))).await
    }

    /// Starts on a given market clock.
    pub async fn start_at(market: Arc<SteppedClock>, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path());
        // The clocks stand still between two steps, so nobody's rate recovers.
        config.calls_per_second = 1_000_000;
        change(&mut config);
        let wall = Arc::new(SteppedClock::new(START.parse().unwrap()));
        Self::open(dir, config, wall, market).await
    }

    /// Over a folder that was made before.
    pub async fn over(dir: TempDir, config: Config, wall: Arc<SteppedClock>, market: Arc<SteppedClock>) -> Self {
        Self::open(dir, config, wall, market).await
    }

    async fn open(dir: TempDir, config: Config, wall: Arc<SteppedClock>, market: Arc<SteppedClock>) -> Self {
        let app = App::open(config, wall.clone(), market.clone()).await.unwrap();
        let bound = server::bind(&app, server::open_port(Listen::At("127.0.0.1:0".parse().unwrap())).unwrap()).unwrap();
        let base = format!("{}://{}", bound.scheme, bound.address);
        let stop = bound.handle();
        tokio::spawn(bound.run());
        Self { app, dir: Some(dir), wall, market, base, client: client(), stop }
    }

    /// Another process over the same data folder, on the same clocks.
    pub async fn restart(self) -> Self {
        let (config, wall, market) = (self.app.config.clone(), self.wall.clone(), self.market.clone());
        Self::open(self.close().await, config, wall, market).await
    }

    /// Ends the server and leaves its data folder.
    pub async fn close(mut self) -> TempDir {
        let dir = self.dir.take().unwrap();
        self.stop.stop(false).await;
        drop(self);
        // The workers let go of the data when they have ended.
        while let Err(StoreError::Locked(_)) = Store::open(dir.path()) {
            tokio::task::yield_now().await;
        }
        dir
    }

    /// The data folder.
    pub fn folder(&self) -> &std::path::Path {
        self.dir.as_ref().unwrap().path()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn setup_code(&self) -> String {
        fs_err::read_to_string(self.folder().join("setup-code")).unwrap().trim().to_owned()
    }

    /// Makes the first administrator and signs in.
    pub async fn admin(&self) -> Caller<'_> {
        let body = json!({"username": "root-admin", "password": PASSWORD, "setup_code": self.setup_code()});
        let (status, answer) = self.anybody().post("/api/v1/auth/register", &body).await;
        assert_eq!(status, 201, "{answer}");
        self.login("root-admin").await
    }

    /// An administrator of an installation that has users already, signed in.
    pub async fn admin_made(&self) -> Caller<'_> {
        self.create("root-admin", eggmoney::domain::user::Role::Admin).await;
        self.login("root-admin").await
    }

    /// Makes a user and signs in. The first administrator need not exist.
    pub async fn user(&self, username: &str) -> Caller<'_> {
        self.create(username, eggmoney::domain::user::Role::User).await;
        self.login(username).await
    }

    /// Makes a user as the command line does, who has accepted what there is to accept.
    pub async fn create(&self, username: &str, role: eggmoney::domain::user::Role) {
        let new = eggmoney::auth::NewUser { username: username.to_owned(), password: PASSWORD.to_owned().into(), email: None, role };
        let made = self.app.auth.create_user(new, None).await.unwrap();
        for (disclosure, _) in self.app.auth.disclosures(made.id, role).unwrap() {
            self.app.auth.accept(made.id, role, disclosure, disclosure.present().0).await.unwrap();
        }
    }

    /// Signs in with [`PASSWORD`].
    pub async fn login(&self, username: &str) -> Caller<'_> {
        let (status, answer) = self.anybody().post("/api/v1/auth/login", &json!({"username": username, "password": PASSWORD})).await;
        assert_eq!(status, 200, "{answer}");
        Caller {
            server: self,
            token: answer["access_token"].as_str().map(str::to_owned),
            refresh_token: answer["refresh_token"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// A caller without a token.
    pub fn anybody(&self) -> Caller<'_> {
        Caller { server: self, token: None, refresh_token: String::new() }
    }

    /// Moves both clocks.
    pub fn advance(&self, by: Duration) {
        self.wall.advance(by);
        self.market.advance(by);
    }
}

/// Somebody who calls the server.
pub struct Caller<'s> {
    pub server: &'s TestServer,
    pub token: Option<String>,
    pub refresh_token: String,
}

impl Caller<'_> {
    /// Gives the password once more; counts for five minutes.
    pub async fn prove(&self) {
        let (status, answer) = self.post("/api/v1/auth/step-up", &json!({ "password": PASSWORD })).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The same, for one line.
    pub async fn proved(self) -> Self {
        self.prove().await;
        self
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.server.client.request(method.parse().unwrap(), self.server.url(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("POST", path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("PUT", path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.request("PATCH", path).json(body)).await
    }
}

/// Sends a request and reads the answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    (status, body)
}

/// An HTTP client without cookies, proxies or redirects.
pub fn client() -> reqwest::Client {
    // The second call in the process finds the provider installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
