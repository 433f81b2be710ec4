//! Access tokens, refresh tokens and API keys: only the one that was issued lets anybody in.

use data_encoding::BASE64URL_NOPAD;
use eggmoney::auth::AuthError;
use serde_json::{Value, json};

use super::engine::Hunt;
use super::spoil;
use crate::support::TestServer;
use crate::support::keys::make_key;

/// The token with one of its parts read as JSON, changed, and written again; the signature stays.
fn reworded(chance: &mut super::engine::Chance, token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let place = chance.below(2);
    let inner: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[place].as_bytes()).unwrap()).unwrap();
    parts[place] = BASE64URL_NOPAD.encode(&spoil::document(chance, &inner));
    if chance.once_in(4) {
        parts[2].clear();
    }
    parts.join(".")
}

#[tokio::test]
async fn tokens_and_keys() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    let key = make_key(&kim, &json!({"name": "reader", "scope": "read"})).await.text;
    let mut access = kim.token.clone().unwrap();
    let mut refresh = kim.refresh_token.clone();
    let here = Some("127.0.0.1".parse().unwrap());
    let client = eggmoney::auth::Client::new("fuzz", "127.0.0.1", false);
    let mut hunt = Hunt::new("tokens and keys", 600);
    while let Some(mut chance) = hunt.next() {
        match chance.below(4) {
            0 | 1 => {
                let spoilt = if chance.once_in(2) { reworded(&mut chance, &access) } else { spoil::text(&mut chance, &access) };
                hunt.tries(&spoilt);
                let found = server.app.auth.authenticate(&spoilt, here);
                assert_eq!(found.is_ok(), spoilt == access, "{found:?}");
                found.is_ok().then(|| hunt.taken());
            }
            2 => {
                let spoilt = spoil::text(&mut chance, &refresh);
                hunt.tries(&spoilt);
                // The real one would be exchanged for another.
                if spoilt.trim() == refresh {
                    continue;
                }
                let ids =
                    |text: &str| BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok().map(|bytes| bytes[..bytes.len().min(32)].to_vec());
                match server.app.auth.refresh(&spoilt.as_str().into(), &client).await {
                    Err(AuthError::SessionEnded) => {}
                    // Whoever knows user and session, but not the present secret, may hold an older one: the session ends.
                    Err(AuthError::RefreshReused { .. }) => {
                        assert_eq!(ids(&spoilt), ids(&refresh));
                        let again = server.login("kim").await;
                        (access, refresh) = (again.token.clone().unwrap(), again.refresh_token.clone());
                    }
                    found => panic!("{:?}", found.map(|s| s.user.username)),
                }
            }
            _ => {
                let spoilt = spoil::text(&mut chance, &key);
                hunt.tries(&spoilt);
                let found = server.app.auth.by_key(&spoilt, here).await;
                assert_eq!(found.is_ok(), spoilt == key, "{found:?}");
                found.is_ok().then(|| hunt.taken());
            }
        }
    }
    // Nothing of all that has ended what was right.
    assert!(server.app.auth.authenticate(&access, here).is_ok());
    assert!(server.app.auth.refresh(&refresh.into(), &client).await.is_ok());
}
