//! Attacks of the OWASP API Security Top 10 (2023) that fail, one file per item. What they have in common
//! with other tests is there: every route in `matrix.rs`, `tenancy.rs` and `bad_input.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, TestServer};

mod api10_unsafe_consumption_of_apis;
mod api1_broken_object_level_authorization;
mod api2_broken_authentication;
mod api3_broken_object_property_level_authorization;
mod api4_unrestricted_resource_consumption;
mod api5_broken_function_level_authorization;
mod api6_unrestricted_access_to_sensitive_business_flows;
mod api7_server_side_request_forgery;
mod api8_security_misconfiguration;
mod api9_improper_inventory_management;

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

/// A user's own paper account.
async fn own_account(server: &TestServer, name: &str) -> String {
    let user = server.app.auth.find_user(name).unwrap().unwrap().id;
    server.app.trading.own_account(user).await.unwrap().to_string()
}

/// Sends bytes as they are and reads until the server closes; what no HTTP library would send.
async fn raw(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
    // The server may have had enough before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a raw answer; 0 when the connection was closed without one.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The sheet names each of the files, and nothing that is not there.
#[test]
fn the_sheet_and_the_files_are_in_step() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: BTreeSet<String> = fs_err::read_dir(root.join("tests/it/owasp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "mod.rs")
        .collect();
    assert_eq!(files.len(), 10, "{files:?}");
    let sheet = fs_err::read_to_string(root.join(".github/SECURITY.md")).unwrap();
    let named: BTreeSet<String> = sheet
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.split('`').filter_map(|word| word.strip_prefix("tests/it/owasp/")))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, files);
    for n in 1..=10 {
        let lines: Vec<&str> = sheet.lines().filter(|line| line.starts_with(&format!("| API{n}:2023 "))).collect();
        assert_eq!(lines.len(), 1, "API{n}:2023 has one line");
        assert!(lines[0].contains(&format!("`tests/it/owasp/api{n}_")), "{}", lines[0]);
    }
    for word in sheet.split('`').filter(|word| word.starts_with("tests/") || word.starts_with("src/")) {
        assert!(root.join(word).exists(), "the sheet names {word}, which is not there");
    }
    for section in ["## Reporting a problem", "## What is not protected"] {
        assert!(sheet.contains(section), "{section}");
    }
    let readme = fs_err::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains("](.github/SECURITY.md)"), "the README links the sheet");
}
