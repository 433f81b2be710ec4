//! The transactions that the server speaks: id, path, method, environment and request fields.

use super::domestic;
use crate::domain::order::{BrokerHost, Side};

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Price,
    PriceDetail,
    DailyPrices,
    CurrencyChart,
    Order(Side),
    ModifyOrCancel,
    OpenOrders,
    Orders,
    Balance,
    PresentBalance,
    BuyingPower,
    SettledBalance,
    Minutes,
    Book,
    CashOrder(Side),
    CashModifyOrCancel,
    CashOpenOrders,
    /// Of the last three months, or older ones.
    CashOrders {
        recent: bool,
    },
    CashBalance,
    CashBalanceWithProfit,
    CashBuyingPower,
    CashSellable,
    KrxPrice,
    KrxBook,
    KrxChart,
    KrxMinutes,
    KrxDays,
}

impl Action {
    /// It places, changes or withdraws an order.
    pub fn changes_orders(self) -> bool {
        matches!(self, Action::Order(_) | Action::ModifyOrCancel | Action::CashOrder(_) | Action::CashModifyOrCancel)
    }

    /// It concerns an account, so account number and ledger messages apply.
    pub fn is_ledger(self) -> bool {
        use Action::{Book, CurrencyChart, DailyPrices, KrxBook, KrxChart, KrxDays, KrxMinutes, KrxPrice, Minutes, Price, PriceDetail};
        !matches!(
            self,
            Price | PriceDetail | DailyPrices | CurrencyChart | Minutes | Book | KrxPrice | KrxBook | KrxChart | KrxMinutes | KrxDays
        )
    }
}

/// What a request field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// There and not blank.
    Value,
    /// There, possibly blank.
    Present,
    Optional,
}

/// A request field: name, longest text, need.
pub(super) type Field = (&'static str, usize, Need);

/// A transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub id: &'static str,
    pub path: &'static str,
    pub method: &'static str,
    /// `None` = both hosts.
    pub environment: Option<BrokerHost>,
    pub action: Action,
    pub fields: &'static [Field],
}

const PRICE: &str = "/uapi/overseas-price/v1/quotations/price";
const PRICE_DETAIL: &str = "/uapi/overseas-price/v1/quotations/price-detail";
const DAILY_PRICE: &str = "/uapi/overseas-price/v1/quotations/dailyprice";
const CHART: &str = "/uapi/overseas-price/v1/quotations/inquire-daily-chartprice";
const MINUTES: &str = "/uapi/overseas-price/v1/quotations/inquire-time-itemchartprice";
const BOOK: &str = "/uapi/overseas-price/v1/quotations/inquire-asking-price";
const ORDER: &str = "/uapi/overseas-stock/v1/trading/order";
const REVISE: &str = "/uapi/overseas-stock/v1/trading/order-rvsecncl";
const OPEN_ORDERS: &str = "/uapi/overseas-stock/v1/trading/inquire-nccs";
const ORDERS: &str = "/uapi/overseas-stock/v1/trading/inquire-ccnl";
const BALANCE: &str = "/uapi/overseas-stock/v1/trading/inquire-balance";
const PRESENT_BALANCE: &str = "/uapi/overseas-stock/v1/trading/inquire-present-balance";
const BUYING_POWER: &str = "/uapi/overseas-stock/v1/trading/inquire-psamount";
const SETTLED_BALANCE: &str = "/uapi/overseas-stock/v1/trading/inquire-paymt-stdr-balance";

use Need::{Optional, Present, Value};

