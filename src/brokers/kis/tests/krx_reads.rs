use super::*;
use crate::brokers::PowerBasis;

fn day() -> Date {
    jiff::civil::date(2026, 7, 20)
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Number, filled, open, rejected, original.
type Brief<'a> = (&'a str, u64, u64, bool, Option<&'a str>);

fn brief(orders: &[BrokerOrder]) -> Vec<Brief<'_>> {
    let row = |o: &'_ BrokerOrder| (o.filled_quantity, o.open_quantity, o.rejected);
    orders
        .iter()
        .map(|o| {
            let (filled, open, rejected) = row(o);
            (o.broker_order_no.as_str(), filled, open, rejected, o.original_order_no.as_deref())
        })
        .collect()
}

const LIST: [Brief<'static>; 5] = [
    ("0000117057", 3, 0, false, None),
    ("0000117061", 0, 0, false, None),
    ("0000117062", 2, 3, false, Some("0000117061")),
    ("0000117063", 0, 0, true, None),
    ("0000117064", 4, 0, false, None),
];

#[tokio::test]
async fn the_order_list_is_read_over_all_pages_and_put_together() {
    let rig = rig(BrokerHost::Live, in_turn(&["krx_orders_page1", "krx_orders_page2"])).await;
    let orders = rig.client.orders(Market::Krx, day(), day(), None).await.unwrap();
    assert_eq!(brief(&orders), LIST);
    let first = &orders[0];
    assert_eq!((first.symbol.as_str(), first.side, first.quantity, first.price), ("005930", Side::Buy, 10, number("71300")));
    assert_eq!((first.filled_amount, first.status_text.as_str()), (number("213600"), "취소"));
    assert_eq!((first.order_date, first.ordered_at), (day(), Some("2026-07-20T01:05:02Z".parse().unwrap())));
    let calls = rig.calls();
    let seen: Vec<(&str, &str)> = calls.iter().map(|c| (c.header("tr_cont"), c.query("CTX_AREA_NK100"))).collect();
    assert_eq!(seen, [("", ""), ("N", "0000117061^20260720")]);
    assert_eq!(calls[1].query("CTX_AREA_FK100"), "50012345^01^00^");
    let asked = ["INQR_STRT_DT", "INQR_END_DT", "CCLD_DVSN", "PDNO", "EXCG_ID_DVSN_CD", "SLL_BUY_DVSN_CD"].map(|n| calls[0].query(n));
    assert_eq!(asked, ["20260720", "20260720", "00", "", "ALL", "00"]);
    assert_eq!(calls[0].header("tr_id"), "TTTC0081R");
}

#[tokio::test]
async fn old_orders_are_in_another_list() {
    let rig = rig(BrokerHost::Mock, |_| fixture("krx_orders_none")).await;
    let from = jiff::civil::date(2026, 4, 1);
    assert_eq!(rig.client.orders(Market::Krx, from, day(), Some("005930")).await.unwrap(), []);
    let calls = rig.calls();
    let asked: Vec<[&str; 5]> = calls
        .iter()
        .map(|c| [c.header("tr_id"), c.query("INQR_STRT_DT"), c.query("INQR_END_DT"), c.query("EXCG_ID_DVSN_CD"), c.query("PDNO")])
        .collect();
    assert_eq!(asked, [["VTSC9215R", "20260401", "20260419", "KRX", "005930"], ["VTTC0081R", "20260420", "20260720", "KRX", "005930"]]);
    rig.client.orders(Market::Krx, from, from, None).await.unwrap();
    assert_eq!(rig.calls().len(), 3, "nothing recent was asked for");
}

#[tokio::test]
async fn open_orders_come_from_their_own_list_or_from_the_unfilled_ones() {
    let live = rig(BrokerHost::Live, |_| fixture("krx_open_orders")).await;
    let open = live.client.open_orders(Market::Krx).await.unwrap();
    assert_eq!(brief(&open), [("0000117062", 2, 3, false, Some("0000117061")), ("0000117065", 0, 2, false, None)]);
    assert_eq!((open[0].order_date, open[0].filled_amount), (day(), number("69800")));
    assert_eq!(live.calls()[0].header("tr_id"), "TTTC0084R");

    let mock = rig(BrokerHost::Mock, in_turn(&["krx_orders_page1", "krx_orders_page2"])).await;
    let open = mock.client.open_orders(Market::Krx).await.unwrap();
    assert_eq!(brief(&open), [("0000117062", 2, 3, false, Some("0000117061"))]);
    let call = &mock.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("CCLD_DVSN"), call.query("INQR_STRT_DT")), ("VTTC0081R", "02", "20260720"));
}

