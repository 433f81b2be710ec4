//! The layers as rules: who may know whom, and where the outside is touched.

use std::path::{Path, PathBuf};

/// Layer → the layers that its files may name as `crate::<layer>`.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("quant", &["domain"]),
    ("storage", &["domain"]),
    ("brokers", &["domain"]),
    ("market", &["domain", "storage", "brokers"]),
    ("simulators", &["domain", "quant"]),
    ("auth", &["domain", "storage"]),
    ("backup", &["domain", "storage", "auth"]),
    ("importers", &["domain", "quant", "storage", "market", "auth"]),
    ("notify", &["domain", "quant", "storage", "market", "brokers", "auth"]),
    ("portfolio", &["domain", "quant", "storage", "market", "brokers"]),
    ("trading", &["domain", "quant", "storage", "market", "brokers", "auth", "notify"]),
    ("schedule", &["domain", "quant", "storage", "market", "brokers", "trading", "notify"]),
    (
        "app",
        &["domain", "quant", "storage", "market", "brokers", "auth", "backup", "importers", "notify", "portfolio", "trading", "schedule"],
    ),
    (
        "http",
        &[
            "domain",
            "quant",
            "storage",
            "market",
            "brokers",
            "auth",
            "backup",
            "importers",
            "notify",
            "portfolio",
            "trading",
            "schedule",
            "app",
        ],
    ),
    (
        "ops",
        &[
            "domain",
            "quant",
            "storage",
            "market",
            "brokers",
            "auth",
            "backup",
            "importers",
            "notify",
            "portfolio",
            "trading",
            "schedule",
            "app",
            "http",
            "simulators",
        ],
    ),
];

/// Words and the only places that may use them. A place is a file or a folder (ending in `/`).
const ONLY_IN: &[(&str, &[&str])] = &[
    ("redb::", &["storage/redb.rs", "storage/mod.rs", "storage/snapshot.rs"]),
    ("reqwest::", &["brokers/http.rs", "brokers/egress.rs", "brokers/reach.rs", "brokers/kis/rest.rs", "notify/telegram.rs"]),
    ("tokio_tungstenite::", &["brokers/kis/ws/", "simulators/kis/ws/"]),
    ("aes::", &["brokers/kis/ws/crypt.rs", "simulators/kis/ws/wire.rs"]),
    ("cbc::", &["brokers/kis/ws/crypt.rs", "simulators/kis/ws/wire.rs"]),
    ("encoding_rs::", &["market/masters.rs", "simulators/kis/masters.rs"]),
    ("flate2::", &["backup/archive.rs", "importers/transfer/zip.rs", "market/zip.rs", "simulators/kis/masters.rs"]),
    ("actix_web::", &["http/"]),
    ("actix_ws::", &["http/"]),
    ("actix_multipart::", &["http/"]),
    ("rusqlite::", &["importers/"]),
    ("tokio_cron_scheduler", &["schedule/ticker.rs"]),
    ("jsonwebtoken::", &["auth/token.rs"]),
    ("argon2::", &["auth/password.rs"]),
    ("aes_gcm_siv::", &["auth/seal.rs"]),
    ("ring::aead", &["backup/cipher.rs"]),
    ("bip39::", &["backup/words.rs"]),
    // Wall-clock reads: everything else is handed a clock.
    ("Timestamp::now(", &["app/clock.rs"]),
    ("SystemTime::now(", &["app/clock.rs"]),
    // Durations for the access log, of the last commit and since the last look at a file are no time of day.
    ("Instant::now(", &["app/clock.rs", "http/tls.rs", "http/trace.rs", "storage/writer.rs"]),
    ("Zoned::now(", &["app/clock.rs"]),
    // One way to a broker: journalled first.
    ("JournalledOrder::after_commit", &["trading/orders/service.rs", "brokers/"]),
    (".send_order(", &["trading/orders/service.rs", "brokers/"]),
    (".send_cancel(", &["trading/orders/service.rs", "brokers/"]),
];

