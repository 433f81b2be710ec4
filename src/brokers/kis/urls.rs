//! Paths, transaction ids and exchange codes of the broker's REST interface.

use crate::brokers::BrokerError;
use crate::domain::instrument::Exchange;
use crate::domain::order::{BrokerHost, Side};

/// The broker's own host for live accounts.
pub const LIVE_BASE_URL: &str = "https://openapi.koreainvestment.com:9443";

/// The broker's own host for paper accounts.
pub const MOCK_BASE_URL: &str = "https://openapivts.koreainvestment.com:29443";

pub(super) const TOKEN: &str = "/oauth2/tokenP";

/// An endpoint: its path and the transaction id per host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub path: &'static str,
    live: &'static str,
    mock: &'static str,
}

impl Endpoint {
    pub fn tr_id(&self, host: BrokerHost) -> &'static str {
        match host {
            BrokerHost::Live => self.live,
            BrokerHost::Mock => self.mock,
        }
    }
}

const fn same(path: &'static str, tr_id: &'static str) -> Endpoint {
    Endpoint { path, live: tr_id, mock: tr_id }
}

pub(super) const PRICE: Endpoint = same("/uapi/overseas-price/v1/quotations/price", "HHDFS00000300");
pub(super) const DAILY_PRICE: Endpoint = same("/uapi/overseas-price/v1/quotations/dailyprice", "HHDFS76240000");
pub(super) const CURRENCY_CHART: Endpoint = same("/uapi/overseas-price/v1/quotations/inquire-daily-chartprice", "FHKST03030100");

const ORDER: &str = "/uapi/overseas-stock/v1/trading/order";
pub(super) const BUY: Endpoint = Endpoint { path: ORDER, live: "TTTT1002U", mock: "VTTT1002U" };
// The paper sell is the one id that is not the live id with a V in front.
pub(super) const SELL: Endpoint = Endpoint { path: ORDER, live: "TTTT1006U", mock: "VTTT1001U" };
pub(super) const CANCEL: Endpoint =
    Endpoint { path: "/uapi/overseas-stock/v1/trading/order-rvsecncl", live: "TTTT1004U", mock: "VTTT1004U" };

pub(super) const EXECUTIONS: Endpoint =
    Endpoint { path: "/uapi/overseas-stock/v1/trading/inquire-ccnl", live: "TTTS3035R", mock: "VTTS3035R" };
/// Live only: paper accounts find their open orders in [`EXECUTIONS`].
pub(super) const OPEN_ORDERS: Endpoint = same("/uapi/overseas-stock/v1/trading/inquire-nccs", "TTTS3018R");
pub(super) const BALANCE: Endpoint =
    Endpoint { path: "/uapi/overseas-stock/v1/trading/inquire-balance", live: "TTTS3012R", mock: "VTTS3012R" };
pub(super) const BUYING_POWER: Endpoint =
    Endpoint { path: "/uapi/overseas-stock/v1/trading/inquire-psamount", live: "TTTS3007R", mock: "VTTS3007R" };
pub(super) const PRESENT_BALANCE: Endpoint =
    Endpoint { path: "/uapi/overseas-stock/v1/trading/inquire-present-balance", live: "CTRP6504R", mock: "VTRP6504R" };

/// The endpoint that sends a US order.
pub(super) fn order(side: Side) -> Endpoint {
    match side {
        Side::Buy => BUY,
        Side::Sell => SELL,
    }
}

/// US exchanges, in the order in which they are asked for an unknown ticker.
pub(super) const US_EXCHANGES: [Exchange; 3] = [Exchange::Nasdaq, Exchange::Nyse, Exchange::Amex];

/// The exchange code in orders and account queries.
pub(super) fn order_code(exchange: Exchange) -> Result<&'static str, BrokerError> {
    match exchange {
        Exchange::Nasdaq => Ok("NASD"),
        Exchange::Nyse => Ok("NYSE"),
        Exchange::Amex => Ok("AMEX"),
        Exchange::Krx => Err(not_overseas()),
    }
}

/// The exchange code in price queries.
pub(super) fn price_code(exchange: Exchange) -> Result<&'static str, BrokerError> {
    match exchange {
        Exchange::Nasdaq => Ok("NAS"),
        Exchange::Nyse => Ok("NYS"),
        Exchange::Amex => Ok("AMS"),
        Exchange::Krx => Err(not_overseas()),
    }
}

/// The exchange behind a code of either kind.
pub(super) fn exchange_of(code: &str) -> Option<Exchange> {
    match code {
        "NASD" | "NAS" => Some(Exchange::Nasdaq),
        "NYSE" | "NYS" => Some(Exchange::Nyse),
        "AMEX" | "AMS" => Some(Exchange::Amex),
        _ => None,
    }
}

fn not_overseas() -> BrokerError {
    BrokerError::Forbidden("this client trades US instruments; KRX is not a US exchange".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_transaction_id_of_one_host_is_used_at_the_other() {
        for endpoint in [BUY, SELL, CANCEL, EXECUTIONS, BALANCE, BUYING_POWER, PRESENT_BALANCE] {
            assert!(endpoint.tr_id(BrokerHost::Mock).starts_with('V'), "{endpoint:?}");
            assert!(!endpoint.tr_id(BrokerHost::Live).starts_with('V'), "{endpoint:?}");
        }
        assert_eq!(order(Side::Sell).tr_id(BrokerHost::Mock), "VTTT1001U");
        assert_eq!(order(Side::Sell).tr_id(BrokerHost::Live), "TTTT1006U");
    }

    #[test]
    fn exchange_codes_go_both_ways() {
        for exchange in US_EXCHANGES {
            assert_eq!(exchange_of(order_code(exchange).unwrap()), Some(exchange));
            assert_eq!(exchange_of(price_code(exchange).unwrap()), Some(exchange));
        }
        assert!(order_code(Exchange::Krx).is_err() && price_code(Exchange::Krx).is_err());
        assert_eq!(exchange_of("SEHK"), None);
    }
}
