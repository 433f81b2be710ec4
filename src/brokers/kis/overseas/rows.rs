//! From the broker's US rows to the values of the port.

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use crate::brokers::kis::fold::{OrderRow, PositionRow};
use crate::brokers::kis::parse::{Fields, is_blank};
use crate::brokers::kis::urls;
use crate::brokers::{
    BrokerError, BrokerOrder, BrokerPosition, BuyingPower, DailyBar, Level, MinuteBar, OrderBook, PowerBasis, PresentBalance,
};
use crate::domain::clock::from_kst;
use crate::domain::order::Side;

/// Reads a row of the execution list or of the list of open orders; `None` for padding rows and
/// for refused cancellations, which changed nothing.
pub(super) fn order_row(row: Fields<'_>) -> Result<Option<OrderRow>, BrokerError> {
    let Some(broker_order_no) = row.subject("odno", "ft_ord_qty")? else { return Ok(None) };
    let order_date = row.date("ord_dt")?;
    let refused = refusal(row)?;
    // The two lists name this flag differently.
    let kinds = [row.text("rvse_cncl_dvsn")?, row.text("rvse_cncl_dvsn_cd")?];
    let kind = kinds.into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let original_no = row.text("orgn_odno")?;
    if kind == "02" && !is_blank(original_no) {
        let status_text = first_text([row.text("rvse_cncl_dvsn_name")?, row.text("rvse_cncl_dvsn_cd_name")?, "취소"]);
        return Ok(refused.is_none().then(|| OrderRow::Cancel { order_date, original_no: original_no.to_owned(), status_text }));
    }
    let side = match row.text("sll_buy_dvsn_cd")? {
        "01" => Side::Sell,
        "02" => Side::Buy,
        other => return Err(row.fault(format!("sll_buy_dvsn_cd of order {broker_order_no} is neither 01 nor 02: '{other}'"))),
    };
    let quantity = row.count("ft_ord_qty")?;
    let filled_quantity = row.count("ft_ccld_qty")?;
    let filled_amount = filled_amount(row, filled_quantity)?;
    let symbol = row.text("pdno")?;
    if symbol.is_empty() {
        return Err(row.fault(format!("pdno of order {broker_order_no} is missing or blank")));
    }
    Ok(Some(OrderRow::Order(BrokerOrder {
        broker_order_no: broker_order_no.to_owned(),
        order_date,
        ordered_at: ordered_at(row)?,
        symbol: symbol.to_owned(),
        side,
        quantity,
        price: row.optional_decimal("ft_ord_unpr3")?.unwrap_or_default(),
        filled_quantity,
        filled_amount,
        open_quantity: row.count("nccs_qty")?,
        // A reason on a filled order belongs to something else, such as a late change.
        rejected: refused.is_some() && filled_quantity == 0,
        status_text: match refused {
            Some(text) => text,
            None => row.text("prcs_stat_name")?.to_owned(),
        },
        original_order_no: (!is_blank(original_no)).then(|| original_no.to_owned()),
    })))
}

/// Korean date and time of the broker's receipt. The other pair of the row is exchange-local in
/// some answers and Korean in others, so an instant is not guessed from it.
fn ordered_at(row: Fields<'_>) -> Result<Option<jiff::Timestamp>, BrokerError> {
    let (date, time) = (row.optional_date("dmst_ord_dt")?, row.optional_time("thco_ord_tmd")?);
    Ok(date.zip(time).map(|(date, time)| from_kst(date.to_datetime(time))))
}

/// The gross amount of the executions, from quantity and price where the amount is not given.
fn filled_amount(row: Fields<'_>, filled_quantity: u64) -> Result<Decimal, BrokerError> {
    let amount = row.optional_decimal("ft_ccld_amt3")?.unwrap_or_default();
    let price = row.optional_decimal("ft_ccld_unpr3")?.unwrap_or_default();
    if filled_quantity == 0 {
        return Ok(Decimal::ZERO);
    }
    if amount > Decimal::ZERO {
        return Ok(amount);
    }
    match price.checked_mul(Decimal::from(filled_quantity)) {
        Some(amount) if amount > Decimal::ZERO => Ok(amount),
        _ => Err(row.fault(format!("ft_ccld_amt3 and ft_ccld_unpr3 are not amounts of a fill: '{amount}', '{price}'"))),
    }
}

