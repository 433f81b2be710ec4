//! Scripted trouble and the variants of answers.

use super::super::super::config::Limits;
use super::super::super::config::{EmptyList, Quirks};
use super::super::faults::{Fault, FaultPlan, MaintenanceWindow};
use super::*;

const TQQQ: [(&str, &str); 3] = [("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ")];

#[tokio::test]
async fn a_connection_dropped_after_the_order_leaves_the_order_in_the_list() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let order = || order_body("NASD", "TQQQ", 3, dec!(9000));
    world.control.fail_next(LIVE_KEY, "TTTT1002U", 1, Fault::DropAfter);
    assert!(client.post_now(ORDER, "TTTT1002U", order()).await.is_none());
    assert_eq!(world.control.order_count(LIVE_KEY), 1);
    assert_eq!(client.orders().await[0]["ft_ccld_qty"], "3");
    world.control.fail_next(LIVE_KEY, "TTTT1002U", 1, Fault::DropBefore);
    assert!(client.post_now(ORDER, "TTTT1002U", order()).await.is_none());
    assert_eq!(world.control.order_count(LIVE_KEY), 1);
    world.control.fail_next(LIVE_KEY, "TTTT1002U", 1, Fault::Truncate);
    let cut = client.post_now(ORDER, "TTTT1002U", order()).await.unwrap();
    assert_eq!((cut.status, cut.body), (200, Value::Null));
    assert_eq!(world.control.order_count(LIVE_KEY), 2);
}

#[tokio::test]
async fn gateway_errors_come_on_demand_and_execute_nothing() {
    let world = World::start().await;
    let mut client = world.client(BrokerHost::Live).await;
    for (fault, code) in [
        (Fault::TooManyCalls, "EGW00201"),
        (Fault::TooManyLedgerCalls, "EGW00215"),
        (Fault::TokenExpired, "EGW00123"),
        (Fault::ServerError, ""),
    ] {
        world.control.fail_next(LIVE_KEY, "TTTT1002U", 2, fault);
        for _ in 0..2 {
            let answer = client.order("buy", "NASD", "TQQQ", 1, dec!(60)).await;
            assert_eq!((answer.status, answer.code()), (500, code));
        }
    }
    assert_eq!(world.control.order_count(LIVE_KEY), 0);
    client.good_order("buy", "NASD", "TQQQ", 1, dec!(60)).await;
    world.control.fail_next(LIVE_KEY, "tokenP", 1, Fault::TokenTooEarly);
    world.advance(3600);
    assert_eq!(client.token().await.0, 403);
    assert_eq!(client.token().await.0, 200);
    assert_eq!(world.control.request_count(LIVE_KEY, "TTTT1002U"), 9);
    let last = world.control.requests().into_iter().rfind(|record| record.tr_id == "TTTT1002U").unwrap();
    assert_eq!((last.status, last.code.as_str(), last.environment), (200, "APBK0013", BrokerHost::Live));
}

#[tokio::test]
async fn slow_empty_and_enriched_answers() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    world.control.fail_next(LIVE_KEY, "HHDFS00000300", 1, Fault::Slow { seconds: 30 });
    let before = world.control.now();
    client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();
    assert_eq!(world.control.now().duration_since(before).as_secs(), 30);
    world.control.fail_next(LIVE_KEY, "HHDFS00000300", 1, Fault::EmptyOutput);
    assert_eq!(client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good().body["output"], json!({}));
    world.control.fail_next(LIVE_KEY, "HHDFS00000300", 1, Fault::ExtraKey);
    let body = client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good().body;
    assert_eq!((body["output"].as_object().unwrap().len(), body["sim_new_member"].as_str()), (12, Some("1")));
}

