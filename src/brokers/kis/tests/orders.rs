use super::*;
use crate::brokers::OrderOutcome;
use crate::domain::order::OrderKind;

#[tokio::test]
async fn an_order_leaves_in_the_documented_form() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let ack = rig.client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap();
    assert_eq!(ack, OrderAck { broker_order_no: "0000038614".to_owned(), order_date: jiff::civil::date(2026, 7, 20) });
    rig.client.send(&intent(BrokerHost::Mock, Side::Sell)).await.unwrap();
    let calls = rig.calls();
    let (buy, sell) = (&calls[0], &calls[1]);
    assert_eq!((buy.method.as_str(), buy.path.as_str()), ("POST", "/uapi/overseas-stock/v1/trading/order"));
    assert_eq!((buy.header("tr_id"), sell.header("tr_id")), ("VTTT1002U", "VTTT1001U"));
    assert_eq!(buy.header("content-length"), buy.body.len().to_string());
    assert_eq!(buy.header("content-type"), "application/json; charset=utf-8");
    assert_eq!((buy.header("custtype"), buy.header("appkey"), buy.header("appsecret")), ("P", APP_KEY, APP_SECRET));
    assert_eq!(buy.header("authorization"), "Bearer token-number-1");
    let expected = serde_json::json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": "NASD", "PDNO": "TQQQ", "ORD_QTY": "12", "OVRS_ORD_UNPR": "83.50",
        "CTAC_TLNO": "", "MGCO_APTM_ODNO": "", "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00"
    });
    assert_eq!(buy.json(), expected);
    let mut expected = expected;
    expected["SLL_TYPE"] = "00".into();
    assert_eq!(sell.json(), expected);
}

#[tokio::test]
async fn the_order_date_is_the_day_in_new_york() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    // 04:30 on the 21st in Korea, still the 20th in New York.
    rig.clock.advance_to("2026-07-20T19:30:00Z".parse().unwrap());
    let late = OrderIntent { expires_at: "2026-07-20T19:35:00Z".parse().unwrap(), ..intent(BrokerHost::Mock, Side::Buy) };
    let ack = rig.client.send(&late).await.unwrap();
    assert_eq!(ack.order_date, jiff::civil::date(2026, 7, 20));
}

#[tokio::test]
async fn an_order_of_another_environment_never_leaves() {
    for (own, other) in [(BrokerHost::Mock, BrokerHost::Live), (BrokerHost::Live, BrokerHost::Mock)] {
        let rig = rig(own, |_| fixture("order")).await;
        let error = rig.client.send(&intent(other, Side::Buy)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Forbidden(_)), "{error:?}");
        let error = rig.client.send_cancel(&order(other, Some("1")), Exchange::Nasdaq).await.unwrap_err();
        assert!(matches!(error, BrokerError::Forbidden(_)), "{error:?}");
        assert_eq!(rig.server.seen().len(), 0, "not even a token was asked for");
    }
}

#[tokio::test]
async fn live_orders_are_locked() {
    let rig = rig(BrokerHost::Live, |_| fixture("order")).await;
    for side in [Side::Buy, Side::Sell] {
        let error = rig.client.send(&intent(BrokerHost::Live, side)).await.unwrap_err();
        assert_eq!((error.code(), error.order_outcome()), ("live_locked", OrderOutcome::NotPlaced));
    }
    let error = rig.client.send_cancel(&order(BrokerHost::Live, Some("1")), Exchange::Nasdaq).await.unwrap_err();
    assert_eq!(error.code(), "live_locked");
    assert_eq!(rig.server.seen().len(), 0);
}

