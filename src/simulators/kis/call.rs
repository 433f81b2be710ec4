//! A checked business call and its answer.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::super::config::Quirks;
use super::super::exchange::AccountKey;
use super::super::http1::Request;
use super::failure::Failure;
use super::format::Row;
use super::registry::{Need, Transaction};
use crate::domain::order::BrokerHost;

/// Request parameters by upper-case name.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query of a GET or the JSON body of a POST and checks them against the transaction's
    /// fields. Unknown parameters are ignored.
    pub fn read(request: &Request, transaction: &Transaction) -> Result<Self, Failure> {
        let parameters = match request.method.as_str() {
            "POST" => Self(body_members(&request.body)?),
            _ => Self(request.query.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect()),
        };
        for (name, longest, need) in transaction.fields {
            match parameters.find(name) {
                None if *need == Need::Optional => {}
                None => return Err(Failure::missing_field(name)),
                Some(value) if value.trim().is_empty() && *need == Need::Value => return Err(Failure::missing_field(name)),
                Some(value) if value.chars().count() > *longest => return Err(Failure::long_field(name)),
                Some(_) => {}
            }
        }
        Ok(parameters)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter without surrounding blanks; blank when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default().trim()
    }

    /// A parameter as a decimal.
    pub fn decimal(&self, name: &str) -> Result<Decimal, Failure> {
        self.text(name).parse().map_err(|_| Failure::bad_field(name))
    }

    /// A parameter as a whole number.
    pub fn whole(&self, name: &str) -> Result<u64, Failure> {
        self.text(name).parse().map_err(|_| Failure::bad_field(name))
    }
}

/// Members of a JSON body. Lower-case keys are no known fields; numbers are not taken for strings.
fn body_members(body: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    let invalid = |text: &str| Failure::ledger("1", "OPSQ9997", text);
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else {
        return Err(invalid("JSON PARSING ERROR : invalid json"));
    };
    members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(Failure::bad_field(&name)),
        })
        .collect()
}

/// A business call that passed the gateway.
#[derive(Debug)]
pub(super) struct Call {
    pub now: Timestamp,
    pub environment: BrokerHost,
    pub app_key: String,
    pub transaction: &'static Transaction,
    pub parameters: Parameters,
    /// The client asks for the page after the contexts that it sends.
    pub continues: bool,
    pub quirks: Quirks,
}

impl Call {
    /// The account that the call names.
    pub fn account(&self) -> AccountKey {
        AccountKey {
            environment: self.environment,
            app_key: self.app_key.clone(),
            cano: self.parameters.text("CANO").to_owned(),
            product: self.parameters.text("ACNT_PRDT_CD").to_owned(),
        }
    }

    pub fn is_paper(&self) -> bool {
        self.environment == BrokerHost::Mock
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub body: Row,
    /// The paging header.
    pub continuation: &'static str,
}

impl Answer {
    /// A quotation.
    pub fn quotation() -> Self {
        Self::with("MCA00000", "정상처리 되었습니다.")
    }

    /// An answer with a code and a sentence.
    pub fn with(code: &str, message: &str) -> Self {
        let mut body = Row::new();
        for (name, text) in [("rt_cd", "0"), ("msg_cd", code), ("msg1", message)] {
            body.insert(name.to_owned(), Value::String(text.to_owned()));
        }
        Self { body, continuation: "" }
    }

    /// The result of a ledger query.
    pub fn query(call: &Call, empty: bool) -> Self {
        match (call.is_paper(), empty) {
            (true, true) => Self::with("70070000", "모의투자 조회할 내역(자료)이 없습니다."),
            (true, false) => Self::with("20310000", "모의투자 조회가 완료되었습니다."),
            (false, true) => Self::with("KIOK0560", "조회할 내용이 없습니다"),
            (false, false) => Self::with("KIOK0510", "조회가 완료되었습니다"),
        }
    }

    pub fn object(mut self, name: &str, row: Row) -> Self {
        self.body.insert(name.to_owned(), Value::Object(row));
        self
    }

    pub fn array(mut self, name: &str, rows: Vec<Row>) -> Self {
        self.body.insert(name.to_owned(), Value::Array(rows.into_iter().map(Value::Object).collect()));
        self
    }

    pub fn text(mut self, name: &str, text: String) -> Self {
        self.body.insert(name.to_owned(), Value::String(text));
        self
    }
}
