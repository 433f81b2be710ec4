//! Questions that an import leaves open, newer copies, and accounts that have gone on.

use eggmoney::domain::account::{Account, Unsettled};
use eggmoney::domain::bot::{Bot, HistoryRow, Holding, Sheet, TradeKind};
use eggmoney::domain::fact::{Actor, Event};
use eggmoney::domain::id::AccountId;
use eggmoney::domain::ledger::Position;
use eggmoney::importers::eggmoney::{Action, Answer, ImportError, Outcome, QuestionKind, SettleError, settle};
use eggmoney::storage::tables::{ACCOUNTS, BOTS, HISTORY, HOLDINGS, POSITIONS, SHEETS};
use eggmoney::storage::{Key, StoreError, account_key};
use rusqlite::Connection;

use super::{World, all_files, fixture, now, only_db};

impl World {
    fn settle(&self, account: AccountId, kind: QuestionKind, name: &str, action: Action) -> Result<Account, SettleError> {
        let answer = Answer { kind, name: name.to_owned(), action };
        let user = self.user;
        self.store.write_blocking(move |tx| settle(&mut tx.user(user), account, &answer, user, now()))
    }

    #[expect(clippy::type_complexity, reason = "one reading of everything that is compared")]
    fn rows(&self, account: AccountId) -> (Vec<Bot>, Vec<Holding>, Vec<HistoryRow>, Vec<Sheet>, Vec<Position>) {
        let key = account_key(account);
        self.store
            .user(self.user)
            .read(|v| {
                Ok::<_, StoreError>((
                    v.list(&BOTS, &key)?,
                    v.list(&HOLDINGS, &key)?,
                    v.list(&HISTORY, &key)?,
                    v.list(&SHEETS, &key)?,
                    v.list(&POSITIONS, &key)?,
                ))
            })
            .unwrap()
    }

    fn held(&self, account: AccountId, name: &str) -> Vec<Holding> {
        self.rows(account).1.into_iter().filter(|h| h.name == name).collect()
    }

    fn position(&self, account: AccountId, symbol: &str) -> String {
        self.rows(account).4.iter().find(|p| p.symbol == symbol).unwrap().quantity.to_string()
    }

    /// The books hold together: bots, orphans and reserves against positions.
    fn check_positions(&self, account: AccountId) {
        self.verify();
        let (_, holdings, _, _, positions) = self.rows(account);
        for position in positions {
            let held: f64 = holdings.iter().filter(|h| h.symbol == position.symbol && !h.reserve).map(|h| h.quantity).sum();
            assert_eq!(position.quantity.to_string().parse::<f64>().unwrap(), held, "{}", position.symbol);
        }
    }
}

#[test]
fn buys_of_a_sheet_are_booked_like_its_completion() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let account = world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap();
    assert_eq!(account.unsettled, []);
    let held = &world.held(id, "TQ_1")[0];
    assert_eq!((held.quantity, held.total_cost), (71.0, 10107.830000000002 + 244.78));
    assert_eq!(held.average_price, 145.81);
    let (_, _, history, sheets, _) = world.rows(id);
    let row = history.last().unwrap();
    assert_eq!(
        (row.kind, row.quantity, row.buy_price, row.traded_at.to_string().as_str()),
        (TradeKind::Buy, Some(4.0), 61.2, "2026-05-14T15:05:00.412331Z")
    );
    assert_eq!(row.cycle_start, held.cycle_start);
    assert_eq!(sheets, []);
    assert_eq!(world.position(id, "TQQQ"), "104");
    world.check_positions(id);
    let again = world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book);
    assert!(matches!(again, Err(SettleError::NoQuestion { .. })));
}

