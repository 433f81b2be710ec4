//! What a sign-in provider says: its description, its keys, its answer to the code, the ID token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use eggmoney::auth::oidc::{Arrival, ClientProof, NewProvider, Providers, Web, WebAnswer};
use eggmoney::auth::{AuthError, Client};
use eggmoney::domain::clock::Clock;
use eggmoney::domain::reach::Reach;
use eggmoney::domain::user::Role;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::engine::{Chance, Target};
use super::spoil;
use super::world::World;

/// What the first byte of a case says is another than it should be.
const METADATA: u8 = 0;
/// Header of the ID token, which is signed as it is then.
const HEADER: u8 = 1;
/// Its claims, `{nonce}` among them.
const CLAIMS: u8 = 2;
/// Changes of the whole token.
const TOKEN: u8 = 3;
/// The answer to the code, with the right token as `{token}`.
const ANSWER: u8 = 4;
/// The provider's keys, with `{x}` and `{y}` of the right one.
const KEYS: u8 = 5;

const ISSUER: &str = "https://id.example";
const CLIENT: &str = "eggmoney-at-home";

/// Answers by path.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<HashMap<&'static str, Vec<u8>>>>);

impl Said {
    fn says(&self, path: &'static str, body: Vec<u8>) {
        self.0.lock().unwrap().insert(path, body);
    }

    fn answer(&self, url: &str) -> Result<WebAnswer, String> {
        let said = self.0.lock().unwrap();
        let body = said.iter().find(|(path, _)| url.ends_with(*path)).map(|(_, body)| body.clone());
        Ok(WebAnswer { status: if body.is_some() { 200 } else { 404 }, body: body.unwrap_or_default() })
    }
}

#[async_trait]
impl Web for Said {
    async fn get(&self, url: &str, reach: Reach) -> Result<WebAnswer, String> {
        assert!(reach == Reach::Lan || url.starts_with("https://"), "asks {url} without TLS");
        self.answer(url)
    }

    async fn post_form(&self, url: &str, _: Vec<(&'static str, SecretString)>, _: ClientProof, reach: Reach) -> Result<WebAnswer, String> {
        assert!(reach == Reach::Lan || url.starts_with("https://"), "posts to {url} without TLS");
        self.answer(url)
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Whether claims may be believed: all of what ties a token to this sign-in.
fn tied(claims: &[u8], nonce: &str, now: i64) -> bool {
    let Ok(claims) = serde_json::from_slice::<Value>(claims) else { return false };
    let audience = match &claims["aud"] {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    };
    claims["iss"] == ISSUER
        && claims["nonce"] == nonce
        && audience.contains(&json!(CLIENT))
        && claims["exp"].as_i64().is_some_and(|exp| exp > now - 61)
        && claims["iat"].as_i64().is_some_and(|iat| (now - 661..=now + 61).contains(&iat))
        && claims["sub"].as_str().is_some_and(|sub| !sub.is_empty())
}

pub struct SignIn {
    world: World,
    said: Said,
    providers: Providers,
    provider: uuid::Uuid,
    key: EcdsaKeyPair,
    rng: SystemRandom,
    /// Sign-ins so far: each comes from somewhere else, since one address is slowed down.
    count: u32,
}

fn metadata() -> Vec<u8> {
    let metadata = json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize?tenant=home"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/jwks"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    });
    metadata.to_string().into_bytes()
}

fn header() -> Vec<u8> {
    json!({"alg": "ES256", "kid": "first", "typ": "JWT"}).to_string().into_bytes()
}

fn keys() -> Vec<u8> {
    let rsa = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "second", "n": encoded(&[0xb5; 256]), "e": "AQAB"});
    let ec = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "first", "x": "{x}", "y": "{y}"});
    json!({ "keys": [ec, rsa] }).to_string().into_bytes()
}

fn filled(text: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    // A text that is none cannot name anything.
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value)).into_bytes()
}

impl SignIn {
    pub fn open() -> Self {
        let world = World::start(|_| {});
        let (server, said) = (&world.server, Said::default());
        let providers = Providers::new(server.app.auth.clone(), Arc::new(said.clone()));
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap();
        said.says("/.well-known/openid-configuration", metadata());
        let new = NewProvider {
            name: "Home".to_owned(),
            issuer: ISSUER.to_owned(),
            client_id: CLIENT.to_owned(),
            client_secret: Some("secret".into()),
            enabled: true,
            lan: false,
            trusted_second_factor: false,
        };
        let provider = world.runtime.block_on(async {
            server.create("root-admin", Role::Admin).await;
            let admin = server.app.auth.find_user("root-admin").unwrap().unwrap().id;
            providers.set_public_url(admin, Some("https://nas.example")).await.unwrap();
            providers.add(admin, new).await.unwrap().id
        });
        Self { world, said, providers, provider, key, rng, count: 0 }
    }

