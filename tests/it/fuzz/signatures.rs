//! The header of signed requests with the canonical form of what it signs, lists of networks, and the
//! header in which proxies name who came.

use std::net::IpAddr;

use eggmoney::app::Config;
use eggmoney::auth::{AuthError, KeyError, SignatureHeader, SignedParts};
use eggmoney::domain::network::Networks;
use serde_json::json;

use super::engine::{Chance, Hunt};
use super::spoil;
use crate::support::TestServer;
use crate::support::keys::{Signed, make_key};

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

#[tokio::test]
async fn signatures() {
    let server = TestServer::start().await;
    let kim = server.user("kim").await;
    let key = make_key(&kim, &json!({"name": "trader", "scope": "paper"})).await;
    // Beyond the time of which the server, having just started, knows no nonces.
    server.advance(std::time::Duration::from_secs(120));
    let body = r#"{"symbol":"005930","quantity":3}"#;
    let mut right = Signed::now(&server, "POST", "/api/v1/trading/orders", &json!({}));
    (right.query, right.body) = ("a=1&b=%ED%95%9C%20%2B&c=".to_owned(), body.to_owned());
    let header = key.header(&right);
    let here = Some("127.0.0.1".parse().unwrap());
    let mut hunt = Hunt::new("signatures", 600);
    while let Some(mut chance) = hunt.next() {
        let (mut given, mut sent) = (header.clone(), right.clone());
        match chance.below(6) {
            0..=2 => given = spoil::text(&mut chance, &header),
            3 => sent.path = spoil::text(&mut chance, &right.path),
            4 => sent.query = spoil::text(&mut chance, &right.query),
            _ => sent.body = spoil::text(&mut chance, &right.body),
        }
        hunt.tries(format!("{given}\n{} {} {}", sent.path, sent.query, sent.body));
        let Some(Ok(read)) = SignatureHeader::parse(&given) else { continue };
        let parts = SignedParts { method: sent.method, path: &sent.path, query: &sent.query, body: sent.body.as_bytes() };
        let found = server.app.auth.by_signature(&read, &parts, here).await;
        // A signature that was taken before was right, too.
        let taken = matches!(&found, Ok(_) | Err(AuthError::Key(KeyError::SignatureReplayed)));
        let same = read == SignatureHeader::parse(&header).unwrap().unwrap()
            && path_of(&sent.path) == path_of(&right.path)
            && query_of(&sent.query) == query_of(&right.query)
            && sent.body == right.body;
        assert_eq!(taken, same, "{found:?}");
        taken.then(|| hunt.taken());
    }
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

#[test]
fn networks() {
    const SAMPLES: [&str; 8] =
        ["203.0.113.7", "192.168.0.0/16", "10.0.0.0/8", "2001:db8::/32", "fe80::1", "::ffff:192.0.2.1", "0.0.0.0/0", "2001:db8:0:1::/64"];
    let address = |chance: &mut Chance| -> IpAddr {
        let near: IpAddr = chance.pick(&SAMPLES).split('/').next().unwrap().parse().unwrap();
        match near.to_canonical() {
            IpAddr::V4(v4) => (u32::from(v4) ^ u32::try_from(chance.next() >> 40).unwrap()).to_be_bytes().into(),
            IpAddr::V6(v6) => (u128::from(v6) ^ u128::from(chance.next()) << chance.below(64)).to_be_bytes().into(),
        }
    };
    let mut hunt = Hunt::new("networks", 2_000);
    while let Some(mut chance) = hunt.next() {
        let sample = *chance.pick(&SAMPLES);
        let text = if chance.once_in(8) { sample.to_owned() } else { spoil::text(&mut chance, sample) };
        hunt.tries(&text);
        let Ok(networks) = Networks::parse(&[&text]) else { continue };
        hunt.taken();
        let texts = networks.texts();
        assert_eq!(Networks::parse(&texts).unwrap(), networks, "{texts:?}");
        let address = address(&mut chance);
        assert_eq!(networks.contains(address), lies_in(address, &texts[0]), "{address} in {texts:?}");
    }
}

#[tokio::test]
async fn proxies_headers() {
    let trust = |config: &mut Config| config.trusted_proxies = Networks::loopback();
    let server = TestServer::start_with(trust).await;
    let mut hunt = Hunt::new("proxies' headers", 300);
    while let Some(mut chance) = hunt.next() {
        let name = *chance.pick(&["x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real-ip"]);
        let sample =
            *chance.pick(&["203.0.113.7, 127.0.0.1", "[2001:db8::1]:4711", "https", "for=\"[2001:db8::1]\";proto=https", "10.0.0.1:80"]);
        let value = spoil::bytes(&mut chance, sample.as_bytes(), &[]);
        hunt.tries(&value);
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(&value) else { continue };
        let answer = server.client.get(server.url("/api/v1/system")).header(name, value).send().await.unwrap();
        let status = answer.status().as_u16();
        assert!(matches!(status, 200 | 400..500), "{status}");
        if status == 200 {
            hunt.taken();
        }
    }
}
