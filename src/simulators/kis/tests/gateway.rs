//! Tokens, quotas, environments, headers, malformed requests.

use super::super::super::config::Limits;
use super::*;

const TQQQ: [(&str, &str); 3] = [("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ")];

#[tokio::test]
async fn a_token_has_the_documented_form_and_is_issued_once_a_minute() {
    let world = World::start().await;
    let mut client = world.bare_client(BrokerHost::Live);
    let (status, body) = client.token().await;
    assert_eq!(status, 200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 86_400);
    // 2026-05-15T15:00Z is midnight in Korea.
    assert_eq!(body["access_token_token_expired"], "2026-05-17 00:00:00");
    let first = client.token.clone();
    assert!(first.len() <= 350 && first.matches('.').count() == 2);
    world.advance(59);
    let (status, body) = client.token().await;
    assert_eq!((status, body["error_code"].as_str()), (403, Some("EGW00133")));
    assert!(body["error_description"].is_string() && body.get("rt_cd").is_none());
    world.advance(1);
    assert_eq!(client.token().await.0, 200);
    assert_eq!(client.token, first, "within six hours the token stays the same");
    world.advance(6 * 3600);
    assert_eq!(client.token().await.0, 200);
    assert_ne!(client.token, first);
}

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let world = World::start().await;
    let mut client = world.bare_client(BrokerHost::Live);
    client.app_key = "nobody".to_owned();
    let (status, body) = client.token().await;
    assert_eq!((status, body["error_code"].as_str()), (403, Some("EGW00103")));
    let body = json!({"grant_type": "client_credentials", "appkey": LIVE_KEY, "appsecret": "wrong"}).to_string();
    let answer = client.send("POST", "/oauth2/tokenP", &[], &body).await.unwrap();
    assert_eq!((answer.status, answer.body["error_code"].as_str()), (403, Some("EGW00105")));

    let live = world.client(BrokerHost::Live).await;
    let paper = world.client(BrokerHost::Mock).await;
    let mut stray = live.clone();
    stray.address = paper.address.clone();
    assert_eq!(stray.get(PRICE, "HHDFS00000300", &TQQQ).await.code(), "EGW02007");
    let mut stray = paper.clone();
    stray.address = live.address.clone();
    assert_eq!(stray.get(PRICE, "HHDFS00000300", &TQQQ).await.code(), "EGW02004");
    let mut unknown = live.clone();
    unknown.token = "x.y.z".to_owned();
    let answer = unknown.get(PRICE, "HHDFS00000300", &TQQQ).await;
    assert_eq!((answer.status, answer.code()), (500, "EGW00121"));
}

#[tokio::test]
async fn an_expired_or_revoked_token_is_refused() {
    let world = World::start().await;
    let mut client = world.client(BrokerHost::Live).await;
    client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good();
    world.control.expire_token(LIVE_KEY);
    let answer = client.get(PRICE, "HHDFS00000300", &TQQQ).await;
    assert_eq!((answer.status, answer.code(), answer.body["rt_cd"].as_str()), (500, "EGW00123", Some("1")));
    world.advance(60);
    let old = client.token.clone();
    client.token().await;
    assert_ne!(client.token, old);
    client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good();
    let body = json!({"appkey": LIVE_KEY, "appsecret": SECRET, "token": client.token}).to_string();
    let answer = client.send("POST", "/oauth2/revokeP", &[], &body).await.unwrap();
    assert_eq!((answer.status, answer.body["code"].as_str()), (200, Some("200")));
    assert_eq!(client.get(PRICE, "HHDFS00000300", &TQQQ).await.code(), "EGW00121");
    world.advance(60);
    client.token().await;
    world.advance(24 * 3600);
    assert_eq!(client.get(PRICE, "HHDFS00000300", &TQQQ).await.code(), "EGW00123");
}

#[tokio::test]
async fn approval_key_and_hash_need_no_token() {
    let world = World::start().await;
    let client = world.bare_client(BrokerHost::Live);
    let body = json!({"grant_type": "client_credentials", "appkey": LIVE_KEY, "secretkey": SECRET}).to_string();
    let answer = client.send("POST", "/oauth2/Approval", &[], &body).await.unwrap();
    assert_eq!(answer.body["approval_key"].as_str().map(str::len), Some(36));
    let order = order_body("NASD", "TQQQ", 1, dec!(50));
    let headers = [("appkey", LIVE_KEY), ("appsecret", SECRET)];
    let answer = client.send("POST", "/uapi/hashkey", &headers, &order.to_string()).await.unwrap();
    assert_eq!(answer.body["BODY"], order);
    assert_eq!(answer.body["HASH"].as_str().map(str::len), Some(64));
}

#[tokio::test]
async fn live_takes_20_calls_a_second_and_paper_2() {
    let world = World::start().await;
    for (environment, most) in [(BrokerHost::Live, 20), (BrokerHost::Mock, 2)] {
        let client = world.client(environment).await;
        for _ in 0..most {
            client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();
        }
        // The order beyond the limit is not executed.
        let buy = client.tr("TTTT1002U");
        let answer = client.post_now(ORDER, &buy, order_body("NASD", "TQQQ", 1, dec!(50))).await.unwrap();
        assert_eq!((answer.status, answer.code(), answer.body["rt_cd"].as_str()), (500, "EGW00201", Some("1")));
        assert_eq!(world.control.order_count(&client.app_key), 0);
        world.advance(1);
        client.post_now(ORDER, &buy, order_body("NASD", "TQQQ", 1, dec!(50))).await.unwrap().assert_good();
        assert_eq!(world.control.order_count(&client.app_key), 1);
    }
}

