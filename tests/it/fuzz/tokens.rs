//! Access tokens, refresh tokens and API keys: only the one that was issued lets anybody in.

use data_encoding::BASE64URL_NOPAD;
use eggmoney::auth::{AuthError, Client};
use secrecy::ExposeSecret;
use serde_json::json;

use super::engine::{Chance, Target};
use super::spoil;
use super::world::World;
use crate::support::keys::make_key;

/// What the first byte of a case says.
/// Changes of the token as a text.
const ACCESS: u8 = 0;
/// Its header and its claims as two lines of JSON, signed as the right one was.
const REWORDED: u8 = 1;
/// The same, not signed.
const UNSIGNED: u8 = 2;
/// Changes of the refresh token.
const REFRESH: u8 = 3;
/// Changes of the API key.
const KEY: u8 = 4;

pub struct Tokens {
    world: World,
    access: String,
    refresh: String,
    key: String,
}

impl Tokens {
    pub fn open() -> Self {
        let world = World::start(|_| {});
        let (access, refresh, key) = world.runtime.block_on(async {
            let kim = world.server.user("kim").await;
            let key = make_key(&kim, &json!({"name": "reader", "scope": "read"})).await.text;
            (kim.token.clone().unwrap(), kim.refresh_token.clone(), key)
        });
        Self { world, access, refresh, key }
    }

    /// The inside of the access token's two first parts.
    fn insides(&self) -> [Vec<u8>; 2] {
        let mut parts = self.access.split('.').map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap());
        [parts.next().unwrap(), parts.next().unwrap()]
    }

    fn access(&self, token: &str) -> bool {
        let found = self.world.server.app.auth.authenticate(token, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(found.is_ok(), token == self.access, "{found:?}");
        found.is_ok()
    }

    fn reworded(&self, lines: &[u8], signed: bool) -> bool {
        let (header, claims) = lines.split_at(lines.iter().position(|b| *b == b'\n').unwrap_or(lines.len()));
        let signature = if signed { self.access.rsplit_once('.').unwrap().1 } else { "" };
        let claims = claims.get(1..).unwrap_or_default();
        self.access(&format!("{}.{}.{signature}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims)))
    }

    fn refresh(&mut self, token: &str) -> bool {
        let ids = |text: &str| BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok().map(|bytes| bytes[..bytes.len().min(32)].to_vec());
        let client = Client::new("fuzz", "127.0.0.1", false);
        let World { runtime, server } = &self.world;
        match runtime.block_on(server.app.auth.refresh(&token.into(), &client)) {
            Ok(next) => {
                assert_eq!(token.trim(), self.refresh);
                // The session goes on with another pair.
                (self.access, self.refresh) = (next.access_token, next.refresh_token.unwrap().expose_secret().to_owned());
                return true;
            }
            Err(AuthError::SessionEnded) => assert_ne!(token.trim(), self.refresh),
            // Whoever knows user and session, but not the present secret, may hold an older one: the session ends.
            Err(AuthError::RefreshReused { .. }) => {
                assert!(token.trim() != self.refresh && ids(token) == ids(&self.refresh));
                let again = runtime.block_on(server.login("kim"));
                (self.access, self.refresh) = (again.token.clone().unwrap(), again.refresh_token.clone());
            }
            Err(found) => panic!("{found:?}"),
        }
        false
    }

    fn key(&self, key: &str) -> bool {
        let World { runtime, server } = &self.world;
        let found = runtime.block_on(server.app.auth.by_key(key, Some("127.0.0.1".parse().unwrap())));
        assert_eq!(found.is_ok(), key == self.key, "{found:?}");
        found.is_ok()
    }
}

impl Target for Tokens {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let insides = self.insides().join(&b'\n');
        let unsigned = br#"{"alg":"none","typ":"JWT"}"#;
        vec![
            vec![ACCESS],
            [&[REWORDED], &insides[..]].concat(),
            [&[REWORDED], &unsigned[..], b"\n", &self.insides()[1]].concat(),
            vec![REFRESH],
            vec![KEY],
        ]
    }

    fn words(&self) -> &'static [&'static str] {
        &["\"alg\":\"none\"", "\"alg\":\"HS512\"", "\"alg\":\"RS256\"", "\"kid\":", "\"crit\":", "\"jwk\":", "\"exp\":", "\"aud\":", "egg_"]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (kind, rest) = case.split_at(1);
        if !matches!(kind[0], REWORDED | UNSIGNED) {
            return [kind, &spoil::changes(chance, rest)].concat();
        }
        let kind = if chance.once_in(4) { UNSIGNED } else { REWORDED };
        let mut lines: Vec<Vec<u8>> = rest.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let at = chance.below(lines.len());
        lines[at] = spoil::any_document(chance, &lines[at]);
        [&[kind], &lines.join(&b'\n')[..]].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let Some((kind, rest)) = case.split_first() else { return false };
        let changed = |base: &str| String::from_utf8_lossy(&spoil::script(base.as_bytes(), rest)).into_owned();
        match *kind {
            ACCESS => self.access(&changed(&self.access)),
            REWORDED | UNSIGNED => self.reworded(rest, *kind == REWORDED),
            REFRESH => self.refresh(&changed(&self.refresh)),
            KEY => self.key(&changed(&self.key)),
            _ => false,
        }
    }
}
