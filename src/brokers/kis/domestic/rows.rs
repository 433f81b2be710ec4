//! From the broker's Korean rows to the values of the port.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::brokers::kis::fold::{OrderRow, PositionRow};
use crate::brokers::kis::parse::{Fields, is_blank};
use crate::brokers::{BrokerError, BrokerOrder, BrokerPosition, DailyBar, DayInfo, Level, MinuteBar, OrderBook};
use crate::domain::clock::from_kst;
use crate::domain::instrument::Exchange;
use crate::domain::order::Side;

/// Reads a row of the order list; `None` for padding rows and for refused cancellations, which
/// changed nothing.
pub(super) fn order_row(row: Fields<'_>) -> Result<Option<OrderRow>, BrokerError> {
    let Some(order_no) = row.subject("odno", "ord_qty")? else { return Ok(None) };
    let quantity = row.count("ord_qty")?;
    let filled_quantity = row.count("tot_ccld_qty")?;
    let cancelled = row.text("cncl_yn")? == "Y";
    let refused = row.optional_decimal("rjct_qty")?.is_some_and(|n| !n.is_zero());
    let withdrawn = cancelled || row.optional_decimal("cncl_cfrm_qty")?.is_some_and(|n| !n.is_zero());
    let order = BrokerOrder {
        open_quantity: row.count("rmn_qty")?,
        rejected: refused && filled_quantity == 0,
        status_text: match (refused, withdrawn) {
            (true, _) => "거부".to_owned(),
            (false, true) => "취소".to_owned(),
            (false, false) => String::new(),
        },
        ..order(row, order_no, row.date("ord_dt")?, quantity, filled_quantity)?
    };
    // An order that only names an original is an amendment; with the mark of a cancellation and
    // without a fill it is a cancellation, as far as one row can tell.
    let marked = cancelled && filled_quantity == 0 && order.original_order_no.is_some();
    Ok(match (marked, refused) {
        (true, true) => None,
        (true, false) => Some(OrderRow::Marked(order)),
        (false, _) => Some(OrderRow::Order(order)),
    })
}

/// Reads a row of the list of orders that can still be changed. The list is of today and names no
/// day.
pub(super) fn open_order_row(row: Fields<'_>, today: Date) -> Result<Option<OrderRow>, BrokerError> {
    let Some(order_no) = row.subject("odno", "ord_qty")? else { return Ok(None) };
    let open_quantity = row.count("psbl_qty")?;
    let order = order(row, order_no, today, row.count("ord_qty")?, row.count("tot_ccld_qty")?)?;
    Ok(Some(OrderRow::Order(BrokerOrder { open_quantity, ..order })))
}

/// What both lists tell alike.
fn order(row: Fields<'_>, order_no: &str, order_date: Date, quantity: u64, filled_quantity: u64) -> Result<BrokerOrder, BrokerError> {
    let side = match row.text("sll_buy_dvsn_cd")? {
        "01" => Side::Sell,
        "02" => Side::Buy,
        other => return Err(row.fault(format!("sll_buy_dvsn_cd of order {order_no} is neither 01 nor 02: '{other}'"))),
    };
    let symbol = row.text("pdno")?;
    if symbol.is_empty() {
        return Err(row.fault(format!("pdno of order {order_no} is missing or blank")));
    }
    let original_no = row.text("orgn_odno")?;
    Ok(BrokerOrder {
        broker_order_no: order_no.to_owned(),
        order_date,
        ordered_at: row.optional_time("ord_tmd")?.map(|time| from_kst(order_date.to_datetime(time))),
        symbol: symbol.to_owned(),
        side,
        quantity,
        price: row.optional_decimal("ord_unpr")?.unwrap_or_default(),
        filled_quantity,
        filled_amount: filled_amount(row, filled_quantity)?,
        open_quantity: 0,
        rejected: false,
        original_order_no: (!is_blank(original_no)).then(|| original_no.to_owned()),
        status_text: String::new(),
    })
}

