//! The archive in which a user's data move to another installation.

use std::io::{Read, Write};
use std::path::Path;

use eggmoney::domain::id::UserId;
use eggmoney::domain::user::{Role, User};
use eggmoney::importers::eggmoney::{ImportRequest, OldFiles, read, run};
use eggmoney::importers::transfer::{Arrival, Departure, export, import};
use eggmoney::storage::Store;
use eggmoney::trading::{may_arrive, own_account_id};
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::{Chance, Target};
use super::spoil;
use super::world::World;
use crate::support::old::fixtures;

/// What the first byte of a case says: an archive.
const ARCHIVE: u8 = 0;
/// Its files, each after a line with `#` and its name: packed before they are brought.
const FILES: u8 = 1;
/// The same, and the manifest tells of as many rows as there are.
const COUNTED: u8 = 2;
const MANIFEST: &str = "manifest.json";
/// Rows of the old history that the sample has.
const HISTORY: usize = 8;

type Files = Vec<(String, Vec<u8>)>;

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
}

/// The files of an archive, by its directory.
fn unpack(archive: &[u8]) -> Files {
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

fn joined(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().flat_map(|(name, content)| [b"#", name.as_bytes(), b"\n", content].concat()).collect()
}

/// The files of a case.
fn parted(case: &[u8]) -> Files {
    let mut files = Files::new();
    for line in case.split_inclusive(|b| *b == b'\n') {
        match (line.strip_prefix(b"#"), files.last_mut()) {
            (Some(name), _) => files.push((String::from_utf8_lossy(name.trim_ascii()).chars().take(100).collect(), Vec::new())),
            (None, Some((_, content))) => content.extend_from_slice(line),
            (None, None) => {}
        }
    }
    files
}

/// Makes the manifest tell of the rows that are there.
fn count(files: &mut Files) {
    let rows = |content: &[u8]| content.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count();
    let counts: Vec<(String, usize)> = files
        .iter()
        .filter_map(|(name, content)| Some((name.strip_prefix("data/")?.strip_suffix(".jsonl")?.to_owned(), rows(content))))
        .collect();
    let Some((_, manifest)) = files.iter_mut().find(|(name, _)| name == MANIFEST) else { return };
    let Ok(mut told) = serde_json::from_slice::<Value>(manifest) else { return };
    let Some(told_rows) = told.get_mut("rows").and_then(Value::as_object_mut) else { return };
    for (space, count) in counts {
        told_rows.insert(space, json!(count));
    }
    *manifest = told.to_string().into_bytes();
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
            lines[at] = spoil::any_document(chance, &lines[at]);
        }
    }
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

pub struct Archives {
    store: Store,
    folder: TempDir,
    owner: User,
    at: Timestamp,
    whole: Vec<u8>,
    files: Files,
}

impl Archives {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::start(|_| {});
        let app = &world.server.app;
        world.runtime.block_on(world.server.create("kim", Role::User));
        let (owner, at) = (app.auth.find_user("kim").unwrap().unwrap(), app.market.now());
        let old = OldFiles {
            db: super::old_files::shortened("sk", HISTORY, folder.path()),
            db_name: None,
            key_store: Some(fixtures().join("key_store.sk.json")),
            env: None,
        };
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
        run(&app.store, &app.vault, &read(&old).unwrap().into(), &request).unwrap();
        let mut whole = Vec::new();
        let departure = Departure { own_account: own_account_id(owner.id), at, user: owner.clone() };
        app.store.user(owner.id).read(|view| export(view, &departure, &mut whole)).unwrap();
        let mut files = unpack(&whole);
        files.retain(|(name, _)| !name.starts_with("csv") && !name.ends_with(".txt"));
        Self { store: Store::in_memory().unwrap(), folder, owner, at, whole, files }
    }

    /// Who has nothing yet.
    fn arrival(&self, file: &Path) -> Arrival {
        let user = UserId(uuid::Uuid::from_u128(7));
        Arrival { user, own_account: own_account_id, allowed: may_arrive, by: None, at: self.at, file: file.to_owned() }
    }
}

impl Target for Archives {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let joined = joined(&self.files);
        vec![[&[ARCHIVE], &self.whole[..]].concat(), [&[FILES], &joined[..]].concat(), [&[COUNTED], &joined[..]].concat()]
    }

    fn words(&self) -> &'static [&'static str] {
        &["#manifest.json\n", "#data/orders.jsonl\n", "\"k\":\"", "\"v\":1", "\"account_id\":", "PK\x01\x02", "PK\x03\x04", "PK\x05\x06"]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (kind, rest) = case.split_at(1);
        if kind[0] == ARCHIVE {
            return [kind, &spoil::bytes(chance, rest, &[])].concat();
        }
        let mut files = parted(rest);
        if files.is_empty() {
            return case.to_vec();
        }
        let at = chance.below(files.len());
        files[at].1 = spoil_lines(chance, &files[at].1);
        if chance.once_in(20) {
            files.remove(chance.below(files.len()));
        }
        [kind, &joined(&files)].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let archive = match case.split_first() {
            Some((&ARCHIVE, archive)) => archive.to_vec(),
            Some((&kind @ (FILES | COUNTED), files)) => {
                let mut files = parted(files);
                if kind == COUNTED {
                    count(&mut files);
                }
                pack(&files)
            }
            _ => return false,
        };
        let file = self.folder.path().join("export.zip");
        fs_err::write(&file, &archive).unwrap();
        let arrival = self.arrival(&file);
        let user = self.store.user(arrival.user);
        if let Err(error) = import(&self.store, &arrival) {
            let accounts = user.read(|view| view.accounts()).unwrap();
            assert!(accounts.is_empty(), "{error} left {} accounts behind", accounts.len());
            return false;
        }
        let report = self.store.verify().unwrap();
        assert!(report.agrees(), "{report:?}");
        // Everything that came can be read again.
        let owner = User { id: arrival.user, ..self.owner.clone() };
        let departure = Departure { own_account: own_account_id(arrival.user), at: self.at, user: owner };
        user.read(|view| export(view, &departure, std::io::sink())).unwrap();
        // Accounts come once into an installation.
        self.store = Store::in_memory().unwrap();
        true
    }
}
