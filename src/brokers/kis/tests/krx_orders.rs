use serde_json::{Map, Value, json};

use super::*;
use crate::brokers::OrderOutcome;
use crate::domain::order::{OrderKind, Venue};

fn day() -> Date {
    jiff::civil::date(2026, 7, 20)
}

#[tokio::test]
async fn a_korean_order_leaves_in_the_documented_form() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    // 09:30 on the 21st in Korea, still the 20th in New York.
    rig.clock.advance_to("2026-07-21T00:30:00Z".parse().unwrap());
    let ack = rig.client.send_krx(&krx_intent(BrokerHost::Mock, Side::Buy)).await.unwrap();
    assert_eq!(ack, OrderAck { broker_order_no: "0000038614".to_owned(), order_date: jiff::civil::date(2026, 7, 21) });
    let market = OrderIntent { kind: OrderKind::Market, limit_price: None, ..krx_intent(BrokerHost::Mock, Side::Sell) };
    rig.client.send_krx(&market).await.unwrap();
    let calls = rig.calls();
    let (buy, sell) = (&calls[0], &calls[1]);
    assert_eq!((buy.method.as_str(), buy.path.as_str()), ("POST", "/uapi/domestic-stock/v1/trading/order-cash"));
    assert_eq!((buy.header("tr_id"), sell.header("tr_id")), ("VTTC0012U", "VTTC0011U"));
    let expected = json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "10", "ORD_UNPR": "71300", "CNDT_PRIC": "",
        "EXCG_ID_DVSN_CD": "KRX"
    });
    assert_eq!(buy.json(), expected);
    let mut expected = expected;
    expected["ORD_DVSN"] = "01".into();
    expected["ORD_UNPR"] = "0".into();
    expected["SLL_TYPE"] = "01".into();
    assert_eq!(sell.json(), expected);
}

/// The body of a live order: it is built, but this build sends none.
fn live_body(kind: OrderKind, venue: Venue, limit: Option<&str>, trigger: Option<&str>) -> Result<Value, BrokerError> {
    let price = |text: &str| text.parse::<Decimal>().unwrap();
    let (limit_price, trigger_price) = (limit.map(price), trigger.map(price));
    let intent = OrderIntent { kind, venue, limit_price, trigger_price, ..krx_intent(BrokerHost::Live, Side::Buy) };
    let terms = domestic::order_terms(BrokerHost::Live, &intent)?;
    Ok(Value::Object(terms.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>()))
}

#[test]
fn every_kind_has_its_code_its_prices_and_its_venues() {
    use OrderKind::*;
    let (krx, nxt, sor) = (Venue::Krx, Venue::Nxt, Venue::Sor);
    let limit = Some("71300");
    let table: [(OrderKind, &str, Option<&str>, &[Venue]); 13] = [
        (Limit, "00", limit, &[krx, nxt, sor]),
        (Market, "01", None, &[krx, sor]),
        (ConditionalLimit, "02", limit, &[krx]),
        (BestLimit, "03", None, &[krx, nxt, sor]),
        (PriorityLimit, "04", None, &[krx, nxt, sor]),
        (IocLimit, "11", limit, &[krx, nxt, sor]),
        (FokLimit, "12", limit, &[krx, nxt, sor]),
        (IocMarket, "13", None, &[krx, nxt, sor]),
        (FokMarket, "14", None, &[krx, nxt, sor]),
        (IocBest, "15", None, &[krx, nxt, sor]),
        (FokBest, "16", None, &[krx, nxt, sor]),
        (Midpoint, "21", None, &[krx, nxt]),
        (StopLimit, "22", limit, &[krx, nxt]),
    ];
    for (kind, code, limit, venues) in table {
        let trigger = kind.has_trigger().then_some("72000");
        for (venue, name) in [(krx, "KRX"), (nxt, "NXT"), (sor, "SOR")] {
            let body = live_body(kind, venue, limit, trigger);
            if !venues.contains(&venue) {
                assert_eq!(body.unwrap_err().code(), "kind_not_offered", "{kind:?} {venue:?}");
                continue;
            }
            let body = body.unwrap();
            let sent = [&body["ORD_DVSN"], &body["ORD_UNPR"], &body["CNDT_PRIC"], &body["EXCG_ID_DVSN_CD"]];
            assert_eq!(sent, [code, limit.unwrap_or("0"), trigger.unwrap_or(""), name], "{kind:?}");
        }
    }
    assert_eq!(live_body(Loc, krx, limit, None).unwrap_err().code(), "kind_not_offered");
    assert_eq!(live_body(StopLimit, krx, limit, None).unwrap_err().code(), "bad_price");
    assert_eq!(live_body(Limit, krx, limit, Some("72000")).unwrap_err().code(), "bad_price");
    assert_eq!(live_body(Market, krx, limit, None).unwrap_err().code(), "bad_price");
}

