//! Transactions of the Korean market with their request fields.

use super::super::registry::Need::{Optional, Present, Value};
use super::super::registry::{Action, Field, LIVE, PAPER, Transaction, get, post};
use crate::domain::order::Side;

const ORDER: &str = "/uapi/domestic-stock/v1/trading/order-cash";
const REVISE: &str = "/uapi/domestic-stock/v1/trading/order-rvsecncl";
const OPEN_ORDERS: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-rvsecncl";
const ORDERS: &str = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld";
const BALANCE: &str = "/uapi/domestic-stock/v1/trading/inquire-balance";
const BALANCE_PROFIT: &str = "/uapi/domestic-stock/v1/trading/inquire-balance-rlz-pl";
const BUYING_POWER: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-order";
const SELLABLE: &str = "/uapi/domestic-stock/v1/trading/inquire-psbl-sell";
const PRICE: &str = "/uapi/domestic-stock/v1/quotations/inquire-price";
const BOOK: &str = "/uapi/domestic-stock/v1/quotations/inquire-asking-price-exp-ccn";
const CHART: &str = "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice";
const MINUTES: &str = "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice";
const DAYS: &str = "/uapi/domestic-stock/v1/quotations/chk-holiday";

const ORDER_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("PDNO", 12, Value),
    ("SLL_TYPE", 2, Optional),
    ("ORD_DVSN", 2, Value),
    ("ORD_QTY", 10, Value),
    ("ORD_UNPR", 19, Value),
    ("CNDT_PRIC", 19, Optional),
    ("EXCG_ID_DVSN_CD", 3, Optional),
];
const REVISE_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("KRX_FWDG_ORD_ORGNO", 5, Present),
    ("ORGN_ODNO", 10, Value),
    ("ORD_DVSN", 2, Value),
    ("RVSE_CNCL_DVSN_CD", 2, Value),
    ("ORD_QTY", 10, Value),
    ("ORD_UNPR", 19, Value),
    ("QTY_ALL_ORD_YN", 1, Value),
    ("CNDT_PRIC", 19, Optional),
    ("EXCG_ID_DVSN_CD", 3, Optional),
];
const OPEN_ORDERS_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("CTX_AREA_FK100", 100, Present),
    ("CTX_AREA_NK100", 100, Present),
    ("INQR_DVSN_1", 1, Value),
    ("INQR_DVSN_2", 1, Value),
];
/// The venue came with the new ids.
const ORDERS_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("INQR_STRT_DT", 8, Value),
    ("INQR_END_DT", 8, Value),
    ("SLL_BUY_DVSN_CD", 2, Value),
    ("PDNO", 12, Optional),
    ("ORD_GNO_BRNO", 5, Present),
    ("ODNO", 10, Optional),
    ("CCLD_DVSN", 2, Value),
    ("INQR_DVSN", 2, Value),
    ("INQR_DVSN_1", 1, Present),
    ("INQR_DVSN_3", 2, Value),
    ("EXCG_ID_DVSN_CD", 3, Optional),
    ("CTX_AREA_FK100", 100, Present),
    ("CTX_AREA_NK100", 100, Present),
];
const BALANCE_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("AFHR_FLPR_YN", 1, Value),
    ("OFL_YN", 1, Optional),
    ("INQR_DVSN", 2, Value),
    ("UNPR_DVSN", 2, Value),
    ("FUND_STTL_ICLD_YN", 1, Value),
    ("FNCG_AMT_AUTO_RDPT_YN", 1, Value),
    ("PRCS_DVSN", 2, Value),
    ("CTX_AREA_FK100", 100, Present),
    ("CTX_AREA_NK100", 100, Present),
];
const BALANCE_PROFIT_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("AFHR_FLPR_YN", 1, Value),
    ("OFL_YN", 1, Present),
    ("INQR_DVSN", 2, Value),
    ("UNPR_DVSN", 2, Value),
    ("FUND_STTL_ICLD_YN", 1, Value),
    ("FNCG_AMT_AUTO_RDPT_YN", 1, Value),
    ("PRCS_DVSN", 2, Value),
    ("COST_ICLD_YN", 1, Value),
    ("CTX_AREA_FK100", 100, Present),
    ("CTX_AREA_NK100", 100, Present),
];
const BUYING_POWER_FIELDS: &[Field] = &[
    ("CANO", 8, Value),
    ("ACNT_PRDT_CD", 2, Value),
    ("PDNO", 12, Present),
    ("ORD_UNPR", 19, Present),
    ("ORD_DVSN", 2, Value),
    ("CMA_EVLU_AMT_ICLD_YN", 1, Value),
    ("OVRS_ICLD_YN", 1, Value),
];
const SELLABLE_FIELDS: &[Field] = &[("CANO", 8, Value), ("ACNT_PRDT_CD", 2, Value), ("PDNO", 12, Value)];
const QUOTE_FIELDS: &[Field] = &[("FID_COND_MRKT_DIV_CODE", 2, Value), ("FID_INPUT_ISCD", 12, Value)];
const CHART_FIELDS: &[Field] = &[
    ("FID_COND_MRKT_DIV_CODE", 2, Value),
    ("FID_INPUT_ISCD", 12, Value),
    ("FID_INPUT_DATE_1", 10, Value),
    ("FID_INPUT_DATE_2", 10, Value),
    ("FID_PERIOD_DIV_CODE", 32, Value),
    ("FID_ORG_ADJ_PRC", 10, Value),
];
const MINUTES_FIELDS: &[Field] = &[
    ("FID_ETC_CLS_CODE", 2, Present),
    ("FID_COND_MRKT_DIV_CODE", 2, Value),
    ("FID_INPUT_ISCD", 12, Value),
    ("FID_INPUT_HOUR_1", 10, Value),
    ("FID_PW_DATA_INCU_YN", 2, Value),
];
const DAYS_FIELDS: &[Field] = &[("BASS_DT", 8, Value), ("CTX_AREA_NK", 20, Present), ("CTX_AREA_FK", 20, Present)];

