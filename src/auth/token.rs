//! Access tokens: short-lived JWTs, HS256 only, signed with a key that the master key protects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};
use signature::{Signer, Verifier};

use super::error::AuthError;
use crate::domain::id::{SessionId, UserId};

/// How long an access token lives.
pub const ACCESS_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(10);

const ISSUER: &str = "eggmoney";
const AUDIENCE: &str = "eggmoney-api";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

/// Who a valid access token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// Issues and checks access tokens. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tokens {
    keys: Arc<(EncodingKey, DecodingKey)>,
    /// Tokens whose signature was found right, with the second in which they expire: a page shows the
    /// same one with every request.
    known: Arc<Mutex<HashMap<String, (Bearer, i64)>>>,
}

/// Tokens that are remembered; all are forgotten when there would be more.
const MOST_KNOWN: usize = 4096;

impl Tokens {
    pub(super) fn new(secret: &[u8]) -> Self {
        // The second call in a process (tests) finds ours installed already; both are the same.
        let _ = RING.install_default();
        Self { keys: Arc::new((EncodingKey::from_secret(secret), DecodingKey::from_secret(secret))), known: Arc::default() }
    }

    pub(super) fn issue(&self, bearer: Bearer, now: Timestamp) -> Result<String, AuthError> {
        let iat = now.as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: bearer.user_id,
            sid: bearer.session_id,
            iat,
            exp: iat + ACCESS_TOKEN_LIFE.as_secs(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.keys.0).map_err(|e| AuthError::Hashing(e.to_string()))
    }

    /// # Errors
    /// `NotSignedIn` for any token that is not a present one of ours.
    pub(super) fn check(&self, token: &str, now: Timestamp) -> Result<Bearer, AuthError> {
        let remembered = self.known().get(token).copied();
        let (bearer, expires) = match remembered {
            Some(known) => known,
            None => {
                let verified = self.verify(token)?;
                let mut known = self.known();
                if known.len() >= MOST_KNOWN {
                    known.clear();
                }
                known.insert(token.to_owned(), verified);
                verified
            }
        };
        if now.as_second() >= expires {
            return Err(AuthError::NotSignedIn);
        }
        Ok(bearer)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Bearer, i64)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom a rightly signed token of ours speaks for, and until when.
    fn verify(&self, token: &str) -> Result<(Bearer, i64), AuthError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would read the machine's clock; the caller checks expiry against ours.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.keys.1, &rules).map_err(|_| AuthError::NotSignedIn)?.claims;
        Ok((Bearer { user_id: claims.sub, session_id: claims.sid }, claims.exp))
    }
}

static RING: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    Ok(Box::new(Hs256::new(algorithm, key.as_bytes())?))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    Ok(Box::new(Hs256::new(algorithm, key.try_get_as_bytes()?)?))
}

/// HMAC-SHA-256 on ring, the only algorithm there is.
struct Hs256(hmac::Key);

impl Hs256 {
    fn new(algorithm: &Algorithm, secret: &[u8]) -> JwtResult<Self> {
        match algorithm {
            Algorithm::HS256 => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, tag).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn now() -> Timestamp {
        "2026-11-20T00:00:00Z".parse().unwrap()
    }

    fn bearer() -> Bearer {
        Bearer { user_id: UserId(Uuid::now_v7()), session_id: SessionId(Uuid::now_v7()) }
    }

    /// A token with any header and claims, rightly signed.
    fn forge(header: &Value, claims: &Value) -> String {
        let body =
            format!("{}.{}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()), BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), body.as_bytes());
        format!("{body}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    }

    fn claims(bearer: Bearer) -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": bearer.user_id, "sid": bearer.session_id,
               "iat": now().as_second(), "exp": now().as_second() + 600})
    }

    #[test]
    fn a_token_lives_exactly_ten_minutes() {
        let (tokens, bearer) = (Tokens::new(SECRET), bearer());
        let token = tokens.issue(bearer, now()).unwrap();
        assert_eq!(tokens.check(&token, now()).unwrap(), bearer);
        assert_eq!(tokens.check(&token, now() + SignedDuration::from_secs(599)).unwrap(), bearer);
        assert!(matches!(tokens.check(&token, now() + SignedDuration::from_secs(600)), Err(AuthError::NotSignedIn)));
    }

    #[test]
    fn other_keys_algorithms_issuers_and_missing_claims_are_refused() {
        let (tokens, bearer) = (Tokens::new(SECRET), bearer());
        let hs256 = json!({"alg": "HS256", "typ": "JWT"});
        assert_eq!(tokens.check(&forge(&hs256, &claims(bearer)), now()).unwrap(), bearer, "the forge itself must work");

        let other = Tokens::new(b"another secret of thirty-two byte").issue(bearer, now()).unwrap();
        let mut refused = vec![other, String::new(), "a.b.c".to_owned()];
        for algorithm in ["none", "HS384", "HS512", "RS256"] {
            refused.push(forge(&json!({"alg": algorithm, "typ": "JWT"}), &claims(bearer)));
        }
        for (claim, value) in [("iss", json!("someone")), ("aud", json!("elsewhere")), ("sub", json!("nobody"))] {
            let mut changed = claims(bearer);
            changed[claim] = value;
            refused.push(forge(&hs256, &changed));
        }
        for claim in ["iss", "aud", "sub", "sid", "exp"] {
            let mut without = claims(bearer);
            without.as_object_mut().unwrap().remove(claim);
            refused.push(forge(&hs256, &without));
        }
        for token in refused {
            assert!(matches!(tokens.check(&token, now()), Err(AuthError::NotSignedIn)), "{token}");
        }
    }
}
