//! The old server's `.env`: credentials and the account's name. Values are secrets until proven
//! otherwise: no fault and no report repeats one.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::rows::Fault;
use crate::domain::order::Environment;
use crate::domain::remark::Remark;

/// Name of the file in faults.
pub const ENV: &str = ".env";

/// What the file holds.
#[derive(Default)]
pub struct OldEnv {
    /// `ADMIN`: the account's name on the old server.
    pub admin: Option<String>,
    /// Only `IS_TEST=false` was live; anything else, absence included, was test mode.
    pub live: bool,
    /// The broker's host as a kind, never as an address.
    pub environment: Option<Environment>,
    pub app_key: Option<SecretString>,
    pub app_secret: Option<SecretString>,
    /// Eight digits.
    pub cano: Option<SecretString>,
    /// Two digits.
    pub product: Option<SecretString>,
    pub telegram_token: Option<SecretString>,
    pub telegram_chat: Option<String>,
    /// Known keys that are not taken: the old web server's own.
    pub left_out: Vec<String>,
    /// Keys that nothing here knows.
    pub unknown: Vec<String>,
    pub faults: Vec<Fault>,
}

impl std::fmt::Debug for OldEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OldEnv").field("admin", &self.admin).finish_non_exhaustive()
    }
}

/// Reads the file.
///
/// # Errors
/// Why it is no such file.
pub fn read(content: &[u8]) -> Result<OldEnv, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let (mut values, faults) = lines(text);
    if values.is_empty() && faults.is_empty() {
        return Err("it holds no KEY=VALUE line".to_owned());
    }
    let mut env = OldEnv { faults, ..OldEnv::default() };
    let mut take = |key: &str| values.remove(key).filter(|v| !v.is_empty());
    let (admin, older) = (take("ADMIN"), take("BOT_ADMIN"));
    env.admin = admin.or(older);
    env.live = take("IS_TEST").is_some_and(|v| v.eq_ignore_ascii_case("false"));
    env.environment = take("HANTOO_API_URL").map(|v| if v.contains("openapivts") { Environment::Mock } else { Environment::Live });
    env.app_key = take("HANTOO_APP_KEY").map(SecretString::from);
    env.app_secret = take("HANTOO_APP_SECRET").map(SecretString::from);
    let cano = take("HANTOO_CANO");
    let product = take("HANTOO_ACNT_PRDT_CD");
    env.telegram_token = take("TELEGRAM_BOT_TOKEN").map(SecretString::from);
    let chat = take("TELEGRAM_CHAT_ID");
    for (key, digits, value, target) in [("HANTOO_CANO", 8, cano, &mut env.cano), ("HANTOO_ACNT_PRDT_CD", 2, product, &mut env.product)] {
        match value {
            Some(value) if value.len() == digits && value.bytes().all(|b| b.is_ascii_digit()) => *target = Some(SecretString::from(value)),
            Some(_) => env.faults.push(Fault::new(
                ENV,
                key,
                Remark::new("not_digits", format!("it must be {digits} digits")).with("digits", digits),
            )),
            None => {}
        }
    }
    match chat {
        Some(chat) if chat.parse::<i64>().is_ok() || is_channel(&chat) => env.telegram_chat = Some(chat),
        Some(_) => env.faults.push(Fault::new(
            ENV,
            "TELEGRAM_CHAT_ID",
            Remark::new("no_chat", "it must be a whole number, negative for groups, or a channel's @name"),
        )),
        None => {}
    }
    if env.app_key.is_some() != env.app_secret.is_some() {
        env.faults.push(Fault::new(
            ENV,
            "HANTOO_APP_KEY, HANTOO_APP_SECRET",
            Remark::new("half_key", "only one of the two is there; a broker key needs both"),
        ));
    }
    for (key, _) in values {
        if ["SECRET_KEY", "HOST", "PORT", "API_KEY"].contains(&key.as_str()) {
            env.left_out.push(key);
        } else if !["ADMIN", "BOT_ADMIN"].contains(&key.as_str())
            && !key.starts_with("HANTOO_")
            && !key.starts_with("TELEGRAM_")
            && key != "IS_TEST"
        {
            env.unknown.push(key);
        }
    }
    Ok(env)
}