#[tokio::test]
async fn positions_and_cash_come_from_the_balance() {
    let rig = rig(BrokerHost::Mock, |_| fixture("krx_balance")).await;
    let expected = BrokerPosition {
        symbol: "005930".to_owned(),
        exchange: Some(Exchange::Krx),
        quantity: number("13"),
        sellable: number("10"),
        average_price: number("70812.3076"),
        last_price: number("71200"),
    };
    assert_eq!(rig.client.positions(Market::Krx).await.unwrap(), [expected]);
    let cash = rig.client.cash(Market::Krx).await.unwrap();
    assert_eq!((cash.amount, cash.currency), (number("9079440"), Market::Krx.currency()));
    assert_eq!(rig.client.sellable(Exchange::Krx, "005930").await.unwrap(), number("10"));
    assert_eq!(rig.client.sellable(Exchange::Krx, "000660").await.unwrap(), Decimal::ZERO);
    assert!(rig.calls().iter().all(|c| c.header("tr_id") == "VTTC8434R"));

    let empty = super::rig(BrokerHost::Mock, |_| fixture("krx_balance_empty")).await;
    assert_eq!(empty.client.positions(Market::Krx).await.unwrap(), []);
    assert_eq!(empty.client.cash(Market::Krx).await.unwrap().amount, number("10000000"));
}

#[tokio::test]
async fn buying_power_leaves_receivables_out() {
    let rig = rig(BrokerHost::Live, |_| fixture("krx_buying_power")).await;
    for price in [None, Some(number("71200"))] {
        let power = rig.client.buying_power(Exchange::Krx, "005930", price).await.unwrap();
        assert_eq!(power, BuyingPower { amount: number("9061317"), basis: PowerBasis::CashOnly, other: None, usd_krw: None });
    }
    let call = &rig.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("PDNO"), call.query("ORD_DVSN")), ("TTTC8908R", "005930", "01"));
    assert_eq!((call.query("CMA_EVLU_AMT_ICLD_YN"), call.query("OVRS_ICLD_YN")), ("N", "N"));
}

#[tokio::test]
async fn a_live_account_tells_what_can_be_sold_and_what_was_realised() {
    let rig = rig(BrokerHost::Live, |seen| fixture(if seen.path.ends_with("psbl-sell") { "krx_sellable" } else { "krx_realised" })).await;
    assert_eq!(rig.client.sellable(Exchange::Krx, "005930").await.unwrap(), number("10"));
    assert_eq!(rig.client.realised_profit(Market::Krx).await.unwrap(), number("-12345"));
    let ids: Vec<String> = rig.calls().iter().map(|c| c.header("tr_id").to_owned()).collect();
    assert_eq!(ids, ["TTTC8408R", "TTTC8494R"]);
}

#[tokio::test]
async fn a_korean_quote_carries_price_and_base_price() {
    let rig = rig(BrokerHost::Mock, |_| fixture("krx_price")).await;
    let quote = rig.client.quote(Exchange::Krx, "005930").await.unwrap();
    assert_eq!((quote.last, quote.previous_close), (number("71200"), Some(number("71500"))));
    let call = &rig.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("FID_COND_MRKT_DIV_CODE")), ("FHKST01010100", "J"));
    let unknown = super::rig(BrokerHost::Mock, |_| fixture("krx_price_unknown")).await;
    let error = unknown.client.quote(Exchange::Krx, "999999").await.unwrap_err();
    assert_eq!(error, BrokerError::UnknownInstrument("999999".to_owned()));
}

#[tokio::test]
async fn a_korean_book_has_its_best_levels_first() {
    let rig = rig(BrokerHost::Mock, |_| fixture("krx_book")).await;
    let book = rig.client.order_book(Exchange::Krx, "005930").await.unwrap();
    assert_eq!((book.bids.len(), book.asks.len()), (5, 5));
    assert_eq!((book.bids[0].price, book.bids[0].quantity), (number("71200"), 500));
    assert_eq!((book.asks[0].price, book.asks[0].quantity), (number("71300"), 1_000));
    assert!(book.bids.windows(2).all(|w| w[0].price > w[1].price) && book.asks.windows(2).all(|w| w[0].price < w[1].price));
}