#[tokio::test]
async fn senseless_orders_never_leave() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    for (price, good) in
        [("83.5", true), ("83.505", false), ("0", false), ("-1", false), ("0.1234", true), ("0.12345", false), ("1.00000", true)]
    {
        let mut intent = intent(BrokerHost::Mock, Side::Buy);
        intent.limit_price = Some(price.parse().unwrap());
        assert_eq!(rig.client.send(&intent).await.is_ok(), good, "{price}");
    }
    let before = rig.calls().len();
    let mut none = intent(BrokerHost::Mock, Side::Buy);
    none.quantity = 0;
    assert!(matches!(rig.client.send(&none).await, Err(BrokerError::Rejected { .. })));
    let mut korean = intent(BrokerHost::Mock, Side::Buy);
    korean.market = Market::Krx;
    assert!(matches!(rig.client.send(&korean).await, Err(BrokerError::Forbidden(_))));
    let unnumbered = rig.client.send_cancel(&order(BrokerHost::Mock, None), Exchange::Nasdaq).await;
    assert!(matches!(unnumbered, Err(BrokerError::Rejected { code, .. }) if code == "no_order_number"));
    assert_eq!(rig.calls().len(), before);
    assert_eq!(before, 3);
}

#[tokio::test]
async fn a_cancel_names_the_order_and_takes_all_that_is_left() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    rig.client.send_cancel(&order(BrokerHost::Mock, Some("0000038614")), Exchange::Amex).await.unwrap();
    let call = &rig.calls()[0];
    assert_eq!((call.path.as_str(), call.header("tr_id")), ("/uapi/overseas-stock/v1/trading/order-rvsecncl", "VTTT1004U"));
    let body = call.json();
    assert_eq!(body["ORGN_ODNO"], "0000038614");
    assert_eq!((&body["RVSE_CNCL_DVSN_CD"], &body["ORD_QTY"], &body["OVRS_ORD_UNPR"]), (&"02".into(), &"0".into(), &"0".into()));
    assert_eq!(body["OVRS_EXCG_CD"], "AMEX");
}

/// Sends one order to a server that reacts with `reaction`; returns the error after making sure that
/// the order left exactly once.
async fn failed_order(reaction: impl Fn() -> Reaction + Send + Sync + 'static) -> BrokerError {
    let rig = rig(BrokerHost::Mock, move |_| reaction()).await.impatient().await;
    let error = rig.client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
    assert_eq!(rig.calls().len(), 1, "an order is never sent again: {error:?}");
    error
}

