//! Messages to a Telegram chat over the Bot API.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::brokers::http::{HttpClient, HttpFailure, Redactor};
use crate::domain::clock::Clock;

/// Tries of one request.
const TRIES: u32 = 3;

/// Pause after a network error.
const PAUSE: Duration = Duration::from_secs(10);

/// Longer pauses that the service asks for are the caller's to make.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Texts beyond this are cut; the service takes 4096.
const MAX_CHARS: usize = 3_000;

/// What remains of a text that is cut.
const KEPT_CHARS: usize = 2_900;

/// Why a message was not delivered. No variant carries the bot token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelegramError {
    #[error("Telegram cannot be reached: {0}")]
    Unreachable(String),
    #[error("Telegram asks to wait {} seconds", .0.as_secs())]
    Busy(Duration),
    #[error("Telegram does not know the bot token: copy it again from @BotFather")]
    Token,
    /// The chat is unknown, or the person has blocked the bot or not started it yet.
    #[error("the bot cannot write to this chat ({0}): open the bot in Telegram, press Start, and check the chat id")]
    Chat(String),
    #[error("Telegram refused ({status}): {description}")]
    Refused { status: u16, description: String },
}

impl TelegramError {
    /// Stable code for messages and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "telegram_unreachable",
            Self::Busy(_) => "telegram_busy",
            Self::Token => "telegram_token",
            Self::Chat(_) => "telegram_chat",
            Self::Refused { .. } => "telegram_refused",
        }
    }

    /// Whether the same message may arrive later: the service is out of reach or in trouble.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy(_) => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Token | Self::Chat(_) => false,
        }
    }
}

/// A client of the Bot API; the bot is named in each call, because every account may have its own.
#[derive(Clone, Debug)]
pub struct Telegram {
    http: HttpClient,
    base_url: String,
    clock: Arc<dyn Clock>,
}

impl Telegram {
    /// `base_url` comes from the server's configuration only; `clock` is the wall clock.
    pub fn new(http: HttpClient, base_url: &str, clock: Arc<dyn Clock>) -> Self {
        Self { http, base_url: base_url.trim_end_matches('/').to_owned(), clock }
    }

    /// Sends a plain text. It is tried again after network errors, so in rare cases it arrives twice.
    pub async fn send_message(&self, token: &SecretString, chat_id: &str, text: &str) -> Result<(), TelegramError> {
        let body = json!({ "chat_id": chat_id.trim(), "text": shortened(text) });
        self.call(token, "sendMessage", &body).await.map(drop)
    }

