use futures_util::future::join_all;
use jiff::SignedDuration;

use super::*;
use crate::brokers::OrderOutcome;

/// A server on which only the listed tokens work.
async fn rig_with_tokens(good: &'static [usize]) -> Rig {
    rig(BrokerHost::Mock, move |seen| {
        let token = seen.header("authorization");
        if good.iter().any(|n| token == format!("Bearer token-number-{n}")) {
            if seen.method == "POST" { fixture("order") } else { fixture("price") }
        } else {
            fixture("token_expired")
        }
    })
    .await
}

/// Twenty different ones: identical reads would share a request.
const SYMBOLS: [&str; 20] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"];

#[tokio::test]
async fn twenty_callers_share_one_issue() {
    let rig = rig_with_tokens(&[1]).await;
    let quotes = join_all(SYMBOLS.map(|symbol| rig.client.quote(Exchange::Nasdaq, symbol))).await;
    assert!(quotes.iter().all(Result::is_ok));
    assert_eq!((rig.token_issues(), rig.calls().len()), (1, 20));
    let issue = &rig.server.seen()[0].json();
    assert_eq!(issue["grant_type"], "client_credentials");
    assert_eq!((issue["appkey"].as_str(), issue["appsecret"].as_str()), (Some(APP_KEY), Some(APP_SECRET)));
}

#[tokio::test]
async fn twenty_callers_share_one_replacement() {
    let rig = rig_with_tokens(&[2]).await;
    rig.client.check_token().await.unwrap();
    let quotes = join_all(SYMBOLS.map(|symbol| rig.client.quote(Exchange::Nasdaq, symbol))).await;
    assert!(quotes.iter().all(Result::is_ok), "{quotes:?}");
    assert_eq!(rig.token_issues(), 2);
}

#[tokio::test]
async fn a_stored_token_outlives_the_client() {
    let rig = rig_with_tokens(&[1]).await;
    rig.client.check_token().await.unwrap();
    let restarted = client_at(BrokerHost::Mock, &rig.server.base_url, &rig.clock, &rig.store);
    restarted.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert_eq!(rig.token_issues(), 1);
    let stored = rig.store.load().await.unwrap();
    assert_eq!(stored.expires_at, start() + SignedDuration::from_hours(24));
}

#[tokio::test]
async fn the_expiry_text_is_korean_time() {
    let clock = Arc::new(SteppedClock::new(start()));
    let server = Server::start(|_| fixture("token")).await;
    let store = Arc::new(MemoryTokenStore::default());
    client_at(BrokerHost::Mock, &server.base_url, &clock, &store).check_token().await.unwrap();
    assert_eq!(store.load().await.unwrap().expires_at, "2026-07-21T14:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn a_token_is_replaced_an_hour_before_its_end() {
    let rig = rig_with_tokens(&[1, 2]).await;
    rig.client.check_token().await.unwrap();
    rig.clock.advance(Duration::from_secs(22 * 3600 + 3599));
    rig.client.check_token().await.unwrap();
    assert_eq!(rig.token_issues(), 1);
    rig.clock.advance(Duration::from_secs(2));
    rig.client.check_token().await.unwrap();
    assert_eq!(rig.token_issues(), 2);
}

#[tokio::test]
async fn an_early_replacement_that_fails_keeps_the_old_token() {
    let clock = Arc::new(SteppedClock::new(start()));
    let served = AtomicUsize::new(0);
    let server_clock = clock.clone();
    let server = Server::start(move |seen| match seen.path.as_str() {
        urls::TOKEN if served.fetch_add(1, Ordering::SeqCst) == 0 => token_body(1, server_clock.now()),
        urls::TOKEN => fixture("token_too_early"),
        _ => fixture("price"),
    })
    .await;
    let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
    client.check_token().await.unwrap();
    clock.advance(Duration::from_secs(23 * 3600 + 60));
    let before = clock.now();
    for _ in 0..5 {
        client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    }
    let issues = server.seen().iter().filter(|s| s.path == urls::TOKEN).count();
    assert_eq!(issues, 2, "one early try, not one per call");
    assert!(clock.now().duration_since(before) < SignedDuration::from_secs(5), "nobody waits while the old token works");
}

#[tokio::test]
async fn a_token_that_dies_mid_run_is_replaced_once() {
    let rig = rig_with_tokens(&[2]).await;
    rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert_eq!((rig.token_issues(), rig.calls().len()), (2, 2));
    // The second issue kept its distance from the first.
    assert!(rig.clock.now().duration_since(start()) >= SignedDuration::from_secs(60));
}

#[tokio::test]
async fn an_order_that_meets_a_dead_token_is_sent_again_exactly_once() {
    let rig = rig_with_tokens(&[2]).await;
    let intent = intent(BrokerHost::Mock, Side::Buy);
    let ack = rig.client.send(&intent).await.unwrap();
    assert_eq!(ack.broker_order_no, "0000038614");
    let calls = rig.calls();
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0].header("authorization"), calls[1].header("authorization"));
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_ends_the_issuing() {
    let rig = rig_with_tokens(&[3]).await;
    let intent = intent(BrokerHost::Mock, Side::Buy);
    let error = rig.client.send(&intent).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Unauthorized { code, .. } if code == "EGW00123"), "{error:?}");
    assert_eq!(error.order_outcome(), OrderOutcome::NotPlaced);
    for _ in 0..3 {
        assert!(rig.client.quote(Exchange::Nasdaq, "TQQQ").await.is_err());
    }
    assert_eq!((rig.token_issues(), rig.calls().len()), (2, 2), "no storm of issues");
    rig.clock.advance(Duration::from_secs(301));
    rig.client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    assert_eq!(rig.token_issues(), 3);
}

