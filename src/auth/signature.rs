//! Signed requests. A program that does more than read proves with each call that it knows its key's
//! secret, without showing it, and that nothing of the call was changed on the way:
//!
//! ```text
//! Authorization: EGG-HMAC-SHA256 key=egg_…, timestamp=1800000000, nonce=…, signature=…
//! ```
//!
//! The signature is HMAC-SHA-256, in hex, under the key's secret, over these lines joined by line feeds:
//! `EGG-HMAC-SHA256`, the method, the path, the query in canonical form, the SHA-256 of the body in hex,
//! the timestamp (seconds since 1970) and the nonce (16 to 64 letters, digits, `-`, `_`).
//!
//! Canonical: each path segment, and each name and value of the query, is decoded and encoded again, so
//! that only `A-Z a-z 0-9 - . _ ~` stay as they are and everything else becomes `%XX` in capitals. A `+`
//! in the query is a space. Pairs `name=value` are sorted by name, then by value; the same pair twice
//! stays twice.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::KeyError;
use crate::domain::id::ApiKeyId;

/// Name of the scheme in the header `Authorization`, and first line of what is signed.
pub const SIGNATURE_SCHEME: &str = "EGG-HMAC-SHA256";
/// How every key begins.
pub const KEY_PREFIX: &str = "egg_";
/// A timestamp may be so far off the server's clock, either way.
pub const SIGNATURE_WINDOW: SignedDuration = SignedDuration::from_secs(30);
/// Longer headers are none of ours.
const LONGEST: usize = 512;

/// The header of a signed request, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHeader {
    pub key: ApiKeyId,
    pub timestamp: Timestamp,
    pub nonce: String,
    signature: [u8; 32],
}

/// What of a request is signed.
#[derive(Clone, Debug)]
pub struct SignedParts<'a> {
    pub method: &'a str,
    /// As it came, percent-encoded.
    pub path: &'a str,
    /// As it came, without the question mark.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// What follows the scheme's name in a header `Authorization` of this scheme.
fn parameters(header: &str) -> Option<&str> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case(SIGNATURE_SCHEME).then_some(rest)
}

impl SignatureHeader {
    /// Reads the header `Authorization`; `None` when it is of another scheme.
    ///
    /// # Errors
    /// `SignatureMalformed` naming what is wrong.
    pub fn parse(header: &str) -> Option<Result<Self, KeyError>> {
        parameters(header).map(|rest| Self::of_parameters(rest).map_err(KeyError::SignatureMalformed))
    }

    fn of_parameters(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("the header Authorization is longer than a signature can be");
        }
        let (mut key, mut timestamp, mut nonce, mut signature) = (None, None, None, None);
        for part in text.split(',') {
            let (name, value) = part.trim_matches(' ').split_once('=').ok_or("each part reads name=value, with a comma between")?;
            let place = match name {
                "key" => &mut key,
                "timestamp" => &mut timestamp,
                "nonce" => &mut nonce,
                "signature" => &mut signature,
                _ => return Err("the parts are key, timestamp, nonce and signature, and no others"),
            };
            if place.replace(value).is_some() {
                return Err("a part stands twice");
            }
        }
        Ok(Self {
            key: key.and_then(key_id).ok_or("key must be the key's name: egg_ and the 32 characters after it, without the secret")?,
            timestamp: timestamp.and_then(seconds).ok_or("timestamp must be the time in whole seconds since 1970")?,
            nonce: nonce.filter(|n| is_nonce(n)).map(str::to_owned).ok_or("nonce must have 16 to 64 letters, digits, '-' or '_'")?,
            signature: signature.and_then(hex_32).ok_or("signature must have 64 hexadecimal digits in small letters")?,
        })
    }

    /// Whether the timestamp is one that the server takes now.
    ///
    /// # Errors
    /// `SignatureStale`, `SignatureFuture`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), KeyError> {
        let age = now.duration_since(self.timestamp);
        if age > SIGNATURE_WINDOW {
            return Err(KeyError::SignatureStale { server: now.as_second() });
        }
        if age < -SIGNATURE_WINDOW {
            return Err(KeyError::SignatureFuture { server: now.as_second() });
        }
        Ok(())
    }

    /// A header whose signature counts nowhere.
    #[cfg(test)]
    pub(super) fn for_tests(key: u128, nonce: &str, timestamp: Timestamp) -> Self {
        Self { key: ApiKeyId(Uuid::from_u128(key)), timestamp, nonce: nonce.to_owned(), signature: [0; 32] }
    }

    /// Whether the request was signed with this secret; compared in constant time.
    pub(super) fn is_of(&self, parts: &SignedParts<'_>, secret: &SecretString) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let text = parts.text(self.timestamp, &self.nonce);
        hmac::verify(&key, text.as_bytes(), &self.signature).is_ok()
    }
}

