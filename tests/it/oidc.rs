//! Signing in through an OpenID Connect provider, over a real server and a provider that speaks the real
//! protocol, well-behaved and not.

use std::time::Duration;

use eggmoney::domain::clock::Clock;
use eggmoney::domain::user::{LiveHold, Role};
use eggmoney::storage::tables::LIVE_HOLDS;
use eggmoney::storage::{Key, UserTx};
use serde_json::{Value, json};
use totp_rs::Totp;

use super::support::provider::{CLIENT_ID, CLIENT_SECRET, Change, Mood, Provider, Signature};
use super::support::{Answer, Caller, PASSWORD, TestServer};

const PUBLIC: &str = "https://nas.example/egg";
const PROVIDERS: &str = "/api/v1/admin/sign-in-providers";
const IDENTITIES: &str = "/api/v1/users/identities";
const FINISH: &str = "/api/v1/auth/oidc/finish";

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

async fn prove(caller: &Caller<'_>) {
    let (status, answer) = caller.post("/api/v1/auth/step-up", &json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{answer}");
}

/// A server with one provider and the users anna and ben.
pub struct World {
    pub server: TestServer,
    pub provider: Provider,
    id: String,
}

/// What a browser has when it comes back from the provider.
#[derive(Clone)]
struct Back {
    cookie: String,
    body: Value,
}

impl World {
    pub async fn new() -> Self {
        let server = TestServer::start_with(|c| c.provider_patience = Duration::from_millis(700)).await;
        let provider = Provider::start(server.wall.now().as_second()).await;
        let admin = server.admin().await;
        for name in ["anna", "ben"] {
            server.create(name, Role::User).await;
        }
        let new = json!({"name": "Home", "issuer": provider.issuer(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "lan": true});
        expect(403, "step_up_required", &admin.post(PROVIDERS, &new).await);
        prove(&admin).await;
        let (status, made) = admin.post(PROVIDERS, &new).await;
        assert_eq!(status, 201, "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        expect(409, "public_url_missing", &server.anybody().post("/api/v1/auth/oidc/start", &json!({"provider_id": id})).await);
        let address = json!({"public_url": format!("{PUBLIC}/")});
        assert_eq!(admin.put("/api/v1/admin/public-address", &address).await.0, 200);
        drop(admin);
        Self { server, provider, id }
    }

    /// The administrator, with proof.
    pub async fn admin(&self) -> Caller<'_> {
        let admin = self.server.login("root-admin").await;
        prove(&admin).await;
        admin
    }

    /// Sends a browser away and back again.
    async fn away(&self, caller: &Caller<'_>, path: &str) -> Back {
        let request = caller.request("POST", path).header("host", "evil.example").json(&json!({"provider_id": self.id}));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let url = response.json::<Value>().await.unwrap()["url"].as_str().unwrap().to_owned();
        self.visit(&url, cookie).await
    }

    async fn visit(&self, url: &str, cookie: String) -> Back {
        let client = &self.server.client;
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 302, "{}", response.text().await.unwrap());
        let back = response.headers()["location"].to_str().unwrap();
        let (place, query) = back.split_once('?').unwrap();
        assert_eq!(place, format!("{PUBLIC}/api/v1/auth/oidc/callback"), "the address to return to is the configured one");
        let response = client.get(self.server.url(&format!("/api/v1/auth/oidc/callback?{query}&scope=openid"))).send().await.unwrap();
        assert_eq!(response.status(), 303);
        let page = response.headers()["location"].to_str().unwrap();
        let said = page.strip_prefix(&format!("{PUBLIC}/#/signed-in?")).unwrap();
        let body: serde_json::Map<String, Value> =
            form_urlencoded::parse(said.as_bytes()).map(|(k, v)| (k.into_owned(), json!(v))).collect();
        Back { cookie, body: body.into() }
    }

    async fn bring(&self, caller: &Caller<'_>, path: &str, back: &Back) -> Answer {
        super::support::answer(caller.request("POST", path).header("cookie", &back.cookie).json(&back.body)).await
    }

    /// An hour later: whoever was refused may try again.
    fn later(&self) {
        self.server.wall.advance(Duration::from_secs(3_600));
        self.provider.set().now += 3_600;
    }

    /// A whole sign-in.
    async fn sign_in(&self) -> Answer {
        let nobody = self.server.anybody();
        let back = self.away(&nobody, "/api/v1/auth/oidc/start").await;
        self.bring(&nobody, FINISH, &back).await
    }

    /// Links the provider's present subject to a user.
    async fn link(&self, name: &str) -> Value {
        let caller = self.server.login(name).await;
        prove(&caller).await;
        let back = self.away(&caller, &format!("{IDENTITIES}/start")).await;
        let (status, linked) = self.bring(&caller, IDENTITIES, &back).await;
        assert_eq!(status, 201, "{linked}");
        linked
    }

    fn signed_in(&self, (status, body): &Answer) -> Caller<'_> {
        assert_eq!(*status, 200, "{body}");
        Caller { token: body["access_token"].as_str().map(str::to_owned), ..self.server.anybody() }
    }
}