/// The broker's words when it or the exchange refused.
fn refusal(row: Fields<'_>) -> Result<Option<String>, BrokerError> {
    let state = row.text("prcs_stat_name")?;
    let (code, name) = (row.text("rjct_rson")?, row.text("rjct_rson_name")?);
    let refused = state.contains("거부") || !is_blank(code) || !name.is_empty();
    Ok(refused.then(|| first_text([name, code, state])))
}

fn first_text<const N: usize>(texts: [&str; N]) -> String {
    texts.into_iter().find(|t| !is_blank(t)).unwrap_or_default().to_owned()
}

/// Reads a holdings row; `None` for padding rows and for what has been sold out.
pub(super) fn position_row(row: Fields<'_>) -> Result<Option<PositionRow>, BrokerError> {
    let Some(symbol) = row.subject("ovrs_pdno", "ovrs_cblc_qty")? else { return Ok(None) };
    let quantity = row.decimal("ovrs_cblc_qty")?;
    if quantity.is_zero() {
        return Ok(None);
    }
    Ok(Some(PositionRow {
        position: BrokerPosition {
            symbol: symbol.to_owned(),
            exchange: urls::exchange_of(row.text("ovrs_excg_cd")?),
            quantity,
            sellable: row.decimal("ord_psbl_qty")?,
            average_price: row.decimal("pchs_avg_pric")?,
            last_price: row.optional_decimal("now_pric2")?.unwrap_or_default(),
        },
        loan: (row.text("loan_type_cd")?.to_owned(), row.text("loan_dt")?.to_owned()),
    }))
}

/// Reads a daily bar; `None` for padding rows.
pub(super) fn daily_bar(row: Fields<'_>) -> Result<Option<DailyBar>, BrokerError> {
    let Some(date) = row.optional_date("xymd")? else { return Ok(None) };
    Ok(Some(DailyBar {
        date,
        open: row.float("open")?,
        high: row.float("high")?,
        low: row.float("low")?,
        close: row.float("clos")?,
        volume: row.count("tvol")?,
    }))
}

/// A minute of a US chart with the session that it belongs to; `None` for padding rows.
pub(super) fn minute_bar(row: Fields<'_>) -> Result<Option<UsMinute>, BrokerError> {
    let (Some(session), Some(date), Some(time)) = (row.optional_date("tymd")?, row.optional_date("xymd")?, row.optional_time("xhms")?)
    else {
        return Ok(None);
    };
    let korean = row.date("kymd")?.to_datetime(row.optional_time("khms")?.ok_or_else(|| row.fault("khms is missing".to_owned()))?);
    let bar = MinuteBar {
        at: from_kst(korean),
        open: row.float("open")?,
        high: row.float("high")?,
        low: row.float("low")?,
        close: row.float("last")?,
        volume: row.count("evol")?,
    };
    Ok(Some(UsMinute { session, local: (date, time), bar }))
}

/// A minute with its day and the exchange's own time, by which the next page is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UsMinute {
    pub session: Date,
    pub local: (Date, Time),
    pub bar: MinuteBar,
}

/// Ten levels a side; a level without a price is none.
pub(super) fn order_book(row: Fields<'_>) -> Result<OrderBook, BrokerError> {
    let side = |price: &str, quantity: &str| -> Result<Vec<Level>, BrokerError> {
        let mut levels = Vec::new();
        for n in 1..=10 {
            levels.extend(level(row, &format!("{price}{n}"), &format!("{quantity}{n}"))?);
        }
        Ok(levels)
    };
    Ok(OrderBook { bids: side("pbid", "vbid")?, asks: side("pask", "vask")? })
}

fn level(row: Fields<'_>, price: &str, quantity: &str) -> Result<Option<Level>, BrokerError> {
    let Some(price) = known(row.optional_decimal(price)?) else { return Ok(None) };
    Ok(Some(Level { price, quantity: row.count(quantity)? }))
}

