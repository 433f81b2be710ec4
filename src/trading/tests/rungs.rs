//! What a rung means for bots that join later, for orders that wait when a bot goes down, and for open
//! questions.

use super::ladder::{allow, climb, climb_to_one_share, observer, on_one_share, step};
use super::*;
use crate::domain::account::{AccountMode, Rung};
use crate::domain::order::{Environment, OrderOrigin, OrderState};
use crate::trading::bots::bot_settings::{BotPatch, NewBot};
use crate::trading::testing::Does;
use crate::trading::{Answer, Step};

fn skip(rung: Rung) -> Step {
    Step { skip_night: true, ..step(rung) }
}

/// A live account that orders in full.
async fn in_full(world: &mut World, bots: Vec<(Bot, f64, f64)>) -> Client {
    let client = world.user_with(Environment::Live, AccountMode::Trading, bots);
    super::ladder::with_key(world, &client);
    world.edit_account(&client, |a| a.going_live.rung = Rung::Full);
    allow(world, &client).await;
    client
}

fn new_bot(client: &Client, name: &str) -> NewBot {
    NewBot {
        account_id: client.account,
        name: name.to_owned(),
        symbol: "TQQQ".to_owned(),
        seed: 1_000.0,
        profit_rate: 0.1,
        t_div: 20,
        max_tier: 10,
        others: BotPatch { active: Some(true), ..BotPatch::default() },
    }
}

#[tokio::test]
async fn a_bot_that_is_made_while_its_account_trades_in_full_begins_with_one_share() {
    let mut world = World::new(EVENING);
    let client = in_full(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    let made = world.trading.create_bot(client.user, new_bot(&client, "TQ_2")).await.unwrap();
    let account = world.books(&client).account;
    assert_eq!(account.rung_of(made.id), Rung::OneShare);
    world.run_until(MORNING, STEP).await;
    let of = |name: &str| client.broker.sent().into_iter().filter(|s| s.bot == name).map(|s| s.quantity).collect::<Vec<_>>();
    assert!(of("TQ_1").iter().all(|q| *q > 1), "{:?}", of("TQ_1"));
    assert_eq!(of("TQ_2"), [1; 5]);
    // Its owner lets it climb, after a night of its own.
    assert_eq!(climb(&world, &client, Step { bot: Some(made.id), ..step(Rung::Full) }).await, Ok(Rung::Full));
    assert_eq!(world.books(&client).account.rung_of(made.id), Rung::Full);
    // Made while the account observes, it climbs together with it.
    let observing = observer(&mut world, vec![]);
    let made = world.trading.create_bot(observing.user, new_bot(&observing, "TQ_1")).await.unwrap();
    assert!(world.books(&observing).account.going_live.bots.is_empty());
    allow(&world, &observing).await;
    assert_eq!(climb_to_one_share(&world, &observing).await, Ok(Rung::OneShare));
    assert_eq!(climb(&world, &observing, skip(Rung::Full)).await, Ok(Rung::Full));
    assert_eq!(world.books(&observing).account.rung_of(made.id), Rung::Full);
}

#[tokio::test]
async fn a_bot_that_is_started_by_itself_or_was_off_at_the_climb_begins_with_one_share() {
    let mut world = World::new(EVENING);
    let off = || Bot { active: false, ..bot("TQ_2", "TQQQ") };
    // The first has used enough of its turns for the second to be started.
    let bots = vec![(bot("TQ_1", "TQQQ"), 200.0, 60.0), (off(), 0.0, 0.0)];
    let client = in_full(&mut world, bots).await;
    world.edit_account(&client, |a| {
        a.settings.auto_start = true;
        a.settings.auto_start_threshold = 0.1;
    });
    world.run_until(MORNING, STEP).await;
    let books = world.books(&client);
    let second = books.bots.iter().find(|b| b.name == "TQ_2").unwrap();
    assert_eq!((second.active, books.account.rung_of(second.id)), (true, Rung::OneShare));

    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0), (off(), 0.0, 0.0)]).await;
    assert_eq!(climb(&world, &client, skip(Rung::Full)).await, Ok(Rung::Full));
    let books = world.books(&client);
    let rungs: Vec<_> = books.bots.iter().map(|b| books.account.rung_of(b.id)).collect();
    assert_eq!(rungs, [Rung::Full, Rung::OneShare], "who has traded no share does not go along");
}