/// The id in a key's name.
pub(super) fn key_id(name: &str) -> Option<ApiKeyId> {
    let hex = name.strip_prefix(KEY_PREFIX)?;
    let bytes = HEXLOWER.decode(hex.as_bytes()).ok()?;
    <[u8; 16]>::try_from(bytes).ok().map(|bytes| ApiKeyId(Uuid::from_bytes(bytes)))
}

/// The name of a key, by which it is known without its secret.
pub fn key_name(id: ApiKeyId) -> String {
    format!("{KEY_PREFIX}{}", HEXLOWER.encode(id.as_bytes()))
}

fn hex_32(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn seconds(text: &str) -> Option<Timestamp> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok().and_then(|s| Timestamp::from_second(s).ok()) } else { None }
}

fn is_nonce(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl SignedParts<'_> {
    fn text(&self, timestamp: Timestamp, nonce: &str) -> String {
        let Self { method, path, query, body } = self;
        let (path, query) = (canonical_path(path), canonical_query(query));
        let body = HEXLOWER.encode(&Sha256::digest(body));
        format!("{SIGNATURE_SCHEME}\n{method}\n{path}\n{query}\n{body}\n{}\n{nonce}", timestamp.as_second())
    }
}

fn canonical_path(path: &str) -> String {
    path.split('/').map(|segment| encoded(&decoded(segment))).collect::<Vec<_>>().join("/")
}

