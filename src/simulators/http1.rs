//! A small HTTP/1.1 server over tokio. The brokers' own sample clients depend on the spelling of
//! response header names (KIS wants `tr_id` in lower case and `Content-Type` in title case), which
//! HTTP libraries do not leave to their users. Listens on loopback only.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Longest request head that is read.
const LONGEST_HEAD: usize = 64 * 1024;
/// Longest request body that is read.
const LONGEST_BODY: usize = 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Without the query, percent-decoded.
    pub path: String,
    /// Decoded pairs in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body came in chunks, without a `Content-Length`; it was not read.
    pub chunked: bool,
}

impl Request {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer; header names go out exactly as given.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What is done with a connection after a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Send(Response),
    /// Announce the whole body, send half of it and close.
    Truncate(Response),
    /// Close without an answer.
    Drop,
    /// Reset the connection without an answer.
    Reset,
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request) -> impl Future<Output = Reply> + Send;
}

/// A listening server; dropping it closes the port and all connections.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: AbortHandle,
    accepted: Arc<AtomicU64>,
}

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections so far, whatever came over them.
    pub fn connections(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on loopback; port 0 picks a free one.
///
/// # Errors
/// When the port cannot be bound.
pub async fn listen<H: Handler>(handler: Arc<H>, port: u16) -> io::Result<Listener> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = socket.local_addr()?;
    let accepted = Arc::new(AtomicU64::new(0));
    let count = accepted.clone();
    let task = tokio::spawn(async move {
        // Connections end with the set when the listener is dropped.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                came = socket.accept() => {
                    if let Ok((stream, _)) = came {
                        count.fetch_add(1, Ordering::SeqCst);
                        connections.spawn(serve(stream, Arc::clone(&handler)));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok(Listener { address, task: task.abort_handle(), accepted })
}

/// Serves one connection until either side closes it. Errors end the connection and concern nobody else.
async fn serve<H: Handler>(mut stream: TcpStream, handler: Arc<H>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    loop {
        match read_request(&mut stream, &mut buffer).await {
            Ok(Some((request, keep_alive))) => {
                // After an unread chunked body the next request's beginning cannot be found.
                let keep_alive = keep_alive && !request.chunked;
                let done = match handler.handle(request).await {
                    Reply::Send(response) => write_response(&mut stream, &response, keep_alive, false).await,
                    Reply::Truncate(response) => {
                        let _ = write_response(&mut stream, &response, false, true).await;
                        return;
                    }
                    Reply::Drop => return,
                    Reply::Reset => {
                        // Closed with nothing to linger for, a connection ends in a reset.
                        let _ = stream.set_zero_linger();
                        return;
                    }
                };
                if done.is_err() || !keep_alive {
                    return;
                }
            }
            Ok(None) => return,
            Err(problem) => {
                let response = Response {
                    status: 400,
                    headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
                    body: problem.to_string().into_bytes(),
                };
                let _ = write_response(&mut stream, &response, false, false).await;
                return;
            }
        }
    }
}

/// The next request and whether the connection stays open after it; `None` when the client has closed.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(Request, bool)>> {
    let head_end = loop {
        if let Some(position) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break position;
        }
        if buffer.len() > LONGEST_HEAD {
            return Err(invalid("the request head is too long"));
        }
        if !read_more(stream, buffer).await? {
            return Ok(None);
        }
    };
    let rest = buffer.split_off(head_end + 4);
    let head = std::mem::replace(buffer, rest);
    let head = String::from_utf8(head).map_err(|_| invalid("the request head is not UTF-8"))?;
    let (mut request, keep_alive) = parse_head(&head)?;
    let length = match request.header("content-length") {
        Some(text) => text.parse::<usize>().map_err(|_| invalid("Content-Length is not a number"))?,
        None => 0,
    };
    if length > LONGEST_BODY {
        return Err(invalid("the request body is too long"));
    }
    request.chunked = request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    while buffer.len() < length {
        if !read_more(stream, buffer).await? {
            return Ok(None);
        }
    }
    let rest = buffer.split_off(length);
    request.body = std::mem::replace(buffer, rest);
    Ok(Some((request, keep_alive)))
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.read_buf(buffer).await? > 0)
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn parse_head(head: &str) -> io::Result<(Request, bool)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version)) = (first.next(), first.next(), first.next()) else {
        return Err(invalid("the request line is not METHOD TARGET VERSION"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(invalid("only HTTP/1.0 and HTTP/1.1 are spoken here"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_uppercase(),
        path: decode(path, false),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name, true), decode(value, true))
            })
            .collect(),
        ..Request::default()
    };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header line has no colon"))?;
        request.headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
    let keep_alive = match request.header("connection").map(str::to_lowercase) {
        Some(value) if value.contains("close") => false,
        Some(value) if value.contains("keep-alive") => true,
        _ => version != "HTTP/1.0",
    };
    Ok((request, keep_alive))
}

