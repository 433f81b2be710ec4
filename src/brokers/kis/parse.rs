//! Reading the broker's answers: envelope, error classes, and fields that are all strings.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::brokers::BrokerError;
use crate::brokers::error::RejectionKind;
use crate::brokers::http::Redactor;

/// What an answer is, before anybody looks at its fields.
#[derive(Debug)]
pub(super) enum Parsed {
    /// The broker did what was asked.
    Done(Answer),
    /// The access token is dead; nothing was executed.
    TokenDead {
        code: String,
        message: String,
    },
    Failed(BrokerError),
}

/// A successful envelope, with what must not leave it in an error.
#[derive(Debug)]
pub(super) struct Answer {
    members: Map<String, Value>,
    secrets: Redactor,
}

impl Answer {
    /// A top-level text such as a paging context; blank when missing.
    pub fn text(&self, name: &str) -> Result<&str, BrokerError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.trim()),
            Some(_) => Err(self.fault(&format!("{name} is not a text"))),
        }
    }

    /// An error about the whole answer, with the answer as evidence: somebody will have to find out
    /// what became of the order that it speaks of.
    pub fn fault(&self, text: &str) -> BrokerError {
        let body = Value::Object(self.members.clone()).to_string();
        protocol(format!("{text}; the answer was {}", self.secrets.evidence(body.as_bytes())))
    }

    /// The rows of an output that may be an array, a single object, empty or missing.
    pub fn rows(&self, name: &str) -> Result<Vec<Fields<'_>>, BrokerError> {
        let fields = |members| Fields { members, secrets: &self.secrets };
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(row)) => Ok(vec![fields(row)]),
            Some(Value::Array(rows)) => rows
                .iter()
                .map(|row| row.as_object().map(fields).ok_or_else(|| protocol(format!("{name} holds something that is no row"))))
                .collect(),
            Some(_) => Err(protocol(format!("{name} is neither a row nor a list of rows"))),
        }
    }

    /// The single row of an output; `None` when it is empty or missing.
    pub fn row(&self, name: &str) -> Result<Option<Fields<'_>>, BrokerError> {
        Ok(self.rows(name)?.into_iter().next())
    }
}

/// One row. Unknown members are ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    members: &'a Map<String, Value>,
    secrets: &'a Redactor,
}

impl<'a> Fields<'a> {
    /// An error about this row.
    pub fn fault(&self, text: String) -> BrokerError {
        protocol(self.secrets.clean(&text))
    }

    /// A text, trimmed; blank when missing. What is no text is an error: a number in place of a code
    /// must not pass for a blank one.
    pub fn text(&self, name: &str) -> Result<&'a str, BrokerError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.trim()),
            Some(_) => Err(self.fault(format!("{name} is not a text"))),
        }
    }

    /// The text that tells what the row is about; `None` for padding. A row that counts something
    /// (`counted`) must name its subject: a list with a nameless entry would be an incomplete one.
    pub fn subject(&self, name: &str, counted: &str) -> Result<Option<&'a str>, BrokerError> {
        let text = self.text(name)?;
        if !is_blank(text) {
            return Ok(Some(text));
        }
        let missing = !self.members.is_empty() && !self.members.contains_key(name);
        if missing || self.optional_decimal(counted)?.is_some_and(|n| !n.is_zero()) {
            return Err(self.fault(format!("{name} is missing in a row that is no padding")));
        }
        Ok(None)
    }

    /// A number that must be there.
    pub fn decimal(&self, name: &str) -> Result<Decimal, BrokerError> {
        self.optional_decimal(name)?.ok_or_else(|| self.fault(format!("{name} is missing or blank")))
    }

    /// A number; `None` when missing or blank.
    pub fn optional_decimal(&self, name: &str) -> Result<Option<Decimal>, BrokerError> {
        let text = match self.members.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(self.fault(format!("{name} is not a number"))),
        };
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.strip_prefix('+').unwrap_or(&text);
        // Only plain decimals: the grammar of the broker has neither exponents nor separators.
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        match digits.parse::<Decimal>() {
            Ok(value) if plain => Ok(Some(value)),
            _ => Err(self.fault(format!("{name} is not a number: '{}'", shown(&text)))),
        }
    }

    /// A count of whole units that must be there.
    pub fn count(&self, name: &str) -> Result<u64, BrokerError> {
        let value = self.decimal(name)?;
        if !value.fract().is_zero() {
            return Err(self.fault(format!("{name} is not a whole number: '{value}'")));
        }
        u64::try_from(value.trunc()).map_err(|_| self.fault(format!("{name} is not a count: '{value}'")))
    }

    /// A price or index value for charts.
    pub fn float(&self, name: &str) -> Result<f64, BrokerError> {
        self.decimal(name).map(crate::domain::money::f64_from_decimal)
    }

    /// A date `YYYYMMDD`; `None` when missing, blank or all zeros.
    pub fn optional_date(&self, name: &str) -> Result<Option<Date>, BrokerError> {
        let text = self.text(name)?;
        if is_blank(text) {
            return Ok(None);
        }
        parse_date(text).map(Some).ok_or_else(|| self.fault(format!("{name} is not a date: '{}'", shown(text))))
    }

    /// A date that must be there.
    pub fn date(&self, name: &str) -> Result<Date, BrokerError> {
        self.optional_date(name)?.ok_or_else(|| self.fault(format!("{name} is missing or blank")))
    }

    /// A time `HHMMSS`; `None` when missing or blank.
    pub fn optional_time(&self, name: &str) -> Result<Option<Time>, BrokerError> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Ok(None);
        }
        parse_time(text).map(Some).ok_or_else(|| self.fault(format!("{name} is not a time: '{}'", shown(text))))
    }
}

