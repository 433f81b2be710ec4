//! Running and looking after an installation: the command line, the control socket, logs.

pub mod cli;
pub mod control;
pub mod logging;
mod serve;
