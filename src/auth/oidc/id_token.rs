//! ID tokens (OpenID Connect Core 3.1.3.7): the signature by one of the provider's published keys, with
//! one of two algorithms and no other, then every claim that ties the token to this one sign-in.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// Longer ones are refused unread.
const LONGEST: usize = 16 << 10;
/// Seconds that the provider's clock may differ from ours.
const SKEW: i64 = 60;
/// A token is made for the sign-in that fetches it: an older one is a replay.
const FRESH: i64 = 10 * 60;
/// OpenID Connect Core 2: a subject has at most so many characters.
const LONGEST_SUBJECT: usize = 255;

/// What the token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: Timestamp,
}

/// Whom a token speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// The provider's identifier, never reused for somebody else.
    pub id: String,
    /// Something that the person recognises, where the provider says it.
    pub label: Option<String>,
}

/// A key of the provider (RFC 7517), as far as it matters here.
#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys that a provider publishes.
#[derive(Debug)]
pub(super) struct Keys(Vec<Jwk>);

impl Keys {
    /// Reads a key set; keys of kinds that are not known here are left out.
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).map_err(|_| "the key set is no JSON with a list of keys")?;
        let keys: Vec<Jwk> = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        if keys.is_empty() { Err("the key set holds no key that can be read") } else { Ok(Self(keys)) }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    fn named(text: &str) -> Option<Self> {
        match text {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }

    fn fits(self, key: &Jwk) -> bool {
        let (name, kind) = match self {
            Self::Rs256 => ("RS256", key.kty == "RSA"),
            Self::Es256 => ("ES256", key.kty == "EC" && key.crv.as_deref() == Some("P-256")),
        };
        kind && key.usage.as_deref().is_none_or(|usage| usage == "sig") && key.alg.as_deref().is_none_or(|alg| alg == name)
    }

    fn verify(self, key: &Jwk, message: &[u8], tag: &[u8]) -> bool {
        let bytes = |part: &Option<String>| BASE64URL_NOPAD.decode(part.as_deref().unwrap_or_default().as_bytes()).unwrap_or_default();
        match self {
            Self::Rs256 => {
                let (n, e) = (bytes(&key.n), bytes(&key.e));
                let (n, e) = (without_zeros(&n), without_zeros(&e));
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, tag).is_ok()
            }
            Self::Es256 => {
                let point = [&[4][..], &bytes(&key.x), &bytes(&key.y)].concat();
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, tag).is_ok()
            }
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    number.get(number.iter().take_while(|b| **b == 0).count()..).unwrap_or_default()
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    azp: Option<String>,
    nonce: Option<String>,
    email: Option<String>,
    preferred_username: Option<String>,
    name: Option<String>,
}

/// Checks a token and says of whom it speaks; otherwise why it is not believed.
pub(super) fn verify(token: &str, keys: &Keys, expected: Expected<'_>) -> Result<Subject, &'static str> {
    let claims = signed(token, keys)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| "the ID token lacks claims, or they have the wrong form")?;
    check(claims, expected)
}

/// The payload of a rightly signed token.
fn signed(token: &str, keys: &Keys) -> Result<Vec<u8>, &'static str> {
    if token.len() > LONGEST {
        return Err("the ID token is too long");
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("the ID token is no signed token");
    };
    let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| "the ID token is not well encoded");
    let head: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| "the ID token has no readable header")?;
    if head.crit.is_some() {
        return Err("the ID token demands something that is not known here");
    }
    let algorithm = Algorithm::named(&head.alg).ok_or("the ID token is not signed with RS256 or ES256")?;
    let fitting = keys.0.iter().filter(|key| algorithm.fits(key));
    let chosen: Vec<&Jwk> = match &head.kid {
        Some(kid) => fitting.filter(|key| key.kid.as_ref() == Some(kid)).collect(),
        None => fitting.collect(),
    };
    let [key] = chosen.as_slice() else { return Err("the ID token is signed with a key that the provider does not publish") };
    let message = token.rsplit_once('.').map_or("", |(message, _)| message);
    if !algorithm.verify(key, message.as_bytes(), &decoded(tag)?) {
        return Err("the signature of the ID token is wrong");
    }
    decoded(payload)
}

fn check(claims: Claims, expected: Expected<'_>) -> Result<Subject, &'static str> {
    if claims.iss != expected.issuer {
        return Err("the ID token is of another issuer");
    }
    let audience = match claims.aud {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    };
    if !audience.iter().any(|aud| aud == expected.client_id) {
        return Err("the ID token is meant for another client");
    }
    match &claims.azp {
        Some(party) if party != expected.client_id => return Err("the ID token was given to another client"),
        None if audience.len() > 1 => return Err("the ID token is meant for several clients and does not say to whom it was given"),
        _ => {}
    }
    let now = expected.now.as_second();
    if claims.exp <= now.saturating_sub(SKEW) {
        return Err("the ID token has expired");
    }
    if claims.iat > now.saturating_add(SKEW) || claims.nbf.is_some_and(|from| from > now.saturating_add(SKEW)) {
        return Err("the ID token is from the future: check the clocks");
    }
    if claims.iat < now.saturating_sub(FRESH + SKEW) {
        return Err("the ID token was made long ago");
    }
    let nonce = claims.nonce.unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("the ID token belongs to another sign-in");
    }
    if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT || claims.sub.chars().any(char::is_control) {
        return Err("the ID token names nobody");
    }
    let label = [claims.email, claims.preferred_username, claims.name].into_iter().flatten().map(|text| presentable(&text));
    Ok(Subject { id: claims.sub, label: label.into_iter().find(|text| !text.is_empty()) })
}