/// Blank or a number of zeros only.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| b == b'0')
}

pub(super) fn protocol(text: String) -> BrokerError {
    BrokerError::Protocol(text)
}

/// The start of a foreign text, for error sentences.
fn shown(text: &str) -> String {
    text.chars().take(24).collect()
}

/// `YYYYMMDD`.
pub(super) fn parse_date(text: &str) -> Option<Date> {
    let [year, month, day] = cut(text, [4, 2, 2])?;
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// `HHMMSS`.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    let [hour, minute, second] = cut(text, [2, 2, 2])?;
    Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, 0).ok()
}

/// `YYYY-MM-DD HH:MM:SS`.
pub(super) fn parse_datetime(text: &str) -> Option<DateTime> {
    let (date, time) = text.trim().split_once(' ')?;
    Some(parse_date(&date.replace('-', ""))?.to_datetime(parse_time(&time.replace(':', ""))?))
}

fn cut<const N: usize>(text: &str, widths: [usize; N]) -> Option<[i16; N]> {
    if text.len() != widths.iter().sum::<usize>() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut numbers = [0_i16; N];
    let mut rest = text;
    for (number, width) in numbers.iter_mut().zip(widths) {
        let (head, tail) = rest.split_at_checked(width)?;
        *number = head.parse().ok()?;
        rest = tail;
    }
    Some(numbers)
}

/// `YYYYMMDD` of a date.
pub(super) fn date_text(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// Reads an answer of a business endpoint: body first, status second, because the broker answers
/// HTTP 500 for many refusals that its body explains.
/// Texts of the broker that end in an error are cleaned of `secrets`.
pub(super) fn parse(status: u16, body: &[u8], secrets: &Redactor) -> Parsed {
    let unclear = || Parsed::Failed(unreadable(status, &secrets.evidence(body)));
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else { return unclear() };
    // A code that is not a text is no code: nothing is concluded from it.
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(_) => None,
    };
    let Some([rt_cd, msg_cd, msg1]) = texts(["rt_cd", "msg_cd", "msg1"].map(text)) else { return unclear() };
    if rt_cd == "0" && (200..300).contains(&status) {
        return Parsed::Done(Answer { members, secrets: secrets.clone() });
    }
    // Some gateway failures use the names of OAuth and have no envelope.
    let (code, message) = match (rt_cd.as_str(), texts(["error_code", "error_description"].map(text))) {
        ("", Some([code, message])) => (code, message),
        _ => (msg_cd, msg1),
    };
    let (code, message) = (secrets.clean(&code), secrets.clean(&message));
    if rt_cd == "0" || code.is_empty() || says_done(&code) {
        return unclear();
    }
    if matches!(code.as_str(), "EGW00121" | "EGW00122" | "EGW00123") {
        return Parsed::TokenDead { code, message };
    }
    Parsed::Failed(classify(status, &code, &message))
}