#[test]
fn sells_of_a_sheet_are_booked_with_profit_and_added_seed() {
    let world = World::new();
    let id = world.import(&all_files("choe")).unwrap().account_id;
    world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap();
    let held = &world.held(id, "TQ_1")[0];
    assert_eq!((held.quantity, held.average_price, held.last_kind), (59.0, 130.73, TradeKind::SellThreeQuarters));
    let (bots, _, history, _, _) = world.rows(id);
    let row = history.last().unwrap();
    let profit = 695.04;
    assert_eq!((row.quantity, row.profit, row.sell_price, row.buy_price), (Some(48.0), profit, 145.21, 130.73));
    assert_eq!(bots.iter().find(|b| b.name == "TQ_1").unwrap().added_seed, profit * 0.1);
    world.check_positions(id);
}

#[test]
fn discarded_fills_leave_the_books_alone() {
    let world = World::new();
    let id = world.import(&all_files("sk")).unwrap().account_id;
    let before = world.held(id, "TQ_1");
    let account = world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Discard).unwrap();
    assert_eq!((account.unsettled, world.held(id, "TQ_1"), world.rows(id).3), (vec![], before, vec![]));
    world.check_positions(id);
}

#[test]
fn fills_are_booked_at_import_when_asked() {
    let world = World::new();
    let imported = world.import_as(&all_files("chan"), |r| r.book_fills = true).unwrap();
    assert_eq!((imported.report.booked.as_slice(), imported.report.unbooked.len()), (&["TQ_1".to_owned()][..], 0));
    assert_eq!(world.account(imported.account_id).unsettled, []);
    assert_eq!(world.held(imported.account_id, "TQ_1")[0].quantity, 71.0);
    // The comparison with the file is of what was brought along, before anything was booked.
    assert_eq!(imported.report.imported["trade"]["sum_amount"].as_f64(), Some(7280.0));
    world.check_positions(imported.account_id);
    // A newer copy may still replace it: it has no facts of its own.
    let newer = newer_copy("UPDATE bot_info SET seed = 626 WHERE name = 'TQ_1'");
    assert_eq!(world.import(&only_db(&newer.1)).unwrap().report.outcome, Outcome::Replaced);
}

#[test]
fn the_same_file_with_the_wish_to_book_does_only_that() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let later = world.import_as(&all_files("chan"), |r| r.book_fills = true).unwrap();
    assert_eq!((later.report.outcome, later.report.booked.as_slice()), (Outcome::Unchanged, &["TQ_1".to_owned()][..]));
    assert_eq!((later.report.unbooked.len(), world.account(id).unsettled.len()), (0, 0));
    assert_eq!(world.held(id, "TQ_1")[0].quantity, 71.0);
    world.check_positions(id);
    let before = world.dump();
    let again = world.import_as(&all_files("chan"), |r| r.book_fills = true).unwrap();
    assert_eq!((again.report.booked.len(), again.report.unbooked.len()), (0, 0));
    assert_eq!(world.dump(), before);
}

#[test]
fn the_same_file_is_recognised_after_the_account_has_gone_on() {
    let newer = newer_copy(
        "UPDATE \"order\" SET order_type = 'SELL', trade_result_list = '[{\"trade_type\":\"Sell\",\"amount\":67,\"unit_price\":160,\"total_price\":10720}]', remain_value = 0, total_value = 67 WHERE name = 'TQ_1'",
    );
    let world = World::new();
    let first = world.import(&only_db(&newer.1)).unwrap();
    world.settle(first.account_id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap();
    assert!(world.held(first.account_id, "TQ_1").is_empty(), "sold out");
    let again = world.import(&only_db(&newer.1)).unwrap();
    assert_eq!((again.report.outcome, again.report.unbooked.len()), (Outcome::Unchanged, 0));
    for table in ["trade", "history", "order"] {
        assert_eq!(again.report.imported[table], first.report.imported[table]);
    }
    assert_eq!(world.position(first.account_id, "TQQQ"), "33");
    world.check_positions(first.account_id);
}

#[test]
fn duplicates_become_one_position() {
    let world = World::new();
    let id = world.import(&all_files("choe")).unwrap().account_id;
    assert!(matches!(world.settle(id, QuestionKind::DuplicateHoldings, "SO_1", Action::Book), Err(SettleError::WrongAction)));
    let account = world.settle(id, QuestionKind::DuplicateHoldings, "SO_1", Action::Merge).unwrap();
    assert!(!account.unsettled.iter().any(|u| matches!(u, Unsettled::DuplicateHoldings { .. })));
    let held = world.held(id, "SO_1");
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].quantity, held[0].average_price, held[0].cycle_start.to_string().as_str()), (10.0, 61.94, "2026-01-07T20:30:19Z"));
    assert!((held[0].total_cost - 619.40).abs() < 1e-9);
    assert_eq!(world.position(id, "SOXL"), "11");
    world.check_positions(id);
}