#[tokio::test]
async fn transactions_belong_to_their_host() {
    let world = World::start().await;
    let live = world.client(BrokerHost::Live).await;
    let paper = world.client(BrokerHost::Mock).await;
    let order = || order_body("NASD", "TQQQ", 1, dec!(50));
    let cases = [
        (live.post(ORDER, "VTTT1002U", order()).await, "EGW02004"),
        (paper.post(ORDER, "TTTT1002U", order()).await, "EGW02006"),
        (paper.get(OPEN_ORDERS, "TTTS3018R", &[]).await, "EGW02006"),
        (paper.get("/uapi/overseas-price/v1/quotations/price-detail", "HHDFS76200200", &TQQQ).await, "EGW02006"),
        (live.get(PRICE, "HHDFS76240000", &TQQQ).await, "OPSQ0002"),
        (live.get(PRICE, "NOSUCH", &TQQQ).await, "OPSQ0002"),
        (live.get(PRICE, "", &TQQQ).await, "OPSQ9999"),
    ];
    for (answer, code) in cases {
        assert_eq!((answer.status, answer.code()), (500, code), "{answer:?}");
    }
    assert_eq!(live.get("/uapi/no/such/path", "X", &[]).await.status, 404);
    assert_eq!(world.control.order_count(LIVE_KEY) + world.control.order_count(PAPER_KEY), 0);
}

#[tokio::test]
async fn parameters_are_checked_by_name_length_and_type() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    assert_eq!(client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", "NAS")]).await.code(), "OPSQ2001");
    assert_eq!(client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", "NASDAQ"), ("SYMB", "TQQQ")]).await.code(), "OPSQ2002");
    client.get(PRICE, "HHDFS00000300", &[("auth", ""), ("excd", "NAS"), ("symb", "TQQQ"), ("zzz", "1")]).await.assert_good();
    let with = |name: &str, value: Value| {
        let mut body = order_body("NASD", "TQQQ", 1, dec!(50));
        body[name] = value;
        body
    };
    let lower = json!({"cano": CANO, "acnt_prdt_cd": "01", "ovrs_excg_cd": "NASD", "pdno": "TQQQ", "ord_qty": "1"});
    for (body, code) in [
        (with("ORD_QTY", json!(1)), "OPSQ2001"),
        (with("CANO", json!("12345678")), "OPSQ2000"),
        (with("PDNO", json!("")), "OPSQ2001"),
        (lower, "OPSQ2001"),
        (json!("no object"), "OPSQ9997"),
    ] {
        let answer = client.post(ORDER, "TTTT1002U", body).await;
        assert_eq!((answer.status, answer.code()), (200, code), "{answer:?}");
        assert_ne!(answer.body["rt_cd"], "0");
    }
    let chunked = format!(
        "POST {ORDER} HTTP/1.1\r\nappkey: {LIVE_KEY}\r\nappsecret: {SECRET}\r\ntr_id: TTTT1002U\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert!(client.raw(&chunked).await.contains("EGW00202"));
}

#[tokio::test]
async fn header_names_are_spelt_as_the_sample_clients_need_them() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let answer = client.get(PRICE, "HHDFS00000300", &TQQQ).await.assert_good();
    for (name, value) in [("tr_id", "HHDFS00000300"), ("tr_cont", ""), ("Content-Type", "application/json; charset=utf-8")] {
        assert_eq!(answer.header(name), Some(value), "{}", answer.head);
    }
    assert_eq!(answer.header("gt_uid").map(str::len), Some(32));
    assert!(answer.header("Content-Length").is_some() && answer.header("Connection") == Some("close"));
    for line in answer.head.split("\r\n").skip(1) {
        let name = line.split(':').next().unwrap();
        let title_case = name.split('-').all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
        assert!(["tr_id", "tr_cont", "gt_uid"].contains(&name) || title_case, "{name}");
    }
}

#[tokio::test]
async fn the_permissive_scenario_takes_anybody_at_any_time() {
    let scenario = Scenario { permissive: true, limits: Limits::default(), ..Scenario::default() };
    // Sunday.
    let world = World::with(scenario, "2026-05-17T12:00:00Z").await;
    let mut client = world.bare_client(BrokerHost::Mock);
    client.app_key = "somebody else".to_owned();
    for _ in 0..3 {
        assert_eq!(client.token().await.0, 200);
    }
    for _ in 0..30 {
        client.get_now(PRICE, "HHDFS00000300", &TQQQ, "").await.unwrap().assert_good();
    }
    client.good_order("buy", "NASD", "TQQQ", 10, dec!(1000)).await;
    let executions = world.control.executions("somebody else");
    assert_eq!(executions.iter().map(|execution| execution.quantity).sum::<u64>(), 10);
}