fn is_channel(chat: &str) -> bool {
    chat.strip_prefix('@').is_some_and(|name| name.len() >= 4 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// First and last characters of a secret that is long enough to stay one.
pub fn masked(secret: &SecretString) -> String {
    let chars: Vec<char> = secret.expose_secret().chars().collect();
    match (chars.get(..4), chars.len().checked_sub(4).and_then(|from| chars.get(from..))) {
        (Some(head), Some(tail)) if chars.len() >= 16 => format!("{}…{}", head.iter().collect::<String>(), tail.iter().collect::<String>()),
        _ => "…".to_owned(),
    }
}

/// `KEY=VALUE` lines: `export`, quotes and comments as the usual readers take them; the last one wins.
fn lines(text: &str) -> (BTreeMap<String, String>, Vec<Fault>) {
    let mut values = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let pair = line.split_once('=').map(|(key, value)| (key.trim(), unquoted(value.trim())));
        match pair {
            Some((key, Some(value))) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                values.insert(key.to_owned(), value);
            }
            _ => faults.push(Fault::new(ENV, format!("line {}", index + 1), Remark::new("no_pair", "it is not of the form KEY=VALUE"))),
        }
    }
    (values, faults)
}

/// The value without quotes and comment; `None` when a quote is not closed.
fn unquoted(value: &str) -> Option<String> {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let (inside, rest) = value.get(1..)?.split_once(quote)?;
            let rest = rest.trim();
            (rest.is_empty() || rest.starts_with('#')).then(|| inside.to_owned())
        }
        Some('#') => Some(String::new()),
        _ => Some(value.split_once(" #").map_or(value, |(v, _)| v).trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_ways_of_writing_are_read() {
        let file = b"\xef\xbb\xbf# old server\r\nexport ADMIN='sk'\r\nIS_TEST=False # live\nHANTOO_CANO=\"01234567\"\nHANTOO_ACNT_PRDT_CD=01\n\
            HANTOO_API_URL=https://openapivts.example:29443\nHANTOO_APP_KEY=PSfake0123456789abcd\nHANTOO_APP_SECRET=a=b==\nTELEGRAM_CHAT_ID=-100123\nPORT=5000\nODD=1\n";
        let env = read(file).unwrap();
        assert_eq!(env.faults, []);
        assert_eq!((env.admin.as_deref(), env.live, env.environment), (Some("sk"), true, Some(Environment::Mock)));
        assert_eq!(env.cano.as_ref().map(|c| c.expose_secret()), Some("01234567"));
        assert_eq!(env.app_secret.as_ref().map(|c| c.expose_secret()), Some("a=b=="));
        assert_eq!(env.telegram_chat.as_deref(), Some("-100123"));
        assert_eq!((env.left_out, env.unknown), (vec!["PORT".to_owned()], vec!["ODD".to_owned()]));
        assert_eq!(env.app_key.as_ref().map(masked).as_deref(), Some("PSfa…abcd"));
    }

    #[test]
    fn faults_name_the_place_and_never_the_value() {
        let env =
            read(b"HANTOO_CANO=12345\nthis is no line with s3cret\nHANTOO_APP_KEY=s3cret\nTELEGRAM_CHAT_ID=s3cret\nIS_TEST=\"s3cret\n")
                .unwrap();
        assert_eq!(env.faults.len(), 5, "{:?}", env.faults);
        assert!(env.faults.iter().all(|f| !f.reason.contains("s3cret") && !f.row.contains("s3cret") && !f.reason.contains("12345")));
        assert!(!env.live);
        assert!(read(b"\xff\xfe").is_err());
        assert!(read(b"\n# nothing\n").is_err());
        assert_eq!(masked(&SecretString::from("short")), "…");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([A-Z_]{0,8}=?['\"]?.{0,8}\\n?){0,6}") {
            let _ = read(text.as_bytes());
        }
    }
}
