use super::*;
use crate::brokers::{BrokerOrder, PowerBasis};

fn day() -> Date {
    jiff::civil::date(2026, 7, 20)
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_quote_carries_price_and_previous_close() {
    let rig = rig(BrokerHost::Live, |_| fixture("price")).await;
    let quote = rig.client.quote(Exchange::Amex, "SOXL").await.unwrap();
    assert_eq!((quote.last, quote.previous_close, quote.at), (number("83.41"), Some(number("82.11")), rig.clock.now()));
    let call = &rig.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("EXCD"), call.query("SYMB"), call.query("AUTH")), ("HHDFS00000300", "AMS", "SOXL", ""));
    assert_eq!(call.header("tr_cont"), "");
}

#[tokio::test]
async fn a_blank_price_means_an_unknown_instrument() {
    let rig = rig(BrokerHost::Live, |_| fixture("price_unknown")).await;
    let error = rig.client.quote(Exchange::Nasdaq, "NOPE").await.unwrap_err();
    assert_eq!(error, BrokerError::UnknownInstrument("NOPE".to_owned()));
    assert_eq!(rig.client.find_listing("NOPE").await.unwrap(), None);
    let asked: Vec<String> = rig.calls()[1..].iter().map(|c| c.query("EXCD").to_owned()).collect();
    assert_eq!(asked, ["NAS", "NYS", "AMS"]);
}

#[tokio::test]
async fn a_listing_is_found_where_a_price_is() {
    let rig = rig(BrokerHost::Mock, |seen| fixture(if seen.query("EXCD") == "AMS" { "price" } else { "price_unknown" })).await;
    assert_eq!(rig.client.find_listing("SOXL").await.unwrap(), Some(Exchange::Amex));
    assert_eq!(rig.calls().len(), 3);
}

#[tokio::test]
async fn a_listing_is_not_denied_while_an_exchange_does_not_answer() {
    let rig = rig(BrokerHost::Mock, |seen| if seen.query("EXCD") == "AMS" { Reaction::Drop } else { fixture("price_unknown") }).await;
    assert!(rig.client.find_listing("SOXL").await.is_err());
}

#[tokio::test]
async fn a_price_that_is_none_is_an_error_with_the_name_of_the_field() {
    for last in ["abc", "0.0000", "-1"] {
        let rig = rig(BrokerHost::Live, move |_| {
            answer(200, &serde_json::json!({ "rt_cd": "0", "msg_cd": "MCA00000", "output": { "last": last } }).to_string())
        })
        .await;
        let error = rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap_err();
        assert!(matches!(&error, BrokerError::Protocol(text) if text.starts_with("last ")), "{error:?}");
    }
}

#[tokio::test]
async fn daily_bars_are_paged_back_by_date() {
    let rig = rig(BrokerHost::Live, in_turn(&["dailyprice_page1", "dailyprice_page2", "dailyprice_end"])).await;
    let bars = rig.client.daily_bars(Exchange::Nasdaq, "TQQQ", Some(day()), 100).await.unwrap();
    let days: Vec<String> = bars.iter().map(|b| date_text(b.date)).collect();
    assert_eq!(days, ["20260714", "20260715", "20260716", "20260717", "20260720"]);
    assert_eq!((bars[4].open, bars[4].high, bars[4].low, bars[4].close, bars[4].volume), (83.01, 84.31, 82.31, 83.41, 40_112_233));
    let asked: Vec<String> = rig.calls().iter().map(|c| c.query("BYMD").to_owned()).collect();
    assert_eq!(asked, ["20260720", "20260715", "20260713"]);
}

#[tokio::test]
async fn daily_bars_keep_to_count_and_last_day() {
    let rig = rig(BrokerHost::Live, in_turn(&["dailyprice_page1", "dailyprice_page2", "dailyprice_end"])).await;
    let bars = rig.client.daily_bars(Exchange::Nasdaq, "TQQQ", Some(jiff::civil::date(2026, 7, 17)), 2).await.unwrap();
    assert_eq!(bars.iter().map(|b| date_text(b.date)).collect::<Vec<_>>(), ["20260716", "20260717"]);
    assert_eq!(rig.calls().len(), 1);
}

#[tokio::test]
async fn a_broker_that_repeats_its_bars_does_not_hold_us() {
    let rig = rig(BrokerHost::Live, |_| fixture("dailyprice_page1")).await;
    let bars = rig.client.daily_bars(Exchange::Nasdaq, "TQQQ", None, 5_000).await.unwrap();
    assert_eq!((bars.len(), rig.calls().len()), (3, 2));
}

