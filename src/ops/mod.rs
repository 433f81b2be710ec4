//! Running and looking after an installation: the command line, the control socket, logs.

pub mod backup;
pub mod cli;
pub mod control;
mod demo;
mod doctor;
mod export;
mod import;
mod keys;
pub mod logging;
mod people;
mod serve;
mod signals;
mod simulate;
mod supervise;
mod transfer;

/// Prints a line for whoever started the program; a closed pipe is no reason to stop.
fn announce(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