fn actions(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_user_links_a_sign_in_with_a_proof_and_comes_in_by_it() {
    let w = World::new().await;
    let anna = w.server.login("anna").await;
    // The provider says Anna's address; that alone means nothing.
    let patch = json!({"email": "anna@example.org"});
    assert_eq!(anna.patch("/api/v1/users/profile", &patch).await.0, 200);
    expect(403, "identity_not_linked", &w.sign_in().await);

    let start = format!("{IDENTITIES}/start");
    expect(403, "step_up_required", &anna.post(&start, &json!({"provider_id": w.id})).await);
    let linked = w.link("anna").await;
    assert_eq!(
        (&linked["provider"], &linked["label"], &linked["subject"]),
        (&json!("Home"), &json!("anna@example.org"), &json!("subject-1"))
    );
    let alert = &anna.get("/api/v1/alerts").await.1["items"][0];
    assert_eq!((&alert["code"], &alert["level"]), (&json!("IDENTITY_LINKED"), &json!("warning")));

    let inside = w.signed_in(&w.sign_in().await);
    assert_eq!(inside.get("/api/v1/users/profile").await.1["username"], "anna");
    assert!(inside.get("/api/v1/users/sessions").await.1["items"].as_array().unwrap().iter().any(|s| s["current"] == true));
    expect(403, "step_up_required", &inside.post(&start, &json!({"provider_id": w.id})).await);
    let audit = inside.get("/api/v1/users/audit").await.1;
    let seen = actions(&audit);
    assert_eq!(&seen[..2], ["session.opened", "identity.used"], "{seen:?}");
    assert!(seen.contains(&"identity.linked"), "{seen:?}");

    // Ben cannot take it, and linking it again changes nothing.
    let ben = w.server.login("ben").await;
    prove(&ben).await;
    let back = w.away(&ben, &start).await;
    expect(409, "identity_taken", &w.bring(&ben, IDENTITIES, &back).await);
    assert_eq!(w.link("anna").await["id"], linked["id"]);

    // Taken away, it lets nobody in, and other sessions end.
    let path = format!("{IDENTITIES}/{}", linked["id"].as_str().unwrap());
    prove(&ben).await;
    expect(404, "not_found", &ben.delete(&path).await);
    expect(403, "step_up_required", &inside.delete(&path).await);
    let anna = w.server.login("anna").await;
    prove(&anna).await;
    assert_eq!(anna.delete(&path).await.0, 204);
    expect(401, "session_ended", &inside.get("/api/v1/users/profile").await);
    expect(403, "identity_not_linked", &w.sign_in().await);
    assert_eq!(anna.get(IDENTITIES).await.1["items"], json!([]));

    let bytes = fs_err::read(w.server.folder().join("eggmoney.redb")).unwrap();
    assert!(!bytes.windows(CLIENT_SECRET.len()).any(|w| w == CLIENT_SECRET.as_bytes()), "the database shows the client secret");
    let shown = w.admin().await.get(PROVIDERS).await.1.to_string();
    assert!(shown.contains("has_secret") && !shown.contains(CLIENT_SECRET));
    assert_eq!(w.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn a_sign_in_counts_once_in_the_browser_and_for_the_purpose_it_was_begun_with() {
    let w = World::new().await;
    w.link("anna").await;
    let nobody = w.server.anybody();
    let begin = async || w.away(&nobody, "/api/v1/auth/oidc/start").await;

    let back = begin().await;
    assert_eq!(w.bring(&nobody, FINISH, &back).await.0, 200);
    expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &back).await);

    let (mine, other) = (begin().await, begin().await);
    let stolen = Back { cookie: other.cookie.clone(), body: mine.body.clone() };
    let exchanges = w.provider.set().exchanges;
    expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &stolen).await);
    expect(422, "sign_in_unknown", &nobody.post(FINISH, &mine.body).await);
    let mut wrong = mine.clone();
    wrong.body["state"] = json!("x");
    expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &wrong).await);
    assert_eq!(w.provider.set().exchanges, exchanges, "nothing was asked of the provider");
    assert_eq!(w.bring(&nobody, FINISH, &mine).await.0, 200);

    // For ten minutes.
    let late = begin().await;
    w.server.wall.advance(Duration::from_secs(600));
    w.provider.set().now += 600;
    expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &late).await);

    // A sign-in is no linking, nor the other way about, nor another session's.
    let anna = w.server.login("anna").await;
    expect(422, "sign_in_unknown", &w.bring(&anna, IDENTITIES, &begin().await).await);
    prove(&anna).await;
    let start = format!("{IDENTITIES}/start");
    let back = w.away(&anna, &start).await;
    expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &back).await);
    for other in [w.server.login("anna").await, w.server.login("ben").await] {
        let back = w.away(&anna, &start).await;
        expect(422, "sign_in_unknown", &w.bring(&other, IDENTITIES, &back).await);
    }

    // A code counts once at the provider; a second state does not help.
    let (first, mut second) = (begin().await, begin().await);
    assert_eq!(w.bring(&nobody, FINISH, &first).await.0, 200);
    second.body["code"] = first.body["code"].clone();
    expect(401, "provider_refused", &w.bring(&nobody, FINISH, &second).await);
}

