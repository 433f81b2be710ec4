//! Placing, modifying and cancelling orders.

use jiff::Timestamp;

use super::super::exchange::{ExchangeOrder, NewOrder, OrderKind, Refusal, SimExchange, find_listing};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{exchange_codes, row, time_text};
use crate::domain::clock::kst_datetime;
use crate::domain::order::Side;

/// The branch that numbers orders, as printed in answers and lists.
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
        .filter(|listing| exchange_codes(listing.exchange).order == code)
        .map(|_| ())
        .ok_or_else(|| Failure::unknown_symbol(call.environment))
}

/// TTTT1002U, TTTT1006U and their paper ids.
pub(super) fn place(exchange: &mut SimExchange, call: &Call, side: Side) -> Result<Answer, Failure> {
    check_listing(call)?;
    let kind = match (call.parameters.text("ORD_DVSN"), side) {
        ("00", _) => OrderKind::Limit,
        ("34", _) if !call.is_paper() => OrderKind::LimitOnClose,
        ("33", Side::Sell) if !call.is_paper() => OrderKind::MarketOnClose,
        _ => return Err(Failure::order_type(call.environment)),
    };
    let request = NewOrder {
        symbol: call.parameters.text("PDNO").to_owned(),
        side,
        kind,
        quantity: call.parameters.whole("ORD_QTY")?,
        limit: call.parameters.decimal("OVRS_ORD_UNPR")?,
    };
    let order = exchange.place(&call.account(), &request, call.now).map_err(|refusal| Failure::from_refusal(call.environment, refusal))?;
    let answer = match (call.is_paper(), side) {
        (false, _) => Answer::with("APBK0013", "주문 전송 완료 되었습니다."),
        (true, Side::Buy) => Answer::with("40600000", "모의투자 매수주문이 완료 되었습니다."),
        (true, Side::Sell) => Answer::with("40590000", "모의투자 매도주문이 완료 되었습니다."),
    };
    Ok(receipt(call, answer, &order, call.now))
}

/// TTTT1004U, VTTT1004U.
pub(super) fn modify_or_cancel(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    check_listing(call)?;
    let number = call.parameters.whole("ORGN_ODNO")?;
    let quantity = call.parameters.whole("ORD_QTY")?;
    let account = call.account();
    let belongs = exchange
        .account(&account, call.now)
        .is_some_and(|book| book.orders.iter().any(|order| order.number == number && order.listing.symbol == call.parameters.text("PDNO")));
    if !belongs {
        return Err(Failure::from_refusal(call.environment, Refusal::UnknownOrder));
    }
    let order = match call.parameters.text("RVSE_CNCL_DVSN_CD") {
        "01" => exchange.modify(&account, number, quantity, call.parameters.decimal("OVRS_ORD_UNPR")?, call.now),
        "02" => exchange.cancel(&account, number, quantity, call.now),
        _ => return Err(Failure::bad_field("RVSE_CNCL_DVSN_CD")),
    }
    .map_err(|refusal| Failure::from_refusal(call.environment, refusal))?;
    let answer = if call.is_paper() {
        Answer::with("40640000", "모의투자 정정/취소주문이 완료 되었습니다.")
    } else {
        Answer::with("APBK0013", "주문 전송 완료 되었습니다.")
    };
    Ok(receipt(call, answer, &order, call.now))
}

fn receipt(call: &Call, answer: Answer, order: &ExchangeOrder, now: Timestamp) -> Answer {
    let output = row([
        ("KRX_FWDG_ORD_ORGNO", branch(call).to_owned()),
        ("ODNO", number_text(order.number)),
        ("ORD_TMD", time_text(kst_datetime(now))),
    ]);
    answer.object("output", output)
}
