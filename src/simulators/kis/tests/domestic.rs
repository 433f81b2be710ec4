//! Korean orders, balances and quotations over the wire.

use super::super::super::exchange::FillPlan;
use super::*;
use crate::domain::money::Currency;

async fn world() -> World {
    World::with(Scenario::default(), KRX_MID_SESSION).await
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} of {row}"))
}

async fn price(client: &Client, symbol: &str) -> Value {
    let query = [("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", symbol)];
    client.get(KRX_PRICE, "FHKST01010100", &query).await.assert_good().body["output"].clone()
}

#[tokio::test]
async fn a_market_buy_holds_the_upper_limit_fills_and_shows_on_every_screen() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = world().await;
        let client = world.client(environment).await;
        let screen = price(&client, "005930").await;
        let (last, upper) = (decimal(&screen["stck_prpr"]), decimal(&screen["stck_mxpr"]));
        let (power, shares) = client.krx_power().await;
        // Fees are kept back, and a market order is counted at the day's upper limit.
        assert_eq!(power, (dec!(50000000) / dec!(1.000140527)).floor());
        assert_eq!(shares, (power / upper).floor());
        let too_many = client.krx_order("buy", "005930", (shares + Decimal::ONE).try_into().unwrap(), 0, &[("ORD_DVSN", "01")]).await;
        assert_eq!(too_many.code(), "APBK0952");
        let number = client.good_krx_order("buy", "005930", 7, 0, &[("ORD_DVSN", "01")]).await;
        let row = client.krx_order_row(&number).await;
        let amount = decimal(&row["tot_ccld_amt"]);
        assert_eq!((text(&row, "tot_ccld_qty"), text(&row, "rmn_qty"), text(&row, "ord_dvsn_name")), ("7", "0", "시장가"), "{row}");
        assert!((amount / dec!(7) - last).abs() <= last * dec!(0.01), "{amount} against {last}");
        let fee = (amount * dec!(0.000140527)).floor();
        assert_eq!(world.control.cash_in(&client.app_key, Currency::Krw), Some(dec!(50000000) - amount - fee));
        let (rows, totals) = client.krx_balance().await;
        let held = rows.iter().find(|row| row["pdno"] == "005930").unwrap();
        assert_eq!((text(held, "hldg_qty"), text(held, "thdt_buyqty"), text(held, "ord_psbl_qty")), ("107", "7", "107"));
        assert_eq!(decimal(&held["pchs_amt"]), dec!(6850000) + amount);
        assert_eq!(rows.len(), 2, "US holdings do not show");
        // The deposit moves on the second session after the trade.
        assert_eq!((text(&totals, "dnca_tot_amt"), text(&totals, "nxdy_excc_amt")), ("50000000", "50000000"));
        assert_eq!(decimal(&totals["prvs_rcdl_excc_amt"]), dec!(50000000) - amount - fee);
        assert_eq!(decimal(&totals["thdt_tlex_amt"]), fee);
        let value: Decimal = rows.iter().map(|row| decimal(&row["evlu_amt"])).sum();
        assert_eq!(decimal(&totals["tot_evlu_amt"]), value + dec!(50000000) - amount - fee);
    }
}