fn texts<const N: usize>(found: [Option<String>; N]) -> Option<[String; N]> {
    found.iter().all(Option::is_some).then(|| found.map(Option::unwrap_or_default))
}

/// Codes of success: with a return code of failure they contradict themselves.
fn says_done(code: &str) -> bool {
    matches!(code, "MCA00000" | "APBK0013" | "20310000" | "70070000" | "40600000" | "40590000") || code.starts_with("KIOK")
}

/// An answer without an envelope says only what its status says. Behind a 5xx nobody knows what
/// happened; any other status comes from something that does not speak the protocol. `evidence` is
/// the start of the answer without secrets.
pub(super) fn unreadable(status: u16, evidence: &str) -> BrokerError {
    match status {
        429 => BrokerError::RateLimited { code: "http_429".to_owned(), retry_after: None },
        500..=599 => BrokerError::NoAnswer(format!("HTTP status {status} without an explanation: {evidence}")),
        _ => protocol(format!("HTTP status {status} with no complete answer of the broker: {evidence}")),
    }
}

/// The class of a refusal by its code; the status decides only about codes that are not known.
pub(super) fn classify(status: u16, code: &str, message: &str) -> BrokerError {
    let (code, message) = (code.to_owned(), message.to_owned());
    let rejected = |kind| BrokerError::Rejected { code: code.clone(), message: message.clone(), kind };
    let unauthorized = || BrokerError::Unauthorized { code: code.clone(), message: message.clone() };
    let silent = || BrokerError::NoAnswer(format!("{code}: {message}"));
    match code.as_str() {
        "EGW00201" | "EGW00215" => BrokerError::RateLimited { code, retry_after: Some(Duration::from_millis(200)) },
        "EGW00133" => BrokerError::RateLimited { code, retry_after: Some(Duration::from_secs(65)) },
        // Temporary, routing and time-out failures inside the broker: an order may have passed.
        "EGW00001" | "EGW00002" | "EGW00202" | "EGW00203" | "EGW00204" | "EGW00300" | "EGW00301" | "EGW00302" | "IGW00009" | "OPSQ0010"
        | "OPSQ0011" | "OPSQ1002" | "OPSQ2003" | "OPSQ3001" | "OPSQ3002" | "OPSQ3003" | "OPSQ3004" => silent(),
        "EGW00003" | "EGW00004" | "EGW00206" | "EGW00207" | "EGW00210" | "EGW00303" | "EGW02006" | "OPSQ0002" => {
            rejected(RejectionKind::NotPermitted)
        }
        // A key of the other environment, or an account that does not belong to the key.
        "EGW02004" | "EGW2004" | "EGW02005" | "EGW02007" | "EGW00304" | "OPSQ2000" => unauthorized(),
        "EGW00131" | "EGW00132" | "EGW00101" => rejected(RejectionKind::Other),
        _ if ("EGW00102"..="EGW00130").contains(&code.as_str()) => unauthorized(),
        _ if ("EGW00205"..="EGW00213").contains(&code.as_str()) => rejected(RejectionKind::Other),
        "OPSQ0001" | "OPSQ2001" | "OPSQ2002" | "OPSQ9995" | "OPSQ9996" | "OPSQ9997" | "OPSQ9998" | "OPSQ9999" => {
            rejected(RejectionKind::Other)
        }
        "APBK0952" => rejected(RejectionKind::InsufficientFunds),
        "APBK0400" | "APBK1234" => rejected(RejectionKind::InsufficientHoldings),
        "APBK0656" => rejected(RejectionKind::UnknownInstrument),
        "APBK1664" | "40570000" | "40580000" | "40100000" => rejected(RejectionKind::MarketClosed),
        "APBK1943" => rejected(RejectionKind::BadPrice),
        // The session takes only some kinds of orders.
        "APBK3013" => rejected(RejectionKind::Other),
        _ => match status {
            // Refusals of the ledger come with status 200 and their list is open-ended.
            200..=299 => rejected(kind_of_message(&message)),
            401 | 403 => unauthorized(),
            429 => BrokerError::RateLimited { code, retry_after: None },
            400..=499 => rejected(RejectionKind::Other),
            _ => silent(),
        },
    }
}