#[tokio::test]
async fn a_provider_that_misbehaves_lets_nobody_in() {
    let w = World::new().await;
    w.link("anna").await;
    let refusals: &[(&str, Change)] = &[
        ("another nonce", |c| c["nonce"] = json!("x")),
        ("no nonce", |c| drop(c.as_object_mut().unwrap().remove("nonce"))),
        ("another audience", |c| c["aud"] = json!("somebody-else")),
        ("several audiences", |c| c["aud"] = json!([CLIENT_ID, "somebody-else"])),
        ("another party", |c| c["azp"] = json!("somebody-else")),
        ("another issuer", |c| c["iss"] = json!("https://accounts.google.com")),
        ("expired", |c| c["exp"] = json!(c["iat"].as_i64().unwrap() - 100)),
        ("old", |c| c["iat"] = json!(c["iat"].as_i64().unwrap() - 3_600)),
        ("nobody", |c| c["sub"] = json!("")),
    ];
    for (what, change) in refusals {
        w.provider.set().claims = *change;
        let answer = w.sign_in().await;
        assert_eq!((answer.0, &answer.1["code"]), (401, &json!("provider_refused")), "{what}: {}", answer.1);
        w.later();
    }
    w.provider.set().claims = |_| {};
    for signature in [Signature::Foreign, Signature::None, Signature::PublicKeyAsSecret] {
        w.provider.set().signature = signature;
        expect(401, "provider_refused", &w.sign_in().await);
        w.later();
    }
    w.provider.set().signature = Signature::Right;

    for mood in [Mood::Fails, Mood::Html, Mood::Silent, Mood::Redirects, Mood::TooMuch] {
        w.provider.set().token = mood;
        let answer = w.sign_in().await;
        expect(503, "provider_unreachable", &answer);
        assert!(!answer.1.to_string().contains("169.254"), "{}", answer.1);
        w.later();
    }
    w.provider.set().token = Mood::Fine;

    // A mix-up: the answer names another issuer, or none although the provider promised to.
    let nobody = w.server.anybody();
    for issuer in [json!("https://accounts.google.com"), Value::Null] {
        let mut back = w.away(&nobody, "/api/v1/auth/oidc/start").await;
        back.body["iss"] = issuer;
        expect(401, "provider_refused", &w.bring(&nobody, FINISH, &back).await);
    }

    // New keys are taken up at once, and all is well again.
    w.provider.rotate();
    assert_eq!(w.sign_in().await.0, 200);
}