#[tokio::test]
async fn what_may_have_arrived_is_unknown_and_not_repeated() {
    let timeout = failed_order(|| Reaction::Silence).await;
    assert!(matches!(&timeout, BrokerError::NoAnswer(text) if text.contains("timed out")), "{timeout:?}");
    let dropped = failed_order(|| Reaction::Drop).await;
    assert!(matches!(dropped, BrokerError::NoAnswer(_)), "{dropped:?}");
    let cut = failed_order(|| Reaction::Truncated { body: b"{\"rt_cd\":\"0\",\"output\":{\"ODNO\":\"00000".to_vec() }).await;
    assert!(matches!(cut, BrokerError::NoAnswer(_)), "{cut:?}");
    let half = failed_order(|| answer(200, "{\"rt_cd\":\"0\",\"outp")).await;
    assert!(matches!(half, BrokerError::Protocol(_)), "{half:?}");
    let page = failed_order(|| answer(502, "<html>Bad gateway</html>")).await;
    assert!(matches!(page, BrokerError::NoAnswer(_)), "{page:?}");
    let no_number = failed_order(|| answer(200, r#"{"rt_cd":"0","msg_cd":"40600000","msg1":"","output":{"ODNO":""}}"#)).await;
    assert!(matches!(&no_number, BrokerError::Protocol(text) if text.contains("ODNO")), "{no_number:?}");
    let inside = failed_order(|| answer(500, r#"{"rt_cd":"1","msg_cd":"EGW00302","msg1":"timeout"}"#)).await;
    for error in [timeout, dropped, cut, half, page, no_number, inside] {
        assert_eq!(error.order_outcome(), OrderOutcome::Unknown, "{error:?}");
    }
}

#[tokio::test]
async fn what_was_refused_is_not_placed_and_not_repeated() {
    let funds = failed_order(|| fixture("order_no_funds")).await;
    let expected = BrokerError::Rejected {
        code: "APBK0952".to_owned(),
        message: "주문가능금액을 초과 했습니다".to_owned(),
        kind: RejectionKind::InsufficientFunds,
    };
    assert_eq!(funds, expected);
    let fast = failed_order(|| fixture("too_fast")).await;
    assert!(matches!(&fast, BrokerError::RateLimited { code, .. } if code == "EGW00201"));
    for error in [funds, fast] {
        assert_eq!(error.order_outcome(), OrderOutcome::NotPlaced);
    }
}

#[tokio::test]
async fn a_refused_connection_means_not_placed() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    rig.client.check_token().await.unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client_at(BrokerHost::Mock, &format!("http://{nobody}"), &rig.clock, &rig.store);
    let error = client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unreachable(_)), "{error:?}");
    assert_eq!(error.order_outcome(), OrderOutcome::NotPlaced);
}

/// Takes everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_appear_in_no_error_no_log_and_no_debug_text() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let texts_of_the_broker = |seen: &Seen| format!("{APP_KEY} {APP_SECRET} {CANO}-01 {}", seen.header("authorization"));
    let enveloped = move |seen: &Seen, status, code: &str| {
        let body = serde_json::json!({ "rt_cd": "1", "msg_cd": code, "msg1": texts_of_the_broker(seen) });
        answer(status, &body.to_string())
    };
    let rows = |_: &Seen| {
        let body = serde_json::json!({
            "rt_cd": "0", "msg_cd": "X",
            "output": [{ "odno": "1", "ord_dt": CANO, "last": format!("{CANO}x") }],
            "output1": [{ "ovrs_pdno": "X", "ovrs_cblc_qty": format!("{CANO}-01") }],
        });
        answer(200, &body.to_string())
    };
    type Script = Box<dyn Fn(&Seen) -> Reaction + Send + Sync>;
    let scripts: Vec<Script> = vec![
        Box::new(move |seen| enveloped(seen, 500, "EGW00123")),
        Box::new(move |seen| enveloped(seen, 500, "EGW00201")),
        Box::new(move |seen| enveloped(seen, 500, "EGW00302")),
        Box::new(move |seen| enveloped(seen, 200, "APBK0952")),
        Box::new(move |seen| enveloped(seen, 200, "OPSQ2000")),
        Box::new(move |seen| enveloped(seen, 403, CANO)),
        Box::new(rows),
        Box::new(move |seen| answer(200, &texts_of_the_broker(seen))),
        Box::new(move |seen| answer(500, &texts_of_the_broker(seen))),
        Box::new(|_| Reaction::Drop),
        Box::new(|_| Reaction::Silence),
        Box::new(move |seen| Reaction::Truncated { body: texts_of_the_broker(seen).into_bytes() }),
    ];
    let mut texts = Vec::new();
    for script in scripts {
        let rig = rig(BrokerHost::Mock, script).await.impatient().await;
        let order = intent(BrokerHost::Mock, Side::Buy);
        let day = jiff::civil::date(2026, 7, 20);
        let errors = [
            rig.client.send(&order).await.err(),
            rig.client.quote(Exchange::Nasdaq, "TQQQ").await.err(),
            rig.client.orders(Market::Us, day, day, None).await.err(),
            rig.client.positions(Market::Us).await.err(),
        ];
        texts.extend(errors.iter().flatten().flat_map(|e| [e.to_string(), format!("{e:?}"), e.code().to_owned()]));
        texts.push(format!("{:?} {:?} {:?}", rig.client, rig.client.rest, rig.store));
    }
    assert!(texts.len() > 100, "{} texts", texts.len());
    texts.push(format!("{:?}", config(BrokerHost::Mock, "http://host")));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let clock = Arc::new(SteppedClock::new(start()));
    let lonely = client_at(BrokerHost::Mock, &format!("http://{nobody}"), &clock, &Arc::default());
    texts.push(lonely.positions(Market::Us).await.unwrap_err().to_string());
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("broker refused"), "the log was not taken");
    texts.push(logged);
    for text in texts {
        for secret in [APP_KEY, APP_SECRET, CANO, "token-number-1", "token-number-2"] {
            assert!(!text.contains(secret), "{secret} in: {text}");
        }
    }
}