#[tokio::test]
async fn a_korean_order_that_cannot_be_never_leaves() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    for (price, good) in [("71300", true), ("71300.00", true), ("71300.5", false), ("0", false), ("-100", false)] {
        let intent = OrderIntent { limit_price: Some(price.parse().unwrap()), ..krx_intent(BrokerHost::Mock, Side::Buy) };
        let sent = rig.client.send_krx(&intent).await;
        assert_eq!(sent.is_ok(), good, "{price}: {sent:?}");
    }
    assert!(rig.calls().iter().all(|c| c.json()["ORD_UNPR"] == "71300"));
    let sent = rig.calls().len();
    let base = || krx_intent(BrokerHost::Mock, Side::Buy);
    let cases = [
        (OrderIntent { venue: Venue::Nxt, ..base() }, "venue_not_offered"),
        (OrderIntent { kind: OrderKind::StopLimit, trigger_price: Some(Decimal::ONE), ..base() }, "kind_not_offered"),
        (OrderIntent { quantity: 0, ..base() }, "bad_quantity"),
        (OrderIntent { market: Market::Us, ..base() }, "forbidden_environment"),
        (krx_intent(BrokerHost::Live, Side::Buy), "forbidden_environment"),
    ];
    for (intent, code) in cases {
        assert_eq!(rig.client.send_krx(&intent).await.unwrap_err().code(), code);
    }
    assert_eq!(rig.calls().len(), sent);
}

#[tokio::test]
async fn live_korean_orders_amendments_and_cancels_are_locked() {
    let rig = rig(BrokerHost::Live, |_| fixture("order")).await;
    let order = krx_order(BrokerHost::Live);
    let errors = [
        rig.client.send_krx(&order.intent).await.unwrap_err(),
        rig.client.send_amend(&order, &amendment(10, "71000"), Exchange::Krx).await.unwrap_err(),
        rig.client.send_cancel(&order, Exchange::Krx).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.code(), error.order_outcome()), ("live_locked", OrderOutcome::NotPlaced));
    }
    assert_eq!(rig.server.seen().len(), 0);
}

#[tokio::test]
async fn amendments_and_cancels_take_all_that_is_left() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let order = krx_order(BrokerHost::Mock);
    let ack = rig.client.send_amend(&order, &amendment(10, "71000"), Exchange::Krx).await.unwrap();
    assert_eq!((ack.broker_order_no.as_str(), ack.order_date), ("0000038614", day()));
    rig.client.send_cancel(&order, Exchange::Krx).await.unwrap();
    let calls = rig.calls();
    assert!(calls.iter().all(|c| c.path == "/uapi/domestic-stock/v1/trading/order-rvsecncl" && c.header("tr_id") == "VTTC0013U"));
    let expected = json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "KRX_FWDG_ORD_ORGNO": "", "ORGN_ODNO": "0000117057", "ORD_DVSN": "00",
        "RVSE_CNCL_DVSN_CD": "01", "ORD_QTY": "0", "ORD_UNPR": "71000", "QTY_ALL_ORD_YN": "Y", "CNDT_PRIC": "", "EXCG_ID_DVSN_CD": "KRX"
    });
    assert_eq!(calls[0].json(), expected);
    let mut expected = expected;
    expected["RVSE_CNCL_DVSN_CD"] = "02".into();
    expected["ORD_UNPR"] = "0".into();
    assert_eq!(calls[1].json(), expected);
}