#[tokio::test]
async fn the_own_second_factor_is_asked_unless_the_provider_is_trusted_for_it() {
    let w = World::new().await;
    w.link("anna").await;
    let anna = w.server.login("anna").await;
    prove(&anna).await;
    let made = anna.post("/api/v1/users/second-factor", &Value::Null).await.1;
    let app = Totp::from_url(made["url"].as_str().unwrap()).unwrap();
    let code = || app.generate(u64::try_from(w.server.wall.now().as_second()).unwrap()).to_string();
    assert_eq!(anna.post("/api/v1/users/second-factor/confirm", &json!({"code": code()})).await.0, 200);
    let used = code();
    w.server.wall.advance(Duration::from_secs(30));

    let nobody = w.server.anybody();
    let back = w.away(&nobody, "/api/v1/auth/oidc/start").await;
    let asked = w.bring(&nobody, FINISH, &back).await;
    expect(401, "second_factor_required", &asked);
    assert_eq!(asked.1["access_token"], Value::Null);
    let word = asked.1["continuation"].clone();
    let give = async |cookie: &str, code: &str| {
        let body = json!({"continuation": word, "code": code});
        super::support::answer(nobody.request("POST", "/api/v1/auth/oidc/code").header("cookie", cookie).json(&body)).await
    };
    expect(401, "wrong_code", &give(&back.cookie, &used).await);
    expect(422, "sign_in_unknown", &give("eggmoney-away=other", &code()).await);
    let inside = give(&back.cookie, &code()).await;
    assert_eq!(w.signed_in(&inside).get("/api/v1/users/profile").await.1["username"], "anna");
    w.server.wall.advance(Duration::from_secs(30));
    expect(422, "sign_in_unknown", &give(&back.cookie, &code()).await);

    let path = format!("{PROVIDERS}/{}", w.id);
    assert_eq!(w.admin().await.patch(&path, &json!({"trusted_second_factor": true})).await.0, 200);
    w.provider.set().now += 60;
    assert_eq!(w.sign_in().await.0, 200);
}

#[tokio::test]
async fn deactivation_resets_and_the_administrators_switch_hold_here_too() {
    let w = World::new().await;
    w.link("anna").await;
    let admin = w.admin().await;
    let anna = w.server.app.auth.find_user("anna").unwrap().unwrap().id;

    // A hold of live trading is not lifted by coming in.
    let since = w.server.wall.now();
    let held = move |tx: &mut UserTx<'_>| tx.put(&LIVE_HOLDS, &Key::new(), &LiveHold { since });
    w.server.app.store.user(anna).write(held).await.unwrap();
    let inside = w.signed_in(&w.sign_in().await);
    assert!(inside.get("/api/v1/users/second-factor").await.1["live_held_since"].is_string());

    // Blocked between leaving and coming back.
    let nobody = w.server.anybody();
    let back = w.away(&nobody, "/api/v1/auth/oidc/start").await;
    let person = format!("/api/v1/admin/users/{anna}");
    assert_eq!(admin.patch(&person, &json!({"active": false})).await.0, 200);
    expect(403, "identity_not_linked", &w.bring(&nobody, FINISH, &back).await);
    expect(401, "unauthorized", &inside.get("/api/v1/users/profile").await);
    assert_eq!(admin.patch(&person, &json!({"active": true})).await.0, 200);
    assert_eq!(w.sign_in().await.0, 200);

    // Switched off, or another client meanwhile.
    let path = format!("{PROVIDERS}/{}", w.id);
    for (change, undo) in
        [(json!({"enabled": false}), json!({"enabled": true})), (json!({"client_id": "x"}), json!({"client_id": CLIENT_ID}))]
    {
        let back = w.away(&nobody, "/api/v1/auth/oidc/start").await;
        assert_eq!(admin.patch(&path, &change).await.0, 200);
        expect(422, "sign_in_unknown", &w.bring(&nobody, FINISH, &back).await);
        let offered = nobody.get("/api/v1/auth/oidc/providers").await.1["items"].as_array().unwrap().len();
        assert_eq!(offered, usize::from(change.get("enabled").is_none()));
        assert_eq!(admin.patch(&path, &undo).await.0, 200);
    }
    assert_eq!(w.sign_in().await.0, 200);

    // A password that somebody else may have set takes the linked sign-ins away.
    let link = admin.post(&format!("{person}/reset"), &json!({})).await.1;
    let body = json!({"word": link["word"], "password": "a wholly other phrase"});
    assert_eq!(nobody.post("/api/v1/auth/reset", &body).await.0, 200);
    expect(403, "identity_not_linked", &w.sign_in().await);

    let audit = admin.get("/api/v1/admin/audit").await.1;
    let seen = actions(&audit);
    for action in ["provider.added", "provider.changed", "settings.public_url_changed"] {
        assert!(seen.contains(&action), "{action} in {seen:?}");
    }
    assert_eq!(admin.delete(&path).await.0, 204);
    expect(404, "not_found", &nobody.post("/api/v1/auth/oidc/start", &json!({"provider_id": w.id})).await);
    assert_eq!(nobody.get("/api/v1/auth/oidc/providers").await.1["items"], json!([]));
}
