//! Lists of Korean orders: those that can still be changed, and all of a range of dates.

use jiff::ToSpan;
use rust_decimal::Decimal;

use super::super::super::exchange::{ExchangeOrder, OrderAction, OrderStatus, SimExchange};
use super::super::call::{Answer, Call};
use super::super::failure::Failure;
use super::super::format::{Row, date_text, filled, fixed, parse_date, row, time_text, won};
use super::super::lists::{row_key, side_code, side_name};
use super::super::orders::number_text;
use super::super::paging::{CTX100, page};
use super::codes;
use super::orders::branch;
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::Market;

const OPEN_ORDERS_PER_PAGE: usize = 50;
const LIVE_ORDERS_PER_PAGE: usize = 100;
const PAPER_ORDERS_PER_PAGE: usize = 15;
/// Months that the transaction for recent orders reaches back.
const RECENT_MONTHS: i64 = 3;

fn select(exchange: &mut SimExchange, call: &Call, fits: impl Fn(&ExchangeOrder) -> bool) -> Vec<ExchangeOrder> {
    let book = exchange.account(&call.account(), call.now);
    let korean = |order: &&ExchangeOrder| order.listing.market() == Market::Krx && fits(order);
    book.map(|book| book.orders.iter().filter(korean).cloned().collect()).unwrap_or_default()
}

fn action_name(order: &ExchangeOrder) -> &'static str {
    match order.action {
        OrderAction::New => "",
        OrderAction::Modify => "정정",
        OrderAction::Cancel => "취소",
    }
}

/// Columns that both lists have.
fn common(call: &Call, order: &ExchangeOrder) -> Row {
    let (division, division_name) = codes::division(order.kind);
    row([
        ("ord_gno_brno", branch(call).to_owned()),
        ("odno", number_text(order.number)),
        ("orgn_odno", order.original.map(number_text).unwrap_or_default()),
        ("ord_dvsn_name", division_name.to_owned()),
        ("pdno", order.listing.symbol.to_owned()),
        ("prdt_name", order.listing.name.to_owned()),
        ("ord_qty", order.quantity.to_string()),
        ("ord_unpr", won(order.limit)),
        ("ord_tmd", time_text(kst_datetime(order.placed_at))),
        ("tot_ccld_qty", order.filled.to_string()),
        ("tot_ccld_amt", won(order.amount)),
        ("sll_buy_dvsn_cd", side_code(order.side).to_owned()),
        ("ord_dvsn_cd", division.to_owned()),
        ("excg_dvsn_cd", "02".to_owned()),
        ("excg_id_dvsn_cd", order.venue.code().to_owned()),
        ("stpm_cndt_pric", won(order.trigger.unwrap_or_default())),
    ])
}

/// TTTC0084R and its old id.
pub(in super::super) fn open_orders(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let side = call.parameters.text("INQR_DVSN_2");
    let mut open =
        select(exchange, call, |order| order.open_quantity() > 0 && (side == "0" || (side == "1") == (side_code(order.side) == "01")));
    open.reverse();
    let page = page(call, CTX100, open, OPEN_ORDERS_PER_PAGE, row_key);
    let rows: Vec<Row> = page
        .items
        .iter()
        .map(|order| {
            let mut columns = common(call, order);
            columns.extend(row([
                ("rvse_cncl_dvsn_name", action_name(order).to_owned()),
                ("psbl_qty", order.open_quantity().to_string()),
                ("mgco_aptm_odno", String::new()),
                ("excg_id_dvsn_name", order.venue.code().to_owned()),
                ("stpm_efct_occr_yn", if order.triggered_at.is_some() { "Y" } else { "N" }.to_owned()),
            ]));
            columns
        })
        .collect();
    let answer = Answer::query(call, rows.is_empty()).array("output", rows);
    Ok(page.finish(call, answer, &["CANO", "ACNT_PRDT_CD", "INQR_DVSN_1", "INQR_DVSN_2"]))
}

