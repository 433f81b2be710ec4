//! Every answer carries exactly the columns that the broker documents, in the documented shape.

use std::collections::BTreeSet;

use super::*;
use crate::simulators::exchange::Happened;
use crate::simulators::kis::registry::{Action, Transaction, transactions};
use crate::simulators::kis::ws;

/// What the websockets send: prices (`ws::market` compares their columns) and notices of one's own orders.
const PRICES: [&str; 4] = ["H0STCNT0", "H0STASP0", "HDFSCNT0", "HDFSASP0"];
const KOREAN_NOTICES: [&str; 2] = ["H0STCNI0", "H0STCNI9"];
const US_NOTICES: [&str; 2] = ["H0GSCNI0", "H0GSCNI9"];

fn documented() -> Value {
    let path = std::env::var("EGGMONEY_BROKER_COLUMNS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/kis-columns.json").to_owned());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn keys(row: &Value) -> BTreeSet<String> {
    row.as_object().unwrap_or_else(|| panic!("{row} is no object")).keys().cloned().collect()
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What differs between an answer and the documentation of its transaction; `None` when nothing does.
fn difference(documented: &Value, body: &Value) -> Option<String> {
    let groups: Vec<&String> =
        documented.as_object()?.keys().filter(|key| !key.starts_with('_') && *key != "path" && *key != "method").collect();
    let mut top = names(&documented["_top"]);
    top.extend(groups.iter().map(|group| (*group).clone()));
    if keys(body) != top {
        return Some(format!("members {:?}, documented {top:?}", keys(body)));
    }
    for group in groups {
        let columns = names(&documented[group]);
        let rows = match documented["_shape"][group].as_str() {
            Some("array") => match body[group].as_array() {
                Some(rows) if !rows.is_empty() => rows.clone(),
                _ => return Some(format!("{group} is no list with rows")),
            },
            _ => vec![body[group].clone()],
        };
        for row in rows {
            if keys(&row) != columns {
                return Some(format!("{group} has {:?}, documented {columns:?}", keys(&row)));
            }
            if let Some((name, value)) = row.as_object()?.iter().find(|(_, value)| !value.is_string()) {
                return Some(format!("{group}.{name} is {value}, not a string"));
            }
        }
    }
    None
}

/// Parameters that make a transaction answer with rows.
fn parameters(number: &str) -> Vec<(String, String)> {
    let order = order_body("NASD", "TQQQ", 1, dec!(100));
    let mut all: Vec<(String, String)> =
        order.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let more = [
        ("AUTH", ""),
        ("EXCD", "NAS"),
        ("SYMB", "TQQQ"),
        ("GUBN", "0"),
        ("BYMD", ""),
        ("MODP", "1"),
        ("FID_COND_MRKT_DIV_CODE", "X"),
        ("FID_INPUT_ISCD", "FX@KRW"),
        ("FID_INPUT_DATE_1", "20260501"),
        ("FID_INPUT_DATE_2", "20260515"),
        ("FID_PERIOD_DIV_CODE", "D"),
        ("ORGN_ODNO", number),
        ("RVSE_CNCL_DVSN_CD", "02"),
        ("SORT_SQN", "DS"),
        ("CTX_AREA_FK200", ""),
        ("CTX_AREA_NK200", ""),
        ("ORD_STRT_DT", "20260515"),
        ("ORD_END_DT", "20260515"),
        ("SLL_BUY_DVSN", "00"),
        ("CCLD_NCCS_DVSN", "00"),
        ("ORD_DT", ""),
        ("ORD_GNO_BRNO", ""),
        ("ODNO", ""),
        ("TR_CRCY_CD", "USD"),
        ("WCRC_FRCR_DVSN_CD", "02"),
        ("NATN_CD", "840"),
        ("TR_MKET_CD", "00"),
        ("INQR_DVSN_CD", "00"),
        ("ITEM_CD", "TQQQ"),
        ("BASS_DT", "20260515"),
        ("NMIN", "5"),
        ("PINC", "1"),
        ("NEXT", ""),
        ("NREC", "30"),
        ("FILL", ""),
        ("KEYB", ""),
    ];
    all.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

fn is_domestic(transaction: &Transaction) -> bool {
    transaction.path.contains("/domestic-stock/")
}

/// Parameters that make a Korean transaction answer with rows.
fn domestic_parameters(number: &str, transaction: &Transaction) -> Vec<(String, String)> {
    let older = transaction.action == Action::CashOrders { recent: false };
    let revises = transaction.action == Action::CashModifyOrCancel;
    let orders = transaction.method == "POST";
    let all = [
        ("CANO", CANO),
        ("ACNT_PRDT_CD", "01"),
        ("PDNO", "005930"),
        ("ORD_DVSN", "00"),
        ("ORD_QTY", if revises { "0" } else { "1" }),
        ("ORD_UNPR", if revises { "0" } else { "70000" }),
        ("EXCG_ID_DVSN_CD", "KRX"),
        ("KRX_FWDG_ORD_ORGNO", ""),
        ("ORGN_ODNO", number),
        ("RVSE_CNCL_DVSN_CD", "02"),
        ("QTY_ALL_ORD_YN", "Y"),
        ("CTX_AREA_FK100", ""),
        ("CTX_AREA_NK100", ""),
        ("INQR_STRT_DT", if older { "20260101" } else { "20260514" }),
        ("INQR_END_DT", "20260831"),
        ("SLL_BUY_DVSN_CD", "00"),
        ("ORD_GNO_BRNO", ""),
        ("ODNO", ""),
        ("CCLD_DVSN", "00"),
        ("INQR_DVSN_1", "0"),
        ("INQR_DVSN_2", "0"),
        ("INQR_DVSN_3", "00"),
        ("INQR_DVSN", "00"),
        ("AFHR_FLPR_YN", "N"),
        ("OFL_YN", ""),
        ("UNPR_DVSN", "01"),
        ("FUND_STTL_ICLD_YN", "N"),
        ("FNCG_AMT_AUTO_RDPT_YN", "N"),
        ("PRCS_DVSN", "00"),
        ("COST_ICLD_YN", "N"),
        ("CMA_EVLU_AMT_ICLD_YN", "N"),
        ("OVRS_ICLD_YN", "N"),
        ("FID_COND_MRKT_DIV_CODE", "J"),
        ("FID_INPUT_ISCD", "005930"),
        ("FID_INPUT_DATE_1", "20260401"),
        ("FID_INPUT_DATE_2", "20260514"),
        ("FID_PERIOD_DIV_CODE", "D"),
        ("FID_ORG_ADJ_PRC", "0"),
        ("FID_ETC_CLS_CODE", ""),
        ("FID_INPUT_HOUR_1", "110000"),
        ("FID_PW_DATA_INCU_YN", "N"),
        ("BASS_DT", "20260514"),
        ("CTX_AREA_FK", ""),
        ("CTX_AREA_NK", ""),
    ];
    // What a transaction does not know is ignored, except that its own fields must fit.
    let known = |name: &str| transaction.fields.iter().any(|(field, ..)| *field == name) || !orders;
    all.into_iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn every_korean_transaction_answers_exactly_the_documented_columns_on_both_hosts() {
    let documented = documented();
    let world = World::with(Scenario::default(), KRX_MID_SESSION).await;
    let mut clients = Vec::new();
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        clients.push(world.client(environment).await);
    }
    let mut checked = 0;
    // The lists of older orders have rows once these are older than three months.
    for older in [false, true] {
        if older {
            world.clock.advance_to("2026-08-27T02:00:00Z".parse().unwrap());
        }
        for client in &mut clients {
            if older {
                client.token().await;
            }
            let here = transactions().filter(|t| is_domestic(t) && t.environment.is_none_or(|home| home == client.environment));
            for transaction in here.filter(|t| (t.action == Action::CashOrders { recent: false }) == older) {
                let number = if older { String::new() } else { client.good_krx_order("buy", "005930", 1, 60000, &[]).await };
                let parameters = domestic_parameters(&number, transaction);
                let answer = if transaction.method == "POST" {
                    let body = parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
                    client.post(transaction.path, transaction.id, Value::Object(body)).await
                } else {
                    let query: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    client.get(transaction.path, transaction.id, &query).await
                };
                let answer = answer.assert_good();
                let entry = &documented[transaction.id];
                assert_eq!(
                    (&entry["path"], &entry["method"]),
                    (&json!(transaction.path), &json!(transaction.method)),
                    "{}",
                    transaction.id
                );
                assert_eq!(difference(entry, &answer.body), None, "{} on {:?}", transaction.id, client.environment);
                checked += 1;
            }
        }
    }
    // The four common quotations twice.
    assert_eq!(checked, transactions().filter(|t| is_domestic(t)).count() + 4);
    println!("columns of {checked} Korean transactions compared");
}

#[tokio::test]
async fn every_transaction_answers_exactly_the_documented_columns_on_both_hosts() {
    let documented = documented();
    let world = World::start().await;
    let mut checked = 0;
    for environment in [BrokerHost::Live, BrokerHost::Mock] {
        let client = world.client(environment).await;
        let here = transactions().filter(|t| !is_domestic(t) && t.environment.is_none_or(|home| home == environment));
        for transaction in here {
            // A fresh resting order, so that there is something open to list and to cancel.
            let number = client.good_order("buy", "NASD", "TQQQ", 1, dec!(50)).await;
            let mut parameters = parameters(&number);
            if transaction.path == REVISE {
                parameters.retain(|(name, _)| name != "PDNO" && name != "OVRS_ORD_UNPR" && name != "ORD_QTY");
                for (name, value) in [("PDNO", "TQQQ"), ("OVRS_ORD_UNPR", "0"), ("ORD_QTY", "0")] {
                    parameters.push((name.to_owned(), value.to_owned()));
                }
            }
            let answer = if transaction.method == "POST" {
                let body = parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
                client.post(transaction.path, transaction.id, Value::Object(body)).await
            } else {
                let query: Vec<(&str, &str)> = parameters
                    .iter()
                    // The order list is asked without a symbol, as the paper host wants it.
                    .map(|(name, value)| (name.as_str(), if name == "PDNO" { "" } else { value.as_str() }))
                    .collect();
                client.get(transaction.path, transaction.id, &query).await
            };
            let answer = answer.assert_good();
            let entry = &documented[transaction.id];
            assert_eq!(entry["path"], transaction.path, "{}", transaction.id);
            assert_eq!(entry["method"], transaction.method, "{}", transaction.id);
            assert_eq!(difference(entry, &answer.body), None, "{} on {environment:?}", transaction.id);
            assert!(answer.header("tr_cont").is_some() && answer.header("tr_id") == Some(transaction.id), "{}", answer.head);
            checked += 1;
        }
    }
    // Both hosts together: every paper or live id once, the three common quotations twice.
    assert_eq!(checked, transactions().filter(|t| !is_domestic(t)).count() + 3);
    println!("columns of {checked} transactions compared");
}

#[tokio::test]
async fn every_execution_notice_has_the_documented_columns() {
    let documented = documented();
    let mut kinds = BTreeSet::new();
    for (start, korean) in [(KRX_MID_SESSION, true), (MID_SESSION, false)] {
        let world = World::with(Scenario::default(), start).await;
        let client = world.client(BrokerHost::Mock).await;
        let mut events = world.control.subscribe();
        if korean {
            client.good_krx_order("buy", "005930", 1, 60_000, &[]).await;
            client.good_krx_order("buy", "005930", 1, 90_000, &[]).await;
        } else {
            client.good_order("buy", "NASD", "TQQQ", 1, dec!(50)).await;
            client.good_order("buy", "NASD", "TQQQ", 1, dec!(1000)).await;
        }
        world.clock.advance(std::time::Duration::from_secs(60));
        world.control.advance();
        while let Ok(event) = events.try_recv() {
            kinds.insert((korean, matches!(event.happened, Happened::Filled(_))));
            let fields = ws::notice(&event, "simuser").unwrap();
            for id in if korean { KOREAN_NOTICES } else { US_NOTICES } {
                assert_eq!(fields.len(), documented[id]["columns"].as_array().unwrap().len(), "{id}: {fields:?}");
            }
        }
    }
    assert_eq!(kinds.len(), 4, "acceptances and fills of both markets: {kinds:?}");
    let compared: BTreeSet<&str> = PRICES.into_iter().chain(KOREAN_NOTICES).chain(US_NOTICES).collect();
    let served: BTreeSet<&str> = documented.as_object().unwrap().keys().map(String::as_str).filter(|id| ws::serves(id)).collect();
    assert_eq!(served, compared, "what a websocket serves is compared");
}

#[tokio::test]
async fn the_comparison_sees_a_missing_an_extra_and_a_numeric_column() {
    let documented = documented();
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let good = client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", "NAS"), ("SYMB", "TQQQ")]).await.assert_good().body;
    let entry = &documented["HHDFS00000300"];
    assert_eq!(difference(entry, &good), None);
    let mut missing = good.clone();
    missing["output"].as_object_mut().unwrap().remove("base");
    assert!(difference(entry, &missing).is_some());
    let mut extra = good.clone();
    extra["output"]["more"] = json!("1");
    assert!(difference(entry, &extra).is_some());
    let mut numeric = good.clone();
    numeric["output"]["last"] = json!(1.5);
    assert!(difference(entry, &numeric).is_some());
    let mut top = good;
    top["ctx"] = json!("");
    assert!(difference(entry, &top).is_some());
}

#[tokio::test]
async fn an_unknown_symbol_succeeds_with_blank_columns() {
    let world = World::start().await;
    let client = world.client(BrokerHost::Live).await;
    let documented = documented();
    for (exchange, symbol) in [("NAS", "NOSUCH"), ("AMS", "TQQQ"), ("XXX", "TQQQ")] {
        let answer = client.get(PRICE, "HHDFS00000300", &[("AUTH", ""), ("EXCD", exchange), ("SYMB", symbol)]).await.assert_good();
        assert_eq!(answer.body["output"]["last"], "", "{exchange} {symbol}");
        assert_eq!(difference(&documented["HHDFS00000300"], &answer.body), None);
    }
}
