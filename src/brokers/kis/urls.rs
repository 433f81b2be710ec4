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
    /// None where the paper host does not serve it.
    mock: Option<&'static str>,
}

impl Endpoint {
    /// # Errors
    /// `Forbidden` when the host does not serve the endpoint.
    pub fn tr_id(&self, host: BrokerHost) -> Result<&'static str, BrokerError> {
        match host {
            BrokerHost::Live => Ok(self.live),
            BrokerHost::Mock => {
                self.mock.ok_or_else(|| BrokerError::Forbidden(format!("the broker's paper host does not serve {}", self.path)))
            }
        }
    }
}

const fn same(path: &'static str, tr_id: &'static str) -> Endpoint {
    Endpoint { path, live: tr_id, mock: Some(tr_id) }
}

const fn both(path: &'static str, live: &'static str, mock: &'static str) -> Endpoint {
    Endpoint { path, live, mock: Some(mock) }
}

const fn live_only(path: &'static str, tr_id: &'static str) -> Endpoint {
    Endpoint { path, live: tr_id, mock: None }
}

pub(super) const PRICE: Endpoint = same("/uapi/overseas-price/v1/quotations/price", "HHDFS00000300");
pub(super) const DAILY_PRICE: Endpoint = same("/uapi/overseas-price/v1/quotations/dailyprice", "HHDFS76240000");
pub(super) const CURRENCY_CHART: Endpoint = same("/uapi/overseas-price/v1/quotations/inquire-daily-chartprice", "FHKST03030100");

pub(super) const US_MINUTES: Endpoint = live_only("/uapi/overseas-price/v1/quotations/inquire-time-itemchartprice", "HHDFS76950200");
pub(super) const US_BOOK: Endpoint = live_only("/uapi/overseas-price/v1/quotations/inquire-asking-price", "HHDFS76200100");

const ORDER: &str = "/uapi/overseas-stock/v1/trading/order";
pub(super) const BUY: Endpoint = both(ORDER, "TTTT1002U", "VTTT1002U");
// The paper sell is the one id that is not the live id with a V in front.
pub(super) const SELL: Endpoint = both(ORDER, "TTTT1006U", "VTTT1001U");
pub(super) const AMEND: Endpoint = both("/uapi/overseas-stock/v1/trading/order-rvsecncl", "TTTT1004U", "VTTT1004U");

pub(super) const EXECUTIONS: Endpoint = both("/uapi/overseas-stock/v1/trading/inquire-ccnl", "TTTS3035R", "VTTS3035R");
/// Paper accounts find their open orders in [`EXECUTIONS`].
pub(super) const OPEN_ORDERS: Endpoint = live_only("/uapi/overseas-stock/v1/trading/inquire-nccs", "TTTS3018R");
pub(super) const BALANCE: Endpoint = both("/uapi/overseas-stock/v1/trading/inquire-balance", "TTTS3012R", "VTTS3012R");
pub(super) const BUYING_POWER: Endpoint = both("/uapi/overseas-stock/v1/trading/inquire-psamount", "TTTS3007R", "VTTS3007R");
pub(super) const PRESENT_BALANCE: Endpoint = both("/uapi/overseas-stock/v1/trading/inquire-present-balance", "CTRP6504R", "VTRP6504R");

const KRX_ORDER: &str = "/uapi/domestic-stock/v1/trading/order-cash";
pub(super) const KRX_BUY: Endpoint = both(KRX_ORDER, "TTTC0012U", "VTTC0012U");
pub(super) const KRX_SELL: Endpoint = both(KRX_ORDER, "TTTC0011U", "VTTC0011U");
pub(super) const KRX_AMEND: Endpoint = both("/uapi/domestic-stock/v1/trading/order-rvsecncl", "TTTC0013U", "VTTC0013U");

const KRX_LIST: &str = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld";
/// Orders of the last three months.
pub(super) const KRX_ORDERS: Endpoint = both(KRX_LIST, "TTTC0081R", "VTTC0081R");
/// Orders before that.
pub(super) const KRX_OLD_ORDERS: Endpoint = both(KRX_LIST, "CTSC9215R", "VTSC9215R");
/// Paper accounts find their open orders in [`KRX_ORDERS`].
pub(super) const KRX_OPEN_ORDERS: Endpoint = live_only("/uapi/domestic-stock/v1/trading/inquire-psbl-rvsecncl", "TTTC0084R");
pub(super) const KRX_BALANCE: Endpoint = both("/uapi/domestic-stock/v1/trading/inquire-balance", "TTTC8434R", "VTTC8434R");
pub(super) const KRX_REALISED: Endpoint = live_only("/uapi/domestic-stock/v1/trading/inquire-balance-rlz-pl", "TTTC8494R");
pub(super) const KRX_BUYING_POWER: Endpoint = both("/uapi/domestic-stock/v1/trading/inquire-psbl-order", "TTTC8908R", "VTTC8908R");
/// Paper accounts find what they can sell in [`KRX_BALANCE`].
pub(super) const KRX_SELLABLE: Endpoint = live_only("/uapi/domestic-stock/v1/trading/inquire-psbl-sell", "TTTC8408R");

