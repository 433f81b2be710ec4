//! Orders from acceptance to the end, seen through every list.

use super::super::super::exchange::FillPlan;
use super::*;

/// A price far below the market, so that a buy rests.
const LOW: Decimal = dec!(50);

async fn last(client: &Client, exchange: &str, symbol: &str) -> Decimal {
    let answer = client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", exchange), ("SYMB", symbol)]).await.assert_good();
    decimal(&answer.body["output"]["last"])
}

#[tokio::test]
async fn a_marketable_buy_fills_at_the_market_price_and_every_screen_agrees() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = World::start().await;
        let client = world.client(environment).await;
        let before = client.buying_power().await;
        assert_eq!(before, dec!(50000.00));
        let price = last(&client, "NAS", "TQQQ").await;
        let number = client.good_order("buy", "NASD", "TQQQ", 12, (price * dec!(1.02)).round_dp(2)).await;
        assert_eq!(number.len(), 10);
        let row = client.order_row(&number).await;
        let (amount, average) = (decimal(&row["ft_ccld_amt3"]), decimal(&row["ft_ccld_unpr3"]));
        assert_eq!((row["ft_ccld_qty"].as_str(), row["nccs_qty"].as_str()), (Some("12"), Some("0")), "{row}");
        assert!(average < price * dec!(1.005), "filled at {average}, market {price}: not at the limit");
        assert_eq!((average * dec!(12)).round_dp(5), amount);
        assert_eq!((row["ord_dt"].as_str(), row["dmst_ord_dt"].as_str()), (Some("20260515"), Some("20260516")));
        assert_eq!((row["ord_tmd"].as_str().map(|t| &t[..4]), row["thco_ord_tmd"].as_str().map(|t| &t[..4])), (Some("1100"), Some("0000")));
        assert_eq!(row["prcs_stat_name"], "완료");

        assert_eq!(client.buying_power().await, before - amount);
        let query = [
            ("CANO", CANO),
            ("ACNT_PRDT_CD", "01"),
            ("OVRS_EXCG_CD", "NASD"),
            ("TR_CRCY_CD", "USD"),
            ("CTX_AREA_FK200", ""),
            ("CTX_AREA_NK200", ""),
        ];
        let balance = client.get(BALANCE, &client.tr("TTTS3012R"), &query).await.assert_good().body;
        let holding = balance["output1"].as_array().unwrap().iter().find(|row| row["ovrs_pdno"] == "TQQQ").unwrap().clone();
        let cost = dec!(67) * dec!(150.86) + amount;
        assert_eq!((holding["ovrs_cblc_qty"].as_str(), holding["ord_psbl_qty"].as_str()), (Some("79"), Some("79")));
        assert_eq!(decimal(&holding["frcr_pchs_amt1"]), cost);
        assert_eq!(decimal(&holding["pchs_avg_pric"]), (cost / dec!(79)).round_dp(4));
        // Live answers for all US exchanges under NASD, paper only for NASDAQ.
        assert_eq!(balance["output1"].as_array().unwrap().len(), if environment == BrokerHost::Live { 2 } else { 1 });

        let query = [
            ("CANO", CANO),
            ("ACNT_PRDT_CD", "01"),
            ("WCRC_FRCR_DVSN_CD", "02"),
            ("NATN_CD", "840"),
            ("TR_MKET_CD", "00"),
            ("INQR_DVSN_CD", "00"),
        ];
        let present = client.get(PRESENT, &client.tr("CTRP6504R"), &query).await.assert_good().body;
        assert_eq!(decimal(&present["output2"][0]["frcr_dncl_amt_2"]), before - amount);
        let held = present["output1"].as_array().unwrap().iter().find(|row| row["pdno"] == "TQQQ").unwrap().clone();
        assert_eq!(decimal(&held["thdt_buy_ccld_qty1"]), dec!(12));
        assert_eq!(decimal(&held["frcr_pchs_amt"]), cost);
        assert_eq!(world.control.cash(&client.app_key), Some(before - amount));
    }
}