/// `path → text without its tests`. What stands under `#[cfg(test)]` may do what it likes: a module at
/// the end of a file, or a file of its own.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut test_files = Vec::new();
    let mut sources = Vec::new();
    for path in files {
        let text = fs_err::read_to_string(&path).unwrap();
        let folder = if path.file_name().is_some_and(|n| n == "mod.rs" || n == "lib.rs") {
            path.parent().unwrap().to_owned()
        } else {
            path.with_extension("")
        };
        let (kept, modules) = without_tests(&text);
        test_files.extend(modules.iter().map(|name| folder.join(name)));
        sources.push((path, kept));
    }
    sources
        .into_iter()
        .filter(|(path, _)| !test_files.iter().any(|tests| path.with_extension("") == *tests || path.starts_with(tests)))
        .map(|(path, text)| (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text))
        .collect()
}

/// A file's text up to its test module, and the names of test modules that are files.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut modules = Vec::new();
    let mut lines = text.lines().peekable();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]"
            && let Some((_, module)) = lines.peek().and_then(|next| next.split_once("mod "))
        {
            match module.strip_suffix(';') {
                Some(name) => modules.push(name.to_owned()),
                None => break,
            }
        }
        kept.push(line);
    }
    (kept.join("\n"), modules)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Lines of code (no comments) with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn layer_violations(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        let Some((layer, _)) = path.split_once('/') else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            found.push(format!("{path}: the layer {layer} is not in the list"));
            continue;
        };
        for (number, line) in code(text) {
            for rest in line.split("crate::").skip(1) {
                let named: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if LAYERS.iter().any(|(name, _)| *name == named) && named != layer && !allowed.contains(&named.as_str()) {
                    found.push(format!("{path}:{number}: {layer} must not know {named}: {}", line.trim()));
                }
            }
        }
    }
    found
}

fn place_violations(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        for (word, places) in ONLY_IN {
            if places.iter().any(|place| path == place || (place.ends_with('/') && path.starts_with(place))) {
                continue;
            }
            for (number, line) in code(text).filter(|(_, line)| names(line, word)) {
                found.push(format!("{path}:{number}: {word} belongs to {}: {}", places.join(", "), line.trim()));
            }
        }
    }
    found
}

/// Whether a line uses a word on its own, not as the end of a longer path or name.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        word.starts_with('.')
            || !before.is_some_and(|c| {
                c.is_alphanumeric() || c == '_' || (c == ':' && !word.contains("::now(") && word != "JournalledOrder::after_commit")
            })
    })
}

#[test]
fn layers_point_downwards() {
    let found = layer_violations(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_outside_is_touched_in_few_places() {
    let found = place_violations(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_rules_see_what_they_forbid() {
    let file = |path: &str, text: &str| vec![(path.to_owned(), text.to_owned())];
    assert_eq!(layer_violations(&file("domain/x.rs", "use crate::storage::Store;")).len(), 1);
    assert_eq!(layer_violations(&file("auth/x.rs", "let a = crate::http::Y;\n// crate::http::Z")).len(), 1);
    assert_eq!(layer_violations(&file("newcomer/x.rs", "")).len(), 1);
    assert!(layer_violations(&file("http/x.rs", "use crate::app::App;")).is_empty());
    for (path, text) in [
        ("trading/x.rs", "let now = Timestamp::now();"),
        ("trading/x.rs", "let now = jiff::Timestamp::now();"),
        ("trading/runner.rs", "broker.send_order(&order).await"),
        ("trading/gate.rs", "JournalledOrder::after_commit(x)"),
        ("auth/x.rs", "use actix_web::web;"),
        ("portfolio/x.rs", "reqwest::get(url)"),
        ("storage/view.rs", "use redb::Database;"),
    ] {
        assert_eq!(place_violations(&file(path, text)).len(), 1, "{path}: {text}");
    }
    assert!(place_violations(&file("trading/orders/service.rs", "broker.send_order(&order).await")).is_empty());
    assert!(place_violations(&file("storage/view.rs", "super::redb::RedbEngine")).is_empty());
    let text = "a\n#[cfg(test)]\nmod scripted;\nb\n#[cfg(test)]\nmod tests {\n  c\n}";
    assert_eq!(without_tests(text), ("a\n#[cfg(test)]\nmod scripted;\nb".to_owned(), vec!["scripted".to_owned()]));
}