#[tokio::test]
async fn won_settle_on_the_second_session_and_sold_out_rows_stay_until_then() {
    let world = world().await;
    let mut client = world.client(BrokerHost::Live).await;
    world.control.fill_next(LIVE_KEY, FillPlan::AtOnce);
    let number = client.good_krx_order("sell", "069500", 30, 0, &[("ORD_DVSN", "01")]).await;
    let amount = decimal(&client.krx_order_row(&number).await["tot_ccld_amt"]);
    // An ETF pays no transaction tax.
    let fee = (amount * dec!(0.000140527)).floor();
    let cash = dec!(50000000) + amount - fee;
    assert_eq!(world.control.cash_in(LIVE_KEY, Currency::Krw), Some(cash));
    // What a sale brings can be spent at once.
    assert_eq!(client.krx_power().await.0, (cash / dec!(1.000140527)).floor());
    let seen = async |client: &Client| {
        let (rows, totals) = client.krx_balance().await;
        let sold = rows.iter().find(|row| row["pdno"] == "069500").map(|row| text(row, "hldg_qty").to_owned());
        (sold, decimal(&totals["dnca_tot_amt"]), decimal(&totals["nxdy_excc_amt"]))
    };
    assert_eq!(seen(&client).await, (Some("0".into()), dec!(50000000), dec!(50000000)));
    // Friday, then over the weekend to Monday 2026-05-18.
    world.clock.advance_to("2026-05-15T02:00:00Z".parse().unwrap());
    client.token().await;
    assert_eq!(seen(&client).await, (Some("0".into()), dec!(50000000), cash));
    world.clock.advance_to("2026-05-18T02:00:00Z".parse().unwrap());
    client.token().await;
    assert_eq!(seen(&client).await, (Some("0".into()), cash, cash));
    world.clock.advance_to("2026-05-19T02:00:00Z".parse().unwrap());
    client.token().await;
    assert_eq!(seen(&client).await.0, None);
}

#[tokio::test]
async fn selling_shares_costs_tax_and_shows_as_realised_profit() {
    let world = world().await;
    let client = world.client(BrokerHost::Live).await;
    world.control.fill_next(LIVE_KEY, FillPlan::AtOnce);
    let number = client.good_krx_order("sell", "005930", 40, 0, &[("ORD_DVSN", "01")]).await;
    let amount = decimal(&client.krx_order_row(&number).await["tot_ccld_amt"]);
    let (fee, tax) = ((amount * dec!(0.000140527)).floor(), (amount * dec!(0.002)).floor());
    let execution = world.control.executions(LIVE_KEY).pop().unwrap();
    assert_eq!((execution.fee, execution.tax), (fee, tax));
    assert_eq!(world.control.cash_in(LIVE_KEY, Currency::Krw), Some(dec!(50000000) + amount - fee - tax));
    let profit = amount - dec!(40) * dec!(68500);
    for (costs, expected) in [("N", profit), ("Y", profit - fee - tax)] {
        let mut query = krx_balance_query();
        query.push(("COST_ICLD_YN", costs));
        let answer = client.get(KRX_BALANCE_PROFIT, "TTTC8494R", &query).await.assert_good();
        assert_eq!(decimal(&answer.body["output2"][0]["rlzt_pfls"]), expected);
    }
    let query = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("PDNO", "005930")];
    // An open sell takes from what can be sold.
    client.good_krx_order("sell", "005930", 25, 90000, &[]).await;
    let row = client.get(KRX_SELLABLE, "TTTC8408R", &query).await.assert_good().body["output"][0].clone();
    assert_eq!((text(&row, "cblc_qty"), text(&row, "ord_psbl_qty"), text(&row, "sll_qty")), ("60", "35", "40"));
    assert_eq!(client.krx_order("sell", "005930", 36, 90000, &[]).await.code(), "APBK0400");
    let none = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("PDNO", "000660")];
    assert_eq!(client.get(KRX_SELLABLE, "TTTC8408R", &none).await.assert_good().body["output"], json!([]));
}