#[tokio::test]
async fn a_resting_order_blocks_cash_can_be_modified_cancelled_and_is_listed_open() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let number = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
    assert_eq!(client.buying_power().await, dec!(49500.00));
    let query = [
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("OVRS_EXCG_CD", "NASD"),
        ("SORT_SQN", "DS"),
        ("CTX_AREA_FK200", ""),
        ("CTX_AREA_NK200", ""),
    ];
    let open = client.get(OPEN_ORDERS, "TTTS3018R", &query).await.assert_good().body;
    assert_eq!(open["output"].as_array().unwrap().len(), 1);
    assert_eq!((open["output"][0]["odno"].as_str(), open["output"][0]["nccs_qty"].as_str()), (Some(number.as_str()), Some("10")));

    let modified =
        client.revise("01", "TQQQ", &number, 10, "60.00").await.assert_good().body["output"]["ODNO"].as_str().unwrap().to_owned();
    assert_ne!(modified, number);
    let row = client.order_row(&modified).await;
    assert_eq!((row["orgn_odno"].as_str(), row["rvse_cncl_dvsn"].as_str()), (Some(number.as_str()), Some("01")));
    assert_eq!(client.order_row(&number).await["nccs_qty"], "0");
    assert_eq!(client.buying_power().await, dec!(49400.00));

    // Without leading zeros, as the broker's example sends it.
    let cancel = client.revise("02", "TQQQ", modified.trim_start_matches('0'), 0, "0").await.assert_good();
    let row = client.order_row(cancel.body["output"]["ODNO"].as_str().unwrap()).await;
    assert_eq!((row["rvse_cncl_dvsn"].as_str(), row["orgn_odno"].as_str()), (Some("02"), Some(modified.as_str())));
    assert_eq!(client.buying_power().await, dec!(50000.00));
    let open = client.get(OPEN_ORDERS, "TTTS3018R", &query).await.assert_good();
    assert_eq!((open.code(), open.body["output"].as_array().map(Vec::len)), ("KIOK0560", Some(0)));
    let again = client.revise("02", "TQQQ", &modified, 0, "0").await;
    assert_eq!((again.status, again.body["rt_cd"].as_str()), (200, Some("7")));
    assert!(again.body.get("output").is_none());
}

#[tokio::test]
async fn a_large_order_fills_in_parts_over_the_following_seconds() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let price = last(&client, "AMS", "SOXL").await;
    let number = client.good_order("buy", "AMEX", "SOXL", 1200, (price * dec!(1.1)).round_dp(2)).await;
    let filled = decimal(&client.order_row(&number).await["ft_ccld_qty"]);
    assert!(filled > dec!(0) && filled < dec!(1200), "{filled} at once");
    world.advance(120);
    let row = client.order_row(&number).await;
    assert_eq!((row["ft_ccld_qty"].as_str(), row["nccs_qty"].as_str()), (Some("1200"), Some("0")), "{row}");
    let executions = world.control.executions(LIVE_KEY);
    assert!(executions.len() > 2);
    assert!(executions.windows(2).all(|pair| pair[0].at < pair[1].at));
    let amount: Decimal = executions.iter().map(|execution| execution.price * Decimal::from(execution.quantity)).sum();
    assert_eq!(decimal(&row["ft_ccld_amt3"]), amount);
}

#[tokio::test]
async fn refusals_carry_the_codes_of_their_host() {
    let world = World::start().await;
    let live = world.client(BrokerHost::Live).await;
    let mut paper = world.client(BrokerHost::Mock).await;
    let cases = [
        (live.order("buy", "NASD", "TQQQ", 10_000, dec!(100)).await, "7", "APBK0952"),
        (paper.order("buy", "NASD", "TQQQ", 10_000, dec!(100)).await, "1", "APBK0952"),
        (live.order("sell", "NASD", "TQQQ", 68, dec!(100)).await, "7", "APBK0400"),
        (live.order("buy", "AMEX", "TQQQ", 1, dec!(100)).await, "7", "APBK0656"),
        (live.order("buy", "NASD", "NOSUCH", 1, dec!(100)).await, "7", "APBK0656"),
        (live.order("buy", "NASD", "TQQQ", 1, dec!(0)).await, "7", "APBK0552"),
        (live.order("buy", "NASD", "TQQQ", 1, dec!(100.123)).await, "7", "APBK0552"),
    ];
    for (answer, rt_cd, code) in cases {
        assert_eq!((answer.status, answer.body["rt_cd"].as_str(), answer.code()), (200, Some(rt_cd), code), "{answer:?}");
        assert!(answer.body.get("output").is_none());
    }
    let mut body = order_body("NASD", "TQQQ", 1, dec!(100));
    body["ORD_DVSN"] = json!("34");
    live.post(ORDER, "TTTT1002U", body.clone()).await.assert_good();
    assert_eq!(paper.post(ORDER, "VTTT1002U", body).await.code(), "APBK1943");
    world.clock.advance_to("2026-05-15T20:00:00Z".parse().unwrap());
    assert_eq!(live.order("buy", "NASD", "TQQQ", 1, LOW).await.code(), "APBK1664");
    assert_eq!(paper.order("buy", "NASD", "TQQQ", 1, LOW).await.code(), "40580000");
    world.clock.advance_to("2026-05-16T15:00:00Z".parse().unwrap());
    paper.token().await;
    assert_eq!(paper.order("buy", "NASD", "TQQQ", 1, LOW).await.code(), "40100000");
    world.clock.advance_to("2026-05-18T13:00:00Z".parse().unwrap());
    paper.token().await;
    assert_eq!(paper.order("buy", "NASD", "TQQQ", 1, LOW).await.code(), "40570000");
}

