//! Programs with an API key: they show it, or sign with it.

use data_encoding::HEXLOWER;
use eggmoney::domain::clock::Clock;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Answer, Caller, PASSWORD, TestServer, answer};

/// A key with its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: String,
    /// The whole key.
    pub text: String,
}

/// One request to be signed.
#[derive(Clone, Debug)]
pub struct Signed {
    pub method: &'static str,
    pub path: String,
    pub query: String,
    pub body: String,
    pub timestamp: i64,
    pub nonce: String,
}

/// Makes a key over the API, after giving the password.
pub async fn make_key(who: &Caller<'_>, request: &Value) -> ApiKey {
    let (status, answer) = who.post("/api/v1/auth/step-up", &json!({"password": PASSWORD})).await;
    assert_eq!(status, 200, "{answer}");
    let (status, made) = who.post("/api/v1/users/api-keys", request).await;
    assert_eq!(status, 201, "{made}");
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    ApiKey { id: text(&made["item"]["id"]), text: text(&made["key"]) }
}

impl ApiKey {
    /// What the key is called in signatures.
    pub fn name(&self) -> &str {
        self.text.rsplit_once('_').unwrap().0
    }

    pub fn secret(&self) -> &str {
        self.text.rsplit_once('_').unwrap().1
    }

    /// A request that shows the key.
    pub async fn shown(&self, server: &TestServer, method: &str, path: &str) -> Answer {
        let request = server.client.request(method.parse().unwrap(), server.url(path));
        answer(request.bearer_auth(&self.text)).await
    }

    /// The header for a request.
    pub fn header(&self, request: &Signed) -> String {
        let Signed { method, path, query, body, timestamp, nonce } = request;
        let hash = HEXLOWER.encode(&Sha256::digest(body));
        let text = format!("EGG-HMAC-SHA256\n{method}\n{path}\n{query}\n{hash}\n{timestamp}\n{nonce}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret().as_bytes());
        let signature = HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref());
        format!("EGG-HMAC-SHA256 key={}, timestamp={timestamp}, nonce={nonce}, signature={signature}", self.name())
    }

    /// A signed request of now with a nonce of its own.
    pub async fn call(&self, server: &TestServer, method: &'static str, path: &str, body: &Value) -> Answer {
        let signed = Signed::now(server, method, path, body);
        signed.send(server, &self.header(&signed)).await
    }
}

impl Signed {
    /// The query is taken as it stands: sorted and encoded.
    pub fn now(server: &TestServer, method: &'static str, address: &str, body: &Value) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body: if body.is_null() { String::new() } else { body.to_string() },
            timestamp: server.wall.now().as_second(),
            nonce: HEXLOWER.encode(&rand::random::<[u8; 16]>()),
        }
    }

    /// Sends it with a header.
    pub async fn send(&self, server: &TestServer, header: &str) -> Answer {
        answer(self.request(server, header)).await
    }

    pub fn request(&self, server: &TestServer, header: &str) -> reqwest::RequestBuilder {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let request = server.client.request(self.method.parse().unwrap(), server.url(&format!("{}{query}", self.path)));
        let request = request.header("authorization", header);
        if self.body.is_empty() { request } else { request.header("content-type", "application/json").body(self.body.clone()) }
    }
}