#[tokio::test]
async fn prices_off_the_tick_or_beyond_the_limits_and_wrong_kinds_are_refused() {
    let world = world().await;
    let (live, paper) = (world.client(BrokerHost::Live).await, world.client(BrokerHost::Mock).await);
    for client in [&live, &paper] {
        let screen = price(client, "005930").await;
        let (low, high): (u64, u64) = (text(&screen, "stck_llam").parse().unwrap(), text(&screen, "stck_mxpr").parse().unwrap());
        assert_eq!(text(&screen, "aspr_unit"), "100");
        assert_eq!(client.krx_order("buy", "005930", 1, 70050, &[]).await.code(), "APBK0555");
        assert_eq!(client.krx_order("buy", "005930", 1, low - 100, &[]).await.code(), "APBK0556");
        assert_eq!(client.krx_order("sell", "005930", 1, high + 100, &[]).await.code(), "APBK0556");
        client.good_krx_order("buy", "005930", 1, low, &[]).await;
        client.good_krx_order("sell", "005930", 1, high, &[]).await;
        assert_eq!(client.krx_order("buy", "005930", 1, 0, &[]).await.code(), "APBK0552");
        assert_eq!(
            client.krx_order("buy", "005930", 1, 70000, &[("ORD_DVSN", "01")]).await.code(),
            "APBK0552",
            "a market order has no price"
        );
        assert_eq!(client.krx_order("buy", "005930", 0, 70000, &[]).await.code(), "APBK0551");
        assert_eq!(client.krx_order("buy", "123456", 1, 70000, &[]).await.code(), "APBK0656");
        assert_eq!(client.krx_order("buy", "TQQQ", 1, 70000, &[]).await.code(), "APBK0656");
        assert_eq!(client.krx_order("buy", "005930", 1, 70000, &[("ORD_DVSN", "99")]).await.code(), "APBK1943");
        // An ETF has a tick of 5.
        client.good_krx_order("buy", "069500", 1, 40005, &[]).await;
        assert_eq!(client.krx_order("buy", "069500", 1, 40002, &[]).await.code(), "APBK0555");
    }
    assert_eq!(paper.krx_order("buy", "005930", 1, 0, &[("ORD_DVSN", "03")]).await.code(), "APBK1943");
    assert_eq!(paper.krx_order("buy", "005930", 1, 70000, &[("EXCG_ID_DVSN_CD", "SOR")]).await.code(), "APBK1943");
    assert_eq!(live.krx_order("buy", "005930", 1, 0, &[("ORD_DVSN", "01"), ("EXCG_ID_DVSN_CD", "NXT")]).await.code(), "APBK1943");
    let number = live.good_krx_order("buy", "005930", 1, 60000, &[("EXCG_ID_DVSN_CD", "SOR")]).await;
    let mut query = krx_orders_query();
    query.iter_mut().find(|(name, _)| *name == "EXCG_ID_DVSN_CD").unwrap().1 = "SOR";
    let rows = live.get(KRX_ORDERS, "TTTC0081R", &query).await.assert_good().body["output1"].clone();
    assert_eq!((rows.as_array().unwrap().len(), text(&rows[0], "odno"), text(&rows[0], "excg_id_dvsn_cd")), (1, number.as_str(), "SOR"));
    // The amendment must name the venue of its order.
    assert_eq!(live.krx_revise("02", &number, 0, 0, &[]).await.code(), "APBK0553");
    live.krx_revise("02", &number, 0, 0, &[("EXCG_ID_DVSN_CD", "SOR")]).await.assert_good();
}