/// The reason in a refusal whose code the broker uses for several: its own words decide.
fn kind_of_message(message: &str) -> RejectionKind {
    let squeezed: String = message.chars().filter(|c| !c.is_whitespace()).collect();
    let has = |words: &[&str]| words.iter().any(|w| squeezed.contains(w));
    if has(&["매도가능", "보유수량", "잔고수량", "보유잔고", "매도주문수량"]) {
        RejectionKind::InsufficientHoldings
    } else if has(&["주문가능금액", "예수금", "증거금", "잔고부족", "금액부족", "금액을초과", "외화부족"]) {
        RejectionKind::InsufficientFunds
    } else if has(&["장종료", "장시작", "장개시", "장운영", "휴장", "영업일", "주문가능시간", "주문시간", "거래시간", "시간외"])
    {
        RejectionKind::MarketClosed
    } else if has(&["종목정보", "없는종목", "종목코드", "종목이없", "거래불가종목", "매매불가종목"]) {
        RejectionKind::UnknownInstrument
    } else if has(&["단가", "호가", "주문가격", "가격제한"]) {
        RejectionKind::BadPrice
    } else {
        RejectionKind::Other
    }
}

/// Answers as nobody expects them.
#[cfg(test)]
pub(super) mod arbitrary {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::{Answer, Parsed, parse};
    use crate::brokers::http::Redactor;