#[tokio::test]
async fn variants_of_empty_lists_and_padding() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let ask = async || client.get(ORDERS, "TTTS3035R", &orders_query("", "00")).await.assert_good().body;
    let plain = ask().await;
    assert_eq!((&plain["output"], plain["msg1"].as_str().unwrap().chars().count()), (&json!([]), 80));
    world.control.set_quirks(Quirks { empty_orders: EmptyList::BlankObject, pad_messages: false, ..Quirks::default() });
    let object = ask().await;
    assert_eq!((object["output"]["odno"].as_str(), object["output"].as_object().unwrap().len()), (Some(""), 32));
    assert_eq!(object["msg1"], "조회할 내용이 없습니다");
    world.control.set_quirks(Quirks { empty_orders: EmptyList::BlankRow, padding_row: true, repeat_holdings: true, ..Quirks::default() });
    assert_eq!(ask().await["output"][0]["ft_ord_unpr3"], "0.00000000");
    let query = |exchange| {
        [
            ("CANO", CANO),
            ("ACNT_PRDT_CD", "01"),
            ("OVRS_EXCG_CD", exchange),
            ("TR_CRCY_CD", "USD"),
            ("CTX_AREA_FK200", ""),
            ("CTX_AREA_NK200", ""),
        ]
    };
    let body = client.get(BALANCE, "TTTS3012R", &query("AMEX")).await.assert_good().body;
    let symbols: Vec<&str> = body["output1"].as_array().unwrap().iter().map(|row| row["ovrs_pdno"].as_str().unwrap()).collect();
    assert_eq!(symbols, ["SOXL", "TQQQ", ""]);
    world.control.set_quirks(Quirks { empty_totals_as_list: true, ..Quirks::default() });
    let body = client.get(BALANCE, "TTTS3012R", &query("NYSE")).await.assert_good().body;
    assert_eq!((&body["output1"], &body["output2"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn on_paper_only_the_totals_of_the_present_balance_can_be_made_to_count() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Mock).await;
    let query = [
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("WCRC_FRCR_DVSN_CD", "02"),
        ("NATN_CD", "000"),
        ("TR_MKET_CD", "00"),
        ("INQR_DVSN_CD", "00"),
    ];
    let full = client.get(PRESENT, "VTRP6504R", &query).await.assert_good().body;
    assert_eq!(decimal(&full["output2"][0]["frcr_dncl_amt_2"]), dec!(50000));
    world.control.set_quirks(Quirks { paper_totals_only: true, ..Quirks::default() });
    let bare = client.get(PRESENT, "VTRP6504R", &query).await.assert_good().body;
    assert_eq!(decimal(&bare["output2"][0]["frcr_dncl_amt_2"]), dec!(0));
    assert_eq!(decimal(&bare["output1"][0]["cblc_qty13"]), dec!(0));
    assert_eq!(bare["output3"]["tot_dncl_amt"], full["output3"]["tot_dncl_amt"]);
}

#[tokio::test]
async fn an_order_may_have_been_taken_whatever_the_answer_says() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let order = || order_body("NASD", "TQQQ", 1, dec!(60));
    let cases = [
        (Fault::TimeoutBefore { seconds: 40 }, 0, None),
        (Fault::TimeoutAfter { seconds: 40 }, 1, None),
        (Fault::ResetBefore, 1, None),
        (Fault::ResetAfter, 2, None),
        (Fault::ServerErrorAfter, 3, Some((500, ""))),
        (Fault::TransactionTimeout, 4, Some((500, "EGW00302"))),
        (Fault::Maintenance, 4, Some((503, ""))),
    ];
    for (fault, orders, expected) in cases {
        world.control.fail_next(LIVE_KEY, "TTTT1002U", 1, fault.clone());
        let before = world.control.now();
        let answer = client.post_now(ORDER, "TTTT1002U", order()).await;
        assert_eq!(answer.as_ref().map(|answer| (answer.status, answer.code())), expected, "{fault:?}");
        assert_eq!(world.control.order_count(LIVE_KEY), orders, "{fault:?}");
        let waits = matches!(fault, Fault::TimeoutBefore { .. } | Fault::TimeoutAfter { .. });
        assert_eq!(world.control.now().duration_since(before).as_secs(), if waits { 40 } else { 0 }, "{fault:?}");
        world.advance(1);
    }
}