const QUOTE_FIELDS: &[Field] = &[("AUTH", 32, Present), ("EXCD", 4, Value), ("SYMB", 16, Value)];
const DAILY_FIELDS: &[Field] = &[
    ("AUTH", 32, Present),
    ("EXCD", 4, Value),
    ("SYMB", 16, Value),
    ("GUBN", 1, Value),
    ("BYMD", 8, Present),
    ("MODP", 1, Value),
    ("KEYB", 8, Optional),
];
const MINUTES_FIELDS: &[Field] = &[
    ("AUTH", 32, Present),
    ("EXCD", 4, Value),
    ("SYMB", 16, Value),
    ("NMIN", 4, Value),
    ("PINC", 1, Value),
    ("NEXT", 1, Present),
    ("NREC", 4, Value),
    ("FILL", 1, Present),
    ("KEYB", 32, Present),
];
const CHART_FIELDS: &[Field] = &[
    ("FID_COND_MRKT_DIV_CODE", 2, Value),
    ("FID_INPUT_ISCD", 12, Value),
    ("FID_INPUT_DATE_1", 10, Value),
    ("FID_INPUT_DATE_2", 10, Value),
    ("FID_PERIOD_DIV_CODE", 32, Value),
];
const ORDER_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("OVRS_EXCG_CD", 4, Value),
    ("PDNO", 12, Value),
    ("ORD_QTY", 10, Value),
    ("OVRS_ORD_UNPR", 31, Value),
    ("CTAC_TLNO", 20, Optional),
    ("MGCO_APTM_ODNO", 12, Optional),
    ("SLL_TYPE", 2, Optional),
    ("ORD_SVR_DVSN_CD", 1, Value),
    ("ORD_DVSN", 2, Value),
    ("START_TIME", 6, Optional),
    ("END_TIME", 6, Optional),
    ("ALGO_ORD_TMD_DVSN_CD", 2, Optional),
];
const REVISE_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("OVRS_EXCG_CD", 4, Value),
    ("PDNO", 12, Value),
    ("ORGN_ODNO", 10, Value),
    ("RVSE_CNCL_DVSN_CD", 2, Value),
    ("ORD_QTY", 10, Value),
    ("OVRS_ORD_UNPR", 32, Value),
    ("MGCO_APTM_ODNO", 12, Optional),
    ("ORD_SVR_DVSN_CD", 1, Optional),
];
const OPEN_ORDERS_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("OVRS_EXCG_CD", 4, Present),
    ("SORT_SQN", 2, Present),
    ("CTX_AREA_FK200", 200, Present),
    ("CTX_AREA_NK200", 200, Present),
];
const ORDERS_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("PDNO", 12, Present),
    ("ORD_STRT_DT", 8, Value),
    ("ORD_END_DT", 8, Value),
    ("SLL_BUY_DVSN", 2, Value),
    ("CCLD_NCCS_DVSN", 2, Value),
    ("OVRS_EXCG_CD", 4, Present),
    ("SORT_SQN", 2, Present),
    ("ORD_DT", 8, Present),
    ("ORD_GNO_BRNO", 5, Present),
    ("ODNO", 10, Present),
    ("CTX_AREA_FK200", 200, Present),
    ("CTX_AREA_NK200", 200, Present),
];
const BALANCE_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("OVRS_EXCG_CD", 4, Value),
    ("TR_CRCY_CD", 3, Value),
    ("CTX_AREA_FK200", 200, Present),
    ("CTX_AREA_NK200", 200, Present),
];
const PRESENT_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("WCRC_FRCR_DVSN_CD", 2, Value),
    ("NATN_CD", 3, Value),
    ("TR_MKET_CD", 2, Value),
    ("INQR_DVSN_CD", 2, Value),
];
const BUYING_POWER_FIELDS: &[Field] =
    &[("CANO", 8, Value), ("ACNT_PRDT_CD", 2, Value), ("OVRS_EXCG_CD", 4, Value), ("OVRS_ORD_UNPR", 32, Value), ("ITEM_CD", 12, Value)];
const SETTLED_FIELDS: &[Field] =
    &[("CANO", 8, Value), ("ACNT_PRDT_CD", 2, Value), ("BASS_DT", 8, Value), ("WCRC_FRCR_DVSN_CD", 2, Value), ("INQR_DVSN_CD", 2, Value)];

pub(super) const fn get(
    id: &'static str,
    path: &'static str,
    environment: Option<BrokerHost>,
    action: Action,
    fields: &'static [Field],
) -> Transaction {
    Transaction { id, path, method: "GET", environment, action, fields }
}

pub(super) const fn post(
    id: &'static str,
    path: &'static str,
    environment: Option<BrokerHost>,
    action: Action,
    fields: &'static [Field],
) -> Transaction {
    Transaction { id, path, method: "POST", environment, action, fields }
}

pub(super) const LIVE: Option<BrokerHost> = Some(BrokerHost::Live);
pub(super) const PAPER: Option<BrokerHost> = Some(BrokerHost::Mock);

