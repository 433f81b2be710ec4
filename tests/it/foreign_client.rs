//! `eggmoney simulate` serves clients that others have written: one in Python, over raw sockets, that
//! reads header names as literally as the broker's own samples do.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The simulator's process; killed when dropped.
struct Simulate(Child);

impl Drop for Simulate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_that_reads_header_names_by_their_letters_is_served() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_eggmoney"))
        .args(["simulate", "--scenario", "permissive"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _simulate = Simulate(child);
    let urls: Value = serde_json::from_str(&line).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/foreign_client.py");
    for (kind, rest, socket) in [("live", "live", "live_ws"), ("mock", "paper", "paper_ws")] {
        let url = |name: &str| urls["kis"][name].as_str().unwrap().to_owned();
        let said = Command::new("python3").args(["-B", script, kind, &url(rest), &url(socket)]).output();
        let said = said.unwrap_or_else(|e| panic!("this test needs python3 (3.9 or newer, no packages): {e}"));
        let (out, complaints) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success() && out.trim() == format!("{kind}: all good"), "{kind}: {out}\n{complaints}");
    }
}
