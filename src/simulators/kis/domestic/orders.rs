//! Placing, modifying and cancelling Korean orders.

use rust_decimal::Decimal;

use super::super::super::exchange::{NewOrder, Refusal, SimExchange, Terms};
use super::super::call::{Answer, Call};
use super::super::failure::Failure;
use super::super::orders::receipt;
use super::{codes, named};
use crate::domain::instrument::Market;
use crate::domain::order::{OrderKind, Side, Venue};

/// The branch that numbers Korean orders.
pub(super) fn branch(call: &Call) -> &'static str {
    if call.is_paper() { "00950" } else { "06010" }
}

fn refused(call: &Call, refusal: Refusal) -> Failure {
    Failure::from_refusal(call.environment, Market::Krx, refusal)
}

fn venue(call: &Call) -> Result<Venue, Failure> {
    codes::venue(call.parameters.text("EXCG_ID_DVSN_CD")).ok_or_else(|| Failure::bad_field("EXCG_ID_DVSN_CD"))
}

/// Kind and prices of an order; kinds without a price want "0".
fn terms(call: &Call) -> Result<Terms, Failure> {
    let venue = venue(call)?;
    let kind =
        codes::kind(call.parameters.text("ORD_DVSN"), venue, call.is_paper()).ok_or_else(|| Failure::order_type(call.environment))?;
    let limit = call.parameters.decimal("ORD_UNPR")?;
    if !kind.has_limit() && !limit.is_zero() {
        return Err(refused(call, Refusal::BadPrice));
    }
    let trigger = if kind == OrderKind::StopLimit { Some(call.parameters.decimal("CNDT_PRIC")?) } else { None };
    Ok(Terms { kind, limit, trigger, venue, window: None })
}

/// TTTC0012U, TTTC0011U, their paper ids and the old ids of all four.
pub(in super::super) fn place(exchange: &mut SimExchange, call: &Call, side: Side) -> Result<Answer, Failure> {
    let listing = named(call)?;
    let request = NewOrder { symbol: listing.symbol.to_owned(), side, quantity: call.parameters.whole("ORD_QTY")?, terms: terms(call)? };
    let order = exchange.place(&call.account(), &request, call.now).map_err(|refusal| refused(call, refusal))?;
    let answer = match (call.is_paper(), side) {
        (false, _) => Answer::with("APBK0013", "주문 전송 완료 되었습니다."),
        (true, Side::Buy) => Answer::with("40600000", "모의투자 매수주문이 완료 되었습니다."),
        (true, Side::Sell) => Answer::with("40590000", "모의투자 매도주문이 완료 되었습니다."),
    };
    Ok(receipt(branch(call), answer, &order, call.now))
}

/// TTTC0013U, its paper id and the old ids of both.
pub(in super::super) fn modify_or_cancel(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let parameters = &call.parameters;
    let number = parameters.whole("ORGN_ODNO")?;
    let quantity = match parameters.text("QTY_ALL_ORD_YN") {
        "Y" => 0,
        "N" => match parameters.whole("ORD_QTY")? {
            0 => return Err(refused(call, Refusal::BadQuantity)),
            quantity => quantity,
        },
        _ => return Err(Failure::bad_field("QTY_ALL_ORD_YN")),
    };
    let account = call.account();
    let date = exchange.date(Market::Krx, call.now);
    let original = exchange.account(&account, call.now).and_then(|book| book.orders.get(book.find(Market::Krx, date, number)?)).cloned();
    // The venue must be that of the original.
    let venue = venue(call)?;
    if original.is_none_or(|original| original.venue != venue) {
        return Err(refused(call, Refusal::UnknownOrder));
    }
    let order = match parameters.text("RVSE_CNCL_DVSN_CD") {
        "01" => exchange.modify(&account, Market::Krx, number, quantity, &terms(call)?, call.now),
        "02" => exchange.cancel(&account, Market::Krx, number, quantity, call.now),
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

/// Price by which the host counts how many shares can be bought: the one named, or the day's highest
/// for kinds without one.
pub(super) fn sizing_price(call: &Call, highest: Decimal) -> Result<Decimal, Failure> {
    let named = match call.parameters.text("ORD_UNPR") {
        "" => Decimal::ZERO,
        _ => call.parameters.decimal("ORD_UNPR")?,
    };
    Ok(if named.is_zero() || call.parameters.text("ORD_DVSN") == "01" { highest } else { named })
}