/// The gross amount of the executions, from quantity and average where the amount is not given.
fn filled_amount(row: Fields<'_>, filled_quantity: u64) -> Result<Decimal, BrokerError> {
    if filled_quantity == 0 {
        return Ok(Decimal::ZERO);
    }
    if let Some(amount) = known(row.optional_decimal("tot_ccld_amt")?) {
        return Ok(amount);
    }
    let average = known(row.optional_decimal("avg_prvs")?);
    let amount = average.and_then(|price| price.checked_mul(Decimal::from(filled_quantity)));
    amount.ok_or_else(|| row.fault("tot_ccld_amt and avg_prvs are not amounts of a fill".to_owned()))
}

/// Reads a holdings row; `None` for padding rows and for what has been sold out.
pub(super) fn position_row(row: Fields<'_>) -> Result<Option<PositionRow>, BrokerError> {
    let Some(symbol) = row.subject("pdno", "hldg_qty")? else { return Ok(None) };
    let quantity = row.decimal("hldg_qty")?;
    if quantity.is_zero() {
        return Ok(None);
    }
    Ok(Some(PositionRow {
        position: BrokerPosition {
            symbol: symbol.to_owned(),
            exchange: Some(Exchange::Krx),
            quantity,
            sellable: row.decimal("ord_psbl_qty")?,
            average_price: row.decimal("pchs_avg_pric")?,
            last_price: row.optional_decimal("prpr")?.unwrap_or_default(),
        },
        loan: (row.text("trad_dvsn_name")?.to_owned(), row.text("loan_dt")?.to_owned()),
    }))
}

/// Reads a bar of any length; `None` for padding rows.
pub(super) fn bar(row: Fields<'_>) -> Result<Option<DailyBar>, BrokerError> {
    let Some(date) = row.optional_date("stck_bsop_date")? else { return Ok(None) };
    Ok(Some(DailyBar {
        date,
        open: row.float("stck_oprc")?,
        high: row.float("stck_hgpr")?,
        low: row.float("stck_lwpr")?,
        close: row.float("stck_clpr")?,
        volume: row.count("acml_vol")?,
    }))
}

/// Reads a minute with its day; `None` for padding rows.
pub(super) fn minute_bar(row: Fields<'_>) -> Result<Option<(Date, MinuteBar)>, BrokerError> {
    let (Some(date), Some(time)) = (row.optional_date("stck_bsop_date")?, row.optional_time("stck_cntg_hour")?) else {
        return Ok(None);
    };
    let bar = MinuteBar {
        at: from_kst(date.to_datetime(time)),
        open: row.float("stck_oprc")?,
        high: row.float("stck_hgpr")?,
        low: row.float("stck_lwpr")?,
        close: row.float("stck_prpr")?,
        volume: row.count("cntg_vol")?,
    };
    Ok(Some((date, bar)))
}

/// Ten levels a side; a level without a price is none.
pub(super) fn order_book(row: Fields<'_>) -> Result<OrderBook, BrokerError> {
    let side = |price: &str, quantity: &str| -> Result<Vec<Level>, BrokerError> {
        let mut levels = Vec::new();
        for n in 1..=10 {
            if let Some(price) = known(row.optional_decimal(&format!("{price}{n}"))?) {
                levels.push(Level { price, quantity: row.count(&format!("{quantity}{n}"))? });
            }
        }
        Ok(levels)
    };
    Ok(OrderBook { bids: side("bidp", "bidp_rsqn")?, asks: side("askp", "askp_rsqn")? })
}

/// Reads a day of the calendar; `None` for padding rows.
pub(super) fn day(row: Fields<'_>) -> Result<Option<DayInfo>, BrokerError> {
    let Some(date) = row.optional_date("bass_dt")? else { return Ok(None) };
    match row.text("opnd_yn")? {
        "Y" => Ok(Some(DayInfo { date, trades: true })),
        "N" => Ok(Some(DayInfo { date, trades: false })),
        other => Err(row.fault(format!("opnd_yn of {date} is neither Y nor N: '{other}'"))),
    }
}

