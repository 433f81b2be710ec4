//! Lists of overseas orders: open orders, and orders with their executions, in pages.

use rust_decimal::Decimal;
use serde_json::Value;

use super::super::config::EmptyList;
use super::super::exchange::calendar::new_york;
use super::super::exchange::{ExchangeOrder, OrderAction, OrderStatus, SimExchange};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{Row, date_text, exchange_codes, fixed, parse_date, row, time_text};
use super::orders::{branch, number_text};
use super::paging::{CTX200, page};
use crate::domain::clock::{kst_date, kst_datetime};
use crate::domain::instrument::Market;
use crate::domain::order::Side;

const OPEN_ORDERS_PER_PAGE: usize = 40;
const LIVE_ORDERS_PER_PAGE: usize = 20;
const PAPER_ORDERS_PER_PAGE: usize = 15;
const HOLDINGS_PER_PAGE: usize = 100;

/// Request fields that paged answers echo.
const CONDITIONS: [&str; 5] = ["CANO", "ACNT_PRDT_CD", "OVRS_EXCG_CD", "PDNO", "TR_CRCY_CD"];

/// Cuts a page of holdings and adds the paging members.
pub(super) fn page_of_holdings(call: &Call, rows: Vec<Row>) -> (Vec<Row>, impl FnOnce(Answer) -> Answer) {
    let key = |row: &Row| format!("{}^", row.get("ovrs_pdno").and_then(Value::as_str).unwrap_or_default());
    let page = page(call, CTX200, rows, HOLDINGS_PER_PAGE, key);
    let rows = page.items.clone();
    (rows, move |answer| page.finish(call, answer, &CONDITIONS))
}

pub(super) fn row_key(order: &ExchangeOrder) -> String {
    format!("{}^{}^", date_text(order.date), number_text(order.number))
}

pub(super) fn side_code(side: Side) -> &'static str {
    match side {
        Side::Sell => "01",
        Side::Buy => "02",
    }
}

pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Sell => "매도",
        Side::Buy => "매수",
    }
}

fn action_code(action: OrderAction) -> (&'static str, &'static str) {
    match action {
        OrderAction::New => ("00", ""),
        OrderAction::Modify => ("01", "정정"),
        OrderAction::Cancel => ("02", "취소"),
    }
}

/// State of an order in the broker's words; blank while it is open.
pub(super) fn state_name(order: &ExchangeOrder) -> &'static str {
    match order.status {
        OrderStatus::Open => "",
        OrderStatus::Rejected(_) => "거부",
        OrderStatus::Filled | OrderStatus::Cancelled | OrderStatus::Expired => "완료",
    }
}

pub(super) fn reject_reason(order: &ExchangeOrder) -> &str {
    match &order.status {
        OrderStatus::Rejected(reason) => reason,
        _ => "",
    }
}

/// The account's orders that fit, in order of acceptance.
fn select(exchange: &mut SimExchange, call: &Call, fits: impl Fn(&ExchangeOrder) -> bool) -> Vec<ExchangeOrder> {
    let book = exchange.account(&call.account(), call.now);
    book.map(|book| book.orders.iter().filter(|order| order.listing.market() == Market::Us && fits(order)).cloned().collect())
        .unwrap_or_default()
}

/// Newest first unless the call asks for `DS`; the paper host does not look.
fn sorted(call: &Call, mut orders: Vec<ExchangeOrder>) -> Vec<ExchangeOrder> {
    if call.is_paper() || call.parameters.text("SORT_SQN") != "DS" {
        orders.reverse();
    }
    orders
}

/// Whether the order's exchange is among those that `OVRS_EXCG_CD` names.
fn on_exchange(call: &Call, order: &ExchangeOrder) -> bool {
    match call.parameters.text("OVRS_EXCG_CD") {
        "" | "%" | "NASD" => true,
        code => exchange_codes(order.listing.exchange).order == code,
    }
}