#[tokio::test]
async fn numbers_in_the_body_and_lower_case_names_are_refused() {
    let world = world().await;
    let client = world.client(BrokerHost::Live).await;
    let good = json!({"CANO": CANO, "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "60000"});
    client.post(KRX_ORDER, "TTTC0012U", good.clone()).await.assert_good();
    let mut numeric = good.clone();
    numeric["ORD_QTY"] = json!(1);
    let answer = client.post(KRX_ORDER, "TTTC0012U", numeric).await;
    assert_eq!((answer.status, answer.code()), (200, "OPSQ2001"), "{answer:?}");
    assert!(text(&answer.body, "msg1").contains("ORD_QTY"));
    let mut lower = good;
    let quantity = lower.as_object_mut().unwrap().remove("ORD_QTY").unwrap();
    lower["ord_qty"] = quantity;
    assert_eq!(client.post(KRX_ORDER, "TTTC0012U", lower).await.code(), "OPSQ2001");
    assert_eq!(world.control.order_count(LIVE_KEY), 1);
}

#[tokio::test]
async fn an_amendment_goes_on_under_a_new_number_and_the_old_one_keeps_its_fills() {
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let world = world().await;
        let client = world.client(environment).await;
        world.control.fill_next(&client.app_key, FillPlan::Partial { quantity: 3 });
        let first = client.good_krx_order("buy", "005930", 10, 70000, &[]).await;
        let row = client.krx_order_row(&first).await;
        assert_eq!((text(&row, "tot_ccld_qty"), text(&row, "rmn_qty")), ("3", "7"));
        assert_eq!(client.krx_revise("01", &first, 8, 61000, &[]).await.code(), "APBK0551", "more than is left");
        assert_eq!(client.krx_revise("01", &first, 7, 61050, &[]).await.code(), "APBK0555");
        let answer = client.krx_revise("01", first.trim_start_matches('0'), 0, 61000, &[]).await.assert_good();
        let second = text(&answer.body["output"], "ODNO").to_owned();
        let (old, new) = (client.krx_order_row(&first).await, client.krx_order_row(&second).await);
        assert_eq!((text(&old, "tot_ccld_qty"), text(&old, "rmn_qty"), text(&old, "cncl_cfrm_qty")), ("3", "0", "7"));
        assert_eq!((text(&new, "orgn_odno"), text(&new, "ord_qty"), text(&new, "ord_unpr")), (first.as_str(), "7", "61000"));
        assert_eq!(client.krx_revise("02", &first, 0, 0, &[]).await.code(), "APBK0554", "nothing of the old number is open");
        // Two shares, then the rest.
        client.krx_revise("02", &second, 2, 0, &[]).await.assert_good();
        assert_eq!(text(&client.krx_order_row(&second).await, "cncl_cfrm_qty"), "2");
        let cancel = client.krx_revise("02", &second, 0, 0, &[]).await.assert_good();
        let cancel = client.krx_order_row(text(&cancel.body["output"], "ODNO")).await;
        assert_eq!((text(&cancel, "cncl_yn"), text(&cancel, "orgn_odno"), text(&cancel, "ord_qty")), ("Y", second.as_str(), "5"));
        assert_eq!(text(&client.krx_order_row(&second).await, "rmn_qty"), "0");
        assert_eq!(client.krx_power().await.0, {
            let cash = world.control.cash_in(&client.app_key, Currency::Krw).unwrap();
            (cash / dec!(1.000140527)).floor()
        });
    }
}

#[tokio::test]
async fn orders_that_can_be_changed_are_listed_on_live_alone() {
    let world = world().await;
    let (live, paper) = (world.client(BrokerHost::Live).await, world.client(BrokerHost::Mock).await);
    let number = live.good_krx_order("buy", "005930", 10, 60000, &[]).await;
    live.good_krx_order("sell", "005930", 10, 90000, &[]).await;
    let query = |side| {
        [
            ("CANO", CANO),
            ("ACNT_PRDT_CD", "01"),
            ("CTX_AREA_FK100", ""),
            ("CTX_AREA_NK100", ""),
            ("INQR_DVSN_1", "0"),
            ("INQR_DVSN_2", side),
        ]
    };
    for (side, count) in [("0", 2), ("1", 1), ("2", 1)] {
        let rows = live.get(KRX_OPEN, "TTTC0084R", &query(side)).await.assert_good().body["output"].clone();
        assert_eq!(rows.as_array().unwrap().len(), count, "{side}");
        if side == "2" {
            assert_eq!((text(&rows[0], "odno"), text(&rows[0], "psbl_qty")), (number.as_str(), "10"));
        }
    }
    let refused = paper.get(KRX_OPEN, "TTTC0084R", &query("0")).await;
    assert_eq!((refused.status, refused.code()), (500, "EGW02006"));
    let unknown = paper.get(KRX_OPEN, "VTTC0084R", &query("0")).await;
    assert_eq!(unknown.code(), "OPSQ0002");
    let sellable = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("PDNO", "005930")];
    for id in ["TTTC8408R", "VTTC8408R"] {
        assert_eq!(paper.get(KRX_SELLABLE, id, &sellable).await.code(), "OPSQ0002");
    }
    let days = [("BASS_DT", "20260501"), ("CTX_AREA_NK", ""), ("CTX_AREA_FK", "")];
    assert_eq!(paper.get(KRX_DAYS, "CTCA0903R", &days).await.code(), "EGW02006");
}