#[tokio::test]
async fn the_exchange_rate_is_the_newest_of_the_chart() {
    let rig = rig(BrokerHost::Live, |_| fixture("currency_chart")).await;
    assert_eq!(rig.client.usd_krw().await.unwrap(), number("1391.50"));
    let call = &rig.calls()[0];
    assert_eq!((call.query("FID_COND_MRKT_DIV_CODE"), call.query("FID_INPUT_ISCD")), ("X", "FX@KRW"));
    assert_eq!((call.query("FID_INPUT_DATE_1"), call.query("FID_INPUT_DATE_2")), ("20260706", "20260720"));
}

fn pages() -> impl Fn(&Seen) -> Reaction + Send + Sync {
    in_turn(&["executions_page1", "executions_page2", "executions_page3"])
}

fn brief(orders: &[BrokerOrder]) -> Vec<(&str, u64, u64, bool)> {
    orders.iter().map(|o| (o.broker_order_no.as_str(), o.filled_quantity, o.open_quantity, o.rejected)).collect()
}

#[tokio::test]
async fn the_order_list_is_read_over_all_pages() {
    let rig = rig(BrokerHost::Live, pages()).await;
    let orders = rig.client.orders(Market::Us, day(), day(), None).await.unwrap();
    assert_eq!(
        brief(&orders),
        [("0030138412", 12, 0, false), ("0030138413", 3, 0, false), ("0030138414", 0, 4, false), ("0030138415", 0, 0, true)]
    );
    let calls = rig.calls();
    let seen: Vec<(&str, &str)> = calls.iter().map(|c| (c.header("tr_cont"), c.query("CTX_AREA_NK200"))).collect();
    assert_eq!(seen, [("", ""), ("N", "0000000003^20260720"), ("N", "0000000005^20260720")]);
    assert_eq!(calls[1].query("CTX_AREA_FK200"), "50012345^01^^");
    assert_eq!((calls[0].header("tr_id"), calls[0].query("PDNO"), calls[0].query("OVRS_EXCG_CD")), ("TTTS3035R", "%", "NASD"));
    assert_eq!((calls[0].query("ORD_STRT_DT"), calls[0].query("ORD_END_DT"), calls[0].query("ODNO")), ("20260720", "20260720", ""));
}

#[tokio::test]
async fn a_paper_account_is_asked_without_filters() {
    let rig = rig(BrokerHost::Mock, pages()).await;
    let orders = rig.client.orders(Market::Us, day(), day(), Some("SOXL")).await.unwrap();
    assert_eq!(brief(&orders), [("0030138414", 0, 4, false)]);
    let call = &rig.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("PDNO"), call.query("OVRS_EXCG_CD")), ("VTTS3035R", "", ""));
    assert_eq!((call.query("SLL_BUY_DVSN"), call.query("CCLD_NCCS_DVSN")), ("00", "00"));
}

#[tokio::test]
async fn a_list_whose_page_fails_is_no_list() {
    let calls = AtomicUsize::new(0);
    let rig = rig(BrokerHost::Live, move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => fixture("executions_page1"),
        _ => answer(200, r#"{"rt_cd":"7","msg_cd":"APBK7777","msg1":"no"}"#),
    })
    .await;
    assert!(matches!(rig.client.orders(Market::Us, day(), day(), None).await, Err(BrokerError::Rejected { .. })));
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let rig = rig(BrokerHost::Live, |_| fixture("executions_page1")).await;
    assert!(matches!(rig.client.orders(Market::Us, day(), day(), None).await, Err(BrokerError::Protocol(_))));
    assert_eq!(rig.calls().len(), 2);
}

#[tokio::test]
async fn an_empty_list_comes_as_one_blank_row() {
    let rig = rig(BrokerHost::Live, |_| fixture("executions_none")).await;
    assert_eq!(rig.client.orders(Market::Us, day(), day(), None).await.unwrap(), []);
}

#[tokio::test]
async fn open_orders_come_from_their_own_list_or_from_the_executions() {
    let live = rig(BrokerHost::Live, |_| fixture("open_orders")).await;
    assert_eq!(brief(&live.client.open_orders(Market::Us).await.unwrap()), [("0030138413", 3, 7, false)]);
    let call = &live.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("OVRS_EXCG_CD")), ("TTTS3018R", "NASD"));

    let mock = rig(BrokerHost::Mock, pages()).await;
    assert_eq!(brief(&mock.client.open_orders(Market::Us).await.unwrap()), [("0030138414", 0, 4, false)]);
    let call = &mock.calls()[0];
    assert_eq!((call.header("tr_id"), call.query("ORD_STRT_DT"), call.query("ORD_END_DT")), ("VTTS3035R", "20260719", "20260720"));
}