pub(super) const KRX_PRICE: Endpoint = same("/uapi/domestic-stock/v1/quotations/inquire-price", "FHKST01010100");
pub(super) const KRX_BOOK: Endpoint = same("/uapi/domestic-stock/v1/quotations/inquire-asking-price-exp-ccn", "FHKST01010200");
pub(super) const KRX_BARS: Endpoint = same("/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice", "FHKST03010100");
pub(super) const KRX_MINUTES: Endpoint = same("/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice", "FHKST03010200");
pub(super) const KRX_DAYS: Endpoint = live_only("/uapi/domestic-stock/v1/quotations/chk-holiday", "CTCA0903R");

/// The endpoint that sends a US order.
pub(super) fn order(side: Side) -> Endpoint {
    match side {
        Side::Buy => BUY,
        Side::Sell => SELL,
    }
}

/// The endpoint that sends a Korean order.
pub(super) fn krx_order(side: Side) -> Endpoint {
    match side {
        Side::Buy => KRX_BUY,
        Side::Sell => KRX_SELL,
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
    BrokerError::Forbidden("KRX is not a US exchange".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_transaction_id_of_one_host_is_used_at_the_other() {
        let accounts = [BUY, SELL, AMEND, EXECUTIONS, BALANCE, BUYING_POWER, PRESENT_BALANCE];
        let korean = [KRX_BUY, KRX_SELL, KRX_AMEND, KRX_ORDERS, KRX_OLD_ORDERS, KRX_BALANCE, KRX_BUYING_POWER];
        for endpoint in accounts.into_iter().chain(korean) {
            assert!(endpoint.tr_id(BrokerHost::Mock).unwrap().starts_with('V'), "{endpoint:?}");
            assert!(!endpoint.tr_id(BrokerHost::Live).unwrap().starts_with('V'), "{endpoint:?}");
        }
        assert_eq!(order(Side::Sell).tr_id(BrokerHost::Mock), Ok("VTTT1001U"));
        assert_eq!(order(Side::Sell).tr_id(BrokerHost::Live), Ok("TTTT1006U"));
    }

    #[test]
    fn what_the_paper_host_lacks_is_not_asked_of_it() {
        for endpoint in [OPEN_ORDERS, US_MINUTES, US_BOOK, KRX_OPEN_ORDERS, KRX_REALISED, KRX_SELLABLE, KRX_DAYS] {
            assert!(matches!(endpoint.tr_id(BrokerHost::Mock), Err(BrokerError::Forbidden(_))), "{endpoint:?}");
            assert!(endpoint.tr_id(BrokerHost::Live).is_ok());
        }
    }

    /// Every endpoint with its ids as the broker's own table names them.
    #[test]
    fn paths_and_ids_are_those_of_the_broker() {
        let path = format!("{}/data-fixtures/brokers/kis-columns.json", env!("CARGO_MANIFEST_DIR"));
        let table: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let all = [
            PRICE,
            DAILY_PRICE,
            CURRENCY_CHART,
            US_MINUTES,
            US_BOOK,
            BUY,
            AMEND,
            EXECUTIONS,
            OPEN_ORDERS,
            BALANCE,
            BUYING_POWER,
            PRESENT_BALANCE,
            KRX_BUY,
            KRX_SELL,
            KRX_AMEND,
            KRX_ORDERS,
            KRX_OLD_ORDERS,
            KRX_OPEN_ORDERS,
            KRX_BALANCE,
            KRX_REALISED,
            KRX_BUYING_POWER,
            KRX_SELLABLE,
            KRX_PRICE,
            KRX_BOOK,
            KRX_BARS,
            KRX_MINUTES,
            KRX_DAYS,
        ];
        for endpoint in all {
            assert_eq!(table[endpoint.live]["path"], endpoint.path, "{endpoint:?}");
            if let Some(mock) = endpoint.mock {
                assert_eq!(table[mock]["path"], endpoint.path, "{endpoint:?}");
            }
        }
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