#[tokio::test]
async fn the_session_bounds_orders_and_hosts_word_it_their_way() {
    let world = World::with(Scenario::default(), "2026-05-13T23:29:59Z").await;
    let (mut live, mut paper) = (world.client(BrokerHost::Live).await, world.client(BrokerHost::Mock).await);
    assert_eq!(live.krx_order("buy", "005930", 1, 60000, &[]).await.code(), "APBK0918");
    // From 08:30 on orders are collected for the open; what wants a counterpart at once is not.
    world.clock.advance_to("2026-05-13T23:45:00Z".parse().unwrap());
    assert_eq!(live.krx_order("buy", "005930", 1, 0, &[("ORD_DVSN", "13")]).await.code(), "APBK1943");
    let number = live.good_krx_order("buy", "005930", 5, 0, &[("ORD_DVSN", "01")]).await;
    assert_eq!(text(&live.krx_order_row(&number).await, "tot_ccld_qty"), "0");
    world.clock.advance_to("2026-05-14T00:00:05Z".parse().unwrap());
    assert_eq!(text(&live.krx_order_row(&number).await, "tot_ccld_qty"), "5");
    assert!(world.control.executions(LIVE_KEY).iter().all(|execution| execution.at >= "2026-05-14T00:00:00Z".parse().unwrap()));
    let resting = live.good_krx_order("buy", "005930", 5, 60000, &[]).await;
    world.clock.advance_to("2026-05-14T06:30:00Z".parse().unwrap());
    assert_eq!(text(&live.krx_order_row(&resting).await, "rmn_qty"), "0");
    assert_eq!(live.krx_order("buy", "005930", 1, 60000, &[]).await.code(), "APBK0918");
    assert_eq!(paper.krx_order("buy", "005930", 1, 60000, &[]).await.code(), "40580000");
    // Buddha's birthday was moved to Monday 2026-05-25.
    world.clock.advance_to("2026-05-25T02:00:00Z".parse().unwrap());
    live.token().await;
    paper.token().await;
    assert_eq!(live.krx_order("buy", "005930", 1, 60000, &[]).await.code(), "APBK0918");
    assert_eq!(paper.krx_order("buy", "005930", 1, 60000, &[]).await.code(), "40100000");
}

#[tokio::test]
async fn the_charts_agree_with_the_price_and_page_back() {
    let world = world().await;
    let client = world.client(BrokerHost::Mock).await;
    let screen = price(&client, "000660").await;
    let chart = async |from: &str, to: &str, period: &str| {
        let query = [
            ("FID_COND_MRKT_DIV_CODE", "J"),
            ("FID_INPUT_ISCD", "000660"),
            ("FID_INPUT_DATE_1", from),
            ("FID_INPUT_DATE_2", to),
            ("FID_PERIOD_DIV_CODE", period),
            ("FID_ORG_ADJ_PRC", "0"),
        ];
        client.get(KRX_CHART, "FHKST03010100", &query).await.assert_good().body
    };
    let body = chart("20250101", "20260514", "D").await;
    let rows = body["output2"].as_array().unwrap();
    assert_eq!((rows.len(), text(&rows[0], "stck_bsop_date")), (100, "20260514"));
    assert_eq!((&rows[0]["stck_clpr"], &rows[1]["stck_clpr"]), (&screen["stck_prpr"], &screen["stck_sdpr"]));
    assert_eq!(decimal(&rows[0]["prdy_vrss"]), decimal(&screen["stck_prpr"]) - decimal(&screen["stck_sdpr"]));
    assert!(rows.iter().all(|row| text(row, "stck_bsop_date") != "20260505"), "a holiday has no bar");
    let oldest = text(&rows[99], "stck_bsop_date").to_owned();
    let older = chart("20250101", "20251201", "D").await;
    assert!(text(&older["output2"][0], "stck_bsop_date") <= "20251201" && *text(&older["output2"][0], "stck_bsop_date") > *"20251127");
    assert!(oldest.as_str() < "20251231");
    let short = chart("20260511", "20260514", "D").await;
    assert_eq!(short["output2"].as_array().unwrap().len(), 4);
    let weeks = chart("20260101", "20260514", "W").await;
    let months = chart("20260101", "20260514", "M").await;
    assert_eq!(months["output2"].as_array().unwrap().len(), 5);
    assert!(weeks["output2"].as_array().unwrap().len() >= 18);
}