/// A positive number; the broker writes what it does not know as zero.
pub(super) fn known(value: Option<Decimal>) -> Option<Decimal> {
    value.filter(|v| *v > Decimal::ZERO)
}

/// Buying power of a US order. With integrated margin (통합증거금) the broker counts won as well: it
/// then shows both a larger amount and a larger number of shares than the dollars alone give. One of
/// the two without the other proves nothing, and the dollars are what can surely be spent.
pub(super) fn buying_power(row: Fields<'_>) -> Result<BuyingPower, BrokerError> {
    let dollars = row.decimal("ovrs_ord_psbl_amt")?;
    let with_won = row.optional_decimal("frcr_ord_psbl_amt1")?.filter(|amount| *amount > dollars);
    let (shares, most) = (row.optional_decimal("max_ord_psbl_qty")?, row.optional_decimal("ovrs_max_ord_psbl_qty")?);
    let more_shares = shares.zip(most).is_some_and(|(shares, most)| most > shares);
    let (amount, basis, other) = match with_won {
        Some(amount) if more_shares => (amount, PowerBasis::IntegratedMargin, Some(dollars)),
        with_won => (dollars, PowerBasis::DollarsOnly, with_won),
    };
    Ok(BuyingPower { amount, basis, other, usd_krw: known(row.optional_decimal("exrt")?) })
}

