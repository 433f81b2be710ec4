//! Binding and running the HTTP server.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{Error, HttpServer};

use super::access::AppData;
use super::tls::{self, TlsError};
use super::{body, by_key, extract, perimeter, trace};
use crate::app::App;
use crate::app::config::{DEFAULT_PORT, Listen};

/// Threads that serve requests: enough for a NAS, small in memory.
const WORKERS: usize = 2;
/// Seconds that running requests get when the server stops.
const PATIENCE: u64 = 5;
/// A client that has not sent its request's head by then is cut off. A busy NAS needs some seconds to
/// get round to all of a thousand connections.
const SLOWEST_REQUEST: Duration = Duration::from_secs(30);

/// Scripts come from our own files only; styles may be inline, as charts write them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; \
     base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

const SECURITY_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("port {} of {} is in use: stop the other program or choose another port with --listen", .0.port(), .0.ip())]
    Busy(SocketAddr),
    #[error("this user may not listen on port {}: choose a port above 1023 with --listen", .0.port())]
    NotAllowed(SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Io(SocketAddr, io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that has its port and waits to be run.
pub struct Bound {
    /// Where it listens.
    pub address: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    server: actix_web::dev::Server,
}

impl Bound {
    /// Stops the server from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// When the server cannot run.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

/// A port that was taken. Who connects waits until a server runs on it.
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

/// Prepares the server on a port. Call it inside a tokio runtime.
///
/// # Errors
/// See [`BindError`].
pub fn bind(app: &Arc<App>, Port { listener, address }: Port) -> Result<Bound, BindError> {
    let shared = app.clone();
    let server = HttpServer::new(move || {
        let app = shared.clone();
        actix_web::App::new()
            .configure(|config| super::configure(&app, config))
            .wrap(from_fn(by_key::middleware))
            .wrap(from_fn(perimeter::middleware))
            .wrap(Compress::default())
            .wrap(from_fn(security_headers))
            .wrap(from_fn(trace::middleware))
            .wrap(from_fn(body::middleware))
    })
    .workers(WORKERS)
    .shutdown_timeout(PATIENCE)
    .client_request_timeout(SLOWEST_REQUEST)
    .disable_signals();
    let tls = app.config.tls.as_ref().map(tls::server_config).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listening = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    };
    let server = listening.map_err(|e| BindError::Io(address, e))?.run();
    Ok(Bound { address, scheme, server })
}

/// Takes the port. It comes before everything that leaves something behind: a program that may not
/// listen must not have made any data.
///
/// # Errors
/// See [`BindError`].
pub fn open_port(listen: Listen) -> Result<Port, BindError> {
    match listen {
        Listen::At(address) => open(address),
        Listen::Default => match open((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT).into()) {
            // No IPv6 on this machine.
            Err(BindError::Io(..)) => open((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT).into()),
            other => other,
        },
    }
}

fn open(address: SocketAddr) -> Result<Port, BindError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AddrInUse => BindError::Busy(address),
        io::ErrorKind::PermissionDenied => BindError::NotAllowed(address),
        _ => BindError::Io(address, e),
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Port { listener, address })
}

async fn security_headers(req: ServiceRequest, next: Next<impl MessageBody>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let api = !perimeter::is_file(&req);
    let tls = req.app_data::<AppData>().is_some_and(|app| extract::over_tls(app, req.request()));
    let mut response = next.call(req).await?;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}