#[tokio::test]
async fn lists_come_with_doubled_or_missing_rows() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    for _ in 0..3 {
        client.good_order("buy", "NASD", "TQQQ", 1, dec!(60)).await;
    }
    let numbers = async || -> Vec<String> { client.orders().await.iter().map(|row| row["odno"].as_str().unwrap().to_owned()).collect() };
    let plain = numbers().await;
    world.control.fail_next(LIVE_KEY, "TTTS3035R", 1, Fault::DuplicateRows);
    let doubled = numbers().await;
    assert_eq!((doubled.len(), &doubled[0], &doubled[1]), (6, &plain[0], &plain[0]));
    world.control.fail_next(LIVE_KEY, "TTTS3035R", 1, Fault::MissingRows { rows: 2 });
    assert_eq!(numbers().await, plain[2..]);
    assert_eq!(numbers().await, plain);
}

#[tokio::test]
async fn a_token_revoked_early_stays_unknown_until_a_new_one_comes() {
    let world = World::start().await;
    let mut client = world.client(BrokerHost::Live).await;
    world.control.fail_next(LIVE_KEY, "HHDFS00000300", 1, Fault::TokenRevoked);
    for _ in 0..2 {
        assert_eq!(client.get(PRICE, "HHDFS00000300", &TQQQ).await.code(), "EGW00121");
    }
    assert_eq!(client.token().await.0, 403, "once a minute");
    world.advance(60);
    let old = client.token.clone();
    assert_eq!(client.token().await.0, 200);
    assert_ne!(client.token, old);
    client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good();
}

#[tokio::test]
async fn maintenance_tighter_limits_and_a_wrong_clock() {
    let world = World::start().await;
    let mut client = world.client(BrokerHost::Live).await;
    let now = world.control.now();
    let from = now.checked_add(jiff::SignedDuration::from_secs(100)).unwrap();
    let until = now.checked_add(jiff::SignedDuration::from_secs(200)).unwrap();
    world.control.maintain(MaintenanceWindow { from, until });
    client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good();
    world.clock.advance_to(from);
    let down = client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap();
    assert_eq!((down.status, down.body), (503, Value::Null));
    assert_eq!(client.token().await.0, 503);
    world.clock.advance_to(until);
    client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();

    world.advance(2);
    world.control.set_limits(Limits { live_calls_per_second: 1, ..Limits::default() });
    client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();
    assert_eq!(client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().code(), "EGW00201");

    world.control.set_clock_skew(jiff::SignedDuration::from_secs(-3600));
    world.clock.advance_to("2026-05-15T16:00:00Z".parse().unwrap());
    let answer = client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();
    assert_eq!(answer.header("Date"), Some("Fri, 15 May 2026 15:00:00 GMT"));
}

#[tokio::test]
async fn a_seed_gives_the_same_trouble_again() {
    let night = async |seed: u64| -> Vec<(u16, String)> {
        let world = World::start().await;
        let client = world.client(BrokerHost::Live).await;
        world.control.set_fault_plan(Some(FaultPlan::rough(seed, 0.4)));
        for _ in 0..40 {
            let _ = client.post_now(ORDER, "TTTT1002U", order_body("NASD", "TQQQ", 1, dec!(60))).await;
            world.advance(61);
        }
        let orders = world.control.order_count(LIVE_KEY);
        assert!(orders > 20 && orders < 40, "{orders} of 40 orders were taken");
        world.control.requests().into_iter().map(|record| (record.status, record.code)).collect()
    };
    let first = night(11).await;
    assert_eq!(first, night(11).await);
    assert_ne!(first, night(12).await);
}