#[test]
fn questions_that_cannot_be_answered_say_why() {
    let newer = newer_copy(
        "INSERT INTO trade VALUES ('2026-03-19 04:30:18.000000','SO_1','SOXS','2026-03-19 04:30:18.000000',1,1,'BUY',1);
         UPDATE \"order\" SET name = 'LA_9', symbol = 'LABU' WHERE name = 'TQ_1';",
    );
    let world = World::new();
    let id = world.import(&only_db(&newer.1)).unwrap().account_id;
    let before = world.dump();
    let merge = world.settle(id, QuestionKind::DuplicateHoldings, "SO_1", Action::Merge).unwrap_err();
    assert_eq!(merge.code(), "different_symbols");
    assert!(merge.to_string().contains("SOXL") && merge.to_string().contains("SOXS"));
    assert_eq!(world.settle(id, QuestionKind::UnbookedFills, "LA_9", Action::Book).unwrap_err().code(), "bot_missing");
    assert_eq!(world.dump(), before);
    let booked = World::new();
    let report = booked.import_as(&only_db(&newer.1), |r| r.book_fills = true).unwrap().report;
    assert!(report.warnings.iter().any(|w| w.code == "not_booked" && w.subject == "LA_9"));
    assert_eq!(report.unbooked.len(), 2);
}

#[test]
fn more_sold_than_held_is_not_booked() {
    let newer = newer_copy(
        "UPDATE \"order\" SET order_type = 'SELL', trade_result_list = '[{\"trade_type\":\"Sell\",\"amount\":68,\"unit_price\":10,\"total_price\":680}]' WHERE name = 'TQ_1'",
    );
    let world = World::new();
    let id = world.import(&only_db(&newer.1)).unwrap().account_id;
    let before = world.dump();
    assert_eq!(world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap_err().code(), "not_held");
    assert_eq!(world.dump(), before);
}

fn newer_copy(sql: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_chan.db");
    std::fs::copy(fixture("egg_chan.db"), &file).unwrap();
    Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    (folder, file)
}

#[test]
fn a_newer_copy_replaces_an_import_that_has_not_gone_on() {
    let world = World::new();
    let first = world.import(&all_files("chan")).unwrap();
    let newer =
        newer_copy("DELETE FROM \"order\"; UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'; DELETE FROM trade WHERE name = 'LA_9'");
    let second = world.import(&only_db(&newer.1)).unwrap();
    assert_eq!((second.account_id, second.report.outcome), (first.account_id, Outcome::Replaced));
    let account = world.account(first.account_id);
    assert_eq!(account.unsettled, []);
    // What was not given again has stayed.
    assert_eq!((account.settings.telegram_chat.as_deref(), account.settings.month_rates.len()), (Some("-1000000000000"), 25));
    assert!(world.held(first.account_id, "LA_9").is_empty());
    assert!(!world.rows(first.account_id).4.iter().any(|p| p.symbol == "LABU"));
    world.verify();
    assert!(!second.report.warnings.iter().any(|w| w.code == "edits_replaced"));
    // And back again gives what the first import gave.
    world.import(&all_files("chan")).unwrap();
    let fresh = World::new();
    let again = fresh.import(&all_files("chan")).unwrap().account_id;
    assert_eq!(world.rows(first.account_id), fresh.rows(again));
}