#[tokio::test]
async fn a_korean_amendment_that_would_split_the_order_never_leaves() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let limit = krx_order(BrokerHost::Mock);
    let market = OrderIntent { kind: OrderKind::Market, limit_price: None, ..krx_intent(BrokerHost::Mock, Side::Buy) };
    let market = Order { intent: market, ..limit.clone() };
    let priceless = Amendment { limit_price: None, ..amendment(10, "1") };
    let cases = [
        (&limit, amendment(9, "71000"), "amend_quantity"),
        (&limit, amendment(10, "71000.5"), "bad_price"),
        (&market, amendment(10, "71000"), "bad_price"),
        (&market, priceless, "kind_not_amendable"),
    ];
    for (order, terms, code) in cases {
        assert_eq!(rig.client.send_amend(order, &terms, Exchange::Krx).await.unwrap_err().code(), code);
    }
    assert_eq!(rig.server.seen().len(), 0);
}

#[tokio::test]
async fn refusals_of_the_korean_ledger_have_their_kinds() {
    use RejectionKind as K;
    let table = [
        ("APBK0952", "주문가능금액을 초과 했습니다", K::InsufficientFunds),
        ("APBK0400", "주문 가능한 수량을 초과했습니다.", K::InsufficientHoldings),
        ("APBK0918", "장운영시간이 아닙니다.(주문불가)", K::MarketClosed),
        ("APBK0918", "매도가능수량이 부족합니다.", K::InsufficientHoldings),
        ("APBK0919", "장종료되었습니다.", K::MarketClosed),
        ("40580000", "모의투자 장종료 입니다.", K::MarketClosed),
        ("40100000", "모의투자 영업일이 아닙니다.", K::MarketClosed),
        ("APBK0656", "해당종목정보가 없습니다.", K::UnknownInstrument),
        ("APBK1943", "시장가주문불가 종목입니다.", K::BadPrice),
        ("APBK3013", "애프터마켓은 지정가만 가능합니다.", K::Other),
    ];
    for (code, message, expected) in table {
        let body = json!({ "rt_cd": "7", "msg_cd": code, "msg1": format!("{message}      ") }).to_string();
        let rig = rig(BrokerHost::Mock, move |_| answer(200, &body)).await;
        let error = rig.client.send_krx(&krx_intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
        assert_eq!(error, BrokerError::Rejected { code: code.to_owned(), message: message.to_owned(), kind: expected });
        assert_eq!(rig.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_korean_order_without_a_clear_answer_is_unknown_and_not_repeated() {
    type Script = fn() -> Reaction;
    let scripts: [Script; 6] = [
        || Reaction::Silence,
        || Reaction::Drop,
        || answer(500, "38614 <html>"),
        || answer(200, r#"{"rt_cd":"0","output":{"KRX_FWDG_ORD_ORGNO":"00950","ODNO":38614}}"#),
        || answer(200, r#"{"rt_cd":"0","msg_cd":"40600000","output":{"KRX_FWDG_ORD_ORGNO":"00950","ODNO":""}}"#),
        || answer(500, r#"{"rt_cd":"1","msg_cd":"EGW00302","msg1":"timeout"}"#),
    ];
    for script in scripts {
        let rig = rig(BrokerHost::Mock, move |_| script()).await.impatient().await;
        let error = rig.client.send_krx(&krx_intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
        assert_eq!((error.order_outcome(), rig.calls().len()), (OrderOutcome::Unknown, 1), "{error:?}");
        let error = rig.client.send_amend(&krx_order(BrokerHost::Mock), &amendment(10, "71000"), Exchange::Krx).await.unwrap_err();
        assert_eq!((error.order_outcome(), rig.calls().len()), (OrderOutcome::Unknown, 2), "{error:?}");
    }
}
