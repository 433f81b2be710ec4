//! Pages of order lists and daily prices.

use super::super::super::exchange::FillPlan;
use super::*;

/// Follows the pages of a list; returns their sizes, headers and the order numbers.
async fn pages(client: &Client, path: &str, tr_id: &str, query: &[(&str, &str)]) -> (Vec<usize>, Vec<String>, Vec<String>) {
    let (mut sizes, mut headers, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fk, mut nk, mut continuation) = (String::new(), String::new(), "");
    loop {
        let mut query: Vec<(&str, &str)> = query.iter().filter(|(name, _)| !name.starts_with("CTX")).copied().collect();
        query.extend([("CTX_AREA_FK200", fk.as_str()), ("CTX_AREA_NK200", nk.as_str())]);
        let answer = client.page(path, tr_id, &query, continuation).await.assert_good();
        let rows = answer.body["output"].as_array().unwrap();
        sizes.push(rows.len());
        numbers.extend(rows.iter().map(|row| row["odno"].as_str().unwrap().to_owned()));
        headers.push(answer.header("tr_cont").unwrap().to_owned());
        let (next_fk, next_nk) = (answer.body["ctx_area_fk200"].as_str().unwrap(), answer.body["ctx_area_nk200"].as_str().unwrap());
        assert_eq!((next_fk.len(), next_nk.len()), (200, 200));
        if !matches!(headers.last().map(String::as_str), Some("F" | "M")) {
            assert_eq!(next_nk.trim(), "");
            return (sizes, headers, numbers);
        }
        let codes = if client.environment == BrokerHost::Live { ["KIOK0500"] } else { ["20310000"] };
        assert!(codes.contains(&answer.code()));
        (fk, nk, continuation) = (next_fk.trim_end().to_owned(), next_nk.trim_end().to_owned(), "N");
    }
}

#[tokio::test]
async fn order_lists_come_in_pages_of_the_host_and_lose_nothing() {
    let world = World::start().await;
    for (environment, sizes, headers) in
        [(BrokerHost::Live, vec![20, 20, 5], vec!["F", "M", "D"]), (BrokerHost::Mock, vec![15, 15, 15], vec!["F", "M", "D"])]
    {
        let client = world.client(environment).await;
        world.control.fill_all(&client.app_key, FillPlan::Never);
        let mut placed = Vec::new();
        for _ in 0..45 {
            placed.push(client.good_order("buy", "NASD", "TQQQ", 1, dec!(60)).await);
        }
        let (found, marks, numbers) = pages(&client, ORDERS, &client.tr("TTTS3035R"), &orders_query("", "00")).await;
        assert_eq!((found, marks), (sizes, headers.into_iter().map(str::to_owned).collect()));
        let mut sorted = numbers.clone();
        sorted.sort();
        assert_eq!(sorted, placed);
        // DS is oldest first; the paper host does not look at it and shows the newest first.
        assert_eq!(numbers == placed, environment == BrokerHost::Live);
    }
    let live = world.client_again(BrokerHost::Live).await;
    let query = [("CANO", CANO), ("ACNT_PRDT_CD", "01"), ("OVRS_EXCG_CD", "NASD"), ("SORT_SQN", "DS")];
    let (found, _, numbers) = pages(&live, OPEN_ORDERS, "TTTS3018R", &query).await;
    assert_eq!((found, numbers.len()), (vec![40, 5], 45));
}

#[tokio::test]
async fn filters_of_the_order_list_work_on_live_and_are_ignored_on_paper() {
    let world = World::start().await;
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let client = world.client(environment).await;
        world.control.fill_next(&client.app_key, FillPlan::AtOnce);
        client.good_order("buy", "NASD", "TQQQ", 1, dec!(60)).await;
        world.control.fill_next(&client.app_key, FillPlan::Never);
        client.good_order("buy", "AMEX", "SOXL", 1, dec!(10)).await;
        let count = async |symbol, state| {
            let answer = client.get(ORDERS, &client.tr("TTTS3035R"), &orders_query(symbol, state)).await.assert_good();
            answer.body["output"].as_array().unwrap().len()
        };
        let counts =
            [count("", "00").await, count("%", "00").await, count("SOXL", "00").await, count("", "01").await, count("TQQQ", "02").await];
        assert_eq!(counts, if environment == BrokerHost::Live { [2, 2, 1, 1, 0] } else { [2; 5] });
    }
}

#[tokio::test]
async fn daily_prices_page_back_by_date_and_agree_with_the_price() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let ask = async |until: &str, period: &str| {
        let query = [("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ"), ("GUBN", period), ("BYMD", until), ("MODP", "1"), ("KEYB", "")];
        client.get(DAILY, "HHDFS76240000", &query).await.assert_good().body
    };
    let first = ask("", "0").await;
    let rows = first["output2"].as_array().unwrap().clone();
    assert_eq!((rows.len(), first["output1"]["nrec"].as_str()), (100, Some("100")));
    assert_eq!(rows[0]["xymd"], "20260515");
    assert_eq!(rows[1]["clos"], "138.0000", "the anchor");
    let mut oldest = rows[99]["xymd"].as_str().unwrap().to_owned();
    let mut total = rows.len();
    for _ in 0..3 {
        let date = super::super::format::parse_date(&oldest).unwrap().yesterday().unwrap();
        let page = ask(&super::super::format::date_text(date), "0").await;
        let rows = page["output2"].as_array().unwrap().clone();
        assert!(rows[0]["xymd"].as_str().unwrap() < oldest.as_str());
        oldest = rows[99]["xymd"].as_str().unwrap().to_owned();
        total += rows.len();
    }
    assert_eq!(total, 400);
    for row in &rows {
        let (change, base) = (decimal(&row["diff"]), decimal(&row["clos"]));
        assert!(change >= dec!(0) && base > dec!(0));
    }
    let weekly = ask("20260508", "1").await;
    assert_eq!((weekly["output2"][0]["xymd"].as_str(), weekly["output2"][1]["xymd"].as_str()), (Some("20260508"), Some("20260501")));
    let monthly = ask("20260430", "2").await;
    assert_eq!((monthly["output2"][0]["xymd"].as_str(), monthly["output2"][1]["xymd"].as_str()), (Some("20260430"), Some("20260331")));
    let price = client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ")]).await.assert_good().body;
    assert_eq!(price["output"]["base"], "138.0000");
}