#[tokio::test]
async fn positions_of_a_paper_account_are_asked_per_exchange_and_counted_once() {
    let rig = rig(BrokerHost::Mock, |seen| fixture(if seen.query("OVRS_EXCG_CD") == "NYSE" { "balance_empty" } else { "balance" })).await;
    let positions = rig.client.positions(Market::Us).await.unwrap();
    let expected = BrokerPosition {
        symbol: "SOXL".to_owned(),
        exchange: Some(Exchange::Amex),
        quantity: number("100"),
        sellable: number("90"),
        average_price: number("29.965"),
        last_price: number("31.1995"),
    };
    assert_eq!(positions, [expected]);
    let asked: Vec<String> = rig.calls().iter().map(|c| c.query("OVRS_EXCG_CD").to_owned()).collect();
    assert_eq!(asked, ["NASD", "NYSE", "AMEX"]);

    let live = super::rig(BrokerHost::Live, |_| fixture("balance")).await;
    assert_eq!(live.client.positions(Market::Us).await.unwrap().len(), 1);
    assert_eq!(live.calls().len(), 1);
}

#[tokio::test]
async fn buying_power_and_balance_are_read() {
    let power = rig(BrokerHost::Mock, |_| fixture("buying_power")).await;
    let read = power.client.buying_power(Exchange::Nasdaq, "TQQQ", Some(number("83.4"))).await.unwrap();
    assert_eq!(
        read,
        BuyingPower { amount: number("7701.10"), basis: PowerBasis::DollarsOnly, other: None, usd_krw: Some(number("1391.5")) }
    );
    let call = &power.calls()[0];
    assert_eq!((call.query("OVRS_ORD_UNPR"), call.query("ITEM_CD"), call.query("OVRS_EXCG_CD")), ("83.40", "TQQQ", "NASD"));

    let live = rig(BrokerHost::Live, |_| fixture("present_balance")).await;
    let expected =
        PresentBalance { usd_cash: Some(number("7701.1")), usd_krw: Some(number("1391.5")), total_assets_krw: Some(number("15057491")) };
    assert_eq!(live.client.present_balance().await.unwrap(), expected);
    assert_eq!(live.calls()[0].header("tr_id"), "CTRP6504R");

    let mock = rig(BrokerHost::Mock, |_| fixture("present_balance_mock")).await;
    let read = mock.client.present_balance().await.unwrap();
    assert_eq!((read.usd_cash, read.total_assets_krw), (None, Some(number("15057491"))));
    assert_eq!(mock.calls()[0].header("tr_id"), "VTRP6504R");
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_passing_failure() {
    let failures: [(fn() -> Reaction, usize); 4] =
        [(|| fixture("too_fast"), 5), (|| Reaction::Drop, 2), (|| answer(503, "busy"), 2), (|| Reaction::Silence, 1)];
    for (failure, count) in failures {
        let calls = AtomicUsize::new(0);
        let rig =
            rig(BrokerHost::Live, move |_| if calls.fetch_add(1, Ordering::SeqCst) < count { failure() } else { fixture("price") }).await;
        let rig = rig.impatient().await;
        rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
        assert_eq!(rig.calls().len(), count + 1);
        assert!(rig.clock.now() > start(), "it backs off on the market clock");
    }
}

#[tokio::test]
async fn a_read_gives_up_after_a_bounded_number_of_tries() {
    let cases: [(fn() -> Reaction, usize); 4] = [
        (|| fixture("too_fast"), 6),
        (|| Reaction::Drop, 3),
        (|| answer(200, "{"), 1),
        (|| answer(200, r#"{"rt_cd":"7","msg_cd":"APBK0656","msg1":""}"#), 1),
    ];
    for (failure, tries) in cases {
        let rig = rig(BrokerHost::Live, move |_| failure()).await;
        let error = rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap_err();
        assert_eq!(rig.calls().len(), tries, "{error:?}");
    }
}

#[tokio::test]
async fn the_pace_halves_when_the_broker_complains() {
    let clock = Arc::new(SteppedClock::new(start()));
    let rig = rig(BrokerHost::Live, in_turn(&["too_fast", "price"])).await;
    let limiter = Arc::new(RateLimiter::new(clock.clone(), 10.0));
    let tokens = Arc::new(TokenKeeper::new(rig.store.clone(), clock.clone()));
    let http = HttpClient::new(HttpSettings::default()).unwrap();
    let client = KisClient::new(config(BrokerHost::Live, &rig.server.base_url), http, clock.clone(), tokens, limiter.clone()).unwrap();
    client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert!((limiter.rate() - 5.2).abs() < 1e-9, "{}", limiter.rate());
    let before = clock.now();
    for _ in 0..5 {
        client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    }
    let took = clock.now().duration_since(before).as_millis();
    assert!((800..1_000).contains(&took), "{took} ms for five calls at about 5/s");
}

#[tokio::test]
async fn weekly_and_monthly_bars_ask_for_their_length() {
    let rig = rig(BrokerHost::Mock, in_turn(&["dailyprice_page1", "dailyprice_end", "dailyprice_page1", "dailyprice_end"])).await;
    let weeks = rig.client.bars(Exchange::Nasdaq, "TQQQ", Period::Week, day(), 50).await.unwrap();
    let months = rig.client.bars(Exchange::Nasdaq, "TQQQ", Period::Month, day(), 50).await.unwrap();
    assert_eq!((weeks.len(), months.len()), (3, 3));
    let asked: Vec<String> = rig.calls().iter().map(|c| c.query("GUBN").to_owned()).collect();
    assert_eq!(asked, ["1", "1", "2", "2"]);
}

#[tokio::test]
async fn minutes_of_the_newest_session_are_paged_back_by_local_time() {
    let rig = rig(BrokerHost::Live, in_turn(&["us_minutes_page1", "us_minutes_page2"])).await;
    let minutes = rig.client.minute_bars(Exchange::Nasdaq, "TQQQ", 400).await.unwrap();
    let times: Vec<String> = minutes.iter().map(|m| m.at.to_string()).collect();
    assert_eq!(times, ["2026-07-20T13:58:00Z", "2026-07-20T13:59:00Z", "2026-07-20T14:00:00Z"]);
    assert_eq!((minutes[2].open, minutes[2].high, minutes[2].low, minutes[2].close, minutes[2].volume), (83.4, 83.5, 83.3, 83.45, 1_200));
    let asked: Vec<(String, String)> = rig.calls().iter().map(|c| (c.query("NEXT").to_owned(), c.query("KEYB").to_owned())).collect();
    assert_eq!(asked, [(String::new(), String::new()), ("1".to_owned(), "20260720095800".to_owned())]);
    assert_eq!(rig.client.minute_bars(Exchange::Nasdaq, "TQQQ", 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_order_book_holds_the_levels_that_have_a_price() {
    let rig = rig(BrokerHost::Live, |_| fixture("us_book")).await;
    let book = rig.client.order_book(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert_eq!((book.bids.len(), book.asks.len()), (3, 3));
    assert_eq!((book.bids[0].price, book.bids[0].quantity), (number("83.40"), 10));
    assert_eq!((book.asks[0].price, book.asks[0].quantity), (number("83.42"), 20));
}

#[tokio::test]
async fn what_the_paper_host_lacks_is_refused_without_a_call() {
    let rig = rig(BrokerHost::Mock, |_| fixture("us_book")).await;
    let errors = [
        rig.client.order_book(Exchange::Nasdaq, "TQQQ").await.unwrap_err(),
        rig.client.minute_bars(Exchange::Nasdaq, "TQQQ", 10).await.unwrap_err(),
        rig.client.krx_days(day()).await.unwrap_err(),
        rig.client.realised_profit(Market::Krx).await.unwrap_err(),
        rig.client.realised_profit(Market::Us).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, BrokerError::Forbidden(_)), "{error:?}");
    }
    assert_eq!(rig.server.seen().len(), 0);
}

#[tokio::test]
async fn integrated_margin_is_told_from_dollars_alone() {
    let read = async |edit: fn(&mut serde_json::Value)| {
        let path = format!("{}/data-fixtures/brokers/kis/http_buying_power_integrated.json", env!("CARGO_MANIFEST_DIR"));
        let mut value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        edit(&mut value["body"]["output"]);
        let body = value["body"].to_string();
        let rig = rig(BrokerHost::Live, move |_| answer(200, &body)).await;
        rig.client.buying_power(Exchange::Nasdaq, "TQQQ", Some(number("83.4"))).await.unwrap()
    };
    let integrated = read(|_| ()).await;
    assert_eq!((integrated.amount, integrated.basis), (number("21500.25"), PowerBasis::IntegratedMargin));
    // One sign alone proves nothing.
    let shares_alone = read(|row| row["frcr_ord_psbl_amt1"] = "7701.100000".into()).await;
    let amount_alone = read(|row| row["ovrs_max_ord_psbl_qty"] = "92".into()).await;
    for power in [shares_alone, amount_alone] {
        assert_eq!((power.amount, power.basis), (number("7701.10"), PowerBasis::DollarsOnly));
    }
}

#[tokio::test]
async fn identical_quotes_asked_at_once_share_a_request() {
    let rig = rig(BrokerHost::Live, |_| fixture("price")).await;
    rig.client.check_token().await.unwrap();
    let ask = |symbol| rig.client.quote(Exchange::Nasdaq, symbol);
    let quotes = futures_util::future::join_all([ask("TQQQ"), ask("TQQQ"), ask("SOXL"), ask("TQQQ")]).await;
    assert!(quotes.iter().all(Result::is_ok));
    assert_eq!(rig.calls().len(), 2);
    ask("TQQQ").await.unwrap();
    assert_eq!(rig.calls().len(), 3, "an answer is not kept for those who ask later");
}
