//! The websocket servers: one port per host, one session per app key.

mod market;
mod notices;
mod registry;
mod session;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

#[cfg(test)]
pub(super) use notices::record as notice;
pub(super) use registry::{Command, Sessions};
#[cfg(test)]
pub(super) use session::serves;

use super::state::Shared;
use crate::domain::clock::Clock;
use crate::domain::order::BrokerHost;

/// A listening websocket port; dropping it closes the port and all sessions.
#[derive(Debug)]
pub(super) struct WsListener {
    address: SocketAddr,
    task: AbortHandle,
    accepted: Arc<AtomicU64>,
}

impl WsListener {
    /// Listens on loopback; port 0 picks a free one. Keep-alives and looks at the market are paced by
    /// `wall`, whose `sleep` must really wait.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(host: BrokerHost, shared: Arc<Shared>, wall: Arc<dyn Clock>, port: u16) -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        let accepted = Arc::new(AtomicU64::new(0));
        let count = accepted.clone();
        let task = tokio::spawn(async move {
            // Sessions end with the set when the listener is dropped.
            let mut sessions = JoinSet::new();
            loop {
                tokio::select! {
                    came = socket.accept() => {
                        if let Ok((stream, _)) = came {
                            count.fetch_add(1, Ordering::SeqCst);
                            sessions.spawn(session::serve(stream, host, Arc::clone(&shared), Arc::clone(&wall)));
                        }
                    }
                    Some(_) = sessions.join_next() => {}
                }
            }
        });
        Ok(Self { address, task: task.abort_handle(), accepted })
    }

    /// Connections so far, whatever came over them.
    pub fn connections(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

impl Drop for WsListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
