//! The archive in which a user's data move to another installation.

use std::io::{Read, Write};

use eggmoney::domain::user::Role;
use eggmoney::importers::eggmoney::{ImportRequest, OldFiles, read, run};
use eggmoney::importers::transfer::{Arrival, Departure, export, import};
use eggmoney::trading::{may_arrive, own_account_id};
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value;
use tokio::task::block_in_place;

use super::engine::{Chance, Hunt};
use super::spoil;
use crate::support::TestServer;
use crate::support::old::fixtures;

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
}

/// The files of an archive, by its directory.
fn unpack(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let end = archive.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let (count, mut at) = (u16_at(archive, end + 10), u32_at(archive, end + 16));
    let mut files = Vec::new();
    for _ in 0..count {
        let (packed, names, more) =
            (u32_at(archive, at + 20), u16_at(archive, at + 28), u16_at(archive, at + 30) + u16_at(archive, at + 32));
        let (local, name) = (u32_at(archive, at + 42), String::from_utf8(archive[at + 46..at + 46 + names].to_vec()).unwrap());
        let data = local + 30 + u16_at(archive, local + 26) + u16_at(archive, local + 28);
        let mut content = Vec::new();
        DeflateDecoder::new(&archive[data..data + packed]).read_to_end(&mut content).unwrap();
        files.push((name, content));
        at += 46 + names + more;
    }
    files
}

/// A sound archive of these files.
fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let four = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    for (name, content) in files {
        let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let mut head = vec![20, 0, 0, 8, 8, 0, 0, 0, 0x21, 0];
        head.extend(sum.sum().to_le_bytes());
        head.extend(four(packed.len()));
        head.extend(four(content.len()));
        head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        head.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(four(out.len()));
        directory.extend(name.bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.bytes());
        out.extend(packed);
    }
    let (at, count) = (out.len(), u16::try_from(files.len()).unwrap().to_le_bytes());
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(four(directory.len()));
    out.extend(four(at));
    out.extend([0, 0]);
    out
}

/// One line of one file, or the lines themselves.
fn spoil_lines(chance: &mut Chance, content: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = content.split(|b| *b == b'\n').map(<[u8]>::to_vec).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return b"{}\n".to_vec();
    }
    let at = chance.below(lines.len());
    match chance.below(8) {
        0 => drop(lines.remove(at)),
        1 => lines.push(lines[at].clone()),
        2 => {
            let to = chance.below(lines.len());
            lines.swap(at, to);
        }
        3 => lines[at] = spoil::bytes(chance, &lines[at], &[]),
        _ => {
            let record: Value = serde_json::from_slice(&lines[at]).unwrap();
            lines[at] = spoil::document(chance, &record);
        }
    }
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn archives() {
    let server = TestServer::start().await;
    let (app, at) = (&server.app, server.app.market.now());
    server.create("kim", Role::User).await;
    let owner = app.auth.find_user("kim").unwrap().unwrap();
    let path = |name: &str| fixtures().join(name);
    let old = OldFiles { db: path("egg_sk.db"), db_name: None, key_store: Some(path("key_store.sk.json")), env: None };
    let request = ImportRequest {
        user: owner.id,
        by: None,
        account_name: None,
        bot_sync: None,
        session_relative: true,
        skip_refused: true,
        book_fills: true,
        at,
    };
    block_in_place(|| run(&app.store, &app.vault, &read(&old).unwrap().into(), &request)).unwrap();
    let mut whole = Vec::new();
    let departure = Departure { own_account: own_account_id(owner.id), at, user: owner.clone() };
    app.store.user(owner.id).read(|view| export(view, &departure, &mut whole)).unwrap();
    let files = unpack(&whole);
    let read_of: Vec<usize> = (0..files.len()).filter(|n| !files[*n].0.starts_with("csv") && !files[*n].0.ends_with(".txt")).collect();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.zip");
    // Accounts come once into an installation: after each arrival there is a new one.
    let mut server = TestServer::start().await;
    let mut next = None;
    let mut control = true;
    let mut hunt = Hunt::new("archives", 60);
    while let Some(mut chance) = hunt.next() {
        let spoilt = if chance.once_in(4) {
            let spoilt = spoil::bytes(&mut chance, &whole, &[]);
            hunt.tries(&spoilt);
            spoilt
        } else {
            let mut files = files.clone();
            let n = *chance.pick(&read_of);
            files[n].1 = spoil_lines(&mut chance, &files[n].1);
            hunt.tries([files[n].0.as_bytes(), b": ", &files[n].1].concat());
            if chance.once_in(20) {
                let gone = chance.below(files.len());
                files.remove(gone);
            }
            pack(&files)
        };
        let spoilt = if std::mem::take(&mut control) { pack(&files) } else { spoilt };
        let right = spoilt == pack(&files);
        fs_err::write(&file, &spoilt).unwrap();
        let app = &server.app;
        let user = match next {
            Some(user) => user,
            None => {
                server.create("arrival", Role::User).await;
                *next.insert(app.auth.find_user("arrival").unwrap().unwrap().id)
            }
        };
        let arrival = Arrival { user, own_account: own_account_id, allowed: may_arrive, by: None, at, file: file.clone() };
        let came = block_in_place(|| import(&app.store, &arrival));
        let left = |what: &str| {
            let accounts = app.store.user(user).read(|view| view.accounts()).unwrap();
            assert!(accounts.is_empty(), "{what} left {} accounts behind", accounts.len());
        };
        match came {
            Err(error) => {
                assert!(!right, "a sound archive is refused: {error}");
                left(&error.to_string());
            }
            Ok(_) => {
                hunt.taken();
                let report = app.store.verify().unwrap();
                assert!(report.agrees(), "{report:?}");
                // Everything that came can be read again.
                let departure = Departure { own_account: own_account_id(user), at, user: app.auth.find_user("arrival").unwrap().unwrap() };
                app.store.user(user).read(|view| export(view, &departure, std::io::sink())).unwrap();
                server = TestServer::start().await;
                next = None;
            }
        }
    }
}