#[tokio::test]
async fn korean_bars_are_paged_back_by_date() {
    let rig = rig(BrokerHost::Mock, in_turn(&["krx_bars_page1", "krx_bars_page2", "krx_bars_end"])).await;
    let bars = rig.client.daily_bars(Exchange::Krx, "005930", None, 100).await.unwrap();
    let days: Vec<String> = bars.iter().map(|b| date_text(b.date)).collect();
    assert_eq!(days, ["20260714", "20260715", "20260716", "20260717", "20260720"]);
    assert_eq!((bars[4].open, bars[4].high, bars[4].low, bars[4].close, bars[4].volume), (71_100.0, 71_500.0, 70_700.0, 71_200.0, 72_200));
    let calls = rig.calls();
    let asked: Vec<&str> = calls.iter().map(|c| c.query("FID_INPUT_DATE_2")).collect();
    assert_eq!(asked, ["20260720", "20260715", "20260713"]);
    assert_eq!((calls[0].query("FID_PERIOD_DIV_CODE"), calls[0].query("FID_ORG_ADJ_PRC")), ("D", "0"));
    let monthly = super::rig(BrokerHost::Mock, in_turn(&["krx_bars_page1", "krx_bars_end"])).await;
    let until = jiff::civil::date(2026, 7, 17);
    let bars = monthly.client.bars(Exchange::Krx, "005930", Period::Month, until, 2).await.unwrap();
    assert_eq!(bars.iter().map(|b| date_text(b.date)).collect::<Vec<_>>(), ["20260716", "20260717"]);
    assert_eq!(monthly.calls()[0].query("FID_PERIOD_DIV_CODE"), "M");
}

#[tokio::test]
async fn korean_minutes_are_paged_back_within_the_newest_session() {
    let rig = rig(BrokerHost::Mock, in_turn(&["krx_minutes_page1", "krx_minutes_page2"])).await;
    let minutes = rig.client.minute_bars(Exchange::Krx, "005930", 400).await.unwrap();
    let times: Vec<String> = minutes.iter().map(|m| m.at.to_string()).collect();
    assert_eq!(times, ["2026-07-20T01:58:00Z", "2026-07-20T01:59:00Z", "2026-07-20T02:00:00Z"]);
    assert_eq!((minutes[2].close, minutes[2].volume), (71_200.0, 900));
    let asked: Vec<String> = rig.calls().iter().map(|c| c.query("FID_INPUT_HOUR_1").to_owned()).collect();
    // It is 23:00 in Korea: the session is over.
    assert_eq!(asked, ["153000", "105800"]);
    // During the session no minute of the future is asked for.
    rig.clock.advance_to("2026-07-21T01:23:45Z".parse().unwrap());
    rig.client.minute_bars(Exchange::Krx, "005930", 1).await.unwrap();
    assert_eq!(rig.calls()[2].query("FID_INPUT_HOUR_1"), "102345");
}

#[tokio::test]
async fn the_calendar_is_asked_once_a_day() {
    let rig = rig(BrokerHost::Live, |_| fixture("krx_days")).await;
    let (all, again) = tokio::join!(rig.client.krx_days(day()), rig.client.krx_days(day()));
    let days: Vec<(String, bool)> = all.unwrap().iter().map(|d| (date_text(d.date), d.trades)).collect();
    let expected = [("20260720", true), ("20260721", true), ("20260725", false), ("20260726", false), ("20260727", true)];
    assert_eq!(days, expected.map(|(d, trades)| (d.to_owned(), trades)));
    assert_eq!(again.unwrap().len(), 5);
    let later = rig.client.krx_days(jiff::civil::date(2026, 7, 25)).await.unwrap();
    assert_eq!((later.len(), rig.calls().len()), (3, 1));
    assert_eq!((rig.calls()[0].query("BASS_DT"), rig.calls()[0].header("tr_id")), ("20260720", "CTCA0903R"));
    // Past midnight in Korea it is another day.
    rig.clock.advance_to("2026-07-20T15:00:01Z".parse().unwrap());
    rig.client.krx_days(day()).await.unwrap();
    assert_eq!(rig.calls().len(), 2);
}

#[tokio::test]
async fn a_calendar_that_was_not_read_is_asked_again() {
    let calls = AtomicUsize::new(0);
    let rig = rig(BrokerHost::Live, move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => answer(200, r#"{"rt_cd":"0","msg_cd":"X","output":[{"bass_dt":"20260720","opnd_yn":"?"}]}"#),
        _ => fixture("krx_days"),
    })
    .await;
    assert!(matches!(rig.client.krx_days(day()).await, Err(BrokerError::Protocol(text)) if text.contains("opnd_yn")));
    assert_eq!(rig.client.krx_days(day()).await.unwrap().len(), 5);
}
