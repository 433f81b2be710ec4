//! The store as its callers see it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::migrate::{Step, run_steps};
use super::port::{BatchFn, Engine, ReadView};
use super::redb::RedbEngine;
use super::tables::{EXPOSURE, META, Number, OPEN_ORDERS, ORDER_FACTS, ORDERS, USER_NAMES, UserRef};
use super::{Key, Store, StoreError, account_key, time_ordered};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, OrderId, UserId};
use crate::domain::instrument::Market;
use crate::domain::order::{Environment, OrderIntent, OrderOrigin, OrderState, Reason, Side};

mod invariants;
mod snapshots;

fn number(n: u64) -> Number {
    Number(n)
}

fn counter() -> Key {
    Key::new().text("counter")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn intent(account: AccountId) -> OrderIntent {
    OrderIntent {
        order_id: OrderId(Uuid::now_v7()),
        account_id: account,
        bot_id: None,
        bot_name: "TQ_1".to_owned(),
        environment: Environment::Mock,
        market: Market::Us,
        symbol: "TQQQ".to_owned(),
        side: Side::Buy,
        quantity: 3,
        kind: crate::domain::order::OrderKind::Limit,
        limit_price: Some("61.37".parse().unwrap()),
        trigger_price: None,
        venue: crate::domain::order::Venue::Krx,
        origin: OrderOrigin::Closing,
        session: jiff::civil::date(2026, 5, 14),
        expires_at: at(1_000),
    }
}

#[test]
fn a_refused_write_leaves_nothing_and_harms_no_other_in_its_group() {
    let store = Store::in_memory().unwrap();
    let threads: Vec<_> = (0..32_u64)
        .map(|n| {
            let store = store.clone();
            std::thread::spawn(move || {
                store.write_blocking(move |tx| -> Result<(), StoreError> {
                    let seen = tx.get(&META, &counter())?.map_or(0, |v| v.0);
                    tx.put(&META, &counter(), &number(seen + 1))?;
                    if n % 4 == 0 { Err(StoreError::conflict("no", "refused")) } else { Ok(()) }
                })
            })
        })
        .collect();
    let refused = threads.into_iter().map(|t| t.join().unwrap()).filter(Result::is_err).count();
    assert_eq!(refused, 8);
    let counted = store.read(|v| v.get(&META, &counter())).unwrap().unwrap();
    assert_eq!(counted, number(24), "every write that was not refused is there exactly once");
}

#[test]
fn one_user_never_sees_rows_of_another() {
    let store = Store::in_memory().unwrap();
    let (me, other) = (UserId(Uuid::now_v7()), UserId(Uuid::now_v7()));
    let account = AccountId(Uuid::now_v7());
    store
        .write_blocking(move |tx| {
            tx.user(other).record(account, at(1), Actor::Bot, vec![Event::OrderIntended { intent: Box::new(intent(account)) }])
        })
        .unwrap();
    assert_eq!(store.user(other).read(|u| u.open_orders(account)).unwrap().len(), 1);
    assert!(store.user(me).read(|u| u.open_orders(account)).unwrap().is_empty());
    assert!(store.user(me).read(|u| u.facts(account)).unwrap().is_empty());
}

#[test]
fn an_intent_is_journalled_once() {
    let store = Store::in_memory().unwrap();
    let (user, account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
    let wanted = intent(account);
    let write = |wanted: OrderIntent| {
        store.write_blocking(move |tx| {
            tx.user(user).record(account, at(1), Actor::Bot, vec![Event::OrderIntended { intent: Box::new(wanted.clone()) }]).map(drop)
        })
    };
    write(wanted.clone()).unwrap();
    assert!(matches!(write(wanted.clone()), Err(StoreError::Ledger(_))));
    let order = store.user(user).read(|u| u.require(&ORDERS, &account_key(account).id(wanted.order_id.as_bytes()))).unwrap();
    assert_eq!(order.state, OrderState::Intent);
    assert_eq!(store.user(user).read(|u| u.last_fact(account)).unwrap(), 1, "the refused fact left no trace");
}

#[test]
fn ended_orders_are_found_without_reading_open_ones() {
    let store = Store::in_memory().unwrap();
    let (user, account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
    let (open, refused) = (intent(account), intent(account));
    let (open_id, id) = (open.order_id, refused.order_id);
    let reason = Reason::new("no", "refused");
    let facts: Vec<Vec<Event>> = vec![
        vec![Event::OrderIntended { intent: Box::new(open) }],
        vec![Event::OrderIntended { intent: Box::new(refused) }, Event::OrderRejected { order_id: id, reason }],
    ];
    let write = |events: Vec<Event>| {
        store.write_blocking(move |tx| tx.user(user).record(account, at(1), Actor::Bot, events.clone()).map(drop)).unwrap();
    };
    let ended =
        || -> Vec<OrderId> { store.user(user).read(|v| v.ended_orders(account)).unwrap().iter().map(|o| o.intent.order_id).collect() };
    facts.into_iter().for_each(write);
    assert_eq!(ended(), [id]);
    // An older program did not tell the two apart.
    store
        .write_blocking(move |tx| {
            let mut rows = tx.user(user);
            rows.put(&OPEN_ORDERS, &account_key(account).id(open_id.as_bytes()), &number(0))?;
            rows.put(&OPEN_ORDERS, &account_key(account).id(id.as_bytes()), &number(0))
        })
        .unwrap();
    assert_eq!(ended(), [id]);
    write(vec![Event::OrderSettled { order_id: id }]);
    assert_eq!(ended(), []);
    assert_eq!(store.user(user).read(|v| v.open_orders(account)).unwrap().len(), 1);
}

#[test]
fn a_revision_grows_with_the_users_own_writes_and_with_no_others() {
    let store = Store::in_memory().unwrap();
    let (me, other) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
    let revisions = || (store.user(me).revision(), store.user(other).revision());
    let before = revisions();
    let key = || Key::new().text("row");
    let write = |user: UserId| store.write_blocking(move |tx| tx.user(user).put(&OPEN_ORDERS, &key(), &number(1)));
    write(me).unwrap();
    let after = revisions();
    assert!(after.0 > before.0 && after.1 == before.1, "known as soon as the write is: {after:?}");
    write(other).unwrap();
    store.write_blocking(move |tx| tx.user(me).get(&OPEN_ORDERS, &key()).map(drop)).unwrap();
    assert_eq!(revisions().0, after.0);
    assert!(revisions().1 > after.1);
    store.write_blocking(move |tx| tx.user(me).remove(&OPEN_ORDERS, &key())).unwrap();
    assert!(revisions().0 > after.0, "what was removed is changed, too");
}

#[test]
fn who_writes_nothing_does_not_touch_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(super::DATABASE_FILE);
    let engine = RedbEngine::open(&path).unwrap();
    engine.write(&mut |batch| batch.put("space", b"key", b"value")).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut seen = None;
    engine
        .write(&mut |batch| {
            seen = batch.get("space", b"key")?;
            batch.get("another space", b"key").map(drop)
        })
        .unwrap();
    assert_eq!(seen.as_deref(), Some(b"value".as_slice()));
    assert!(std::fs::read(&path).unwrap() == before);
    engine.write(&mut |batch| batch.remove("space", b"key")).unwrap();
    assert!(std::fs::read(&path).unwrap() != before, "the comparison can see a commit");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path()).unwrap();
        store.write_blocking(|tx| tx.put(&META, &Key::default().raw(b"schema"), &number(999))).unwrap();
    }
    match Store::open(dir.path()) {
        Err(StoreError::Newer { found: 999, .. }) => {}
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let _open = Store::open(dir.path()).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Locked(_))));
}

