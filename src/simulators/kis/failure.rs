//! What the gateway and the ledger answer when they refuse, with their codes and sentences.

use super::super::exchange::Refusal;
use crate::domain::instrument::Market;
use crate::domain::order::BrokerHost;

/// A refusal in the normal envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub status: u16,
    pub rt_cd: &'static str,
    pub code: String,
    pub message: String,
}

impl Failure {
    /// An error of the gateway: HTTP 500.
    pub fn gateway(code: &str, message: &str) -> Self {
        Self { status: 500, rt_cd: "1", code: code.to_owned(), message: message.to_owned() }
    }

    /// An error of the layer behind the gateway: HTTP 200.
    pub fn ledger(rt_cd: &'static str, code: &str, message: &str) -> Self {
        Self { status: 200, rt_cd, code: code.to_owned(), message: message.to_owned() }
    }

    pub fn missing_field(name: &str) -> Self {
        Self::ledger("2", "OPSQ2001", &format!("ERROR : INPUT FIELD NOT FOUND [{name}]"))
    }

    pub fn bad_field(name: &str) -> Self {
        Self::ledger("2", "OPSQ2001", &format!("ERROR INVALID INPUT_FILED [{name}]"))
    }

    pub fn long_field(name: &str) -> Self {
        Self::ledger("2", "OPSQ2002", &format!("ERROR INVALID INPUT_FILED_SIZE [{name}]"))
    }

    pub fn unknown_account() -> Self {
        Self::ledger("2", "OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO")
    }

    pub fn unknown_symbol(environment: BrokerHost) -> Self {
        refused(environment, "APBK0656", "해당종목정보가 없습니다.")
    }

    /// An order type that the host does not take.
    pub fn order_type(environment: BrokerHost) -> Self {
        refused(environment, "APBK1943", "해당 주문구분은 사용할 수 없습니다.")
    }

    /// The exchange's refusal of an order of a market, in the words of the environment.
    pub fn from_refusal(environment: BrokerHost, market: Market, refusal: Refusal) -> Self {
        let paper = environment == BrokerHost::Mock;
        match refusal {
            Refusal::UnknownSymbol => Self::unknown_symbol(environment),
            Refusal::MarketNotYetOpen if paper => refused(environment, "40570000", "모의투자 장시작전 입니다."),
            Refusal::MarketClosed if paper => refused(environment, "40580000", "모의투자 장종료 입니다."),
            Refusal::NoSession if paper => refused(environment, "40100000", "모의투자 영업일이 아닙니다."),
            Refusal::MarketNotYetOpen if market == Market::Krx => refused(environment, "APBK0918", "장운영시간이 아닙니다.(주문불가)"),
            Refusal::MarketClosed if market == Market::Krx => refused(environment, "APBK0918", "장종료 되었습니다."),
            Refusal::NoSession if market == Market::Krx => refused(environment, "APBK0918", "영업일이 아닙니다."),
            Refusal::MarketNotYetOpen | Refusal::MarketClosed | Refusal::NoSession => {
                refused(environment, "APBK1664", "해당 시장은 현재 주문 가능 시간이 아닙니다.")
            }
            Refusal::InsufficientCash => refused(environment, "APBK0952", "주문가능금액을 초과 했습니다"),
            Refusal::InsufficientShares => refused(environment, "APBK0400", "주문 가능한 수량을 초과했습니다."),
            Refusal::KindNotTaken => Self::order_type(environment),
            // The broker's own codes for those below are not documented.
            Refusal::BadQuantity => refused(environment, "APBK0551", "주문수량을 확인하여 주십시오."),
            Refusal::BadPrice => refused(environment, "APBK0552", "주문단가를 확인하여 주십시오."),
            Refusal::OffTick => refused(environment, "APBK0555", "호가단위를 확인하여 주십시오."),
            Refusal::BeyondPriceLimits => refused(environment, "APBK0556", "주문단가가 상한가 또는 하한가를 벗어났습니다."),
            Refusal::NotAmendable => refused(environment, "APBK0557", "정정할 수 없는 주문구분입니다."),
            Refusal::UnknownOrder => refused(environment, "APBK0553", "원주문정보가 존재하지 않습니다."),
            Refusal::NothingOpen => refused(environment, "APBK0554", "정정/취소할 수량이 없습니다."),
            Refusal::Scripted { code, message } => refused(environment, &code, &message),
        }
    }
}

fn refused(environment: BrokerHost, code: &str, message: &str) -> Failure {
    let rt_cd = if environment == BrokerHost::Mock { "1" } else { "7" };
    Failure::ledger(rt_cd, code, message)
}