#[test]
fn keys_that_cannot_be_keys_are_refused() {
    let clock: Arc<dyn Clock> = Arc::new(SteppedClock::new(start()));
    let build = |edit: fn(&mut KisConfig)| {
        let mut config = config(BrokerHost::Mock, "http://host");
        edit(&mut config);
        let tokens = Arc::new(TokenKeeper::new(Arc::new(MemoryTokenStore::default()), clock.clone()));
        let limiter = Arc::new(RateLimiter::new(clock.clone(), 1.0));
        KisClient::new(config, HttpClient::new(HttpSettings::default()).unwrap(), clock.clone(), tokens, limiter)
    };
    assert!(build(|_| ()).is_ok());
    let edits: [fn(&mut KisConfig); 6] = [
        |c| c.app_key = "".into(),
        |c| c.app_key = "two words".into(),
        |c| c.app_secret = "line\nbreak".into(),
        |c| c.cano = "1234567".into(),
        |c| c.cano = "1234567a".into(),
        |c| c.product = "1".to_owned(),
    ];
    for edit in edits {
        assert_eq!(build(edit).unwrap_err().code(), "bad_key_format");
    }
}

#[tokio::test]
async fn an_amendment_asks_for_the_rest_at_the_new_price() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let order = order(BrokerHost::Mock, Some("0000038613"));
    let ack = rig.client.send_amend(&order, &amendment(10, "82.75"), Exchange::Amex).await.unwrap();
    assert_eq!(ack, OrderAck { broker_order_no: "0000038614".to_owned(), order_date: jiff::civil::date(2026, 7, 20) });
    let call = &rig.calls()[0];
    assert_eq!((call.path.as_str(), call.header("tr_id")), ("/uapi/overseas-stock/v1/trading/order-rvsecncl", "VTTT1004U"));
    let expected = serde_json::json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": "AMEX", "PDNO": "TQQQ", "ORGN_ODNO": "0000038613",
        "RVSE_CNCL_DVSN_CD": "01", "ORD_QTY": "7", "OVRS_ORD_UNPR": "82.75", "MGCO_APTM_ODNO": "", "ORD_SVR_DVSN_CD": "0"
    });
    // Three of the ten are filled.
    assert_eq!(call.json(), expected);
}

#[tokio::test]
async fn senseless_amendments_never_leave() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let known = order(BrokerHost::Mock, Some("1"));
    let priceless = Amendment { limit_price: None, ..amendment(10, "1") };
    let cases = [
        (order(BrokerHost::Mock, None), amendment(10, "82.75"), "no_order_number"),
        (known.clone(), amendment(3, "82.75"), "bad_quantity"),
        (known.clone(), amendment(10, "82.755"), "bad_price"),
        (known, priceless, "bad_price"),
    ];
    for (order, terms, code) in cases {
        assert_eq!(rig.client.send_amend(&order, &terms, Exchange::Nasdaq).await.unwrap_err().code(), code);
    }
    assert_eq!(rig.server.seen().len(), 0);
    let sliced = OrderIntent { kind: OrderKind::Vwap, ..intent(BrokerHost::Live, Side::Buy) };
    let sliced = Order { intent: sliced, ..order(BrokerHost::Live, Some("1")) };
    let error = overseas::amend_terms(BrokerHost::Live, &sliced, "1", &amendment(10, "82.75"), Exchange::Nasdaq).unwrap_err();
    assert_eq!(error.code(), "kind_not_amendable");
}

#[tokio::test]
async fn live_amendments_are_locked() {
    let rig = rig(BrokerHost::Live, |_| fixture("order")).await;
    let error = rig.client.send_amend(&order(BrokerHost::Live, Some("1")), &amendment(10, "82.75"), Exchange::Nasdaq).await.unwrap_err();
    assert_eq!(error.code(), "live_locked");
    assert_eq!(rig.server.seen().len(), 0);
}