#[tokio::test]
async fn minutes_go_back_from_a_time_and_the_book_stands_around_the_price() {
    let world = world().await;
    let client = world.client(BrokerHost::Live).await;
    let minutes = async |time: &str, past: &str| {
        let query = [
            ("FID_ETC_CLS_CODE", ""),
            ("FID_COND_MRKT_DIV_CODE", "J"),
            ("FID_INPUT_ISCD", "005930"),
            ("FID_INPUT_HOUR_1", time),
            ("FID_PW_DATA_INCU_YN", past),
        ];
        client.get(KRX_MINUTES, "FHKST03010200", &query).await.assert_good().body["output2"].as_array().unwrap().clone()
    };
    let latest = minutes("110000", "N").await;
    assert_eq!((latest.len(), text(&latest[0], "stck_cntg_hour"), text(&latest[29], "stck_cntg_hour")), (30, "110000", "103100"));
    assert_eq!(text(&minutes("103000", "N").await[0], "stck_cntg_hour"), "103000");
    let first = minutes("090100", "N").await;
    assert_eq!((first.len(), text(&first[1], "stck_cntg_hour")), (2, "090000"));
    let past = minutes("090100", "Y").await;
    assert_eq!((past.len(), text(&past[2], "stck_bsop_date"), text(&past[2], "stck_cntg_hour")), (30, "20260513", "152900"));
    // A time ahead repeats the last price.
    let ahead = minutes("111000", "N").await;
    assert_eq!(
        (text(&ahead[0], "stck_cntg_hour"), text(&ahead[0], "cntg_vol"), text(&ahead[10], "stck_cntg_hour")),
        ("111000", "0", "110000")
    );
    assert_eq!(ahead[0]["stck_prpr"], price(&client, "005930").await["stck_prpr"]);

    let query = [("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", "005930")];
    let book = client.get(KRX_BOOK, "FHKST01010200", &query).await.assert_good().body;
    let (ask, bid) = (decimal(&book["output1"]["askp1"]), decimal(&book["output1"]["bidp1"]));
    let last = decimal(&book["output2"]["stck_prpr"]);
    assert!(bid < last && last < ask, "{bid} {last} {ask}");
    assert_eq!(decimal(&book["output1"]["askp10"]) - ask, dec!(900));
    let unknown = [("FID_COND_MRKT_DIV_CODE", "J"), ("FID_INPUT_ISCD", "999999")];
    assert_eq!(client.get(KRX_PRICE, "FHKST01010100", &unknown).await.assert_good().body["output"]["stck_prpr"], "0");
    let wrong = [("FID_COND_MRKT_DIV_CODE", "Z"), ("FID_INPUT_ISCD", "005930")];
    assert_eq!(client.get(KRX_PRICE, "FHKST01010100", &wrong).await.code(), "OPSQ2001");
}

