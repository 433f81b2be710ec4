//! The texts of the websocket: answers, keep-alive, data frames and their encryption.

use aes::Aes256;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::exchange::Noise;
use super::super::format::{date_text, time_text};
use crate::domain::clock::kst_datetime;

/// Key and initial vector of one session.
#[derive(Clone, Debug)]
pub(super) struct SessionKey {
    key: String,
    iv: String,
}

impl SessionKey {
    /// Texts of 32 and 16 characters.
    pub fn new(noise: Noise) -> Self {
        let text = |name: &str, length: u64| {
            let letters = noise.named(name);
            (0..length).map(|at| char::from_digit((letters.at(at).bits() % 36) as u32, 36).unwrap_or('0')).collect()
        };
        Self { key: text("key", 32), iv: text("iv", 16) }
    }

    fn encrypt(&self, text: &str) -> String {
        Encryptor::<Aes256>::new_from_slices(self.key.as_bytes(), self.iv.as_bytes())
            .map(|encryptor| BASE64.encode(&encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes())))
            .unwrap_or_default()
    }
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ask {
    pub approval_key: String,
    pub custtype: String,
    pub tr_type: String,
    pub tr_id: String,
    pub tr_key: String,
}

impl Ask {
    /// # Errors
    /// The broker's code and words for what is missing.
    pub fn read(text: &str) -> Result<Self, (&'static str, &'static str)> {
        let value: Value = serde_json::from_str(text).map_err(|_| ("OPSP9999", "invalid json format"))?;
        let header = value.get("header").ok_or(("OPSP9998", "header not found"))?;
        let body = value.get("body").ok_or(("OPSP9992", "body not found"))?;
        let input = body.get("input").ok_or(("OPSP9991", "input not found"))?;
        let text = |from: &Value, name: &str| from.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self {
            approval_key: text(header, "approval_key"),
            custtype: text(header, "custtype"),
            tr_type: text(header, "tr_type"),
            tr_id: text(input, "tr_id"),
            tr_key: text(input, "tr_key"),
        })
    }
}

/// A good answer; that to a subscription carries the session's key.
pub(super) fn granted(ask: &Ask, notice: bool, key: Option<&SessionKey>) -> String {
    let (code, message) = if key.is_some() { ("OPSP0000", "SUBSCRIBE SUCCESS") } else { ("OPSP0001", "UNSUBSCRIBE SUCCESS") };
    let mut body = json!({"rt_cd": "0", "msg_cd": code, "msg1": message});
    if let (Some(key), Some(body)) = (key, body.as_object_mut()) {
        body.insert("output".to_owned(), json!({"iv": key.iv, "key": key.key}));
    }
    let encrypt = if notice { "Y" } else { "N" };
    json!({"header": {"tr_id": ask.tr_id, "tr_key": ask.tr_key, "encrypt": encrypt}, "body": body}).to_string()
}

/// A refusal.
pub(super) fn refused(ask: Option<&Ask>, rt_cd: &str, code: &str, message: &str) -> String {
    let (tr_id, tr_key) = ask.map_or(("(null)", ""), |ask| (&ask.tr_id, &ask.tr_key));
    json!({
        "header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": "N"},
        "body": {"rt_cd": rt_cd, "msg_cd": code, "msg1": message},
    })
    .to_string()
}

/// The keep-alive, which the client echoes.
pub(super) fn ping_pong(at: Timestamp) -> String {
    let local = kst_datetime(at);
    json!({"header": {"tr_id": "PINGPONG", "datetime": format!("{}{}", date_text(local.date()), time_text(local))}}).to_string()
}

/// A plain frame of records.
pub(super) fn plain(tr_id: &str, records: &[Vec<String>]) -> String {
    let data: Vec<String> = records.iter().map(|record| record.join("^")).collect();
    format!("0|{tr_id}|{:03}|{}", records.len(), data.join("^"))
}

/// An encrypted frame of one record.
pub(super) fn encrypted(tr_id: &str, record: &[String], key: &SessionKey) -> String {
    format!("1|{tr_id}|001|{}", key.encrypt(&record.join("^")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_lengths_of_the_cipher_and_differ_by_session() {
        let (one, two) = (SessionKey::new(Noise::new(1).at(1)), SessionKey::new(Noise::new(1).at(2)));
        assert_eq!((one.key.len(), one.iv.len()), (32, 16));
        assert_ne!(one.key, two.key);
        assert_ne!(one.encrypt("a"), two.encrypt("a"));
    }

    #[test]
    fn what_is_missing_in_a_request_is_named() {
        for (text, code) in
            [("hello", "OPSP9999"), ("{}", "OPSP9998"), (r#"{"header":{}}"#, "OPSP9992"), (r#"{"header":{},"body":{}}"#, "OPSP9991")]
        {
            assert_eq!(Ask::read(text).unwrap_err().0, code, "{text}");
        }
        let good =
            r#"{"header":{"approval_key":"k","custtype":"P","tr_type":"1"},"body":{"input":{"tr_id":"H0STCNT0","tr_key":"005930"}}}"#;
        assert_eq!(Ask::read(good).unwrap().tr_key, "005930");
    }

    #[test]
    fn frames_count_their_records() {
        let record = |text: &str| vec![text.to_owned(), "1".to_owned()];
        assert_eq!(plain("H0STCNT0", &[record("a"), record("b")]), "0|H0STCNT0|002|a^1^b^1");
        let time = "2026-07-20T01:15:02Z".parse().unwrap();
        assert_eq!(ping_pong(time), r#"{"header":{"datetime":"20260720101502","tr_id":"PINGPONG"}}"#);
    }
}