#[tokio::test]
async fn open_orders_end_with_the_session_and_numbers_begin_again_the_next_day() {
    let world = World::start().await;
    let mut client = world.client(BrokerHost::Live).await;
    let number = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
    world.clock.advance_to("2026-05-15T20:00:00Z".parse().unwrap());
    let row = client.order_row(&number).await;
    assert_eq!((row["ft_ccld_qty"].as_str(), row["nccs_qty"].as_str()), (Some("0"), Some("0")));
    assert_eq!(client.buying_power().await, dec!(50000.00));
    world.clock.advance_to("2026-05-18T15:00:00Z".parse().unwrap());
    client.token().await;
    assert_eq!(client.good_order("buy", "NASD", "TQQQ", 10, LOW).await, number);
    let dates: Vec<Value> = client.orders().await.iter().map(|row| row["ord_dt"].clone()).collect();
    assert_eq!(dates, ["20260515", "20260518"]);
}

#[tokio::test]
async fn scripted_plans_decide_the_fills() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let filled = async |number: &str| client.order_row(number).await["ft_ccld_qty"].as_str().unwrap().to_owned();

    world.control.fill_next(LIVE_KEY, FillPlan::AtOnce);
    let number = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
    assert_eq!(filled(&number).await, "10");

    world.control.fill_next(LIVE_KEY, FillPlan::Parts { count: 3, every_seconds: 10 });
    let number = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
    assert_eq!(filled(&number).await, "4");
    world.advance(10);
    assert_eq!(filled(&number).await, "7");
    world.advance(10);
    assert_eq!(filled(&number).await, "10");

    world.control.fill_next(LIVE_KEY, FillPlan::Partial { quantity: 3 });
    let number = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
    world.advance(600);
    assert_eq!(filled(&number).await, "3");
    client.revise("02", "TQQQ", &number, 0, "0").await.assert_good();
    let row = client.order_row(&number).await;
    assert_eq!((row["ft_ccld_qty"].as_str(), row["nccs_qty"].as_str()), (Some("3"), Some("0")));

    world.control.fill_next(LIVE_KEY, FillPlan::Delayed { seconds: 90 });
    let number = client.good_order("sell", "NASD", "TQQQ", 5, dec!(9999)).await;
    world.advance(80);
    assert_eq!(filled(&number).await, "0");
    world.advance(10);
    assert_eq!(filled(&number).await, "5");

    world.control.fill_next(LIVE_KEY, FillPlan::Never);
    let number = client.good_order("buy", "NASD", "TQQQ", 1, dec!(9999)).await;
    world.advance(3600);
    assert_eq!(filled(&number).await, "0");

    world.control.fill_next(LIVE_KEY, FillPlan::Reject { code: "APBK0918".into(), message: "장운영시간이 아닙니다".into() });
    let before = world.control.order_count(LIVE_KEY);
    assert_eq!(client.order("buy", "NASD", "TQQQ", 1, LOW).await.code(), "APBK0918");
    assert_eq!(world.control.order_count(LIVE_KEY), before);

    world.control.fill_next(LIVE_KEY, FillPlan::RejectLater { after_seconds: 2, reason: "호가 오류".into() });
    let number = client.good_order("buy", "NASD", "TQQQ", 1, LOW).await;
    world.advance(2);
    let row = client.order_row(&number).await;
    assert_eq!((row["prcs_stat_name"].as_str(), row["rjct_rson_name"].as_str()), (Some("거부"), Some("호가 오류")));
    assert_eq!(row["nccs_qty"], "0");
}

