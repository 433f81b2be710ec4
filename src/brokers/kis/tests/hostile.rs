//! Answers that are not what they should be: every single field, once with everything that it cannot
//! be. Nothing may panic, and no list may lose an entry without an error.

use serde_json::{Value, json};

use super::*;

fn body(name: &str) -> Value {
    let path = format!("{}/data-fixtures/brokers/kis/http_{name}.json", env!("CARGO_MANIFEST_DIR"));
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    value["body"].clone()
}

/// Pointers to all values below `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut visit = |name: &str, child: &Value| {
        let pointer = format!("{at}/{name}");
        pointers(child, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, child)| visit(name, child)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, child)| visit(&i.to_string(), child)),
        _ => {}
    }
}

/// The body with each of its values replaced in turn, or taken away.
fn spoilt(name: &str) -> Vec<(String, Value)> {
    let whole = body(name);
    let mut places = Vec::new();
    pointers(&whole, "", &mut places);
    let mut all = Vec::new();
    for place in places {
        for wrong in [json!(7), json!(-1.5), json!(true), json!({ "a": 1 }), json!(["x"]), json!("?"), Value::Null] {
            let mut copy = whole.clone();
            *copy.pointer_mut(&place).unwrap() = wrong.clone();
            all.push((format!("{place} = {wrong}"), copy));
        }
        let (parent, leaf) = place.rsplit_once('/').unwrap();
        let mut copy = whole.clone();
        if let Some(members) = copy.pointer_mut(parent).and_then(Value::as_object_mut) {
            members.remove(leaf);
            all.push((format!("{place} removed"), copy));
        }
    }
    all
}

/// Reads every spoilt form of a fixture. `read` tells how many entries it found.
async fn survive(host: BrokerHost, name: &str, read: impl AsyncFn(&KisClient) -> Result<usize, BrokerError>) {
    let current = Arc::new(std::sync::Mutex::new(body(name)));
    let served = current.clone();
    let rig = rig(host, move |_| answer(200, &served.lock().unwrap().to_string())).await;
    let whole = read(&rig.client).await.unwrap();
    let (mut fine, mut refused) = (0, 0);
    for (what, spoilt) in spoilt(name) {
        *current.lock().unwrap() = spoilt;
        match read(&rig.client).await {
            Ok(found) => {
                // A whole output that is missing is an empty list in this protocol.
                let emptied =
                    ["/output", "/output1", "/output2"].iter().any(|o| what == format!("{o} removed") || what == format!("{o} = null"));
                assert!(found >= whole || emptied, "{name} {what}: {found} of {whole} entries");
                fine += 1;
            }
            Err(BrokerError::Protocol(_) | BrokerError::Rejected { .. } | BrokerError::UnknownInstrument(_)) => refused += 1,
            Err(other) => panic!("{name} {what}: {other:?}"),
        }
    }
    assert!(fine > 0 && refused > 0, "{name}: {fine} fine, {refused} refused");
}

fn day() -> Date {
    jiff::civil::date(2026, 7, 20)
}

#[tokio::test]
async fn korean_lists_lose_nothing_in_silence() {
    survive(BrokerHost::Live, "krx_orders_page2", async |c| Ok(c.orders(Market::Krx, day(), day(), None).await?.len())).await;
    survive(BrokerHost::Live, "krx_open_orders", async |c| Ok(c.open_orders(Market::Krx).await?.len())).await;
    survive(BrokerHost::Mock, "krx_balance", async |c| Ok(c.positions(Market::Krx).await?.len())).await;
}

#[tokio::test]
async fn us_lists_lose_nothing_in_silence() {
    survive(BrokerHost::Live, "executions_page3", async |c| Ok(c.orders(Market::Us, day(), day(), None).await?.len())).await;
    survive(BrokerHost::Live, "open_orders", async |c| Ok(c.open_orders(Market::Us).await?.len())).await;
    survive(BrokerHost::Live, "balance", async |c| Ok(c.positions(Market::Us).await?.len())).await;
}

#[tokio::test]
async fn figures_are_read_or_refused() {
    survive(BrokerHost::Live, "krx_buying_power", async |c| c.buying_power(Exchange::Krx, "005930", None).await.map(|_| 1)).await;
    survive(BrokerHost::Live, "buying_power", async |c| c.buying_power(Exchange::Nasdaq, "TQQQ", None).await.map(|_| 1)).await;
    survive(BrokerHost::Live, "krx_balance", async |c| c.cash(Market::Krx).await.map(|_| 1)).await;
    survive(BrokerHost::Live, "krx_sellable", async |c| c.sellable(Exchange::Krx, "005930").await.map(|n| usize::from(!n.is_zero()))).await;
    survive(BrokerHost::Live, "price", async |c| c.quote(Exchange::Nasdaq, "TQQQ").await.map(|_| 1)).await;
}

#[tokio::test]
async fn receipts_are_read_or_leave_the_order_unknown() {
    let current = Arc::new(std::sync::Mutex::new(Value::Null));
    let served = current.clone();
    let rig = rig(BrokerHost::Mock, move |_| answer(200, &served.lock().unwrap().to_string())).await;
    for (what, spoilt) in spoilt("order") {
        *current.lock().unwrap() = spoilt;
        match rig.client.send_krx(&krx_intent(BrokerHost::Mock, Side::Buy)).await {
            Ok(ack) => assert_eq!(ack.broker_order_no, "0000038614", "{what}"),
            Err(error) => {
                assert_eq!(error.order_outcome(), crate::brokers::OrderOutcome::Unknown, "{what}: {error:?}");
                // The answer is kept, as far as it was one.
                assert!(error.to_string().contains("{\"msg"), "{what}: no evidence in {error}");
            }
        }
    }
}
