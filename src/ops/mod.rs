//! Running and looking after an installation: the command line, the control socket, logs.

pub mod cli;
pub mod control;
mod import;
pub mod logging;
mod serve;