    /// The name of the bot behind a token, for a test of the connection.
    pub async fn get_me(&self, token: &SecretString) -> Result<String, TelegramError> {
        let bot = self.call(token, "getMe", &json!({})).await?;
        Ok(bot.get("username").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    async fn call(&self, token: &SecretString, method: &str, body: &Value) -> Result<Value, TelegramError> {
        if !is_token(token.expose_secret()) {
            return Err(TelegramError::Token);
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (error, pause) = match self.call_once(token, method, body).await {
                Ok(result) => return Ok(result),
                Err(error @ TelegramError::Unreachable(_)) => (error, PAUSE),
                Err(TelegramError::Busy(wait)) => (TelegramError::Busy(wait), wait),
                Err(error) => return Err(error),
            };
            if attempt >= TRIES || pause > LONGEST_PAUSE {
                return Err(error);
            }
            tracing::debug!(code = error.code(), attempt, "message not delivered yet");
            self.clock.sleep(pause).await;
        }
    }

    async fn call_once(&self, token: &SecretString, method: &str, body: &Value) -> Result<Value, TelegramError> {
        let secrets = Redactor::new([token.clone()]);
        // The token is part of the path: this text must reach neither an error nor a log.
        let url = format!("{}/bot{}/{method}", self.base_url, token.expose_secret());
        let reply = self.http.send(self.http.post(&url).json(body), &secrets).await.map_err(|failure| match failure {
            HttpFailure::NotSent(text) | HttpFailure::NoAnswer(text) => TelegramError::Unreachable(text),
        })?;
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if reply.status == 200 && answer.get("ok") == Some(&Value::Bool(true)) {
            return Ok(answer.get("result").cloned().unwrap_or_default());
        }
        let description = secrets.clean(answer.get("description").and_then(Value::as_str).unwrap_or("no explanation"));
        Err(match reply.status {
            429 => {
                let seconds = answer.pointer("/parameters/retry_after").and_then(Value::as_u64);
                TelegramError::Busy(seconds.map_or(PAUSE, Duration::from_secs))
            }
            401 | 404 => TelegramError::Token,
            400 if description.contains("chat") => TelegramError::Chat(description),
            403 => TelegramError::Chat(description),
            status => TelegramError::Refused { status, description },
        })
    }
}

/// Whether a text can be a bot token (`123456789:AAF…`). Nothing else may become part of a path.
pub fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, key)| {
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
            && !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

/// The text, or its beginning with a note of how much is missing.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= MAX_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(KEPT_CHARS).collect();
    let missing = length - KEPT_CHARS;
    format!("{kept}\n… ({missing}자 생략 · {missing} characters left out)")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::brokers::http::HttpSettings;
    use crate::brokers::scripted::{Reaction, Seen, Server};
    use crate::domain::clock::SteppedClock;

    const TOKEN: &str = "123456789:AAH-secret_Token";

    fn answer(status: u16, body: &str) -> Reaction {
        Reaction::Answer { status, tr_cont: String::new(), body: body.as_bytes().to_vec() }
    }

    struct Rig {
        server: Server,
        clock: Arc<SteppedClock>,
        telegram: Telegram,
    }

    async fn rig(script: impl Fn(&Seen, usize) -> Reaction + Send + Sync + 'static) -> Rig {
        let calls = AtomicUsize::new(0);
        let server = Server::start(move |seen| script(seen, calls.fetch_add(1, Ordering::SeqCst))).await;
        let clock = Arc::new(SteppedClock::new("2026-07-20T20:00:00Z".parse().unwrap()));
        let http = HttpClient::new(HttpSettings { timeout: Duration::from_secs(30), ..HttpSettings::default() }).unwrap();
        let telegram = Telegram::new(http, &format!("{}/", server.base_url), clock.clone());
        Rig { server, clock, telegram }
    }

    impl Rig {
        async fn send(&self, text: &str) -> Result<(), TelegramError> {
            self.telegram.send_message(&TOKEN.into(), " -100200 ", text).await
        }

        /// Seconds that have passed on the clock.
        fn waited(&self) -> i64 {
            self.clock.now().duration_since("2026-07-20T20:00:00Z".parse().unwrap()).as_secs()
        }
    }

    const DONE: &str = r#"{"ok":true,"result":{"message_id":1,"username":"egg_bot"}}"#;

    #[tokio::test]
    async fn a_message_is_sent_as_plain_text() {
        let rig = rig(|_, _| answer(200, DONE)).await;
        rig.send("매수 *3주* <b>").await.unwrap();
        let seen = rig.server.seen();
        assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/bot123456789:AAH-secret_Token/sendMessage"));
        assert_eq!(seen[0].json(), json!({ "chat_id": "-100200", "text": "매수 *3주* <b>" }));
        assert_eq!(rig.telegram.get_me(&TOKEN.into()).await.unwrap(), "egg_bot");
        assert_eq!(rig.waited(), 0);
    }

    #[tokio::test]
    async fn network_errors_are_tried_three_times_ten_seconds_apart() {
        let rig = rig(|_, n| if n < 2 { Reaction::Drop } else { answer(200, DONE) }).await;
        rig.send("a").await.unwrap();
        assert_eq!((rig.server.seen().len(), rig.waited()), (3, 20));

        let down = super::tests::rig(|_, _| Reaction::Drop).await;
        assert!(matches!(down.send("a").await, Err(TelegramError::Unreachable(_))));
        assert_eq!((down.server.seen().len(), down.waited()), (3, 20));
    }

    #[tokio::test]
    async fn refusals_are_not_repeated() {
        let cases = [
            (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, "telegram_token"),
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, "telegram_token"),
            (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#, "telegram_chat"),
            (403, r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#, "telegram_chat"),
            (400, r#"{"ok":false,"error_code":400,"description":"Bad Request: message text is empty"}"#, "telegram_refused"),
            (502, "<html>", "telegram_refused"),
            (200, "{}", "telegram_refused"),
        ];
        for (status, body, code) in cases {
            let rig = rig(move |_, _| answer(status, body)).await;
            assert_eq!(rig.send("a").await.unwrap_err().code(), code, "{body}");
            assert_eq!((rig.server.seen().len(), rig.waited()), (1, 0), "{body}");
        }
    }

    #[tokio::test]
    async fn the_service_is_given_the_time_that_it_asks_for() {
        let busy = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 33","parameters":{"retry_after":33}}"#;
        let rig = rig(move |_, n| if n == 0 { answer(429, busy) } else { answer(200, DONE) }).await;
        rig.send("a").await.unwrap();
        assert_eq!((rig.server.seen().len(), rig.waited()), (2, 33));

        let long = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":3600}}"#;
        let rig = super::tests::rig(move |_, _| answer(429, long)).await;
        assert_eq!(rig.send("a").await, Err(TelegramError::Busy(Duration::from_secs(3600))));
        assert_eq!((rig.server.seen().len(), rig.waited()), (1, 0));
    }

    #[tokio::test]
    async fn the_token_appears_in_no_error() {
        let echo = format!(r#"{{"ok":false,"description":"no bot {TOKEN}"}}"#);
        type Script = Box<dyn Fn(&Seen, usize) -> Reaction + Send + Sync>;
        let scripts: Vec<Script> =
            vec![Box::new(|_, _| Reaction::Drop), Box::new(move |_, _| answer(400, &echo)), Box::new(|s, _| answer(500, &s.path))];
        for script in scripts {
            let rig = rig(script).await;
            let error = rig.send("a").await.unwrap_err();
            for text in [error.to_string(), format!("{error:?}"), format!("{:?}", rig.telegram)] {
                assert!(!text.contains("AAH-secret"), "{text}");
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let clock = Arc::new(SteppedClock::new(jiff::Timestamp::UNIX_EPOCH));
        let nobody = Telegram::new(HttpClient::new(HttpSettings::default()).unwrap(), &format!("http://127.0.0.1:{port}"), clock);
        let error = nobody.get_me(&TOKEN.into()).await.unwrap_err();
        assert!(matches!(&error, TelegramError::Unreachable(text) if !text.contains("AAH-secret")), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_no_token_never_becomes_a_path() {
        let rig = rig(|_, _| answer(200, DONE)).await;
        for token in ["", ":", "1:", "abc:def", "1:../getMe", "1:a b", "1:a?x=1", "12345"] {
            assert_eq!(rig.telegram.get_me(&token.into()).await, Err(TelegramError::Token), "{token}");
        }
        assert_eq!(rig.server.seen().len(), 0);
    }

    #[test]
    fn long_texts_are_cut_with_a_note() {
        assert_eq!(shortened(&"가".repeat(3_000)).chars().count(), 3_000);
        let cut = shortened(&"가".repeat(3_001));
        assert!(cut.starts_with(&"가".repeat(2_900)) && !cut.contains(&"가".repeat(2_901)));
        assert!(cut.contains("(101자 생략 · 101 characters left out)"));
        assert!(cut.chars().count() < 3_000);
    }
}