#[tokio::test]
async fn the_calendar_of_days_comes_in_pages() {
    let world = world().await;
    let client = world.client(BrokerHost::Live).await;
    let first = client.get(KRX_DAYS, "CTCA0903R", &[("BASS_DT", "20260501"), ("CTX_AREA_NK", ""), ("CTX_AREA_FK", "")]).await.assert_good();
    let rows = first.body["output"].as_array().unwrap();
    assert_eq!((rows.len(), first.header("tr_cont")), (25, Some("F")));
    let flag = |day: usize| (text(&rows[day - 1], "bass_dt"), text(&rows[day - 1], "wday_dvsn_cd"), text(&rows[day - 1], "opnd_yn"));
    assert_eq!(flag(1), ("20260501", "06", "N"));
    assert_eq!(flag(2), ("20260502", "07", "N"));
    assert_eq!(flag(4), ("20260504", "02", "Y"));
    assert_eq!(flag(5), ("20260505", "03", "N"));
    let next = text(&first.body, "ctx_area_nk");
    assert_eq!(next.len(), 20);
    let second = client.page(KRX_DAYS, "CTCA0903R", &[("BASS_DT", "20260501"), ("CTX_AREA_NK", next), ("CTX_AREA_FK", "")], "N").await;
    assert_eq!(text(&second.body["output"][0], "bass_dt"), "20260526");
}

#[tokio::test]
async fn order_lists_page_and_filter() {
    let world = world().await;
    let (live, paper) = (world.client(BrokerHost::Live).await, world.client(BrokerHost::Mock).await);
    for client in [&live, &paper] {
        for _ in 0..18 {
            client.good_krx_order("buy", "005930", 1, 60000, &[]).await;
        }
        client.good_krx_order("sell", "069500", 1, 50000, &[]).await;
    }
    let answer = live.get(KRX_ORDERS, "TTTC0081R", &krx_orders_query()).await.assert_good();
    assert_eq!((answer.body["output1"].as_array().unwrap().len(), answer.header("tr_cont")), (19, Some("D")));
    assert_eq!(text(&answer.body["output2"], "tot_ord_qty"), "19");
    let first = paper.get(KRX_ORDERS, "VTTC0081R", &krx_orders_query()).await.assert_good();
    assert_eq!((first.body["output1"].as_array().unwrap().len(), first.header("tr_cont")), (15, Some("F")));
    let next = text(&first.body, "ctx_area_nk100").to_owned();
    let mut query = krx_orders_query();
    query.iter_mut().find(|(name, _)| *name == "CTX_AREA_NK100").unwrap().1 = next.trim();
    let second = paper.page(KRX_ORDERS, "VTTC0081R", &query, "N").await.assert_good();
    assert_eq!((second.body["output1"].as_array().unwrap().len(), second.header("tr_cont")), (4, Some("D")));
    let filtered = async |name: &str, value: &str| {
        let mut query = krx_orders_query();
        query.iter_mut().find(|(field, _)| *field == name).unwrap().1 = value;
        live.get(KRX_ORDERS, "TTTC0081R", &query).await.assert_good().body["output1"].as_array().unwrap().len()
    };
    assert_eq!(filtered("SLL_BUY_DVSN_CD", "01").await, 1);
    assert_eq!(filtered("PDNO", "005930").await, 18);
    assert_eq!(filtered("CCLD_DVSN", "01").await, 0);
    assert_eq!(filtered("CCLD_DVSN", "02").await, 19);
    assert_eq!(filtered("INQR_END_DT", "20260513").await, 0);
    assert_eq!(filtered("EXCG_ID_DVSN_CD", "NXT").await, 0);
    assert_eq!(filtered("EXCG_ID_DVSN_CD", "ALL").await, 19);
    let old = live.get(KRX_ORDERS, "TTTC8001R", &krx_orders_query()).await.assert_good();
    assert_eq!(old.body["output1"].as_array().unwrap().len(), 19, "the old id still answers");
    assert!(filtered("ODNO", "117057").await == 1);
}