/// Foreign text as a list may show it.
fn presentable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    const NOW: i64 = 1_795_000_000;

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://id.example", client_id: "egg", nonce: "n-1", now: Timestamp::from_second(NOW).unwrap() }
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example", "sub": "248289761001", "aud": "egg", "exp": NOW + 300, "iat": NOW, "nonce": "n-1",
               "email": "anna@example.org"})
    }

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let rng = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap())
        }

        fn jwk(&self, kid: &str) -> Value {
            let point = self.0.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
                   "x": BASE64URL_NOPAD.encode(&point[1..33]), "y": BASE64URL_NOPAD.encode(&point[33..])})
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |v: &Value| BASE64URL_NOPAD.encode(v.to_string().as_bytes());
            let message = format!("{}.{}", part(header), part(claims));
            let tag = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
        }
    }

    fn keys(keys: &[Value]) -> Keys {
        Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_right_token_names_its_subject() {
        let signer = Signer::new();
        let keys = keys(&[json!({"kty": "OKP"}), json!(7), Signer::new().jwk("old"), signer.jwk("new")]);
        let token = signer.sign(&json!({"alg": "ES256", "kid": "new"}), &claims());
        let subject = verify(&token, &keys, expected()).unwrap();
        assert_eq!(subject, Subject { id: "248289761001".to_owned(), label: Some("anna@example.org".to_owned()) });
        let mut several = claims();
        (several["aud"], several["azp"]) = (json!(["egg", "other"]), json!("egg"));
        verify(&signer.sign(&json!({"alg": "ES256", "kid": "new"}), &several), &keys, expected()).unwrap();
    }

    #[test]
    fn each_claim_is_checked() {
        let signer = Signer::new();
        let keys = keys(&[signer.jwk("k")]);
        for (claim, value, why) in [
            ("iss", json!("https://id.example/"), "another issuer"),
            ("aud", json!("other"), "another client"),
            ("aud", json!([]), "another client"),
            ("aud", json!(["egg", "other"]), "several clients"),
            ("azp", json!("other"), "another client"),
            ("exp", json!(NOW - 60), "expired"),
            ("exp", json!("never"), "claims"),
            ("iat", json!(NOW + 120), "future"),
            ("iat", json!(NOW - 3_600), "long ago"),
            ("nbf", json!(NOW + 120), "future"),
            ("nonce", json!("n-2"), "another sign-in"),
            ("sub", json!(""), "nobody"),
            ("sub", json!("x".repeat(256)), "nobody"),
            ("sub", json!("a\u{0}b"), "nobody"),
            ("sub", json!(7), "claims"),
        ] {
            let mut changed = claims();
            changed[claim] = value;
            let refused = verify(&signer.sign(&json!({"alg": "ES256"}), &changed), &keys, expected()).unwrap_err();
            assert!(refused.contains(why), "{claim}: {refused}");
        }
        for claim in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(claim);
            assert!(verify(&signer.sign(&json!({"alg": "ES256"}), &without), &keys, expected()).is_err(), "{claim}");
        }
    }

    #[test]
    fn algorithms_and_keys_cannot_be_confused() {
        let (signer, other) = (Signer::new(), Signer::new());
        let (own, foreign) = (signer.jwk("k"), other.jwk("f"));
        let both = keys(&[own.clone(), foreign.clone()]);
        for (token, why) in [
            (other.sign(&json!({"alg": "ES256", "kid": "k"}), &claims()), "signature"),
            (signer.sign(&json!({"alg": "ES256", "kid": "unknown"}), &claims()), "does not publish"),
            (signer.sign(&json!({"alg": "ES256"}), &claims()), "does not publish"),
            (signer.sign(&json!({"alg": "RS256", "kid": "k"}), &claims()), "does not publish"),
            (signer.sign(&json!({"alg": "none", "kid": "k"}), &claims()), "RS256 or ES256"),
            (signer.sign(&json!({"alg": "es256", "kid": "k"}), &claims()), "RS256 or ES256"),
            (signer.sign(&json!({"alg": "HS256", "kid": "k"}), &claims()), "RS256 or ES256"),
            (signer.sign(&json!({"alg": "ES256", "kid": "k", "crit": ["b64"]}), &claims()), "demands"),
        ] {
            let refused = verify(&token, &both, expected()).unwrap_err();
            assert!(refused.contains(why), "{token}: {refused}");
        }
        let unsigned = signer.sign(&json!({"alg": "ES256", "kid": "k"}), &claims());
        let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        assert!(verify(&unsigned, &both, expected()).is_err());
        for (member, value) in [("use", json!("enc")), ("alg", json!("ES384")), ("crv", json!("P-384")), ("kty", json!("oct"))] {
            let mut changed = own.clone();
            changed[member] = value;
            let token = signer.sign(&json!({"alg": "ES256", "kid": "k"}), &claims());
            assert!(verify(&token, &keys(&[changed]), expected()).is_err(), "{member}");
        }
    }

    /// RFC 7515, appendix A.2: a token and its RSA key that others made.
    #[test]
    fn rsa_signatures_are_those_of_the_standard() {
        let key = json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let payload = signed(token, &keys(std::slice::from_ref(&key))).unwrap();
        assert!(String::from_utf8(payload).unwrap().contains("\"joe\""));
        assert!(signed(&token.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj", 1), &keys(&[key])).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_calmly(token in "[A-Za-z0-9_.-]{0,200}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let keys = keys(&[Signer::new().jwk("k")]);
            prop_assert!(verify(&token, &keys, expected()).is_err());
            let _ = Keys::read(&body);
        }
    }
}
