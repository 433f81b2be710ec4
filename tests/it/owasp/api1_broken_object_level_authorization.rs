//! API1:2023 Broken Object Level Authorization. Every route with real ids of somebody else is tried in
//! `tenancy.rs`; here are the ways around that.

use serde_json::json;

use super::{expect, id, own_account};
use crate::support::TestServer;

const ORDERS: &str = "/api/v1/trading/orders";

#[tokio::test]
async fn an_id_in_another_form_opens_nothing_either() {
    let server = TestServer::start().await;
    let (anna, ben) = (server.user("anna").await, server.user("ben").await);
    let account = own_account(&server, "anna").await;
    let order = id(&anna.post(ORDERS, &json!({"symbol": "005930", "side": "buy", "quantity": 1, "price": 70000})).await.1);
    let plain = account.replace('-', "");
    for form in [account.clone(), account.to_uppercase(), plain.clone(), format!("{{{account}}}"), format!("urn:uuid:{account}")] {
        expect(404, "not_found", &ben.get(&format!("/api/v1/trading/accounts/{form}")).await);
        for query in [format!("account_id={form}"), format!("account_id={form}&open=true")] {
            let (status, answer) = ben.get(&format!("{ORDERS}?{query}")).await;
            assert!(status == 404 || status == 422, "{query}: {status} {answer}");
        }
        let (status, answer) = ben.post(ORDERS, &json!({"account": form, "symbol": "005930", "quantity": 1, "price": 70000})).await;
        assert!(status == 404 || status == 422, "{form}: {status} {answer}");
    }
    for path in [
        format!("{ORDERS}/{order}?account_id={account}"),
        format!("{ORDERS}/{}", order.to_uppercase()),
        format!("{ORDERS}/%2e%2e/accounts/{account}"),
        format!("{ORDERS}/{order}%00"),
    ] {
        let (status, answer) = ben.get(&path).await;
        assert!((400..500).contains(&status) && !answer.to_string().contains("005930"), "{path}: {status} {answer}");
    }
    assert_eq!(anna.get(&format!("{ORDERS}/{order}")).await.0, 200);
}

#[tokio::test]
async fn the_own_account_lends_no_right_to_anothers_order() {
    let server = TestServer::start().await;
    let (anna, ben) = (server.user("anna").await, server.user("ben").await);
    let ticket = json!({"symbol": "005930", "side": "buy", "quantity": 1, "price": 70000});
    let hers = id(&anna.post(ORDERS, &ticket).await.1);
    let (account, his) = {
        let placed = ben.post(ORDERS, &ticket).await.1;
        (placed["account_id"].as_str().unwrap().to_owned(), id(&placed))
    };
    expect(404, "not_found", &ben.patch(&format!("{ORDERS}/{hers}"), &json!({"quantity": 2})).await);
    expect(404, "not_found", &ben.delete(&format!("{ORDERS}/{hers}?account_id={account}")).await);
    // Stopping everything means everything of one's own.
    let cancelled = ben.post(&format!("{ORDERS}/cancel-all"), &json!({})).await.1;
    let cancelled: Vec<String> = cancelled["items"].as_array().unwrap().iter().map(|i| i.to_string()).collect();
    assert!(cancelled.len() == 1 && cancelled[0].contains(&his), "{cancelled:?}");
    assert_eq!(anna.get(&format!("{ORDERS}?open=true")).await.1["items"].as_array().unwrap().len(), 1);
    // A page that begins at somebody else's row tells no more than one that begins nowhere.
    let (_, page) = ben.get(&format!("{ORDERS}?after={hers}")).await;
    assert!(!page.to_string().contains(&hers), "{page}");
}