#[test]
fn settings_given_later_are_added_to_the_same_account() {
    let world = World::new();
    let first = world.import(&only_db(&fixture("egg_chan.db"))).unwrap();
    let second = world.import(&all_files("chan")).unwrap();
    assert_eq!((second.account_id, second.report.outcome), (first.account_id, Outcome::Replaced));
    assert_eq!(world.account(first.account_id).settings.month_rates.len(), 25);
    assert_eq!(world.import(&all_files("chan")).unwrap().report.outcome, Outcome::Unchanged);
}

#[test]
fn an_account_that_has_gone_on_is_not_replaced() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Discard).unwrap();
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    let before = world.dump();
    let error = world.import(&only_db(&newer.1)).unwrap_err();
    assert_eq!(error.code(), "account_active");
    assert!(matches!(world.rehearse(&only_db(&newer.1)), Err(ImportError::AccountActive(_))));
    assert_eq!(world.dump(), before);
    // The same file is still recognised, and another name is still free.
    assert_eq!(world.import(&all_files("chan")).unwrap().report.outcome, Outcome::Unchanged);
    assert!(world.import_as(&only_db(&newer.1), |r| r.account_name = Some("copy".to_owned())).is_ok());
}

#[test]
fn a_started_account_and_a_foreign_one_are_not_replaced() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let user = world.user;
    let edit = move |change: fn(&mut Account)| {
        move |tx: &mut eggmoney::storage::Tx<'_>| {
            let key = Key::new().id(id.as_bytes());
            let mut row = tx.user(user).require(&ACCOUNTS, &key)?;
            change(&mut row);
            tx.user(user).put(&ACCOUNTS, &key, &row)
        }
    };
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    world.store.write_blocking(edit(|a| a.started_at = Some(now()))).unwrap();
    assert_eq!(world.import(&only_db(&newer.1)).unwrap_err().code(), "account_active");
    world
        .store
        .write_blocking(edit(|a| {
            a.started_at = None;
            a.imported = None;
        }))
        .unwrap();
    assert_eq!(world.import(&only_db(&newer.1)).unwrap_err().code(), "account_exists");
}

#[test]
fn edits_that_a_newer_copy_overwrites_are_named() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let user = world.user;
    world
        .store
        .write_blocking(move |tx| {
            let mut tx = tx.user(user);
            let mut bot = tx.list(&BOTS, &account_key(id))?.into_iter().find(|b| b.name == "SO_1").unwrap();
            bot.version += 1;
            tx.put(&BOTS, &account_key(id).id(bot.id.as_bytes()), &bot)
        })
        .unwrap();
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    let report = world.import(&only_db(&newer.1)).unwrap().report;
    assert_eq!(report.warnings.iter().filter(|w| w.code == "edits_replaced").map(|w| w.subject.as_str()).collect::<Vec<_>>(), ["SO_1"]);
}

#[test]
fn another_users_account_cannot_be_settled() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let other = world.other;
    let answer = Answer { kind: QuestionKind::UnbookedFills, name: "TQ_1".to_owned(), action: Action::Discard };
    let refused = world.store.write_blocking(move |tx| settle(&mut tx.user(other), id, &answer, other, now()));
    assert!(matches!(refused, Err(SettleError::Store(StoreError::NotFound { .. }))));
}

#[test]
fn facts_tell_who_answered() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap();
    let facts = world.store.user(world.user).read(|v| v.facts(id)).unwrap();
    let booked = facts.iter().find(|f| matches!(f.event, Event::Booked { .. })).unwrap();
    assert_eq!(booked.actor, Actor::User(world.user));
    assert!(facts.iter().filter(|f| f.actor == Actor::Import).count() > 1600);
}