    /// Texts that look like those of the broker now and then, and any other JSON.
    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just(String::new()),
            Just("0".to_owned()),
            Just("Y".to_owned()),
            Just("02".to_owned()),
            "[0-9]{1,10}",
            "-?[0-9]{1,30}(\\.[0-9]{1,12})?",
            "20[0-9]{6}",
            "[0-2][0-9][0-5][0-9]{3}",
            "\\PC{0,16}",
        ];
        let leaf = prop_oneof![
            8 => text.prop_map(Value::String),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::vec(("[a-z]{1,4}", inner), 0..3).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Some of the named members with any values.
    pub fn arbitrary_members(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
        proptest::collection::vec(proptest::option::weighted(0.9, value()), names.len())
            .prop_map(|values| names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect())
    }

    /// A successful answer whose `output` holds such rows.
    pub fn arbitrary_answer(names: &'static [&'static str]) -> impl Strategy<Value = Answer> {
        proptest::collection::vec(arbitrary_members(names), 0..4).prop_map(|rows| {
            let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
            let body = serde_json::json!({ "rt_cd": "0", "msg_cd": "X", "output": rows }).to_string();
            match parse(200, body.as_bytes(), &Redactor::new([])) {
                Parsed::Done(answer) => answer,
                other => panic!("{other:?}"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::arbitrary::arbitrary_members;
    use super::*;
    use crate::brokers::OrderOutcome;

    fn fields(value: &Value) -> Fields<'_> {
        static NOTHING: std::sync::LazyLock<Redactor> = std::sync::LazyLock::new(|| Redactor::new([]));
        Fields { members: value.as_object().unwrap(), secrets: &NOTHING }
    }

    fn parse(status: u16, body: &[u8]) -> Parsed {
        super::parse(status, body, &Redactor::new(["50012345".into()]))
    }

    #[test]
    fn secrets_of_a_row_stay_out_of_its_errors() {
        let Parsed::Done(answer) = parse(200, br#"{"rt_cd":"0","msg_cd":"X","output":{"n":"ab50012345"}}"#) else { panic!() };
        let error = answer.row("output").unwrap().unwrap().decimal("n").unwrap_err();
        assert_eq!(error, BrokerError::Protocol("n is not a number: 'ab***'".to_owned()));
        let refused = parse(200, br#"{"rt_cd":"1","msg_cd":"OPSQ2000","msg1":"no account 50012345"}"#);
        assert!(matches!(refused, Parsed::Failed(BrokerError::Unauthorized { message, .. }) if message == "no account ***"));
    }

    #[test]
    fn every_documented_code_has_its_class() {
        use RejectionKind as K;
        let class = |e: &BrokerError| match e {
            BrokerError::RateLimited { .. } => "limit",
            BrokerError::Unauthorized { .. } => "key",
            BrokerError::NoAnswer(_) => "unknown",
            BrokerError::Rejected { kind, .. } => match kind {
                K::InsufficientFunds => "funds",
                K::InsufficientHoldings => "holdings",
                K::MarketClosed => "closed",
                K::UnknownInstrument => "instrument",
                K::BadPrice => "price",
                K::NotPermitted => "permission",
                K::Other => "other",
            },
            _ => "?",
        };
        let table = [
            (500, "EGW00001", "", "unknown"),
            (500, "EGW00004", "", "permission"),
            (500, "EGW00101", "", "other"),
            (403, "EGW00103", "유효하지 않은 AppKey입니다.", "key"),
            (403, "EGW00105", "", "key"),
            (500, "EGW00128", "", "key"),
            (500, "EGW00131", "", "other"),
            (403, "EGW00133", "", "limit"),
            (500, "EGW00201", "초당 거래건수를 초과하였습니다.", "limit"),
            (200, "EGW00201", "", "limit"),
            (500, "EGW00202", "", "unknown"),
            (500, "EGW00205", "", "other"),
            (500, "EGW00206", "", "permission"),
            (500, "EGW00215", "", "limit"),
            (500, "EGW00302", "", "unknown"),
            (500, "EGW02004", "실전투자 TR 이 아닙니다.", "key"),
            (500, "EGW02006", "모의투자 TR 이 아닙니다.", "permission"),
            (500, "EGW02007", "", "key"),
            (500, "EGW09999", "", "unknown"),
            (200, "OPSQ2000", "INPUT INVALID_CHECK_ACNO", "key"),
            (500, "OPSQ2001", "", "other"),
            (500, "OPSQ0002", "", "permission"),
            (200, "OPSQ3002", "", "unknown"),
            (500, "IGW00009", "", "unknown"),
            (200, "APBK0952", "주문가능금액을 초과 했습니다", "funds"),
            (200, "APBK0400", "", "holdings"),
            (200, "APBK1234", "", "holdings"),
            (200, "APBK0656", "", "instrument"),
            (200, "APBK0918", "장운영시간이 아닙니다.", "closed"),
            (200, "APBK0918", "매도가능 수량이 부족합니다", "holdings"),
            (200, "APBK0918", "주문가능금액이 부족합니다", "funds"),
            (200, "APBK0919", "장종료되었습니다", "closed"),
            (200, "APBK0919", "예수금이 부족합니다", "funds"),
            (200, "APBK1664", "", "closed"),
            (200, "APBK1943", "", "price"),
            (200, "40580000", "모의투자 장종료 입니다.", "closed"),
            (200, "40570000", "", "closed"),
            (200, "40100000", "", "closed"),
            (200, "40990000", "모의투자 매매불가종목 입니다.", "instrument"),
            (200, "APBK7777", "새로운 사유", "other"),
            (404, "ABCD0001", "", "other"),
            (401, "ABCD0001", "", "key"),
            (429, "ABCD0001", "", "limit"),
            (503, "ABCD0001", "", "unknown"),
        ];
        for (status, code, message, expected) in table {
            let error = classify(status, code, message);
            assert_eq!(class(&error), expected, "{status} {code} {message}: {error:?}");
            let unknown = error.order_outcome() == OrderOutcome::Unknown;
            assert_eq!(unknown, expected == "unknown", "{status} {code}");
        }
    }

    #[test]
    fn the_body_speaks_before_the_status() {
        let done = parse(200, br#"{"rt_cd":"0","msg_cd":"MCA00000","msg1":"","output":{}}"#);
        assert!(matches!(done, Parsed::Done(_)));
        for (status, code) in [(500, "EGW00123"), (401, "EGW00123"), (200, "EGW00123"), (500, "EGW00121")] {
            let body = format!(r#"{{"rt_cd":"1","msg_cd":"{code}","msg1":"기간이 만료된 token 입니다."}}"#);
            assert!(matches!(parse(status, body.as_bytes()), Parsed::TokenDead { .. }), "{status} {code}");
        }
        let late = parse(500, br#"{"rt_cd":"1","msg_cd":"EGW00201","msg1":" too fast   "}"#);
        assert!(matches!(late, Parsed::Failed(BrokerError::RateLimited { .. })), "{late:?}");
        let oauth = parse(403, r#"{"error_description":"유효하지 않은 AppKey입니다.","error_code":"EGW00103"}"#.as_bytes());
        assert!(matches!(oauth, Parsed::Failed(BrokerError::Unauthorized { .. })), "{oauth:?}");
        let trimmed = parse(200, br#"{"rt_cd":"7","msg_cd":"APBK0952","msg1":"funds        "}"#);
        assert!(matches!(trimmed, Parsed::Failed(BrokerError::Rejected { message, .. }) if message == "funds"));
    }

    #[test]
    fn what_is_no_answer_leaves_an_order_unknown() {
        let cases: [(u16, &[u8]); 6] =
            [(200, b""), (200, b"{\"rt_cd\":\"0\",\"out"), (200, b"[]"), (200, b"{}"), (502, b"<html>"), (500, b"{\"rt_cd\":\"0\"}")];
        for (status, body) in cases {
            match parse(status, body) {
                Parsed::Failed(error) => assert_eq!(error.order_outcome(), OrderOutcome::Unknown, "{status} {error:?}"),
                other => panic!("{status}: {other:?}"),
            }
        }
    }

    #[test]
    fn fields_are_read_as_the_broker_writes_them() {
        let row: Value = serde_json::from_str(
            r#"{"a":" +5.61","b":"-4.17 ","c":" 0.00","d":"12","e":"12.00000000","f":"12.5","g":"","h":"1,000","i":"1e5","j":7,
                "k":"20260720","l":"00000000","m":"20261340","n":"223001","o":"256161","p":null,"q":{}}"#,
        )
        .unwrap();
        let row = fields(&row);
        assert_eq!(row.decimal("a").unwrap().to_string(), "5.61");
        assert_eq!(row.decimal("b").unwrap().to_string(), "-4.17");
        assert!(row.decimal("c").unwrap().is_zero());
        assert_eq!((row.count("d").unwrap(), row.count("e").unwrap(), row.count("j").unwrap()), (12, 12, 7));
        assert_eq!(row.optional_decimal("g").unwrap(), None);
        assert_eq!(row.optional_decimal("p").unwrap(), None);
        for (name, error) in [("f", row.count("f")), ("b", row.count("b")), ("g", row.count("g")), ("missing", row.count("missing"))] {
            assert!(matches!(&error, Err(BrokerError::Protocol(text)) if text.starts_with(name)), "{error:?}");
        }
        for name in ["h", "i", "q"] {
            assert!(matches!(row.decimal(name), Err(BrokerError::Protocol(text)) if text.starts_with(name)));
        }
        assert_eq!(row.date("k").unwrap(), jiff::civil::date(2026, 7, 20));
        assert_eq!(row.optional_date("l").unwrap(), None);
        assert!(row.date("m").is_err());
        assert_eq!(row.optional_time("n").unwrap(), Some(jiff::civil::time(22, 30, 1, 0)));
        assert!(row.optional_time("o").is_err());
        assert_eq!(parse_datetime("2026-07-21 09:00:05"), Some(jiff::civil::datetime(2026, 7, 21, 9, 0, 5, 0)));
        assert_eq!(parse_datetime("2026-07-21T09:00:05"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(status, &body);
        }

        /// An order counts as refused only when the broker says so in so many words.
        #[test]
        fn nothing_but_a_code_refuses_an_order(status in any::<u16>(), members in arbitrary_members(&["rt_cd", "msg_cd", "msg1", "output"])) {
            let body = Value::Object(members.clone());
            match parse(status, body.to_string().as_bytes()) {
                Parsed::Done(_) => prop_assert_eq!(&members["rt_cd"], "0"),
                Parsed::TokenDead { .. } => prop_assert!(false, "no code of a dead token was sent"),
                Parsed::Failed(error) => {
                    let text = |name: &str| members.get(name).and_then(Value::as_str).is_some_and(|t| !t.trim().is_empty());
                    let told = text("rt_cd") && text("msg_cd");
                    prop_assert!(told || status == 429 || error.order_outcome() == OrderOutcome::Unknown, "{error:?}");
                }
            }
        }

        #[test]
        fn no_text_in_a_field_makes_the_reader_panic(text in any::<String>()) {
            let row = serde_json::json!({ "x": text });
            let row = fields(&row);
            let _ = (row.count("x"), row.float("x"), row.optional_date("x"), row.optional_time("x"), parse_datetime(&text));
        }

        #[test]
        fn counts_and_dates_survive_the_round_trip(n in any::<u32>(), day in 0_i32..20_000) {
            let date = jiff::civil::date(1990, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let row = serde_json::json!({ "n": n.to_string(), "d": date_text(date) });
            prop_assert_eq!(fields(&row).count("n").unwrap(), u64::from(n));
            prop_assert_eq!(fields(&row).date("d").unwrap(), date);
        }
    }
}