const BUY: Action = Action::CashOrder(Side::Buy);
const SELL: Action = Action::CashOrder(Side::Sell);
const RECENT: Action = Action::CashOrders { recent: true };
const OLDER: Action = Action::CashOrders { recent: false };

/// All Korean transactions; old ids follow the present ones.
pub(in super::super) static TRANSACTIONS: [Transaction; 33] = [
    post("TTTC0012U", ORDER, LIVE, BUY, ORDER_FIELDS),
    post("TTTC0011U", ORDER, LIVE, SELL, ORDER_FIELDS),
    post("VTTC0012U", ORDER, PAPER, BUY, ORDER_FIELDS),
    post("VTTC0011U", ORDER, PAPER, SELL, ORDER_FIELDS),
    post("TTTC0802U", ORDER, LIVE, BUY, ORDER_FIELDS),
    post("TTTC0801U", ORDER, LIVE, SELL, ORDER_FIELDS),
    post("VTTC0802U", ORDER, PAPER, BUY, ORDER_FIELDS),
    post("VTTC0801U", ORDER, PAPER, SELL, ORDER_FIELDS),
    post("TTTC0013U", REVISE, LIVE, Action::CashModifyOrCancel, REVISE_FIELDS),
    post("VTTC0013U", REVISE, PAPER, Action::CashModifyOrCancel, REVISE_FIELDS),
    post("TTTC0803U", REVISE, LIVE, Action::CashModifyOrCancel, REVISE_FIELDS),
    post("VTTC0803U", REVISE, PAPER, Action::CashModifyOrCancel, REVISE_FIELDS),
    get("TTTC0084R", OPEN_ORDERS, LIVE, Action::CashOpenOrders, OPEN_ORDERS_FIELDS),
    get("TTTC8036R", OPEN_ORDERS, LIVE, Action::CashOpenOrders, OPEN_ORDERS_FIELDS),
    get("TTTC0081R", ORDERS, LIVE, RECENT, ORDERS_FIELDS),
    get("VTTC0081R", ORDERS, PAPER, RECENT, ORDERS_FIELDS),
    get("CTSC9215R", ORDERS, LIVE, OLDER, ORDERS_FIELDS),
    get("VTSC9215R", ORDERS, PAPER, OLDER, ORDERS_FIELDS),
    get("TTTC8001R", ORDERS, LIVE, RECENT, ORDERS_FIELDS),
    get("VTTC8001R", ORDERS, PAPER, RECENT, ORDERS_FIELDS),
    get("CTSC9115R", ORDERS, LIVE, OLDER, ORDERS_FIELDS),
    get("VTSC9115R", ORDERS, PAPER, OLDER, ORDERS_FIELDS),
    get("TTTC8434R", BALANCE, LIVE, Action::CashBalance, BALANCE_FIELDS),
    get("VTTC8434R", BALANCE, PAPER, Action::CashBalance, BALANCE_FIELDS),
    get("TTTC8494R", BALANCE_PROFIT, LIVE, Action::CashBalanceWithProfit, BALANCE_PROFIT_FIELDS),
    get("TTTC8908R", BUYING_POWER, LIVE, Action::CashBuyingPower, BUYING_POWER_FIELDS),
    get("VTTC8908R", BUYING_POWER, PAPER, Action::CashBuyingPower, BUYING_POWER_FIELDS),
    get("TTTC8408R", SELLABLE, LIVE, Action::CashSellable, SELLABLE_FIELDS),
    get("FHKST01010100", PRICE, None, Action::KrxPrice, QUOTE_FIELDS),
    get("FHKST01010200", BOOK, None, Action::KrxBook, QUOTE_FIELDS),
    get("FHKST03010100", CHART, None, Action::KrxChart, CHART_FIELDS),
    get("FHKST03010200", MINUTES, None, Action::KrxMinutes, MINUTES_FIELDS),
    get("CTCA0903R", DAYS, LIVE, Action::KrxDays, DAYS_FIELDS),
];