#[test]
fn a_snapshot_holds_every_space() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_memory().unwrap();
    let id = UserId(Uuid::now_v7());
    store.write_blocking(move |tx| tx.put(&USER_NAMES, &Key::new().text("kim"), &UserRef(id))).unwrap();
    store.write_blocking(move |tx| tx.user(id).audit(at(5), None, "test.done", json!({}))).unwrap();
    let report = store.snapshot_to(&dir.path().join(super::DATABASE_FILE)).unwrap();
    assert_eq!(report.rows, 3, "schema mark, name and audit row");
    let copy = Store::open(dir.path()).unwrap();
    assert_eq!(copy.read(|v| v.get(&USER_NAMES, &Key::new().text("kim"))).unwrap(), Some(UserRef(id)));
}

#[test]
fn time_ordered_ids_sort_by_their_time() {
    let mut ids: Vec<_> = [30, 10, 20].into_iter().map(|s| (time_ordered(at(1_700_000_000 + s)), s)).collect();
    ids.sort();
    assert_eq!(ids.into_iter().map(|(_, s)| s).collect::<Vec<_>>(), [10, 20, 30]);
}

#[test]
fn verification_finds_a_row_that_its_facts_do_not_make() {
    let store = Store::in_memory().unwrap();
    let (user, account) = (UserId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
    let wanted = intent(account);
    let order_id = wanted.order_id;
    store
        .write_blocking(move |tx| {
            super::verify::test_account(tx, user, account)?;
            tx.user(user).record(account, at(1), Actor::Bot, vec![Event::OrderIntended { intent: Box::new(wanted.clone()) }]).map(drop)
        })
        .unwrap();
    assert!(store.verify().unwrap().differences.is_empty());
    store
        .write_blocking(move |tx| {
            let key = account_key(account).id(order_id.as_bytes());
            let mut user = tx.user(user);
            let mut order = user.require(&ORDERS, &key)?;
            order.cancel_requested = true;
            user.put(&ORDERS, &key, &order)
        })
        .unwrap();
    let report = store.verify().unwrap();
    assert_eq!(report.differences.len(), 1);
    assert_eq!(report.differences[0].row, order_id.to_string());
}

/// An engine that counts its commits and makes each wait until every caller has queued its write.
struct Counting {
    inner: RedbEngine,
    commits: AtomicUsize,
    callers: Arc<std::sync::Barrier>,
}

impl Engine for Counting {
    fn read(&self, f: &mut dyn FnMut(&dyn ReadView) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.inner.read(f)
    }
    fn write(&self, f: &mut BatchFn<'_>) -> Result<(), StoreError> {
        if self.commits.fetch_add(1, Ordering::SeqCst) == 0 {
            self.callers.wait();
        }
        self.inner.write(f)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_a_commit() {
    const CALLERS: u64 = 64;
    let callers = Arc::new(std::sync::Barrier::new(2));
    let engine = Arc::new(Counting { inner: RedbEngine::in_memory().unwrap(), commits: AtomicUsize::new(0), callers: callers.clone() });
    let store = Store::with_engine(engine.clone()).unwrap();
    let write = |n: u64| {
        let store = store.clone();
        tokio::spawn(async move { store.write(move |tx| tx.put(&META, &Key::new().u64(n), &number(n))).await })
    };
    let mut writes = vec![write(0)];
    while engine.commits.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // The first commit stands still until all others wait in the queue.
    writes.extend((1..CALLERS).map(write));
    while store.waiting_writes() < CALLERS as usize - 1 {
        tokio::task::yield_now().await;
    }
    callers.wait();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    assert_eq!(engine.commits.load(Ordering::SeqCst), 2, "one for the first, one for all that waited");
    assert_eq!(store.read(|v| v.list(&META, &Key::new())).unwrap().len(), CALLERS as usize);
}

#[test]
fn a_migration_runs_whole_after_a_snapshot_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = dir.path();
    let engine = RedbEngine::open(&path.join(super::DATABASE_FILE)).unwrap();
    let first = Step { to: 1, run: |b| b.put("old", b"key", b"value") };
    let second = Step { to: 2, run: |b| b.remove("old", b"key").and_then(|()| b.put("new", b"key", b"value")) };
    let broken = Step { to: 3, run: |b| b.remove("new", b"key").and_then(|()| Err(StoreError::Corrupt("half way".to_owned()))) };
    let schema = |engine: &RedbEngine| {
        let mut found = Vec::new();
        engine
            .read(&mut |v| {
                found = vec![v.get("old", b"key")?, v.get("new", b"key")?];
                Ok(())
            })
            .unwrap();
        found.into_iter().map(|v| v.is_some()).collect::<Vec<_>>()
    };
    run_steps(&engine, Some(path), &[Step { to: 1, run: first.run }]).unwrap();
    assert!(!path.join("snapshots").exists(), "there was nothing to save before the first schema");
    run_steps(&engine, Some(path), &[Step { to: 1, run: first.run }, Step { to: 2, run: second.run }]).unwrap();
    assert_eq!(schema(&engine), [false, true]);
    let saved = RedbEngine::open(&path.join("snapshots/before-schema-2-from-1.redb")).unwrap();
    assert_eq!(schema(&saved), [true, false], "the snapshot holds the data as they were");

    let refused = run_steps(&engine, Some(path), &[first, second, broken]);
    assert!(refused.is_err());
    assert_eq!(schema(&engine), [false, true], "a step that fails leaves everything as it was");
}

#[test]
fn a_database_of_the_first_schema_gets_its_orders_facts_indexed() {
    let dir = tempfile::tempdir().unwrap();
    let (user, account) = (UserId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
    let wanted = intent(account);
    let order = wanted.order_id;
    {
        let store = Store::open(dir.path()).unwrap();
        store.write_blocking(move |tx| super::verify::test_account(tx, user, account)).unwrap();
        let other = intent(account);
        let events = move || {
            let intended = |intent: &OrderIntent| Event::OrderIntended { intent: Box::new(intent.clone()) };
            vec![intended(&wanted), intended(&other), Event::OrderSent { order_id: wanted.order_id }]
        };
        store.write_blocking(move |tx| tx.user(user).record(account, at(1), Actor::Bot, events()).map(drop)).unwrap();
    }
    {
        // As the first schema left it.
        let engine = RedbEngine::open(&dir.path().join(super::DATABASE_FILE)).unwrap();
        engine
            .write(&mut |b| {
                for (key, _) in b.range(ORDER_FACTS.name, &[], &[], false, usize::MAX)? {
                    b.remove(ORDER_FACTS.name, &key)?;
                }
                b.put(META.name, b"schema", &super::record::encode(&number(1))?)
            })
            .unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    let facts = store.read(|v| v.user(user).facts_of_order(account, order)).unwrap();
    assert_eq!(facts.iter().map(|f| f.seq).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(store.verify().unwrap().differences, []);
    assert!(dir.path().join("snapshots/before-schema-5-from-1.redb").exists());
}

#[test]
fn audit_rows_of_earlier_schemas_are_put_in_order_and_chained() {
    use super::{AUDIT, SYSTEM_AUDIT};
    let dir = tempfile::tempdir().unwrap();
    let users = [UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2))];
    {
        let store = Store::open(dir.path()).unwrap();
        let two = move |tx: &mut super::Tx<'_>| {
            users.iter().try_for_each(|user| super::verify::test_account(tx, *user, AccountId(Uuid::now_v7())))
        };
        store.write_blocking(two).unwrap();
    }
    {
        // As schema 4 left it: keyed by ids, without sequence and hash.
        let engine = RedbEngine::open(&dir.path().join(super::DATABASE_FILE)).unwrap();
        engine
            .write(&mut |b| {
                for n in 1..=3_u128 {
                    let id = Uuid::from_u128(n << 64);
                    let row = format!(r#"{{"id":"{id}","at":"2026-05-14T00:00:0{n}Z","by":null,"action":"act.{n}","detail":{{"n":{n}}}}}"#);
                    let bytes = [&[1][..], row.as_bytes()].concat();
                    b.put(SYSTEM_AUDIT.name, id.as_bytes(), &bytes)?;
                    for user in users {
                        b.put(AUDIT.name, &[user.as_bytes().as_slice(), id.as_bytes()].concat(), &bytes)?;
                    }
                }
                b.put(META.name, b"schema", &super::record::encode(&number(4))?)
            })
            .unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    store.write_blocking(move |tx| tx.user(users[1]).audit(at(9), None, "act.4", serde_json::json!({}))).unwrap();
    let report = store.verify().unwrap();
    assert!(report.agrees() && report.audit_rows == 10, "{report:?}");
    let of_second = store.read(|v| v.user(users[1]).list(&AUDIT, &super::Key::new())).unwrap();
    let acts: Vec<(u64, &str)> = of_second.iter().map(|r| (r.seq, r.action.as_str())).collect();
    assert_eq!(acts, [(1, "act.1"), (2, "act.2"), (3, "act.3"), (4, "act.4")]);
}

#[test]
fn a_listed_open_order_that_does_not_exist_is_left_out_of_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let (user, account) = (UserId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
    let wanted = intent(account);
    let rows = |store: &Store| store.read(|v| v.user(user).list(&EXPOSURE, &account_key(account))).unwrap();
    let before = {
        let store = Store::open(dir.path()).unwrap();
        store.write_blocking(move |tx| super::verify::test_account(tx, user, account)).unwrap();
        let events = move || vec![Event::OrderIntended { intent: Box::new(wanted.clone()) }];
        store.write_blocking(move |tx| tx.user(user).record(account, at(1), Actor::Bot, events()).map(drop)).unwrap();
        let before = rows(&store);
        // As schema 3 left it, with a row of an order that is gone.
        let stale = account_key(account).id(Uuid::from_u128(9).as_bytes());
        store
            .write_blocking(move |tx| {
                for key in tx.user(user).view().keys(&EXPOSURE, &account_key(account))? {
                    tx.user(user).remove(&EXPOSURE, &Key::new().raw(&key))?;
                }
                tx.user(user).put(&OPEN_ORDERS, &stale, &number(0))?;
                tx.put(&META, &Key::default().raw(b"schema"), &number(3))
            })
            .unwrap();
        assert_eq!(rows(&store), []);
        before
    };
    let store = Store::open(dir.path()).unwrap();
    assert_eq!((rows(&store), before.len()), (before, 1));
    let report = store.verify().unwrap();
    assert!(format!("{report:?}").contains("open_orders"), "{report:?}");
}

#[test]
fn a_file_that_is_mostly_empty_gives_its_space_back_and_keeps_its_data() {
    use super::tables::MESSAGES;
    use crate::domain::message::{Level, Message, Notice};
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let user = crate::domain::id::UserId(uuid::Uuid::from_u128(7));
    let message = |n: u128| Message {
        id: crate::domain::id::MessageId(uuid::Uuid::from_u128(n)),
        account_id: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        code: "x".repeat(10_000),
        level: Level::Info,
        event: serde_json::to_value(Notice::AccountStarted).unwrap(),
        read: false,
    };
    let key = |n: u128| Key::new().id(uuid::Uuid::from_u128(n).as_bytes());
    assert_eq!(store.tidy().unwrap(), None, "a small file is left alone");
    let put = move |tx: &mut super::Tx<'_>| (0..3_000).try_for_each(|n| tx.user(user).put(&MESSAGES, &key(n), &message(n)));
    store.write_blocking::<_, StoreError>(put).unwrap();
    assert_eq!(store.tidy().unwrap(), None, "it is full");
    store.write_blocking::<_, StoreError>(move |tx| (10..3_000).try_for_each(|n| tx.user(user).remove(&MESSAGES, &key(n)))).unwrap();
    // Freed pages are free two commits later.
    for n in 0..3 {
        store.write_blocking::<_, StoreError>(move |tx| tx.user(user).put(&MESSAGES, &key(n), &message(n))).unwrap();
    }
    let busy = store.read(|_| store.tidy());
    assert_eq!(busy.unwrap(), None, "somebody reads");
    let (before, after) = store.tidy().unwrap().unwrap();
    assert!(before > 20 << 20 && after < before / 3, "{before} {after}");
    assert_eq!(store.tidy().unwrap(), None);
    assert_eq!(store.user(user).read(|v| v.list(&MESSAGES, &Key::new())).unwrap(), (0..10).map(message).collect::<Vec<_>>());
    store.write_blocking::<_, StoreError>(move |tx| tx.user(user).put(&MESSAGES, &key(11), &message(11))).unwrap();
}