/// Percent-decodes; what is not a valid escape stays as it is.
fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        match escaped.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if plus_is_space && *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn write_response(stream: &mut TcpStream, response: &Response, keep_alive: bool, truncate: bool) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let connection = if keep_alive { "keep-alive" } else { "close" };
    head.push_str(&format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", response.body.len()));
    let body = if truncate { response.body.get(..response.body.len() / 2) } else { Some(response.body.as_slice()) };
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    stream.write_all(&bytes).await?;
    stream.flush().await
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Echo;

    impl Handler for Echo {
        async fn handle(&self, request: Request) -> Reply {
            let body = format!("{} {} {:?} {}", request.method, request.path, request.query, String::from_utf8_lossy(&request.body));
            let response = Response { status: 200, headers: vec![("tr_id", "X".to_owned())], body: body.into_bytes() };
            match request.path.as_str() {
                "/drop" => Reply::Drop,
                "/reset" => Reply::Reset,
                "/cut" => Reply::Truncate(response),
                _ => Reply::Send(response),
            }
        }
    }

    async fn exchange(listener: &Listener, request: &str) -> String {
        let mut stream = TcpStream::connect(listener.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn two_requests_share_a_connection_and_header_names_keep_their_spelling() {
        let listener = listen(Arc::new(Echo), 0).await.unwrap();
        assert!(listener.address().ip().is_loopback());
        let text = exchange(
            &listener,
            "POST /a%20b?X=1%2F2&y=p+q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /two HTTP/1.1\r\nConnection: close\r\n\r\n",
        )
        .await;
        let answers: Vec<&str> = text.split("HTTP/1.1 200 OK\r\n").collect();
        assert_eq!(answers.len(), 3, "{text}");
        assert!(answers[1].starts_with("tr_id: X\r\nContent-Length: "), "{text}");
        assert!(answers[1].contains("Connection: keep-alive\r\n"));
        assert!(answers[1].ends_with("POST /a b [(\"X\", \"1/2\"), (\"y\", \"p q\")] abc"), "{text}");
        assert!(answers[2].contains("Connection: close\r\n") && answers[2].ends_with("GET /two [] "), "{text}");
    }

    #[tokio::test]
    async fn a_dropped_or_cut_answer_ends_the_connection() {
        let listener = listen(Arc::new(Echo), 0).await.unwrap();
        assert_eq!(exchange(&listener, "GET /drop HTTP/1.1\r\n\r\n").await, "");
        let mut stream = TcpStream::connect(listener.address()).await.unwrap();
        stream.write_all(b"GET /reset HTTP/1.1\r\n\r\n").await.unwrap();
        let error = stream.read_to_string(&mut String::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let cut = exchange(&listener, "GET /cut HTTP/1.1\r\n\r\n").await;
        let (head, body) = cut.split_once("\r\n\r\n").unwrap();
        let announced: usize = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
        assert!(body.len() < announced, "{cut}");
    }

    #[tokio::test]
    async fn nonsense_gets_a_400() {
        let listener = listen(Arc::new(Echo), 0).await.unwrap();
        assert!(exchange(&listener, "hello\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
        assert!(exchange(&listener, "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    }

    proptest! {
        #[test]
        fn decoding_undoes_percent_encoding(text in "\\PC{0,40}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&encoded, true), text);
        }

        #[test]
        fn any_head_is_parsed_or_refused(head in "\\PC{0,200}") {
            let _ = parse_head(&head);
            let _ = decode(&head, true);
        }
    }
}