/// TTTS3018R.
pub(super) fn open_orders(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let open = select(exchange, call, |order| order.open_quantity() > 0 && on_exchange(call, order));
    let page = page(call, CTX200, sorted(call, open), OPEN_ORDERS_PER_PAGE, row_key);
    let rows = page.items.iter().map(|order| open_order_row(call, order)).collect::<Vec<_>>();
    let answer = Answer::query(call, rows.is_empty()).array("output", rows);
    Ok(page.finish(call, answer, &CONDITIONS))
}

fn open_order_row(call: &Call, order: &ExchangeOrder) -> Row {
    let codes = exchange_codes(order.listing.exchange);
    let (action, action_name) = action_code(order.action);
    row([
        ("ord_dt", date_text(order.date)),
        ("ord_gno_brno", branch(call).to_owned()),
        ("odno", number_text(order.number)),
        ("orgn_odno", order.original.map(number_text).unwrap_or_default()),
        ("pdno", order.listing.symbol.to_owned()),
        ("prdt_name", order.listing.name.to_owned()),
        ("sll_buy_dvsn_cd", side_code(order.side).to_owned()),
        ("sll_buy_dvsn_cd_name", side_name(order.side).to_owned()),
        ("rvse_cncl_dvsn_cd", action.to_owned()),
        ("rvse_cncl_dvsn_cd_name", action_name.to_owned()),
        ("rjct_rson", String::new()),
        ("rjct_rson_name", String::new()),
        ("ord_tmd", time_text(kst_datetime(order.placed_at))),
        ("tr_mket_name", codes.name.to_owned()),
        ("tr_crcy_cd", "USD".to_owned()),
        ("natn_cd", "840".to_owned()),
        ("natn_kor_name", "미국".to_owned()),
        ("ft_ord_qty", order.quantity.to_string()),
        ("ft_ccld_qty", order.filled.to_string()),
        ("nccs_qty", order.open_quantity().to_string()),
        ("ft_ord_unpr3", fixed(order.limit, 8)),
        ("ft_ccld_unpr3", fixed(order.average_price(), 8)),
        ("ft_ccld_amt3", fixed(order.amount, 5)),
        ("ovrs_excg_cd", codes.order.to_owned()),
        ("prcs_stat_name", state_name(order).to_owned()),
        ("loan_type_cd", "10".to_owned()),
        ("loan_dt", String::new()),
        ("usa_amk_exts_rqst_yn", "N".to_owned()),
        ("splt_buy_attr_name", String::new()),
    ])
}

/// TTTS3035R, VTTS3035R. The paper host only knows the dates as a filter.
pub(super) fn orders(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let parameters = &call.parameters;
    let date = |name| parse_date(parameters.text(name)).ok_or_else(|| Failure::bad_field(name));
    let (from, to) = (date("ORD_STRT_DT")?, date("ORD_END_DT")?);
    let all = call.is_paper();
    let wanted = |order: &ExchangeOrder| {
        let symbol = parameters.text("PDNO");
        let side = parameters.text("SLL_BUY_DVSN");
        let state = parameters.text("CCLD_NCCS_DVSN");
        (symbol.is_empty() || symbol == "%" || symbol == order.listing.symbol)
            && (side == "00" || side == side_code(order.side))
            && (state == "00" || (state == "01" && order.filled > 0) || (state == "02" && order.open_quantity() > 0))
            && on_exchange(call, order)
    };
    let found = select(exchange, call, |order| (from..=to).contains(&order.date) && (all || wanted(order)));
    let size = if call.is_paper() { PAPER_ORDERS_PER_PAGE } else { LIVE_ORDERS_PER_PAGE };
    let page = page(call, CTX200, sorted(call, found), size, row_key);
    let rows = page.items.iter().map(|order| order_row(call, order)).collect::<Vec<_>>();
    let answer = Answer::query(call, rows.is_empty());
    let answer = match call.quirks.empty_orders {
        EmptyList::BlankRow if rows.is_empty() => answer.array("output", vec![blank_order_row()]),
        EmptyList::BlankObject if rows.is_empty() => answer.object("output", blank_order_row()),
        _ => answer.array("output", rows),
    };
    Ok(page.finish(call, answer, &CONDITIONS))
}