fn canonical_query(query: &str) -> String {
    let form = |text: &str| encoded(&decoded(&text.replace('+', " ")));
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (form(name), form(value))
    };
    let mut pairs: Vec<_> = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The bytes that a percent-encoded text stands for; a `%` without two digits stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match (first, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// Percent-encoded but for what RFC 3986 calls unreserved.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100";
    const KEY: &str = "egg_0193507a1c2d7000800000000000abcd";

    fn header(params: &str) -> Result<SignatureHeader, KeyError> {
        SignatureHeader::parse(&format!("{SIGNATURE_SCHEME} {params}")).unwrap()
    }

    fn signed(parts: &SignedParts<'_>, timestamp: i64, nonce: &str) -> SignatureHeader {
        let text = parts.text(Timestamp::from_second(timestamp).unwrap(), nonce);
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref());
        header(&format!("key={KEY}, timestamp={timestamp}, nonce={nonce}, signature={signature}")).unwrap()
    }

    /// Worked out with another program (`openssl dgst -sha256 -hmac`), so that the two agree on bytes.
    #[test]
    fn a_signature_that_another_program_made_is_right() {
        let body = br#"{"symbol":"005930","quantity":10,"price":70000}"#;
        let parts = SignedParts { method: "POST", path: "/api/v1/trading/orders", query: "", body };
        assert_eq!(
            parts.text(Timestamp::from_second(1_800_000_000).unwrap(), "0123456789abcdef"),
            "EGG-HMAC-SHA256\nPOST\n/api/v1/trading/orders\n\ne103e8b748ec14832730f06ea1ae21c6f0928b14015c93d09558cef81761623b\n1800000000\n0123456789abcdef"
        );
        let made = "dc1a2d714397d909de77feb6cb107513b52a32ffb8f57a20c100cb29114768d3";
        let header = header(&format!("key={KEY}, timestamp=1800000000, nonce=0123456789abcdef, signature={made}")).unwrap();
        assert!(header.is_of(&parts, &SECRET.into()));
    }

    #[test]
    fn any_change_of_the_request_breaks_the_signature() {
        let parts = SignedParts { method: "GET", path: "/api/v1/trading/orders", query: "limit=5&open=true", body: b"" };
        let header = signed(&parts, 1_800_000_000, "0123456789abcdef");
        let right = |parts: SignedParts<'_>| header.is_of(&parts, &SECRET.into());
        assert!(right(parts.clone()));
        assert!(right(SignedParts { query: "open=true&&limit=%35", ..parts.clone() }), "the same query in other words");
        assert!(!right(SignedParts { method: "POST", ..parts.clone() }));
        assert!(!right(SignedParts { path: "/api/v1/trading/orders/", ..parts.clone() }));
        assert!(!right(SignedParts { query: "limit=5", ..parts.clone() }));
        assert!(!right(SignedParts { query: "limit=5&limit=5&open=true", ..parts.clone() }));
        assert!(!right(SignedParts { body: b" ", ..parts.clone() }));
        assert!(!header.is_of(&parts, &SECRET.replace('0', "1").into()));
        let later = SignatureHeader { timestamp: Timestamp::from_second(1_800_000_001).unwrap(), ..header.clone() };
        let other = SignatureHeader { nonce: "0123456789abcdeg".to_owned(), ..header.clone() };
        assert!(!later.is_of(&parts, &SECRET.into()) && !other.is_of(&parts, &SECRET.into()));
    }

    #[test]
    fn queries_and_paths_have_one_form() {
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&a=2", "a=1&a=2&a=2"),
            ("a", "a="),
            ("=", "="),
            ("&&a=1&", "a=1"),
            ("q=a+b%20c", "q=a%20b%20c"),
            ("q=%ec%82%bc", "q=%EC%82%BC"),
            ("q=삼", "q=%EC%82%BC"),
            ("q=a%3Db=c", "q=a%3Db%3Dc"),
            ("q=%&p=%2&r=%zz", "p=%252&q=%25&r=%25zz"),
            ("%61=%7E", "a=~"),
        ] {
            assert_eq!(canonical_query(query), canonical, "{query}");
        }
        for (path, canonical) in [("/", "/"), ("/a/%62%2f/~", "/a/b%2F/~"), ("//a//", "//a//"), ("/a b", "/a%20b"), ("", "")] {
            assert_eq!(canonical_path(path), canonical, "{path}");
        }
    }

    #[test]
    fn headers_that_are_wrong_say_why_and_those_of_others_are_left_alone() {
        assert_eq!(SignatureHeader::parse("Bearer egg_x"), None);
        assert_eq!(SignatureHeader::parse(""), None);
        let (time, nonce, signature) = ("timestamp=1800000000", "nonce=0123456789abcdef", format!("signature={}", "ab".repeat(32)));
        let key = format!("key={KEY}");
        assert!(SignatureHeader::parse(&format!("egg-hmac-sha256 {key},{time},{nonce},{signature}")).unwrap().is_ok());
        let upper = format!("signature={}", "AB".repeat(32));
        for (params, part) in [
            (String::new(), "name=value"),
            (format!("{key}, {time}, {nonce}"), "signature"),
            (format!("{key}, {time}, {nonce}, {signature}, {key}"), "twice"),
            (format!("{key}, {time}, {nonce}, {signature}, alg=none"), "no others"),
            (format!("{key}, {time}, {nonce}, {upper}"), "signature"),
            (format!("{key}, {time}, {nonce}, signature=\"{}\"", "ab".repeat(32)), "signature"),
            (format!("{key}_{SECRET}, {time}, {nonce}, {signature}"), "without the secret"),
            (format!("{key}, timestamp=1800000000.5, {nonce}, {signature}"), "timestamp"),
            (format!("{key}, timestamp=-1800000000, {nonce}, {signature}"), "timestamp"),
            (format!("{key}, timestamp=1800000000000, {nonce}, {signature}"), "timestamp"),
            (format!("{key}, timestamp=999999999999, {nonce}, {signature}"), "timestamp"),
            (format!("{key}, {time}, nonce=short, {signature}"), "nonce"),
            (format!("{key}, {time}, nonce={}, {signature}", "a".repeat(65)), "nonce"),
            (format!("{key}, {time}, nonce=0123456789abcde\u{e9}, {signature}"), "nonce"),
            (format!("{key}, {time}, {nonce}, {signature}{}", " ".repeat(600)), "longer"),
        ] {
            let error = header(&params).unwrap_err();
            assert!(matches!(&error, KeyError::SignatureMalformed(why) if why.contains(part)), "{params}: {error}");
        }
    }

    #[test]
    fn thirty_seconds_either_way_and_not_one_more() {
        let header = SignatureHeader::for_tests(1, "a", Timestamp::UNIX_EPOCH);
        let at = |seconds: i64| header.check_time(Timestamp::from_second(seconds).unwrap());
        assert!(at(30).is_ok() && at(-30).is_ok());
        assert!(matches!(at(31), Err(KeyError::SignatureStale { .. })));
        assert!(matches!(at(-31), Err(KeyError::SignatureFuture { .. })));
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(text in "(?s).{0,300}", params in "[a-z]{0,9}=[ -~]{0,40}(,[ ]?[a-z]{0,9}=[ -~]{0,40}){0,5}") {
            let _ = SignatureHeader::parse(&text);
            let _ = header(&params);
            let _ = header(&text);
        }

        #[test]
        fn a_damaged_header_is_refused_or_reads_as_something_else(at in 0usize..180, byte in 0x20u8..0x7f) {
            let parts = SignedParts { method: "GET", path: "/", query: "", body: b"" };
            let right = signed(&parts, 1_800_000_000, "0123456789abcdef");
            let mut text = format!(
                "key={KEY}, timestamp=1800000000, nonce=0123456789abcdef, signature={}", HEXLOWER.encode(&right.signature)
            ).into_bytes();
            let at = at % text.len();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            if let Ok(found) = header(&text) {
                prop_assert!(found == right || found.key != right.key || !found.is_of(&parts, &SECRET.into()), "{}", text);
            }
        }

        #[test]
        fn the_canonical_form_is_its_own_and_keeps_what_the_server_reads(query in "[a-c%&=+0-9A-F~ é/?]{0,40}") {
            let canonical = canonical_query(&query);
            prop_assert_eq!(&canonical_query(&canonical), &canonical);
            let read = |q: &str| {
                let mut pairs: Vec<_> = form_urlencoded::parse(q.as_bytes()).into_owned().collect();
                pairs.sort();
                pairs
            };
            prop_assert_eq!(read(&query), read(&canonical));
        }

        #[test]
        fn order_and_spelling_of_a_query_do_not_matter(pairs in proptest::collection::vec(("[a-z가 +&=%]{0,4}", "[a-z가 +&=%]{0,4}"), 0..6), turn in 0usize..6) {
            let spelled = |pairs: &[(String, String)]| {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
            };
            let mut turned = pairs.clone();
            let by = turn % turned.len().max(1);
            turned.rotate_left(by);
            let lower = spelled(&turned).replace('+', "%20").to_lowercase();
            prop_assert_eq!(canonical_query(&spelled(&pairs)), canonical_query(&lower));
        }

        #[test]
        fn a_path_has_one_form(path in "(/[a-c%0-9A-F~ é+]{0,6}){0,5}") {
            let canonical = canonical_path(&path);
            prop_assert_eq!(&canonical_path(&canonical), &canonical);
            prop_assert_eq!(canonical.matches('/').count(), path.matches('/').count());
        }
    }
}
