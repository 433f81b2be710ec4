//! The calls of the program that this product replaces, parameter by parameter: it sends the account
//! with every request, price queries included, and fails on any unknown or missing column.

use super::*;

const ACCOUNT: [(&str, &str); 2] = [("CANO", CANO), ("ACNT_PRDT_CD", "01")];

#[tokio::test]
async fn a_trading_evening_of_the_old_client_works() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let with = |more: &[(&'static str, &'static str)]| [ACCOUNT.as_slice(), more].concat();
    let price = client.get(PRICE, "HHDFS00000300", &with(&[("AUTH", ""), ("EXCD", "AMS"), ("SYMB", "SOXL")])).await.assert_good().body;
    assert_eq!(price["output"].as_object().unwrap().len(), 11);
    let last = decimal(&price["output"]["last"]);
    assert_eq!(price["output"]["rsym"], "DAMSSOXL");

    let sell = json!({
        "CANO": CANO, "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": "AMEX", "PDNO": "SOXL", "ORD_QTY": "20",
        "OVRS_ORD_UNPR": (last * dec!(0.98)).round_dp(2).to_string(), "SLL_TYPE": "00", "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00",
    });
    let answer = client.post(ORDER, "TTTT1006U", sell).await.assert_good();
    let number = answer.body["output"]["ODNO"].as_str().unwrap();

    let query = with(&[
        ("PDNO", "SOXL"),
        ("ORD_STRT_DT", "20260514"),
        ("ORD_END_DT", "20260516"),
        ("SLL_BUY_DVSN", "00"),
        ("CCLD_NCCS_DVSN", "01"),
        ("OVRS_EXCG_CD", "AMEX"),
        ("SORT_SQN", "DS"),
        ("ORD_DT", ""),
        ("ORD_GNO_BRNO", ""),
        ("ODNO", ""),
        ("CTX_AREA_NK200", ""),
        ("CTX_AREA_FK200", ""),
    ]);
    let list = client.get(ORDERS, "TTTS3035R", &query).await.assert_good().body;
    let row = &list["output"][0];
    assert_eq!((row["odno"].as_str(), row["ft_ccld_qty"].as_str()), (Some(number), Some("20")));
    assert_eq!(row.as_object().unwrap().len(), 32);
    let gross = decimal(&row["ft_ccld_amt3"]);
    assert!(gross > last * dec!(19.9) && gross <= last * dec!(20.1));

    let query = with(&[("OVRS_EXCG_CD", "AMEX"), ("TR_CRCY_CD", "USD"), ("CTX_AREA_FK200", ""), ("CTX_AREA_NK200", "")]);
    let balance = client.get(BALANCE, "TTTS3012R", &query).await.assert_good().body;
    assert_eq!((balance["output1"][0]["ovrs_pdno"].as_str(), balance["output1"][0]["ord_psbl_qty"].as_str()), (Some("SOXL"), Some("190")));

    let query = with(&[("OVRS_EXCG_CD", "AMEX"), ("OVRS_ORD_UNPR", "34.9"), ("ITEM_CD", "SOXL")]);
    let power = client.get(BUYING_POWER, "TTTS3007R", &query).await.assert_good().body;
    assert_eq!(decimal(&power["output"]["ovrs_ord_psbl_amt"]), dec!(50000) + gross);

    let query = with(&[("BASS_DT", "20260516"), ("WCRC_FRCR_DVSN_CD", "02"), ("INQR_DVSN_CD", "00")]);
    let settled = client.get("/uapi/overseas-stock/v1/trading/inquire-paymt-stdr-balance", "CTRP6010R", &query).await.assert_good().body;
    let rows = settled["output1"].as_array().unwrap();
    let soxl = rows.iter().find(|row| row["pdno"] == "SOXL").unwrap();
    assert_eq!(decimal(&soxl["ord_psbl_qty1"]), dec!(190));
    assert_eq!(decimal(&soxl["ovrs_now_pric1"]).normalize(), world.control.price("SOXL").unwrap().normalize());
}