    fn now(&self) -> i64 {
        self.world.server.wall.now().as_second()
    }

    fn claims(&self) -> Vec<u8> {
        let now = self.now();
        let claims = json!({
            "iss": ISSUER, "sub": "subject-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": "{nonce}", "email": "anna@example.org",
        });
        claims.to_string().into_bytes()
    }

    fn probes(&self) -> bool {
        let Ok(Ok(probe)) = self.world.runtime.block_on(self.providers.probe(ISSUER, false)) else { return false };
        let away = |url: &str| url.starts_with("https://") && !url.contains("localhost") && !url.contains("127.0.0.1");
        assert!(away(&probe.authorization_endpoint) && away(&probe.token_endpoint));
        true
    }

    fn signs_in(&mut self, kind: u8, rest: &[u8]) -> bool {
        self.count += 1;
        let client = Client::new("fuzz", &std::net::Ipv4Addr::from(0x0a00_0000 + self.count % 0x00ff_ffff).to_string(), false);
        let departure = self.world.runtime.block_on(self.providers.start(self.provider, &client)).unwrap();
        let query: HashMap<String, String> = url::Url::parse(&departure.url).unwrap().query_pairs().into_owned().collect();
        let (nonce, state) = (query["nonce"].clone(), query["state"].clone());
        let part = |of: u8, right: Vec<u8>| if kind == of { rest.to_vec() } else { right };
        let header = part(HEADER, header());
        let claims = filled(&part(CLAIMS, self.claims()), &[("{nonce}", &nonce)]);
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let right = format!("{message}.{}", encoded(self.key.sign(&self.rng, message.as_bytes()).unwrap().as_ref()));
        let token = if kind == TOKEN { spoil::script(right.as_bytes(), rest) } else { right.clone().into_bytes() };
        let token = String::from_utf8_lossy(&token);
        self.said.says("/token", filled(&part(ANSWER, answer()), &[("{token}", &token)]));
        let arrival = Arrival { state: state.into(), code: "code".into(), issuer: Some(ISSUER.to_owned()), browser: departure.browser };
        // Nobody is linked: that is said of whoever is believed.
        match self.world.runtime.block_on(self.providers.finish(arrival, &client)) {
            Err(AuthError::IdentityUnlinked) => {
                assert!(tied(&claims, &nonce, self.now()), "these claims were believed");
                assert!(token == right, "a spoilt token was believed");
                true
            }
            Err(AuthError::ProviderRefused(_) | AuthError::ProviderTrouble) => false,
            other => panic!("{other:?}"),
        }
    }
}

fn answer() -> Vec<u8> {
    json!({"access_token": "unused", "token_type": "Bearer", "id_token": "{token}"}).to_string().into_bytes()
}

impl Target for SignIn {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let seeds =
            [(METADATA, metadata()), (HEADER, header()), (CLAIMS, self.claims()), (TOKEN, Vec::new()), (ANSWER, answer()), (KEYS, keys())];
        seeds.into_iter().map(|(kind, rest)| [&[kind], &rest[..]].concat()).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\"issuer\":",
            "\"jwks_uri\":",
            "\"nonce\":\"{nonce}\"",
            "\"azp\":",
            "\"nbf\":",
            "\"crit\":",
            "\"alg\":\"none\"",
            "\"alg\":\"HS256\"",
            "\"RS256\"",
            "{token}",
            "{x}",
            "{y}",
            "127.0.0.1",
            "https://[::1]",
        ]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (kind, rest) = case.split_at(1);
        let rest = if kind[0] == TOKEN { spoil::changes(chance, rest) } else { spoil::any_document(chance, rest) };
        [kind, &rest].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let Some((kind, rest)) = case.split_first() else { return false };
        let part = |of: u8, right: Vec<u8>| if *kind == of { rest.to_vec() } else { right };
        let point = self.key.public_key().as_ref();
        let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
        self.said.says("/.well-known/openid-configuration", part(METADATA, metadata()));
        self.said.says("/jwks", filled(&part(KEYS, keys()), &[("{x}", &x), ("{y}", &y)]));
        match *kind {
            METADATA => self.probes(),
            HEADER..=KEYS => self.signs_in(*kind, rest),
            _ => false,
        }
    }
}