/// `currencies` are the rows by currency, `totals` the sums in won; paper accounts fill the sums only.
pub(super) fn present_balance(currencies: &[Fields<'_>], totals: Option<Fields<'_>>) -> Result<PresentBalance, BrokerError> {
    let mut dollars = None;
    for row in currencies {
        if row.text("crcy_cd")? == "USD" {
            dollars = Some(row);
        }
    }
    Ok(PresentBalance {
        usd_cash: dollars.map(|row| row.optional_decimal("frcr_dncl_amt_2")).transpose()?.flatten(),
        usd_krw: known(dollars.map(|row| row.optional_decimal("frst_bltn_exrt")).transpose()?.flatten()),
        total_assets_krw: totals.map(|row| row.optional_decimal("tot_asst_amt")).transpose()?.flatten(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::brokers::kis::fold::{fold_positions, fold_us_orders};
    use crate::brokers::kis::parse::arbitrary::arbitrary_answer;
    use crate::brokers::kis::parse::{Parsed, parse};

    fn read<T>(rows: Value, read_row: impl Fn(Fields<'_>) -> Result<Option<T>, BrokerError>) -> Result<Vec<T>, BrokerError> {
        let body = json!({ "rt_cd": "0", "msg_cd": "KIOK0510", "output": rows }).to_string();
        let Parsed::Done(answer) = parse(200, body.as_bytes(), &crate::brokers::http::Redactor::new([])) else { panic!("no answer") };
        answer.rows("output")?.into_iter().filter_map(|r| read_row(r).transpose()).collect()
    }

    fn orders(rows: Value) -> Result<Vec<BrokerOrder>, BrokerError> {
        read(rows, order_row).map(fold_us_orders)
    }

    fn row(no: &str, quantity: u64, filled: u64, open: u64) -> Value {
        json!({
            "ord_dt": "20260720", "odno": no, "orgn_odno": "", "sll_buy_dvsn_cd": "02", "rvse_cncl_dvsn": "00", "pdno": "TQQQ",
            "ft_ord_qty": quantity.to_string(), "ft_ord_unpr3": "83.50000000", "ft_ccld_qty": filled.to_string(),
            "ft_ccld_unpr3": "83.41000000", "ft_ccld_amt3": format!("{:.5}", filled as f64 * 83.41), "nccs_qty": open.to_string(),
            "prcs_stat_name": "완료", "rjct_rson": "", "rjct_rson_name": "", "ord_tmd": "093001", "dmst_ord_dt": "20260720",
            "thco_ord_tmd": "223001"
        })
    }

    fn with(mut row: Value, changes: &[(&str, &str)]) -> Value {
        for (name, value) in changes {
            row[*name] = json!(value);
        }
        row
    }

    fn cancel(no: &str, original: &str) -> Value {
        with(row(no, 7, 0, 7), &[("rvse_cncl_dvsn", "02"), ("rvse_cncl_dvsn_name", "취소"), ("orgn_odno", original)])
    }

    #[test]
    fn an_order_row_is_read_in_full() {
        let order = orders(row("0030138412", 12, 12, 0)).unwrap().remove(0);
        assert_eq!(order.broker_order_no, "0030138412");
        assert_eq!(order.order_date, jiff::civil::date(2026, 7, 20));
        assert_eq!(order.ordered_at, Some("2026-07-20T13:30:01Z".parse().unwrap()));
        assert_eq!((order.quantity, order.filled_quantity, order.open_quantity), (12, 12, 0));
        assert_eq!(order.filled_amount.normalize().to_string(), "1000.92");
        assert_eq!((order.side, order.rejected, order.status_text.as_str()), (Side::Buy, false, "완료"));
    }

    #[test]
    fn blank_rows_are_dropped_and_outputs_come_in_three_forms() {
        let blank = json!({ "ord_dt": "", "odno": "", "ft_ord_qty": "0", "ft_ccld_qty": "0" });
        assert_eq!(orders(blank.clone()).unwrap(), []);
        assert_eq!(orders(json!([blank.clone()])).unwrap(), []);
        assert_eq!(orders(json!([])).unwrap(), []);
        assert_eq!(orders(Value::Null).unwrap(), []);
        assert_eq!(orders(json!([row("1", 3, 0, 3), blank])).unwrap().len(), 1);
        assert!(matches!(orders(json!("text")), Err(BrokerError::Protocol(_))));
        assert!(matches!(orders(json!([1])), Err(BrokerError::Protocol(_))));
    }

    #[test]
    fn a_number_that_is_none_is_named() {
        for (name, value) in [("ft_ccld_qty", "three"), ("nccs_qty", ""), ("ft_ord_unpr3", "8,3"), ("ord_dt", "2026-07-20")] {
            let error = orders(with(row("1", 3, 1, 2), &[(name, value)])).unwrap_err();
            assert!(matches!(&error, BrokerError::Protocol(text) if text.contains(name)), "{error:?}");
        }
        let no_amount = with(row("1", 3, 1, 2), &[("ft_ccld_amt3", "0"), ("ft_ccld_unpr3", "0")]);
        assert!(orders(no_amount).is_err());
        let from_price = with(row("1", 3, 2, 1), &[("ft_ccld_amt3", "")]);
        assert_eq!(orders(from_price).unwrap()[0].filled_amount.normalize().to_string(), "166.82");
    }

    #[test]
    fn a_cancellation_closes_the_rest_of_its_order() {
        let list = json!([row("0000117057", 10, 3, 7), cancel("0000117060", "117057"), row("0000117058", 5, 0, 5)]);
        let orders = orders(list).unwrap();
        assert_eq!(orders.len(), 2);
        assert_eq!((orders[0].filled_quantity, orders[0].open_quantity, orders[0].rejected), (3, 0, false));
        assert_eq!(orders[0].status_text, "취소");
        assert_eq!(orders[1].open_quantity, 5);
    }

    #[test]
    fn an_amendment_goes_on_under_its_own_number() {
        let amended = with(row("0000117060", 7, 2, 5), &[("rvse_cncl_dvsn", "01"), ("orgn_odno", "117057")]);
        let found = orders(json!([row("0000117057", 10, 3, 7), amended.clone()])).unwrap();
        assert_eq!((found[0].filled_quantity, found[0].open_quantity), (3, 0));
        assert_eq!((found[1].filled_quantity, found[1].open_quantity), (2, 5));
        assert_eq!(found[1].original_order_no.as_deref(), Some("117057"));
        // A refused amendment leaves the order as it is.
        let refused = with(amended, &[("prcs_stat_name", "거부"), ("ft_ccld_qty", "0"), ("nccs_qty", "0")]);
        let found = orders(json!([row("0000117057", 10, 3, 7), refused])).unwrap();
        assert_eq!((found[0].open_quantity, found[1].rejected), (7, true));
    }

    #[test]
    fn an_entry_without_a_number_is_an_error() {
        for odno in [json!(""), json!(117_057), Value::Null, json!({})] {
            let mut nameless = row("1", 3, 0, 3);
            nameless["odno"] = odno;
            assert!(orders(nameless).is_err());
        }
        let mut nameless = row("1", 3, 0, 3);
        nameless.as_object_mut().unwrap().remove("odno");
        assert!(orders(nameless).is_err());
    }

    #[test]
    fn a_refused_cancellation_changes_nothing() {
        let refused = with(cancel("2", "1"), &[("prcs_stat_name", "거부"), ("rjct_rson_name", "정정취소 불가")]);
        let orders = orders(json!([row("1", 10, 3, 7), refused])).unwrap();
        assert_eq!((orders.len(), orders[0].open_quantity), (1, 7));
    }

    #[test]
    fn a_cancellation_touches_only_the_order_of_its_day() {
        let other_day = with(row("1", 10, 0, 10), &[("ord_dt", "20260717")]);
        let orders = orders(json!([other_day, row("1", 10, 0, 10), cancel("2", "1")])).unwrap();
        assert_eq!((orders[0].open_quantity, orders[1].open_quantity), (10, 0));
    }

    #[test]
    fn refusals_by_the_exchange_are_seen() {
        let refused = with(row("1", 10, 0, 0), &[("prcs_stat_name", "거부"), ("rjct_rson", "0042"), ("rjct_rson_name", "호가단위 오류")]);
        let order = orders(refused).unwrap().remove(0);
        assert!(order.rejected);
        assert_eq!(order.status_text, "호가단위 오류");
        let zeros = with(row("1", 10, 0, 10), &[("rjct_rson", "0000")]);
        assert!(!orders(zeros).unwrap()[0].rejected);
    }

    #[test]
    fn rows_of_one_order_are_put_together() {
        let seen = |rows: Value| {
            let merged = orders(rows).unwrap();
            assert_eq!(merged.len(), 1);
            (merged[0].quantity, merged[0].filled_quantity, merged[0].open_quantity, merged[0].filled_amount.normalize().to_string())
        };
        // The same row on two pages.
        assert_eq!(seen(json!([row("1", 10, 3, 7), row("1", 10, 3, 7)])), (10, 3, 7, "250.23".to_owned()));
        assert_eq!(seen(json!([row("1", 10, 10, 0), row("1", 10, 10, 0)])), (10, 10, 0, "834.1".to_owned()));
        // One row per execution.
        assert_eq!(seen(json!([row("1", 10, 3, 7), row("1", 10, 5, 2)])), (10, 8, 2, "667.28".to_owned()));
        assert_eq!(seen(json!([row("1", 10, 5, 0), row("1", 10, 5, 0)])), (10, 10, 0, "834.1".to_owned()));
        // Rows that carry their own share.
        assert_eq!(seen(json!([row("1", 3, 3, 0), row("1", 7, 5, 2)])), (10, 8, 2, "667.28".to_owned()));
        // A state and an older state of the same order.
        assert_eq!(seen(json!([row("1", 10, 4, 6), row("1", 10, 9, 1)])), (10, 9, 1, "750.69".to_owned()));
    }

    fn holding(symbol: &str, exchange: &str, quantity: &str) -> Value {
        json!({
            "ovrs_pdno": symbol, "ovrs_cblc_qty": quantity, "ord_psbl_qty": quantity, "pchs_avg_pric": "29.9650",
            "now_pric2": "31.199500", "ovrs_excg_cd": exchange, "loan_type_cd": "10", "loan_dt": ""
        })
    }

    #[test]
    fn a_holding_seen_at_several_exchanges_counts_once() {
        let rows = json!([
            holding("SOXL", "AMEX", "100"),
            holding("SOXL", "AMEX", "100"),
            holding("SOXL", "NASD", "100"),
            holding("TQQQ", "NASD", "0"),
            holding("", "", ""),
            holding("QQQ", "NASD", "2")
        ]);
        let positions = fold_positions(read(rows, position_row).unwrap()).unwrap();
        assert_eq!(
            positions.iter().map(|p| (p.symbol.as_str(), p.quantity)).collect::<Vec<_>>(),
            [("SOXL", Decimal::from(100)), ("QQQ", Decimal::from(2))]
        );
        assert_eq!(positions[0].exchange, Some(crate::domain::instrument::Exchange::Amex));
    }

    #[test]
    fn parts_of_a_holding_with_different_loans_add_up() {
        let loan = with(holding("SOXL", "AMEX", "50"), &[("loan_type_cd", "05"), ("pchs_avg_pric", "32.9650")]);
        let positions = fold_positions(read(json!([holding("SOXL", "AMEX", "100"), loan]), position_row).unwrap()).unwrap();
        assert_eq!(positions.len(), 1);
        assert_eq!(
            (positions[0].quantity.to_string(), positions[0].average_price.normalize().to_string()),
            ("150".into(), "30.965".into())
        );
    }

    proptest! {
        #[test]
        fn merged_rows_never_fill_more_than_was_ordered(
            rows in proptest::collection::vec((1_u64..50, 0_u64..=50, 0_u64..=50), 1..6),
        ) {
            let list: Vec<Value> = rows.iter().map(|(q, f, o)| row("1", *q, *f.min(q), (*o).min(q - f.min(q)))).collect();
            let merged = orders(Value::Array(list)).unwrap();
            prop_assert_eq!(merged.len(), 1);
            prop_assert!(merged[0].filled_quantity <= merged[0].quantity);
            prop_assert!(merged[0].filled_quantity >= rows.iter().map(|(q, f, _)| *f.min(q)).max().unwrap());
        }

        #[test]
        fn odd_rows_are_read_or_refused_and_never_panic(answer in arbitrary_answer(&[
            "odno", "orgn_odno", "ord_dt", "dmst_ord_dt", "thco_ord_tmd", "sll_buy_dvsn_cd", "rvse_cncl_dvsn", "pdno", "ft_ord_qty",
            "ft_ord_unpr3", "ft_ccld_qty", "ft_ccld_unpr3", "ft_ccld_amt3", "nccs_qty", "prcs_stat_name", "rjct_rson", "rjct_rson_name",
            "ovrs_pdno", "ovrs_cblc_qty", "ord_psbl_qty", "pchs_avg_pric", "now_pric2", "xymd", "tymd", "xhms", "kymd", "khms", "open",
            "high", "low", "clos", "last", "tvol", "evol", "pbid1", "vbid1", "pask1", "vask1", "ovrs_ord_psbl_amt", "frcr_ord_psbl_amt1",
            "max_ord_psbl_qty", "ovrs_max_ord_psbl_qty", "exrt", "crcy_cd", "frcr_dncl_amt_2", "frst_bltn_exrt", "tot_asst_amt",
        ])) {
            let (mut listed, mut held) = (Vec::new(), Vec::new());
            let rows = answer.rows("output").unwrap();
            for row in &rows {
                listed.extend(order_row(*row).ok().flatten());
                held.extend(position_row(*row).ok().flatten());
                let _ = (daily_bar(*row), minute_bar(*row), order_book(*row), buying_power(*row));
            }
            for order in fold_us_orders(listed) {
                prop_assert!(!order.broker_order_no.is_empty());
            }
            let _ = (fold_positions(held), present_balance(&rows, rows.first().copied()));
        }

        #[test]
        fn odd_texts_are_errors_and_never_panic(texts in proptest::collection::vec("\\PC{0,12}", 11)) {
            let names = ["odno", "ord_dt", "sll_buy_dvsn_cd", "ft_ord_qty", "ft_ccld_qty", "nccs_qty", "ft_ccld_amt3",
                "ovrs_cblc_qty", "ovrs_pdno", "xymd", "rvse_cncl_dvsn"];
            let changes: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
            let odd = with(row("1", 10, 3, 7), &changes);
            let _ = orders(odd.clone());
            let _ = read(odd.clone(), position_row).and_then(fold_positions);
            let _ = read(odd, daily_bar);
        }
    }
}