/// TTTC0081R (recent) and CTSC9215R (older), their paper ids and the old ids of all four.
pub(in super::super) fn orders(exchange: &mut SimExchange, call: &Call, recent: bool) -> Result<Answer, Failure> {
    let parameters = &call.parameters;
    let date = |name| parse_date(parameters.text(name)).ok_or_else(|| Failure::bad_field(name));
    let (from, to) = (date("INQR_STRT_DT")?, date("INQR_END_DT")?);
    let oldest_recent = exchange.date(Market::Krx, call.now).saturating_sub(RECENT_MONTHS.months());
    let number = match parameters.text("ODNO") {
        "" => None,
        _ => Some(parameters.whole("ODNO")?),
    };
    let (side, symbol, state) = (parameters.text("SLL_BUY_DVSN_CD"), parameters.text("PDNO"), parameters.text("CCLD_DVSN"));
    let venue = parameters.text("EXCG_ID_DVSN_CD");
    let mut found = select(exchange, call, |order| {
        (from..=to).contains(&order.date)
            && (order.date >= oldest_recent) == recent
            && (side == "00" || side == side_code(order.side))
            && (symbol.is_empty() || symbol == order.listing.symbol)
            && number.is_none_or(|number| number == order.number)
            && (state == "00" || (state == "01" && order.filled > 0) || (state == "02" && order.open_quantity() > 0))
            && (venue.is_empty() || venue == "ALL" || venue == order.venue.code())
    });
    if parameters.text("INQR_DVSN") != "01" {
        found.reverse();
    }
    let totals = totals(exchange, &found);
    let size = if call.is_paper() { PAPER_ORDERS_PER_PAGE } else { LIVE_ORDERS_PER_PAGE };
    let page = page(call, CTX100, found, size, row_key);
    let rows: Vec<Row> = page.items.iter().map(|order| order_row(call, order)).collect();
    let answer = Answer::query(call, rows.is_empty()).array("output1", rows).object("output2", totals);
    Ok(page.finish(call, answer, &["CANO", "ACNT_PRDT_CD", "INQR_STRT_DT", "INQR_END_DT", "SLL_BUY_DVSN_CD", "CCLD_DVSN"]))
}

fn totals(exchange: &SimExchange, orders: &[ExchangeOrder]) -> Row {
    let filled: u64 = orders.iter().map(|order| order.filled).sum();
    let amount: Decimal = orders.iter().map(|order| order.amount).sum();
    let costs: Decimal = orders
        .iter()
        .map(|order| {
            let (fee, tax) = exchange.rules().charges(order.listing, order.side, order.amount);
            fee + tax
        })
        .sum();
    let average = if filled == 0 { Decimal::ZERO } else { amount / Decimal::from(filled) };
    // A cancellation asks for nothing.
    let asked: u64 = orders.iter().filter(|order| order.action != OrderAction::Cancel).map(|order| order.quantity).sum();
    row([
        ("tot_ord_qty", asked.to_string()),
        ("tot_ccld_qty", filled.to_string()),
        ("tot_ccld_amt", won(amount)),
        ("prsm_tlex_smtl", won(costs)),
        ("pchs_avg_pric", fixed(average, 4)),
    ])
}

/// Columns of an order row that are always the same here.
const ORDER_DEFAULTS: [(&str, &str); 14] = [
    ("loan_dt", ""),
    ("ordr_empno", "OpenAPI"),
    ("ccld_cndt_name", "없음"),
    ("inqr_ip_addr", "P01.012.345.678"),
    ("cpbc_ordp_ord_rcit_dvsn_cd", ""),
    ("cpbc_ordp_infm_mthd_dvsn_cd", ""),
    ("infm_tmd", ""),
    ("ctac_tlno", ""),
    ("prdt_type_cd", "300"),
    ("cpbc_ordp_mtrl_dvsn_cd", ""),
    ("rsvn_ord_end_dt", ""),
    ("stpm_efct_occr_dtmd", ""),
    ("cncl_yn", ""),
    ("rjct_qty", "0"),
];

fn order_row(call: &Call, order: &ExchangeOrder) -> Row {
    let mut columns = common(call, order);
    let rejected = matches!(order.status, OrderStatus::Rejected(_));
    columns.extend(row([
        ("ord_dt", date_text(order.date)),
        ("sll_buy_dvsn_cd_name", format!("현금{}{}", side_name(order.side), action_name(order))),
        ("avg_prvs", won(order.average_price())),
        ("cncl_yn", if order.action == OrderAction::Cancel { "Y" } else { "" }.to_owned()),
        ("cncl_cfrm_qty", order.cancelled.to_string()),
        ("rmn_qty", order.open_quantity().to_string()),
        ("rjct_qty", if rejected { order.quantity - order.filled } else { 0 }.to_string()),
        ("ord_orgno", branch(call).to_owned()),
        ("stpm_efct_occr_dtmd", order.triggered_at.map(|at| time_text(kst_datetime(at))).unwrap_or_default()),
    ]));
    filled(&ORDER_DEFAULTS, columns)
}