/// The body of a live order: it is built, but this build sends none.
fn live_body(kind: OrderKind, side: Side, price: Option<&str>) -> Result<serde_json::Value, BrokerError> {
    let intent = OrderIntent { kind, limit_price: price.map(|p| p.parse().unwrap()), ..intent(BrokerHost::Live, side) };
    let terms = overseas::order_terms(BrokerHost::Live, &intent, Exchange::Nasdaq)?;
    Ok(terms.into_iter().map(|(name, value)| (name.to_owned(), serde_json::Value::from(value))).collect::<serde_json::Map<_, _>>().into())
}

#[test]
fn every_us_kind_has_its_code_and_its_price() {
    use OrderKind::{Limit, Loc, Loo, Moc, Moo, Twap, Vwap};
    let table = [
        (Limit, Side::Buy, Some("83.5"), "00", "83.50"),
        (Loo, Side::Buy, Some("83.5"), "32", "83.50"),
        (Loc, Side::Sell, Some("83.5"), "34", "83.50"),
        (Twap, Side::Buy, Some("83.5"), "35", "83.50"),
        (Vwap, Side::Sell, Some("83.5"), "36", "83.50"),
        (Moo, Side::Sell, None, "31", "0"),
        (Moc, Side::Sell, None, "33", "0"),
    ];
    for (kind, side, price, code, text) in table {
        let body = live_body(kind, side, price).unwrap();
        assert_eq!((&body["ORD_DVSN"], &body["OVRS_ORD_UNPR"]), (&code.into(), &text.into()), "{kind:?}");
        let sliced = matches!(kind, Twap | Vwap);
        assert_eq!(body.get("ALGO_ORD_TMD_DVSN_CD").is_some(), sliced, "{kind:?}");
    }
    let refused = [
        (Moc, Side::Buy, None, "kind_not_offered"),
        (Moo, Side::Buy, None, "kind_not_offered"),
        (OrderKind::Market, Side::Buy, None, "kind_not_offered"),
        (Moc, Side::Sell, Some("83.5"), "bad_price"),
        (Loc, Side::Buy, None, "bad_price"),
    ];
    for (kind, side, price, code) in refused {
        assert_eq!(live_body(kind, side, price).unwrap_err().code(), code, "{kind:?} {side:?}");
    }
}

#[tokio::test]
async fn the_paper_host_gets_only_what_it_takes() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    let loc = OrderIntent { kind: OrderKind::Loc, ..intent(BrokerHost::Mock, Side::Buy) };
    assert_eq!(rig.client.send(&loc).await.unwrap_err().code(), "kind_not_offered");
    let error = rig.client.send_order(JournalledOrder::after_commit(&intent(BrokerHost::Mock, Side::Buy)), Exchange::Krx).await;
    assert!(matches!(error, Err(BrokerError::Forbidden(_))), "{error:?}");
    assert_eq!(rig.server.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_that_nobody_understands_is_kept_as_evidence() {
    let number = failed_order(|| answer(200, r#"{"rt_cd":"0","msg_cd":"40600000","msg1":"","output":{"ODNO":38614}}"#)).await;
    let code = failed_order(|| answer(200, r#"{"rt_cd":0,"msg_cd":"40600000","msg1":"","output":{"ODNO":"0000038614"}}"#)).await;
    let contradiction = failed_order(|| answer(200, r#"{"rt_cd":"1","msg_cd":"40600000","msg1":"no. 38614"}"#)).await;
    let no_code = failed_order(|| answer(200, r#"{"rt_cd":"7","msg1":"38614"}"#)).await;
    let no_output = failed_order(|| answer(200, r#"{"rt_cd":"0","msg_cd":"40600000","msg1":"38614"}"#)).await;
    let list = failed_order(|| answer(200, r#"{"rt_cd":"0","msg_cd":"40600000","output":["38614"]}"#)).await;
    let html = failed_order(|| answer(504, "<html>38614</html>")).await;
    for error in [number, code, contradiction, no_code, no_output, list, html] {
        assert_eq!(error.order_outcome(), OrderOutcome::Unknown, "{error:?}");
        assert!(error.to_string().contains("38614"), "{error}");
    }
}