fn order_row(call: &Call, order: &ExchangeOrder) -> Row {
    let codes = exchange_codes(order.listing.exchange);
    let (action, action_name) = action_code(order.action);
    row([
        ("ord_dt", date_text(order.date)),
        ("ord_gno_brno", branch(call).to_owned()),
        ("odno", number_text(order.number)),
        ("orgn_odno", order.original.map(number_text).unwrap_or_default()),
        ("sll_buy_dvsn_cd", side_code(order.side).to_owned()),
        ("sll_buy_dvsn_cd_name", side_name(order.side).to_owned()),
        ("rvse_cncl_dvsn", action.to_owned()),
        ("rvse_cncl_dvsn_name", action_name.to_owned()),
        ("pdno", order.listing.symbol.to_owned()),
        ("prdt_name", order.listing.name.to_owned()),
        ("ft_ord_qty", order.quantity.to_string()),
        ("ft_ord_unpr3", fixed(order.limit, 8)),
        ("ft_ccld_qty", order.filled.to_string()),
        ("ft_ccld_unpr3", fixed(order.average_price(), 8)),
        ("ft_ccld_amt3", fixed(order.amount, 5)),
        ("nccs_qty", order.open_quantity().to_string()),
        ("prcs_stat_name", state_name(order).to_owned()),
        ("rjct_rson", String::new()),
        ("rjct_rson_name", reject_reason(order).to_owned()),
        ("ord_tmd", time_text(new_york(order.placed_at))),
        ("tr_mket_name", codes.name.to_owned()),
        ("tr_natn", "840".to_owned()),
        ("tr_natn_name", "미국".to_owned()),
        ("ovrs_excg_cd", codes.order.to_owned()),
        ("tr_crcy_cd", "USD".to_owned()),
        ("dmst_ord_dt", date_text(kst_date(order.placed_at))),
        ("thco_ord_tmd", time_text(kst_datetime(order.placed_at))),
        ("loan_type_cd", "10".to_owned()),
        ("loan_dt", String::new()),
        ("mdia_dvsn_name", "OpenAPI".to_owned()),
        ("usa_amk_exts_rqst_yn", "N".to_owned()),
        ("splt_buy_attr_name", String::new()),
    ])
}

/// What the broker's example shows when there is nothing: one row of blanks and zeros.
fn blank_order_row() -> Row {
    let zero = |decimals| fixed(Decimal::ZERO, decimals);
    row([
        ("ord_dt", String::new()),
        ("ord_gno_brno", String::new()),
        ("odno", String::new()),
        ("orgn_odno", String::new()),
        ("sll_buy_dvsn_cd", String::new()),
        ("sll_buy_dvsn_cd_name", String::new()),
        ("rvse_cncl_dvsn", String::new()),
        ("rvse_cncl_dvsn_name", String::new()),
        ("pdno", String::new()),
        ("prdt_name", String::new()),
        ("ft_ord_qty", zero(0)),
        ("ft_ord_unpr3", zero(8)),
        ("ft_ccld_qty", zero(0)),
        ("ft_ccld_unpr3", zero(8)),
        ("ft_ccld_amt3", zero(5)),
        ("nccs_qty", zero(0)),
        ("prcs_stat_name", String::new()),
        ("rjct_rson", String::new()),
        ("rjct_rson_name", String::new()),
        ("ord_tmd", String::new()),
        ("tr_mket_name", String::new()),
        ("tr_natn", String::new()),
        ("tr_natn_name", String::new()),
        ("ovrs_excg_cd", String::new()),
        ("tr_crcy_cd", String::new()),
        ("dmst_ord_dt", String::new()),
        ("thco_ord_tmd", String::new()),
        ("loan_type_cd", String::new()),
        ("loan_dt", String::new()),
        ("mdia_dvsn_name", String::new()),
        ("usa_amk_exts_rqst_yn", String::new()),
        ("splt_buy_attr_name", String::new()),
    ])
}
