//! A stand-in for the Bot API that remembers what arrived and can be out of reach.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Works,
    /// Connections end without an answer.
    Down,
    /// The person has blocked the bot.
    Blocked,
}

/// A message that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub token: String,
    pub chat: String,
    pub text: String,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    arrived: Vec<Arrived>,
    asked: usize,
}

/// The running service. It stops when dropped.
pub struct BotApi {
    pub url: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for BotApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl BotApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { mood: Mood::Works, arrived: Vec::new(), asked: 0 }));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { url, state, serving }
    }

    pub fn set(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Messages so far, in the order of their arrival.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    /// Requests so far, answered or not.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

/// Reads one request and answers it; the connection then ends.
async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return,
        }
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").map(|v| v.trim().parse::<usize>()));
        let length = length.transpose().unwrap().unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            break (head, bytes[end + 4..end + 4 + length].to_vec());
        }
    };
    let target = head.split(' ').nth(1).unwrap();
    let (token, method) = target.strip_prefix("/bot").unwrap().rsplit_once('/').unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, reply) = {
        let mut state = state.lock().unwrap();
        state.asked += 1;
        match state.mood {
            Mood::Down => return,
            Mood::Blocked => {
                ("403 Forbidden", json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}))
            }
            Mood::Works => {
                if method == "sendMessage" {
                    let text = |key: &str| body[key].as_str().unwrap().to_owned();
                    state.arrived.push(Arrived { token: token.to_owned(), chat: text("chat_id"), text: text("text") });
                }
                ("200 OK", json!({"ok": true, "result": {"message_id": state.asked, "username": "egg_bot"}}))
            }
        }
    };
    let reply = reply.to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{reply}",
        reply.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