#[tokio::test]
async fn an_issue_that_comes_too_early_waits_for_its_minute() {
    let clock = Arc::new(SteppedClock::new(start()));
    let served = AtomicUsize::new(0);
    let server_clock = clock.clone();
    let server = Server::start(move |seen| match seen.path.as_str() {
        urls::TOKEN if served.fetch_add(1, Ordering::SeqCst) == 0 => fixture("token_too_early"),
        urls::TOKEN => token_body(1, server_clock.now()),
        _ => fixture("price"),
    })
    .await;
    let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
    client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap();
    let waited = clock.now().duration_since(start()).as_secs();
    assert!((65..70).contains(&waited), "waited {waited} s");
}

#[tokio::test]
async fn endless_refusals_to_issue_end_in_an_error() {
    let clock = Arc::new(SteppedClock::new(start()));
    let server = Server::start(|_| fixture("token_too_early")).await;
    let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
    let error = client.quote(Exchange::Nasdaq, "TQQQ").await.unwrap_err();
    assert!(matches!(&error, BrokerError::RateLimited { code, .. } if code == "EGW00133"), "{error:?}");
    assert_eq!(server.seen().len(), 4);
    assert_eq!(clock.now().duration_since(start()).as_secs(), 3 * 65);
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let clock = Arc::new(SteppedClock::new(start()));
    let server = Server::start(|_| fixture("token_bad_key")).await;
    let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
    let error = client.check_token().await.unwrap_err();
    assert!(matches!(&error, BrokerError::Unauthorized { code, .. } if code == "EGW00103"), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_order_without_a_token_was_certainly_not_placed() {
    let reactions: [fn() -> Reaction; 5] = [
        || Reaction::Drop,
        || answer(502, "<html>"),
        || answer(200, "{\"access_tok"),
        || answer(200, "{\"access_token\":\"a b\"}"),
        || answer(200, "{\"access_token\":\"abc\",\"access_token_token_expired\":\"soon\"}"),
    ];
    for reaction in reactions {
        let clock = Arc::new(SteppedClock::new(start()));
        let server = Server::start(move |_| reaction()).await;
        let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
        let error = client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
        assert_eq!(error.order_outcome(), OrderOutcome::NotPlaced, "{error:?}");
        assert!(server.seen().iter().all(|s| s.path == urls::TOKEN));
    }
}

#[tokio::test]
async fn an_order_whose_time_passes_while_it_waits_for_a_token_never_leaves() {
    // The broker refuses to issue before its minute is over, three times: the fourth token comes after 195 s.
    let late_rig = async || {
        let clock = Arc::new(SteppedClock::new(start()));
        let served = AtomicUsize::new(0);
        let server_clock = clock.clone();
        let server = Server::start(move |seen| match seen.path.as_str() {
            urls::TOKEN if served.fetch_add(1, Ordering::SeqCst) < 3 => fixture("token_too_early"),
            urls::TOKEN => token_body(1, server_clock.now()),
            _ => fixture("order"),
        })
        .await;
        let client = client_at(BrokerHost::Mock, &server.base_url, &clock, &Arc::default());
        (server, client)
    };
    let until = |secs| OrderIntent { expires_at: start() + SignedDuration::from_secs(secs), ..intent(BrokerHost::Mock, Side::Buy) };
    let orders = |server: &Server| server.seen().iter().filter(|s| s.path != urls::TOKEN).count();

    let (server, client) = late_rig().await;
    let error = client.send(&until(195)).await.unwrap_err();
    assert_eq!((error.code(), error.order_outcome(), orders(&server)), ("too_late", OrderOutcome::NotPlaced, 0), "{error}");

    let (server, client) = late_rig().await;
    client.send(&until(196)).await.unwrap();
    assert_eq!(orders(&server), 1);
}

#[tokio::test]
async fn an_order_that_meets_a_dead_token_is_not_sent_again_after_its_time() {
    let rig = rig_with_tokens(&[2]).await;
    let intent = OrderIntent { expires_at: start() + SignedDuration::from_secs(30), ..intent(BrokerHost::Mock, Side::Buy) };
    let error = rig.client.send(&intent).await.unwrap_err();
    assert_eq!((error.code(), rig.calls().len()), ("too_late", 1), "the second token came after 65 s");
    // A cancel is never too late for us.
    rig.client.send_cancel(&order(BrokerHost::Mock, Some("0000038614")), Exchange::Nasdaq).await.unwrap();
}

/// A kill switch that is thrown at a time on the clock.
#[derive(Debug)]
struct SwitchedAt(Arc<SteppedClock>, Timestamp);

impl OrderGuard for SwitchedAt {
    fn refusal(&self, _: &OrderIntent) -> Option<crate::domain::order::Reason> {
        (self.0.now() >= self.1).then(|| crate::domain::order::Reason::new("halted", "the kill switch is on"))
    }
}

#[tokio::test]
async fn an_order_that_a_kill_switch_overtakes_on_its_way_never_leaves() {
    for host in [BrokerHost::Mock, BrokerHost::Live] {
        for (switched_after, sent) in [(0, 0), (30, 0), (64, 0), (600, 2)] {
            // The first token comes after its minute: the switch is thrown while the order waits for it.
            let clock = Arc::new(SteppedClock::new(start()));
            let served = AtomicUsize::new(0);
            let server_clock = clock.clone();
            let server = Server::start(move |seen| match seen.path.as_str() {
                urls::TOKEN if served.fetch_add(1, Ordering::SeqCst) == 0 => fixture("token_too_early"),
                urls::TOKEN => token_body(1, server_clock.now()),
                _ => fixture("order"),
            })
            .await;
            let guard = Arc::new(SwitchedAt(clock.clone(), start() + SignedDuration::from_secs(switched_after)));
            let client = Arc::into_inner(client_at(host, &server.base_url, &clock, &Arc::default())).unwrap().with_guard(guard);
            let calls = || server.seen().iter().filter(|s| s.path != urls::TOKEN).count();
            let outcomes = [
                client.send(&intent(host, Side::Buy)).await,
                client.send_amend(&order(host, Some("0000038614")), &amendment(10, "82.75"), Exchange::Nasdaq).await,
            ];
            for outcome in outcomes {
                let code = outcome
                    .map_or_else(|e| (e.order_code().to_owned(), e.order_outcome() == OrderOutcome::NotPlaced), |_| (String::new(), false));
                let expected = if sent == 0 { ("halted".to_owned(), true) } else { (String::new(), false) };
                assert_eq!(code, expected, "{host:?} after {switched_after} s");
            }
            assert_eq!(calls(), sent, "{host:?} after {switched_after} s");
            assert_eq!(server.seen().is_empty(), switched_after == 0, "a switch that is on already asks for no token");
            client.send_cancel(&order(host, Some("0000038614")), Exchange::Nasdaq).await.unwrap();
            assert_eq!(calls(), sent + 1, "a cancel passes whatever is switched");
        }
    }
}

#[tokio::test]
async fn an_order_that_meets_a_dead_token_is_not_sent_again_after_the_kill_switch() {
    let rig = rig_with_tokens(&[2]).await;
    let guard = Arc::new(SwitchedAt(rig.clock.clone(), start() + SignedDuration::from_secs(30)));
    let client = client_at(BrokerHost::Mock, &rig.server.base_url, &rig.clock, &rig.store);
    let client = Arc::into_inner(client).unwrap().with_guard(guard);
    let error = client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
    assert_eq!((error.order_code(), error.order_outcome(), rig.calls().len()), ("halted", OrderOutcome::NotPlaced, 1));
}

#[tokio::test]
async fn an_order_that_waits_for_its_turn_heeds_the_kill_switch() {
    let rig = rig(BrokerHost::Mock, |_| fixture("order")).await;
    rig.client.check_token().await.unwrap();
    let http = HttpClient::new(HttpSettings { connect_timeout: PATIENT, timeout: PATIENT }).unwrap();
    let tokens = Arc::new(TokenKeeper::new(rig.store.clone(), rig.clock.clone()));
    // One call in ten seconds.
    let limiter = Arc::new(RateLimiter::new(rig.clock.clone(), 0.1));
    let guard = Arc::new(SwitchedAt(rig.clock.clone(), rig.clock.now() + SignedDuration::from_secs(5)));
    let config = config(BrokerHost::Mock, &rig.server.base_url);
    let client = KisClient::new(config, http, rig.clock.clone(), tokens, limiter).unwrap().with_guard(guard);
    client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap();
    let error = client.send(&intent(BrokerHost::Mock, Side::Buy)).await.unwrap_err();
    assert_eq!((error.order_code(), rig.calls().len()), ("halted", 1));
}