/// Overseas transactions. The official sample sends VTTT1006U for a paper sell, the portal lists VTTT1001U.
static OVERSEAS: [Transaction; 23] = [
    get("HHDFS00000300", PRICE, None, Action::Price, QUOTE_FIELDS),
    get("HHDFS76200200", PRICE_DETAIL, LIVE, Action::PriceDetail, QUOTE_FIELDS),
    get("HHDFS76240000", DAILY_PRICE, None, Action::DailyPrices, DAILY_FIELDS),
    get("FHKST03030100", CHART, None, Action::CurrencyChart, CHART_FIELDS),
    get("HHDFS76950200", MINUTES, LIVE, Action::Minutes, MINUTES_FIELDS),
    get("HHDFS76200100", BOOK, LIVE, Action::Book, QUOTE_FIELDS),
    post("TTTT1002U", ORDER, LIVE, Action::Order(Side::Buy), ORDER_FIELDS),
    post("TTTT1006U", ORDER, LIVE, Action::Order(Side::Sell), ORDER_FIELDS),
    post("VTTT1002U", ORDER, PAPER, Action::Order(Side::Buy), ORDER_FIELDS),
    post("VTTT1001U", ORDER, PAPER, Action::Order(Side::Sell), ORDER_FIELDS),
    post("VTTT1006U", ORDER, PAPER, Action::Order(Side::Sell), ORDER_FIELDS),
    post("TTTT1004U", REVISE, LIVE, Action::ModifyOrCancel, REVISE_FIELDS),
    post("VTTT1004U", REVISE, PAPER, Action::ModifyOrCancel, REVISE_FIELDS),
    get("TTTS3018R", OPEN_ORDERS, LIVE, Action::OpenOrders, OPEN_ORDERS_FIELDS),
    get("TTTS3035R", ORDERS, LIVE, Action::Orders, ORDERS_FIELDS),
    get("VTTS3035R", ORDERS, PAPER, Action::Orders, ORDERS_FIELDS),
    get("TTTS3012R", BALANCE, LIVE, Action::Balance, BALANCE_FIELDS),
    get("VTTS3012R", BALANCE, PAPER, Action::Balance, BALANCE_FIELDS),
    get("CTRP6504R", PRESENT_BALANCE, LIVE, Action::PresentBalance, PRESENT_FIELDS),
    get("VTRP6504R", PRESENT_BALANCE, PAPER, Action::PresentBalance, PRESENT_FIELDS),
    get("TTTS3007R", BUYING_POWER, LIVE, Action::BuyingPower, BUYING_POWER_FIELDS),
    get("VTTS3007R", BUYING_POWER, PAPER, Action::BuyingPower, BUYING_POWER_FIELDS),
    get("CTRP6010R", SETTLED_BALANCE, LIVE, Action::SettledBalance, SETTLED_FIELDS),
];

/// All transactions.
pub(super) fn transactions() -> impl Iterator<Item = &'static Transaction> {
    OVERSEAS.iter().chain(&domestic::registry::TRANSACTIONS)
}

/// A live id that the paper host does not know at all, where it refuses others as no paper transactions.
const UNKNOWN_ON_PAPER: &str = "TTTC8408R";

/// Why a transaction id cannot be used on a path and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// A live id on the paper host.
    NotPaper,
    /// A paper id on the live host.
    NotLive,
    /// No such transaction there.
    Unknown,
}

/// Some transaction lives on the path.
pub(super) fn path_is_known(path: &str) -> bool {
    transactions().any(|transaction| transaction.path == path)
}

/// The transaction of an id on a path, method and host.
pub(super) fn find(id: &str, path: &str, method: &str, environment: BrokerHost) -> Result<&'static Transaction, Mismatch> {
    let known = transactions().find(|transaction| transaction.id == id);
    let belongs = match known {
        Some(transaction) => transaction.environment.is_none_or(|home| home == environment),
        // Ids of transactions that are not simulated still tell their host by the first letter.
        None => !(environment == BrokerHost::Live && id.starts_with("VT")),
    };
    match (known, belongs) {
        (_, false) if environment == BrokerHost::Live => Err(Mismatch::NotLive),
        (_, false) if id == UNKNOWN_ON_PAPER => Err(Mismatch::Unknown),
        (_, false) => Err(Mismatch::NotPaper),
        (Some(transaction), true) if transaction.path == path && transaction.method == method => Ok(transaction),
        _ => Err(Mismatch::Unknown),
    }
}
