//! Placing, modifying and cancelling overseas orders.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::exchange::calendar::{from_new_york, new_york};
use super::super::exchange::{ExchangeOrder, NewOrder, Refusal, SimExchange, Terms, find_listing};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{exchange_codes, parse_time, row, time_text};
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::Market;
use crate::domain::order::{OrderKind, Side};

/// The branch that numbers overseas orders, as printed in answers and lists.
pub(super) fn branch(call: &Call) -> &'static str {
    if call.is_paper() { "00950" } else { "01790" }
}

/// Ten digits.
pub(super) fn number_text(number: u64) -> String {
    format!("{number:010}")
}

/// Checks that the symbol is listed on the exchange that the order names.
fn check_listing(call: &Call) -> Result<(), Failure> {
    let code = call.parameters.text("OVRS_EXCG_CD");
    find_listing(call.parameters.text("PDNO"))
        .filter(|listing| listing.market() == Market::Us && exchange_codes(listing.exchange).order == code)
        .map(|_| ())
        .ok_or_else(|| Failure::unknown_symbol(call.environment))
}

/// TTTT1002U, TTTT1006U and their paper ids.
pub(super) fn place(exchange: &mut SimExchange, call: &Call, side: Side) -> Result<Answer, Failure> {
    check_listing(call)?;
    let kind = match (call.parameters.text("ORD_DVSN"), side) {
        ("00", _) => OrderKind::Limit,
        _ if call.is_paper() => return Err(Failure::order_type(call.environment)),
        ("32", _) => OrderKind::Loo,
        ("34", _) => OrderKind::Loc,
        ("35", _) => OrderKind::Twap,
        ("36", _) => OrderKind::Vwap,
        ("31", Side::Sell) => OrderKind::Moo,
        ("33", Side::Sell) => OrderKind::Moc,
        _ => return Err(Failure::order_type(call.environment)),
    };
    let limit = call.parameters.decimal("OVRS_ORD_UNPR")?;
    let terms = Terms { kind, limit, window: slice_window(call, kind)?, ..Terms::default() };
    let request = NewOrder { symbol: call.parameters.text("PDNO").to_owned(), side, quantity: call.parameters.whole("ORD_QTY")?, terms };
    let order = exchange.place(&call.account(), &request, call.now).map_err(|refusal| refused(call, refusal))?;
    let answer = match (call.is_paper(), side) {
        (false, _) => Answer::with("APBK0013", "주문 전송 완료 되었습니다."),
        (true, Side::Buy) => Answer::with("40600000", "모의투자 매수주문이 완료 되었습니다."),
        (true, Side::Sell) => Answer::with("40590000", "모의투자 매도주문이 완료 되었습니다."),
    };
    Ok(receipt(branch(call), answer, &order, call.now))
}

fn refused(call: &Call, refusal: Refusal) -> Failure {
    Failure::from_refusal(call.environment, Market::Us, refusal)
}

/// First and last instant of an order that the broker slices, when the call names them. The format is
/// not documented clearly; it is taken for HHMMSS in New York.
fn slice_window(call: &Call, kind: OrderKind) -> Result<Option<(Timestamp, Timestamp)>, Failure> {
    let sliced = matches!(kind, OrderKind::Twap | OrderKind::Vwap);
    match call.parameters.text("ALGO_ORD_TMD_DVSN_CD") {
        "00" if sliced => {
            let date = new_york(call.now).date();
            let at = |name: &str| {
                let time = parse_time(call.parameters.text(name));
                time.and_then(|time| from_new_york(date.to_datetime(time))).ok_or_else(|| Failure::bad_field(name))
            };
            Ok(Some((at("START_TIME")?, at("END_TIME")?)))
        }
        "" | "02" => Ok(None),
        _ if !sliced => Ok(None),
        _ => Err(Failure::bad_field("ALGO_ORD_TMD_DVSN_CD")),
    }
}

/// TTTT1004U, VTTT1004U.
pub(super) fn modify_or_cancel(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    check_listing(call)?;
    let number = call.parameters.whole("ORGN_ODNO")?;
    let quantity = call.parameters.whole("ORD_QTY")?;
    let account = call.account();
    let date = exchange.date(Market::Us, call.now);
    let symbol = call.parameters.text("PDNO");
    let original = exchange.account(&account, call.now).and_then(|book| {
        let index = book.find(Market::Us, date, number)?;
        book.orders.get(index).filter(|order| order.listing.symbol == symbol).map(|order| order.kind)
    });
    let kind = original.ok_or_else(|| refused(call, Refusal::UnknownOrder))?;
    let order = match call.parameters.text("RVSE_CNCL_DVSN_CD") {
        "01" => {
            let limit = if kind.has_limit() { call.parameters.decimal("OVRS_ORD_UNPR")? } else { Decimal::ZERO };
            exchange.modify(&account, Market::Us, number, quantity, &Terms { kind, limit, ..Terms::default() }, call.now)
        }
        "02" => exchange.cancel(&account, Market::Us, number, quantity, call.now),
        _ => return Err(Failure::bad_field("RVSE_CNCL_DVSN_CD")),
    }
    .map_err(|refusal| refused(call, refusal))?;
    let answer = if call.is_paper() {
        Answer::with("40640000", "모의투자 정정/취소주문이 완료 되었습니다.")
    } else {
        Answer::with("APBK0013", "주문 전송 완료 되었습니다.")
    };
    Ok(receipt(branch(call), answer, &order, call.now))
}

/// Branch, number and time of an order.
pub(super) fn receipt(branch: &str, answer: Answer, order: &ExchangeOrder, now: Timestamp) -> Answer {
    let output =
        row([("KRX_FWDG_ORD_ORGNO", branch.to_owned()), ("ODNO", number_text(order.number)), ("ORD_TMD", time_text(kst_datetime(now)))]);
    answer.object("output", output)
}
