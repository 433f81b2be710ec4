//! What stands in a request before anybody reads its body: the header of signed requests with the canonical
//! form of what it signs, the header in which proxies name who came, and the lists of networks that it is
//! held against.

use std::net::IpAddr;

use eggmoney::auth::{AuthError, KeyError, SignatureHeader, SignedParts};
use eggmoney::domain::network::Networks;
use reqwest::header::HeaderValue;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::engine::{Chance, Target};
use super::spoil;
use super::world::World;
use crate::support::keys::{ApiKey, Signed, make_key};

/// What the first byte of a case says.
const HEADER: u8 = 0;
const PATH: u8 = 1;
const QUERY: u8 = 2;
const BODY: u8 = 3;
const NETWORK: u8 = 4;
/// `name: value`
const PROXY: u8 = 5;

const NETWORKS: [&str; 8] =
    ["203.0.113.7", "192.168.0.0/16", "10.0.0.0/8", "2001:db8::/32", "fe80::1", "::ffff:192.0.2.1", "0.0.0.0/0", "2001:db8:0:1::/64"];
const PROXIES: [&str; 6] = [
    "x-forwarded-for: 203.0.113.7, 127.0.0.1",
    "x-forwarded-for: [2001:db8::1]:4711",
    "x-forwarded-proto: https",
    "forwarded: for=\"[2001:db8::1]\";proto=https",
    "x-real-ip: 10.0.0.1:80",
    "x-forwarded-host: nas.example:8443",
];

pub struct Requests {
    world: World,
    key: ApiKey,
    right: Signed,
    header: String,
}

impl Requests {
    pub fn open() -> Self {
        let world = World::start(|config| config.trusted_proxies = Networks::loopback());
        let server = &world.server;
        let key = world.runtime.block_on(async {
            let kim = server.user("kim").await;
            make_key(&kim, &json!({"name": "trader", "scope": "paper"})).await
        });
        // Beyond the time of which the server, having just started, knows no nonces.
        server.advance(std::time::Duration::from_secs(120));
        let mut right = Signed::now(server, "POST", "/api/v1/trading/orders", &json!({}));
        (right.query, right.body) = ("a=1&b=%ED%95%9C%20%2B&c=".to_owned(), r#"{"symbol":"005930","quantity":3}"#.to_owned());
        right.nonce = "0123456789abcdefABCDEF-_".to_owned();
        let header = key.header(&right);
        Self { world, key, right, header }
    }

    fn signature(&self) -> &str {
        self.header.rsplit_once('=').unwrap().1
    }

    /// A signed request of which one part is another.
    fn signed(&self, kind: u8, part: &str) -> bool {
        let (mut given, mut sent) = (self.header.clone(), self.right.clone());
        match kind {
            HEADER => given = part.replace("{key}", self.key.name()).replace("{signature}", self.signature()),
            PATH => part.clone_into(&mut sent.path),
            QUERY => part.clone_into(&mut sent.query),
            _ => part.clone_into(&mut sent.body),
        }
        let Some(Ok(read)) = SignatureHeader::parse(&given) else { return false };
        let parts = SignedParts { method: sent.method, path: &sent.path, query: &sent.query, body: sent.body.as_bytes() };
        let here = Some("127.0.0.1".parse().unwrap());
        let auth = &self.world.server.app.auth;
        let found = self.world.runtime.block_on(auth.by_signature(&read, &parts, here));
        // A signature that was taken before was right, too.
        let taken = matches!(&found, Ok(_) | Err(AuthError::Key(KeyError::SignatureReplayed)));
        let right = &self.right;
        let same = read == SignatureHeader::parse(&self.header).unwrap().unwrap()
            && path_of(&sent.path) == path_of(&right.path)
            && query_of(&sent.query) == query_of(&right.query)
            && sent.body == right.body;
        assert_eq!(taken, same, "{found:?}");
        taken
    }

    fn proxied(&self, line: &[u8]) -> bool {
        let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
        let (name, value) = (&line[..colon], &line[(colon + 2).min(line.len())..]);
        let named = PROXIES.iter().filter_map(|line| line.split_once(": ")).find(|(known, _)| known.as_bytes() == name);
        let (Some((name, _)), Ok(value)) = (named, HeaderValue::from_bytes(value)) else { return false };
        let server = &self.world.server;
        let request = server.client.get(server.url("/api/v1/system")).header(name, value);
        let status = self.world.runtime.block_on(request.send()).unwrap().status().as_u16();
        assert!(matches!(status, 200 | 400..500), "{status}");
        status == 200
    }
}

impl Target for Requests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let Signed { path, query, body, timestamp, nonce, .. } = &self.right;
        let header = format!("EGG-HMAC-SHA256 key={{key}}, timestamp={timestamp}, nonce={nonce}, signature={{signature}}");
        let mut seeds = vec![(HEADER, header.as_str()), (PATH, path), (QUERY, query), (BODY, body)];
        seeds.extend(NETWORKS.map(|text| (NETWORK, text)));
        seeds.extend(PROXIES.map(|text| (PROXY, text)));
        seeds.into_iter().map(|(kind, text)| [&[kind], text.as_bytes()].concat()).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "EGG-HMAC-SHA256 ",
            "key=egg_",
            "timestamp=",
            "nonce=",
            "signature=",
            "{key}",
            "{signature}",
            "%2F",
            "%ED%95%9C",
            "::ffff:",
            "for=",
            "proto=",
        ]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        // The name of a header says which parser is meant.
        let keep = if case[0] == PROXY { 1 + case.iter().position(|b| *b == b' ').unwrap_or(0) } else { 1 };
        let (kept, rest) = case.split_at(keep.min(case.len()));
        [kept, &spoil::bytes(chance, rest, &[])].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let Some((kind, rest)) = case.split_first() else { return false };
        let text = String::from_utf8_lossy(rest);
        match *kind {
            HEADER..=BODY => self.signed(*kind, &text),
            NETWORK => network(&text),
            PROXY => self.proxied(rest),
            _ => false,
        }
    }
}

