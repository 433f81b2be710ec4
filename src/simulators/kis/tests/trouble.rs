//! Scripted trouble and the variants of answers.

use super::super::super::config::{EmptyList, Quirks};
use super::super::faults::Fault;
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
