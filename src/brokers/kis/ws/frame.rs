//! Text frames as the broker sends them: JSON for answers and keep-alive, pipes and carets for data.

use secrecy::SecretString;
use serde_json::Value;

/// Most records in one frame: the count has three digits.
const MOST_RECORDS: usize = 999;

/// A frame, told apart by its first character.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    /// To be echoed as it came.
    PingPong,
    Answer(Answer),
    Data(Data<'a>),
}

/// What the broker says to a subscription.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub tr_id: String,
    pub good: bool,
    pub code: String,
    pub message: String,
    /// Key and initial vector of the transaction's notices.
    pub cipher: Option<(SecretString, SecretString)>,
}

/// Records of one transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Data<'a> {
    pub encrypted: bool,
    pub tr_id: &'a str,
    pub count: usize,
    pub body: &'a str,
}

/// Reads a frame.
///
/// # Errors
/// What is wrong with it, without any of its content.
pub(super) fn read(text: &str) -> Result<Frame<'_>, &'static str> {
    if text.starts_with(['0', '1']) { read_data(text).map(Frame::Data) } else { read_json(text) }
}

fn read_data(text: &str) -> Result<Data<'_>, &'static str> {
    let mut parts = text.splitn(4, '|');
    let mut part = || parts.next().ok_or("fewer than four parts");
    let (flag, tr_id, count, body) = (part()?, part()?, part()?, part()?);
    let encrypted = match flag {
        "0" => false,
        "1" => true,
        _ => return Err("neither plain nor encrypted"),
    };
    let count = count.trim().parse().ok().filter(|n| (1..=MOST_RECORDS).contains(n)).ok_or("no count of records")?;
    Ok(Data { encrypted, tr_id, count, body })
}

fn read_json(text: &str) -> Result<Frame<'_>, &'static str> {
    let value: Value = serde_json::from_str(text).map_err(|_| "neither data nor JSON")?;
    let header = |name: &str| text_of(&value, &["header", name]);
    if header("tr_id") == "PINGPONG" {
        return Ok(Frame::PingPong);
    }
    let body = |name: &str| text_of(&value, &["body", name]);
    if value.get("body").is_none() {
        return Err("an answer without a body");
    }
    let output = |name: &str| text_of(&value, &["body", "output", name]);
    let cipher = (!output("key").is_empty()).then(|| (SecretString::from(output("key")), SecretString::from(output("iv"))));
    Ok(Frame::Answer(Answer {
        tr_id: header("tr_id").to_owned(),
        good: body("rt_cd") == "0",
        code: body("msg_cd").to_owned(),
        message: body("msg1").to_owned(),
        cipher,
    }))
}

fn text_of<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Cuts data into `count` records of at least `least` fields. A newer server may have added columns,
/// so the length of a record comes from the data.
///
/// # Errors
/// When the fields cannot be that many records.
pub(super) fn records(body: &str, count: usize, least: usize) -> Result<Vec<Vec<&str>>, &'static str> {
    let fields: Vec<&str> = body.split('^').collect();
    let size = fields.len().checked_div(count).unwrap_or_default();
    if size < least.max(1) {
        return Err("fewer fields than its records need");
    }
    let (whole, rest) = fields.split_at_checked(size * count).ok_or("fewer fields than its records need")?;
    // One blank may follow the last caret.
    if rest.iter().any(|field| !field.is_empty()) || rest.len() > 1 {
        return Err("fields left over behind its records");
    }
    Ok(whole.chunks(size).map(<[&str]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let Ok(Frame::Data(data)) = read("0|H0STCNT0|002|a^b^c|d^e") else { panic!() };
        assert_eq!(data, Data { encrypted: false, tr_id: "H0STCNT0", count: 2, body: "a^b^c|d^e" });
        assert!(matches!(read(r#"{"header":{"tr_id":"PINGPONG","datetime":"20260720101502"}}"#), Ok(Frame::PingPong)));
        let text = r#"{"header":{"tr_id":"H0STCNI9","tr_key":"u","encrypt":"Y"},"body":{"rt_cd":"0","msg_cd":"OPSP0000",
            "msg1":"SUBSCRIBE SUCCESS ","output":{"iv":"0f1e2d3c4b5a6978","key":"kq2m8x0v4n6b7c9z1l3k5j7h9g1f3d5s"}}}"#;
        let Ok(Frame::Answer(answer)) = read(text) else { panic!() };
        assert_eq!((answer.tr_id.as_str(), answer.good, answer.message.as_str()), ("H0STCNI9", true, "SUBSCRIBE SUCCESS"));
        assert!(answer.cipher.is_some());
        let Ok(Frame::Answer(answer)) = read(r#"{"header":{"tr_id":"(null)"},"body":{"rt_cd":"9","msg_cd":"OPSP8996","msg1":"x"}}"#) else {
            panic!()
        };
        assert!(!answer.good && answer.cipher.is_none());
    }

    #[test]
    fn what_is_no_frame_is_named() {
        for (text, fault) in [
            ("", "neither data nor JSON"),
            ("hello", "neither data nor JSON"),
            ("0|H0STCNT0|001", "fewer than four parts"),
            ("01|H0STCNT0|001|x", "neither plain nor encrypted"),
            ("0|H0STCNT0|000|x", "no count of records"),
            ("0|H0STCNT0|1000|x", "no count of records"),
            (r#"{"header":{"tr_id":"H0STCNT0"}}"#, "an answer without a body"),
            ("[]", "an answer without a body"),
        ] {
            assert_eq!(read(text).err(), Some(fault), "{text}");
        }
    }

    #[test]
    fn records_may_have_grown_but_not_shrunk() {
        assert_eq!(records("a^b^c^d", 2, 2), Ok(vec![vec!["a", "b"], vec!["c", "d"]]));
        assert_eq!(records("a^b^x^c^d^y", 2, 2), Ok(vec![vec!["a", "b", "x"], vec!["c", "d", "y"]]));
        assert_eq!(records("a^b^c^d^", 2, 2), Ok(vec![vec!["a", "b"], vec!["c", "d"]]), "a trailing caret");
        assert!(records("a^b^c", 2, 2).is_err());
        assert!(records("a^b^c^d^e", 2, 2).is_err(), "odd ones out");
        assert!(records("a", 0, 1).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", count in 0_usize..1_200, least in 0_usize..80) {
            let _ = read(&text);
            let _ = records(&text, count, least);
        }

        #[test]
        fn anything_behind_a_good_head_is_read_or_refused(tail in "[0-9|^A-Z\\PC]{0,300}") {
            for head in ["0|H0STCNT0|", "1|H0STCNI0|001|", "{\"header\":"] {
                let _ = read(&format!("{head}{tail}"));
            }
        }

        #[test]
        fn records_come_back_as_they_were(rows in proptest::collection::vec(proptest::collection::vec("[0-9A-Z.]{0,6}", 3), 1..6)) {
            let body = rows.iter().map(|row| row.join("^")).collect::<Vec<_>>().join("^");
            let cut = records(&body, rows.len(), 3).unwrap();
            prop_assert_eq!(cut, rows.iter().map(|row| row.iter().map(String::as_str).collect::<Vec<_>>()).collect::<Vec<_>>());
        }
    }
}