#[tokio::test]
async fn a_larger_order_that_waits_when_its_bot_goes_down_is_withdrawn() {
    let mut world = World::new(EVENING);
    let client = in_full(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    world.run_until("2026-05-14T15:09:00Z", MINUTE).await;
    client.broker.script([Does::FillPart(1)]);
    world.run_until("2026-05-14T15:11:00Z", MINUTE).await;
    let order = world.orders(&client).remove(0);
    assert_eq!((order.state, order.filled_quantity), (OrderState::PartiallyFilled, 1));
    assert!(order.intent.quantity > 2, "{}", order.intent.quantity);
    let bot_id = world.books(&client).bots[0].id;
    let down = Step { bot: Some(bot_id), proved: false, old_server_stopped: false, ..step(Rung::OneShare) };
    assert_eq!(climb(&world, &client, down).await, Ok(Rung::Full));
    // One that was journalled and waits to be sent does not leave any more; a person's does.
    let refusal = crate::trading::order_refusal(&world.store, client.user, &order.intent).unwrap();
    assert_eq!(refusal.code, "more_than_one_share");
    let by_hand = crate::domain::order::OrderIntent { bot_id: None, origin: OrderOrigin::Ticket, ..order.intent.clone() };
    assert_eq!(crate::trading::order_refusal(&world.store, client.user, &by_hand), None);
    let small = crate::domain::order::OrderIntent { quantity: 1, ..order.intent.clone() };
    assert_eq!(crate::trading::order_refusal(&world.store, client.user, &small), None);
    // Long before its time is over.
    assert!(order.intent.expires_at > crate::trading::testing::time("2026-05-14T15:13:00Z"));
    world.run_until("2026-05-14T15:13:00Z", MINUTE).await;
    let after = world.orders(&client).remove(0);
    assert_eq!((after.state, after.filled_quantity, client.broker.cancels().len()), (OrderState::Cancelled, 1, 1));
    world.run_until(MORNING, STEP).await;
    assert_eq!(client.broker.sent().iter().map(|s| s.quantity).skip(1).collect::<Vec<_>>(), [1; 4]);
    world.check(&client);
    world.check_broker(&client, "TQQQ", 0);
}

#[tokio::test]
async fn an_order_of_one_share_that_waits_stays_where_it_is() {
    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    world.run_until("2026-05-14T15:09:00Z", MINUTE).await;
    client.broker.script([Does::FillPart(0)]);
    world.run_until("2026-05-14T15:13:00Z", MINUTE).await;
    assert_eq!((client.broker.sent().len(), client.broker.cancels().len()), (1, 0));
}

#[tokio::test]
async fn open_questions_about_the_bots_symbols_stand_against_the_next_rung() {
    let mut world = World::new(EVENING);
    let client = on_one_share(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]).await;
    client.broker.move_shares("SOXL", 5);
    world.trading.compare_now(client.user, client.account).await.unwrap();
    assert_eq!(world.trading.questions(client.user, client.account).unwrap().differences.len(), 1);
    let missing = || world.trading.going_live(client.user, client.account).unwrap().missing;
    assert_eq!(missing(), ["clean_night_missing"], "no bot trades that symbol");
    client.broker.move_shares("TQQQ", 5);
    world.trading.compare_now(client.user, client.account).await.unwrap();
    assert_eq!(missing(), ["open_questions", "clean_night_missing"]);
    assert_eq!(climb(&world, &client, skip(Rung::Full)).await, Err("open_questions"));
    let asked = world.trading.questions(client.user, client.account).unwrap().differences;
    let asked = asked.iter().find(|d| d.symbol == "TQQQ").unwrap();
    world.trading.answer_difference(client.user, client.account, asked.id, Answer::Mine).await.unwrap();
    assert_eq!(climb(&world, &client, skip(Rung::Full)).await, Ok(Rung::Full));
}

#[tokio::test]
async fn a_bot_that_was_held_back_may_go_along_again_while_the_account_observes() {
    let mut world = World::new(EVENING);
    let client = observer(&mut world, vec![(bot("TQ_1", "TQQQ"), 0.0, 0.0)]);
    allow(&world, &client).await;
    let bot_id = world.books(&client).bots[0].id;
    let free = |rung| Step { bot: Some(bot_id), proved: false, old_server_stopped: false, ..step(rung) };
    let kept = |world: &World| world.books(&client).account.going_live.bots.get(&bot_id).copied();
    assert_eq!(climb(&world, &client, free(Rung::Observe)).await, Ok(Rung::Observe));
    assert_eq!(kept(&world), Some(Rung::Observe));
    assert_eq!(climb(&world, &client, free(Rung::Full)).await, Ok(Rung::Observe));
    assert_eq!(kept(&world), None);
    assert_eq!(climb(&world, &client, free(Rung::Full)).await, Ok(Rung::Observe), "twice is once");
    // Once the account is on its way, the bot climbs by itself.
    assert_eq!(climb(&world, &client, free(Rung::Observe)).await, Ok(Rung::Observe));
    assert_eq!(climb_to_one_share(&world, &client).await, Ok(Rung::OneShare));
    assert_eq!(climb(&world, &client, free(Rung::Full)).await, Err("bot_above_account"));
    assert_eq!(climb(&world, &client, free(Rung::OneShare)).await, Err("step_up_required"));
    assert_eq!(climb(&world, &client, Step { bot: Some(bot_id), ..skip(Rung::OneShare) }).await, Ok(Rung::OneShare));
    assert_eq!(world.books(&client).account.rung_of(bot_id), Rung::OneShare);
}
