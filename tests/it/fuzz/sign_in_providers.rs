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

use super::engine::Hunt;
use super::spoil;
use crate::support::TestServer;

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

#[tokio::test]
async fn sign_in_providers() {
    let server = TestServer::start().await;
    server.create("root-admin", Role::Admin).await;
    let admin = server.app.auth.find_user("root-admin").unwrap().unwrap().id;
    let said = Said::default();
    let providers = Providers::new(server.app.auth.clone(), Arc::new(said.clone()));
    providers.set_public_url(admin, Some("https://nas.example")).await.unwrap();
    let metadata = json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize?tenant=home"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/jwks"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    });
    let rng = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap();
    let point = key.public_key().as_ref();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    let rsa = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "second", "n": encoded(&[0xb5; 256]), "e": "AQAB"});
    let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "first", "x": x, "y": y}, rsa]});
    said.says("/.well-known/openid-configuration", metadata.to_string().into_bytes());
    said.says("/jwks", keys.to_string().into_bytes());
    let new = NewProvider {
        name: "Home".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some("secret".into()),
        enabled: true,
        lan: false,
        trusted_second_factor: false,
    };
    let provider = providers.add(admin, new).await.unwrap().id;
    let now = server.wall.now().as_second();
    let mut hunt = Hunt::new("sign-in providers", 500);
    let mut n = 0_u32;
    while let Some(mut chance) = hunt.next() {
        // From somewhere else each time: one address is slowed down.
        n += 1;
        let client = Client::new("fuzz", &std::net::Ipv4Addr::from(0x0a00_0000 + n % 0x00ff_ffff).to_string(), false);
        said.says("/.well-known/openid-configuration", metadata.to_string().into_bytes());
        said.says("/jwks", keys.to_string().into_bytes());
        let kind = chance.below(8);
        if kind == 0 {
            let spoilt = spoil::document(&mut chance, &metadata);
            hunt.tries(&spoilt);
            said.says("/.well-known/openid-configuration", spoilt);
            if let Ok(Ok(probe)) = providers.probe(ISSUER, false).await {
                hunt.taken();
                let away = |url: &str| url.starts_with("https://") && !url.contains("localhost") && !url.contains("127.0.0.1");
                assert!(away(&probe.authorization_endpoint) && away(&probe.token_endpoint));
            }
            continue;
        }
        let departure = providers.start(provider, &client).await.unwrap();
        let query: HashMap<String, String> = url::Url::parse(&departure.url).unwrap().query_pairs().into_owned().collect();
        let (nonce, state) = (query["nonce"].clone(), query["state"].clone());
        let header = json!({"alg": "ES256", "kid": "first", "typ": "JWT"});
        let claims = json!({
            "iss": ISSUER, "sub": "subject-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, "email": "anna@example.org",
        });
        let (mut head, mut said_claims) = (header.to_string().into_bytes(), claims.to_string().into_bytes());
        match kind {
            1 => head = spoil::document(&mut chance, &header),
            2..=4 => said_claims = spoil::document(&mut chance, &claims),
            _ => {}
        }
        let message = format!("{}.{}", encoded(&head), encoded(&said_claims));
        let right = format!("{message}.{}", encoded(key.sign(&rng, message.as_bytes()).unwrap().as_ref()));
        let mut token = right.clone();
        let mut answer = json!({"access_token": "unused", "token_type": "Bearer", "id_token": token}).to_string().into_bytes();
        match kind {
            5 => {
                token = spoil::text(&mut chance, &right);
                answer = json!({"id_token": token}).to_string().into_bytes();
            }
            6 => answer = spoil::document(&mut chance, &serde_json::from_slice(&answer).unwrap()),
            7 => said.says("/jwks", spoil::document(&mut chance, &keys)),
            _ => {}
        }
        hunt.tries([&head[..], b" ", &said_claims, b" ", &answer].concat());
        said.says("/token", answer);
        let arrival = Arrival { state: state.into(), code: "code".into(), issuer: Some(ISSUER.to_owned()), browser: departure.browser };
        // Nobody is linked: that is said of whoever is believed.
        match providers.finish(arrival, &client).await {
            Err(AuthError::IdentityUnlinked) => {
                hunt.taken();
                assert!(tied(&said_claims, &nonce, now), "these claims were believed");
                assert!(kind != 5 || token == right, "a spoilt token was believed");
            }
            Err(AuthError::ProviderRefused(_) | AuthError::ProviderTrouble) => {}
            other => panic!("{other:?}"),
        }
    }
}