#[tokio::test]
async fn an_order_on_close_waits_for_the_closing_price() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let mut body = order_body("NASD", "TQQQ", 7, dec!(900));
    body["ORD_DVSN"] = json!("34");
    let number = client.post(ORDER, "TTTT1002U", body).await.assert_good().body["output"]["ODNO"].as_str().unwrap().to_owned();
    world.advance(3600);
    assert_eq!(client.order_row(&number).await["nccs_qty"], "7");
    world.clock.advance_to("2026-05-15T20:00:00Z".parse().unwrap());
    let row = client.order_row(&number).await;
    let close = last(&client, "NAS", "TQQQ").await;
    assert_eq!((row["ft_ccld_qty"].as_str(), decimal(&row["ft_ccld_unpr3"])), (Some("7"), close));
}

#[tokio::test]
async fn the_currency_chart_and_buying_power_show_the_same_rate() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let query = [
        ("FID_COND_MRKT_DIV_CODE", "X"),
        ("FID_INPUT_ISCD", "FX@KRW"),
        ("FID_INPUT_DATE_1", "20260401"),
        ("FID_INPUT_DATE_2", "20261231"),
        ("FID_PERIOD_DIV_CODE", "D"),
    ];
    let chart = client.get("/uapi/overseas-price/v1/quotations/inquire-daily-chartprice", "FHKST03030100", &query).await.assert_good().body;
    let power_query = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("OVRS_EXCG_CD", "AMEX"), ("OVRS_ORD_UNPR", "30"), ("ITEM_CD", "SOXL")];
    let power = client.get(BUYING_POWER, "TTTS3007R", &power_query).await.assert_good().body;
    assert_eq!(decimal(&chart["output1"]["ovrs_nmix_prpr"]), decimal(&power["output"]["exrt"]));
    let dates: Vec<&str> = chart["output2"].as_array().unwrap().iter().map(|row| row["stck_bsop_date"].as_str().unwrap()).collect();
    // It is Saturday in Korea: the newest row is Friday's.
    assert_eq!((dates[0], dates.last().copied()), ("20260515", Some("20260401")));
    assert_eq!(power["output"]["max_ord_psbl_qty"], "1666");
}

#[tokio::test]
async fn us_order_kinds_are_taken_on_live_and_refused_on_paper() {
    let world = World::start().await;
    let (live, paper) = (world.client(BrokerHost::Live).await, world.client(BrokerHost::Mock).await);
    let body = |division: &str, price: &str, more: &[(&str, &str)]| {
        let mut body = order_body("NASD", "TQQQ", 1, dec!(100));
        body["ORD_DVSN"] = json!(division);
        body["OVRS_ORD_UNPR"] = json!(price);
        for (name, value) in more {
            body[name] = json!(value);
        }
        body
    };
    // During the session: division, price, whether a buy and a sell are taken.
    let cases = [
        ("34", "60.00", true, true),
        ("33", "0", false, true),
        ("35", "60.00", true, true),
        ("36", "60.00", true, true),
        ("32", "60.00", false, false),
        ("31", "0", false, false),
        ("99", "60.00", false, false),
        ("34", "0", false, false),
    ];
    for (division, price, buy, sell) in cases {
        for (id, good) in [("TTTT1002U", buy), ("TTTT1006U", sell)] {
            let answer = live.post(ORDER, id, body(division, price, &[])).await;
            assert_eq!(answer.body["rt_cd"] == "0", good, "{division} {id}: {answer:?}");
        }
        for id in ["VTTT1002U", "VTTT1001U", "VTTT1006U"] {
            assert_eq!(paper.post(ORDER, id, body(division, price, &[])).await.code(), "APBK1943", "{division}");
        }
    }
    let times = [("ALGO_ORD_TMD_DVSN_CD", "00"), ("START_TIME", "120000"), ("END_TIME", "150000")];
    let sliced = live.post(ORDER, "TTTT1002U", body("35", "60.00", &times)).await.assert_good();
    let number = sliced.body["output"]["ODNO"].as_str().unwrap().to_owned();
    assert_eq!(live.revise("01", "TQQQ", &number, 1, "61.00").await.code(), "APBK0557", "sliced orders cannot be modified");
    live.revise("02", "TQQQ", &number, 0, "0").await.assert_good();
    let wrong = [("ALGO_ORD_TMD_DVSN_CD", "00"), ("START_TIME", "12"), ("END_TIME", "150000")];
    assert_eq!(live.post(ORDER, "TTTT1002U", body("35", "60.00", &wrong)).await.code(), "OPSQ2001");
    let late = [("ALGO_ORD_TMD_DVSN_CD", "00"), ("START_TIME", "120000"), ("END_TIME", "155900")];
    assert_eq!(live.post(ORDER, "TTTT1002U", body("35", "60.00", &late)).await.code(), "APBK1943");
}

