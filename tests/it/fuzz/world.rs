//! An installation, asked from outside of its runtime.

use eggmoney::app::Config;
use tokio::runtime::{Builder, Runtime};

use crate::support::TestServer;

/// One thread for everything: what a case reaches does not depend on which thread is faster.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server with the runtime that it lives in.
pub struct World {
    pub runtime: Runtime,
    pub server: TestServer,
}

impl World {
    pub fn start(change: impl FnOnce(&mut Config)) -> Self {
        let runtime = runtime();
        let server = runtime.block_on(TestServer::start_with(change));
        Self { runtime, server }
    }
}
