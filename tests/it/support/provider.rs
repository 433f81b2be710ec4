//! An OpenID Connect provider that speaks the real protocol, and misbehaves when told to: discovery, the
//! authorization endpoint (it lets its one person in without asking), the token endpoint with PKCE, and keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub const CLIENT_ID: &str = "eggmoney-at-home";
pub const CLIENT_SECRET: &str = "canary-client-secret-4711";

/// How ID tokens are signed.
#[derive(Clone, Copy, PartialEq)]
pub enum Signature {
    Right,
    /// By a key that nobody publishes, under the published key's name.
    Foreign,
    /// `alg: none` and no signature.
    None,
    /// HS256 over the public key, the classic confusion.
    PublicKeyAsSecret,
}

/// How an endpoint answers.
#[derive(Clone, Copy, PartialEq)]
pub enum Mood {
    Fine,
    Fails,
    Html,
    /// Never answers.
    Silent,
    Redirects,
    TooMuch,
}

/// What is done to a document before it goes out.
pub type Change = fn(&mut Value);

pub struct State {
    pub base: String,
    key: EcdsaKeyPair,
    kid: String,
    codes: HashMap<String, HashMap<String, String>>,
    /// The person who is signed in here.
    pub subject: String,
    pub now: i64,
    pub signature: Signature,
    /// Changes the claims before they are signed.
    pub claims: Change,
    /// Changes the discovery document.
    pub metadata: Change,
    pub token: Mood,
    pub discovery: Mood,
    /// Requests at the token endpoint.
    pub exchanges: usize,
}

#[derive(Clone)]
pub struct Provider {
    state: Arc<Mutex<State>>,
}

fn fresh_key() -> EcdsaKeyPair {
    let rng = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap()
}

fn part(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

impl Provider {
    pub async fn start(now: i64) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            base,
            key: fresh_key(),
            kid: "first".to_owned(),
            codes: HashMap::new(),
            subject: "subject-1".to_owned(),
            now,
            signature: Signature::Right,
            claims: |_| {},
            metadata: |_| {},
            token: Mood::Fine,
            discovery: Mood::Fine,
            exchanges: 0,
        }));
        let provider = Self { state };
        let shared = provider.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(shared.clone()))
                .route("/.well-known/openid-configuration", web::get().to(discovery))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
                .route("/jwks", web::get().to(jwks))
        });
        tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        provider
    }

    pub fn set(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn issuer(&self) -> String {
        self.set().base.clone()
    }

    /// New keys under a new name; the old ones are no longer published.
    pub fn rotate(&self) {
        let mut state = self.set();
        state.key = fresh_key();
        state.kid = Uuid::new_v4().to_string();
    }
}

async fn in_mood(mood: Mood, fine: impl FnOnce() -> Value) -> HttpResponse {
    match mood {
        Mood::Fine => HttpResponse::Ok().json(fine()),
        Mood::Fails => HttpResponse::InternalServerError().json(json!({"error": "server_error"})),
        Mood::Html => HttpResponse::Ok().content_type("text/html").body("<!doctype html><title>Maintenance</title>"),
        Mood::Silent => std::future::pending().await,
        Mood::Redirects => HttpResponse::Found().insert_header(("location", "http://169.254.169.254/latest/meta-data")).finish(),
        Mood::TooMuch => HttpResponse::Ok().body(" ".repeat(9 << 20)),
    }
}

async fn discovery(provider: web::Data<Provider>) -> HttpResponse {
    let (mood, said) = {
        let state = provider.set();
        let base = &state.base;
        let mut said = json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/authorize?tenant=home"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        });
        (state.metadata)(&mut said);
        (state.discovery, said)
    };
    in_mood(mood, || said).await
}

async fn jwks(provider: web::Data<Provider>) -> HttpResponse {
    let state = provider.set();
    let point = state.key.public_key().as_ref();
    let (x, y) = (BASE64URL_NOPAD.encode(&point[1..33]), BASE64URL_NOPAD.encode(&point[33..]));
    HttpResponse::Ok()
        .json(json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": state.kid, "x": x, "y": y}]}))
}

async fn authorize(provider: web::Data<Provider>, query: web::Query<HashMap<String, String>>) -> HttpResponse {
    let mut asked = query.into_inner();
    let right = asked.get("response_type").is_some_and(|t| t == "code")
        && asked.get("client_id").is_some_and(|id| id == CLIENT_ID)
        && asked.get("scope").is_some_and(|s| s.split(' ').any(|s| s == "openid"))
        && asked.get("code_challenge_method").is_some_and(|m| m == "S256")
        && asked.get("tenant").is_some_and(|t| t == "home");
    if !right {
        return HttpResponse::BadRequest().json(json!({"error": "invalid_request", "asked": asked}));
    }
    let mut state = provider.set();
    let code = Uuid::new_v4().to_string();
    asked.insert("subject".to_owned(), state.subject.clone());
    let back = format!("{}?code={code}&state={}&iss={}", asked["redirect_uri"], asked["state"], state.base);
    state.codes.insert(code, asked);
    HttpResponse::Found().insert_header(("location", back)).finish()
}

async fn token(provider: web::Data<Provider>, req: HttpRequest, form: web::Form<HashMap<String, String>>) -> HttpResponse {
    let (mood, answer) = {
        let mut state = provider.set();
        state.exchanges += 1;
        (state.token, state.exchange(&req, &form))
    };
    match answer {
        Ok(tokens) => in_mood(mood, || tokens).await,
        Err(why) => HttpResponse::BadRequest().json(json!({"error": why})),
    }
}

impl State {
    fn exchange(&mut self, req: &HttpRequest, form: &HashMap<String, String>) -> Result<Value, &'static str> {
        let expected = format!("Basic {}", BASE64.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}").as_bytes()));
        if req.headers().get("authorization").is_none_or(|v| v.as_bytes() != expected.as_bytes()) {
            return Err("invalid_client");
        }
        let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        // A code counts once.
        let asked = self.codes.remove(given("code")).ok_or("invalid_grant")?;
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(given("code_verifier")));
        if given("grant_type") != "authorization_code"
            || given("redirect_uri") != asked["redirect_uri"]
            || challenge != asked["code_challenge"]
        {
            return Err("invalid_grant");
        }
        let mut claims = json!({
            "iss": self.base, "sub": asked["subject"], "aud": CLIENT_ID, "iat": self.now, "exp": self.now + 300, "nonce": asked["nonce"],
            "email": "anna@example.org", "email_verified": true,
        });
        (self.claims)(&mut claims);
        Ok(json!({"access_token": "unused", "token_type": "Bearer", "id_token": self.sign(&claims)}))
    }

    fn sign(&self, claims: &Value) -> String {
        let algorithm = match self.signature {
            Signature::Right | Signature::Foreign => "ES256",
            Signature::None => "none",
            Signature::PublicKeyAsSecret => "HS256",
        };
        let message = format!("{}.{}", part(&json!({"alg": algorithm, "kid": self.kid, "typ": "JWT"})), part(claims));
        let by = |key: &EcdsaKeyPair| key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec();
        let tag = match self.signature {
            Signature::Right => by(&self.key),
            Signature::Foreign => by(&fresh_key()),
            Signature::None => Vec::new(),
            Signature::PublicKeyAsSecret => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, self.key.public_key().as_ref());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&tag))
    }
}