#[tokio::test]
async fn a_modified_us_order_keeps_its_kind_and_its_fills_stay_with_the_old_number() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = World::start().await;
        let client = world.client(environment).await;
        world.control.fill_next(&client.app_key, FillPlan::Partial { quantity: 4 });
        let first = client.good_order("buy", "NASD", "TQQQ", 10, LOW).await;
        assert_eq!(client.revise("01", "TQQQ", &first, 7, "51.00").await.code(), "APBK0551", "more than is left");
        let second = client.revise("01", "TQQQ", &first, 6, "51.00").await.assert_good();
        let second = second.body["output"]["ODNO"].as_str().unwrap().to_owned();
        let (old, new) = (client.order_row(&first).await, client.order_row(&second).await);
        assert_eq!((old["ft_ccld_qty"].as_str(), old["nccs_qty"].as_str()), (Some("4"), Some("0")));
        assert_eq!(
            (new["orgn_odno"].as_str(), new["ft_ord_qty"].as_str(), new["nccs_qty"].as_str()),
            (Some(first.as_str()), Some("6"), Some("6"))
        );
        assert_eq!(new["ft_ord_unpr3"], "51.00000000");
    }
}

#[tokio::test]
async fn us_minutes_page_back_and_the_book_stands_around_the_price() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let minutes = async |length: &'static str, past: &'static str, rows: &'static str, key: &str| {
        let query = [
            ("AUTH", ""),
            ("EXCD", "NAS"),
            ("SYMB", "TQQQ"),
            ("NMIN", length),
            ("PINC", past),
            ("NEXT", if key.is_empty() { "" } else { "1" }),
            ("NREC", rows),
            ("FILL", ""),
            ("KEYB", key),
        ];
        let body = client.get(MINUTES, "HHDFS76950200", &query).await.assert_good().body;
        (body["output1"]["next"].as_str().unwrap().to_owned(), body["output2"].as_array().unwrap().clone())
    };
    let time = |row: &Value| format!("{} {}", row["xymd"].as_str().unwrap(), row["xhms"].as_str().unwrap());
    // 11:00 in New York: 91 minutes so far, the running one included.
    let (next, today) = minutes("1", "0", "120", "").await;
    assert_eq!(
        (next.as_str(), today.len(), time(&today[0]), time(&today[90])),
        ("0", 91, "20260515 110000".into(), "20260515 093000".into())
    );
    let (next, newest) = minutes("1", "1", "60", "").await;
    assert_eq!((next.as_str(), newest.len()), ("1", 60));
    assert_eq!(newest[59], today[59]);
    // The key is one bar before the oldest.
    let (_, older) = minutes("1", "1", "60", "20260515100000").await;
    assert_eq!((time(&older[0]), older.len()), ("20260515 100000".into(), 60));
    assert_eq!(older[0], today[60]);
    assert_eq!((time(&older[30]), time(&older[31])), ("20260515 093000".into(), "20260514 155900".into()));
    let (_, fives) = minutes("5", "0", "120", "").await;
    assert_eq!((fives.len(), time(&fives[1])), (19, "20260515 105500".into()));
    assert_eq!((&fives[1]["open"], &fives[1]["last"]), (&today[5]["open"], &today[1]["last"]));

    let book = client.get(BOOK, "HHDFS76200100", &[("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ")]).await.assert_good().body;
    let (bid, ask) = (decimal(&book["output2"]["pbid1"]), decimal(&book["output2"]["pask1"]));
    assert!(bid < decimal(&book["output1"]["last"]) && decimal(&book["output1"]["last"]) < ask);
    assert_eq!(bid - decimal(&book["output2"]["pbid10"]), dec!(0.09));
}