/// A positive number; the broker writes what it does not know as zero.
pub(super) fn known(value: Option<Decimal>) -> Option<Decimal> {
    value.filter(|v| *v > Decimal::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::brokers::http::Redactor;
    use crate::brokers::kis::fold::{fold_krx_orders, fold_positions};
    use crate::brokers::kis::parse::arbitrary::arbitrary_answer;
    use crate::brokers::kis::parse::{Parsed, parse};

    fn orders(rows: Value) -> Result<Vec<BrokerOrder>, BrokerError> {
        let body = json!({ "rt_cd": "0", "msg_cd": "KIOK0510", "output1": rows }).to_string();
        let Parsed::Done(answer) = parse(200, body.as_bytes(), &Redactor::new([])) else { panic!("no answer") };
        let rows: Result<Vec<OrderRow>, BrokerError> =
            answer.rows("output1")?.into_iter().filter_map(|row| order_row(row).transpose()).collect();
        rows.map(fold_krx_orders)
    }

    fn row(no: &str, original: &str, quantity: u64, filled: u64, open: u64) -> Value {
        json!({
            "ord_dt": "20260720", "odno": no, "orgn_odno": original, "sll_buy_dvsn_cd": "02", "pdno": "005930",
            "ord_qty": quantity.to_string(), "ord_unpr": "71300", "ord_tmd": "100502", "tot_ccld_qty": filled.to_string(),
            "avg_prvs": "71200", "tot_ccld_amt": (filled * 71_200).to_string(), "cncl_yn": "", "cncl_cfrm_qty": "0",
            "rmn_qty": open.to_string(), "rjct_qty": "0"
        })
    }

    fn cancel(no: &str, original: &str, quantity: u64) -> Value {
        let mut row = row(no, original, quantity, 0, 0);
        row["cncl_yn"] = "Y".into();
        row
    }

    fn open(rows: Value) -> Vec<(String, u64, u64)> {
        orders(rows).unwrap().into_iter().map(|o| (o.broker_order_no, o.filled_quantity, o.open_quantity)).collect()
    }

    fn is(no: &str, filled: u64, open: u64) -> (String, u64, u64) {
        (no.to_owned(), filled, open)
    }

    #[test]
    fn a_cancellation_takes_its_shares_wherever_the_broker_counts_them() {
        // The broker has taken them off the order already.
        assert_eq!(open(json!([row("1", "", 10, 3, 0), cancel("2", "1", 7)])), [is("1", 3, 0)]);
        // It has not.
        assert_eq!(open(json!([row("1", "", 10, 3, 7), cancel("2", "1", 7)])), [is("1", 3, 0)]);
        assert_eq!(open(json!([row("0000000001", "", 10, 3, 7), cancel("2", "1", 4)])), [is("0000000001", 3, 3)]);
        // Pages that overlap tell it twice.
        assert_eq!(open(json!([cancel("2", "1", 4), row("1", "", 10, 3, 7), cancel("2", "1", 4)])), [is("1", 3, 3)]);
        // A refused one takes nothing.
        let mut refused = cancel("2", "1", 7);
        refused["rjct_qty"] = "7".into();
        assert_eq!(open(json!([row("1", "", 10, 3, 7), refused])), [is("1", 3, 7)]);
    }

    #[test]
    fn an_amendment_goes_on_under_its_own_number() {
        let list = json!([row("1", "", 10, 3, 7), row("2", "1", 7, 2, 5)]);
        assert_eq!(open(list.clone()), [is("1", 3, 0), is("2", 2, 5)]);
        assert_eq!(orders(list).unwrap()[1].original_order_no.as_deref(), Some("1"));
        // Part of the order amended elsewhere: the rest stays where it was.
        assert_eq!(open(json!([row("1", "", 10, 3, 7), row("2", "1", 4, 0, 4)])), [is("1", 3, 3), is("2", 0, 4)]);
        // A refused amendment leaves the order as it is.
        let mut refused = row("2", "1", 7, 0, 0);
        refused["rjct_qty"] = "7".into();
        assert_eq!(open(json!([row("1", "", 10, 3, 7), refused.clone()]))[0], is("1", 3, 7));
        assert!(orders(json!([refused])).unwrap()[0].rejected);
    }

    #[test]
    fn an_amended_order_that_was_cancelled_is_no_cancellation() {
        // Whether the broker marks the amended order itself is not documented.
        for marked in [row("2", "1", 10, 0, 0), cancel("2", "1", 10)] {
            let list = json!([row("1", "", 10, 0, 0), marked, cancel("3", "2", 10)]);
            assert_eq!(open(list), [is("1", 0, 0), is("2", 0, 0)]);
        }
    }

    #[test]
    fn a_row_seen_twice_counts_once() {
        assert_eq!(open(json!([row("1", "", 10, 5, 0), row("1", "", 10, 5, 0)])), [is("1", 5, 0)]);
        assert_eq!(open(json!([row("1", "", 10, 3, 7), row("1", "", 10, 5, 5)])), [is("1", 5, 5)]);
    }

    #[test]
    fn padding_is_dropped_and_nameless_entries_are_errors() {
        assert_eq!(open(json!([{}, { "odno": "", "ord_qty": "0" }])), []);
        let mut nameless = row("", "", 10, 0, 10);
        assert!(orders(json!([nameless.clone()])).is_err());
        nameless["odno"] = 117_057.into();
        assert!(orders(json!([nameless])).is_err());
        assert!(orders(json!([{ "ord_qty": "10" }])).is_err());
    }

    proptest! {
        #[test]
        fn odd_rows_are_read_or_refused_and_never_panic(answer in arbitrary_answer(&[
            "odno", "orgn_odno", "ord_dt", "ord_tmd", "sll_buy_dvsn_cd", "pdno", "ord_qty", "ord_unpr", "tot_ccld_qty", "tot_ccld_amt",
            "avg_prvs", "rmn_qty", "psbl_qty", "rjct_qty", "cncl_yn", "cncl_cfrm_qty", "hldg_qty", "ord_psbl_qty", "pchs_avg_pric",
            "prpr", "stck_bsop_date", "stck_cntg_hour", "stck_prpr", "stck_clpr", "stck_oprc", "stck_hgpr", "stck_lwpr", "acml_vol",
            "cntg_vol", "askp1", "askp_rsqn1", "bidp1", "bidp_rsqn1", "bass_dt", "opnd_yn",
        ])) {
            let today = jiff::civil::date(2026, 7, 20);
            let (mut listed, mut held) = (Vec::new(), Vec::new());
            for row in answer.rows("output").unwrap() {
                listed.extend(order_row(row).ok().flatten());
                listed.extend(open_order_row(row, today).ok().flatten());
                held.extend(position_row(row).ok().flatten());
                let _ = (bar(row), minute_bar(row), order_book(row), day(row));
            }
            for order in fold_krx_orders(listed) {
                prop_assert!(!order.symbol.is_empty() && !order.broker_order_no.is_empty());
            }
            let _ = fold_positions(held);
        }

        #[test]
        fn what_is_open_never_exceeds_what_is_left(
            parts in proptest::collection::vec((1_u64..20, 0_u64..20, any::<bool>()), 0..6),
        ) {
            let mut list = vec![row("1", "", 50, 10, 40)];
            for (n, (quantity, filled, is_cancel)) in parts.iter().enumerate() {
                let no = (n + 2).to_string();
                list.push(if *is_cancel { cancel(&no, "1", *quantity) } else { row(&no, "1", *quantity, *filled.min(quantity), 0) });
            }
            let taken: u64 = parts.iter().map(|(quantity, _, _)| quantity).sum();
            let found = orders(Value::Array(list)).unwrap();
            prop_assert_eq!(found[0].open_quantity, 40_u64.saturating_sub(taken));
            prop_assert_eq!(found.len(), 1 + parts.iter().filter(|(_, _, is_cancel)| !is_cancel).count());
        }
    }
}