fn network(text: &str) -> bool {
    let Ok(networks) = Networks::parse(&[text]) else { return false };
    let texts = networks.texts();
    assert_eq!(Networks::parse(&texts).unwrap(), networks, "{texts:?}");
    let digest = Sha256::digest(text);
    let bits = u128::from_be_bytes(digest[..16].try_into().unwrap());
    for near in NETWORKS {
        let near: IpAddr = near.split('/').next().unwrap().parse().unwrap();
        let address: IpAddr = match near.to_canonical() {
            IpAddr::V4(v4) => (u32::from(v4) ^ u32::try_from(bits >> 104).unwrap()).to_be_bytes().into(),
            IpAddr::V6(v6) => (u128::from(v6) ^ bits >> 40).to_be_bytes().into(),
        };
        for address in [near, address] {
            assert_eq!(networks.contains(address), lies_in(address, &texts[0]), "{address} in {texts:?}");
        }
    }
    true
}

/// The bytes that a text stands for, written another way than the server does it.
fn meant(text: &str, form: bool) -> Vec<u8> {
    let source: Vec<u8> = text.bytes().map(|b| if form && b == b'+' { b' ' } else { b }).collect();
    let hex = |at: usize| {
        source.get(at..at + 2).and_then(|two| std::str::from_utf8(two).ok()).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let (mut at, mut out) = (0, Vec::new());
    while at < source.len() {
        match hex(at + 1).filter(|_| source[at] == b'%') {
            Some(two) => {
                out.push(u8::from_str_radix(two, 16).unwrap());
                at += 3;
            }
            None => {
                out.push(source[at]);
                at += 1;
            }
        }
    }
    out
}

fn path_of(text: &str) -> Vec<Vec<u8>> {
    text.split('/').map(|part| meant(part, false)).collect()
}

fn query_of(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs: Vec<_> = text
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (meant(name, true), meant(value, true)))
        .collect();
    pairs.sort();
    pairs
}

/// Whether an address lies in a network that is written in its short form.
fn lies_in(address: IpAddr, network: &str) -> bool {
    let (base, bits) = network.split_once('/').map_or((network, None), |(base, bits)| (base, Some(bits.parse::<u32>().unwrap())));
    let wide = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32, true),
        IpAddr::V6(v6) => (u128::from(v6), 128, false),
    };
    let ((a, most, kind), (b, _, other)) = (wide(address), wide(base.parse().unwrap()));
    let bits = bits.unwrap_or(most);
    kind == other && (bits == 0 || (a ^ b) >> (128 - bits) == 0)
}
