//! Questions that an import leaves open, newer copies, and accounts that have gone on.

use eggmoney::domain::account::{Account, Unsettled};
use eggmoney::domain::bot::{Bot, HistoryRow, Holding, Sheet, TradeKind};
use eggmoney::domain::fact::{Actor, Event};
use eggmoney::domain::id::AccountId;
use eggmoney::domain::ledger::Position;
use eggmoney::importers::eggmoney::{Action, Answer, ChangeKind, Counts, Outcome, QuestionKind, SettleError, settle};
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
    // The journal is not rewritten: what was taken out leaves an empty position.
    assert_eq!(world.position(first.account_id, "LABU"), "0");
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
fn while_it_observes_a_newer_copy_replaces_answers_and_asks_again() {
    let world = World::new();
    let first = world.import(&all_files("chan")).unwrap();
    let id = first.account_id;
    let facts = || world.store.user(world.user).read(|v| v.facts(id)).unwrap();
    world.settle(id, QuestionKind::UnbookedFills, "TQ_1", Action::Book).unwrap();
    let (before, rows) = (facts(), world.rows(id));
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    let dump = world.dump();
    let rehearsed = world.rehearse(&only_db(&newer.1)).unwrap();
    assert_eq!(world.dump(), dump, "a rehearsal changes nothing");
    let second = world.import(&only_db(&newer.1)).unwrap();
    assert_eq!(second.account_id, id);
    assert!(
        second.report.warnings.iter().any(|w| w.code == "corrections_replaced" && w.values["count"] == "2"),
        "{:?}",
        second.report.warnings
    );
    assert_eq!(rehearsed.updates, second.report.updates);
    let changes = second.report.updates.unwrap();
    assert_eq!((changes.account_name.as_str(), changes.imported_at), ("chan", Some(now())));
    let listed: Vec<_> = changes.items.iter().map(|c| (c.table, c.name.as_str(), c.change)).collect();
    assert_eq!(
        listed,
        [
            ("bot_info", "TQ_1", ChangeKind::Changed),
            ("trade", "TQ_1", ChangeKind::Changed),
            ("history", "TQ_1", ChangeKind::Removed),
            ("order", "TQ_1", ChangeKind::Added),
        ]
    );
    let seed = &changes.items[0].fields;
    assert_eq!(
        (seed.len(), seed[0].field.as_str(), seed[0].before.as_f64(), seed[0].after.as_f64()),
        (1, "seed", Some(625.0), Some(700.0))
    );
    assert_eq!(changes.tables["history"], Counts { added: 0, changed: 0, removed: 1, same: 1651 });
    // What was said before stands in the journal; little was added to it.
    let after = facts();
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.len() - before.len(), 3, "position, history row, sheet: {:?}", &after[before.len()..]);
    assert_eq!(world.account(id).unsettled.len(), 1, "the fills are asked about again");
    world.check_positions(id);
    // Back to the first copy: as if nothing had been.
    let third = world.import(&all_files("chan")).unwrap();
    assert_eq!((third.account_id, third.report.outcome), (id, Outcome::Replaced));
    let fresh = World::new();
    let fresh_id = fresh.import(&all_files("chan")).unwrap().account_id;
    let (mut mine, theirs) = (world.rows(id), fresh.rows(fresh_id));
    // The cost of a position went through the booking's prices, which are rounded to cents.
    for (mine, theirs) in mine.4.iter_mut().zip(&theirs.4) {
        assert!((mine.cost - theirs.cost).abs() < rust_decimal::dec!(0.1), "{mine:?} {theirs:?}");
        mine.cost = theirs.cost;
    }
    assert_eq!(mine, theirs);
    assert_ne!(rows, mine);
    let dump = world.dump();
    assert_eq!(world.import(&all_files("chan")).unwrap().report.outcome, Outcome::Unchanged);
    assert_eq!(world.dump(), dump, "the same files again change nothing");
}

#[test]
fn night_after_night_only_what_is_new_is_written() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let count = || world.store.user(world.user).read(|v| v.last_fact(id)).unwrap();
    let before = count();
    // A night of the old server: a buy was booked, its sheet is done, another waits.
    let night = newer_copy(
        "UPDATE trade SET amount = 71, total_price = 10352.61, purchase_price = 145.81, trade_type = 'BUY' WHERE name = 'TQ_1';
         INSERT INTO history VALUES ('2026-03-07 05:30:24.000000','2026-05-15 04:30:10.000000','BUY','TQ_1','TQQQ',61.2,0,4,0,0);
         DELETE FROM \"order\" WHERE name = 'TQ_1';
         INSERT INTO trade VALUES ('2026-05-15 04:30:18.000000','BI_1','BITU','2026-05-15 04:30:18.000000',1,0,'BUY',0);",
    );
    let updated = world.import(&only_db(&night.1)).unwrap();
    assert_eq!(count() - before, 5, "position, history row, sheet, empty position with its end");
    let tables = updated.report.updates.unwrap().tables;
    assert_eq!(tables["trade"], Counts { added: 1, changed: 1, removed: 0, same: 6 });
    assert_eq!(tables["history"], Counts { added: 1, changed: 0, removed: 0, same: 1651 });
    assert_eq!(tables["order"], Counts { added: 0, changed: 0, removed: 1, same: 1 });
    assert_eq!(world.account(id).unsettled, []);
    assert_eq!((world.held(id, "TQ_1")[0].quantity, world.position(id, "TQQQ").as_str()), (71.0, "104"));
    world.check_positions(id);
    // The settings alone: the books stay as they are.
    let before = count();
    let files = eggmoney::importers::eggmoney::OldFiles { db: night.1.clone(), ..all_files("chan") };
    let again = world.import(&files).unwrap();
    assert_eq!((again.report.outcome, count()), (Outcome::Unchanged, before), "settings and keys were known");
    let other = night.0.path().join("key_store.json");
    std::fs::write(&other, r#"{"TRADE_TIME":"00:07","TOTAL_BUDGET":61000}"#).unwrap();
    let settings = eggmoney::importers::eggmoney::OldFiles { key_store: Some(other), ..files };
    let changed = world.import(&settings).unwrap().report.updates.unwrap();
    let fields: Vec<_> = changed.items.iter().map(|c| (c.table, c.name.as_str())).collect();
    assert!(fields.contains(&("key_store", "total_budget")) && fields.iter().all(|f| f.0 == "key_store"), "{fields:?}");
    assert_eq!(count(), before);
}

#[test]
fn sums_that_a_newer_copy_has_otherwise_replace_the_earlier_ones() {
    let world = World::new();
    let first = world.import(&all_files("sk")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("egg_sk.db");
    std::fs::copy(fixture("egg_sk.db"), &file).unwrap();
    Connection::open(&file).unwrap().execute_batch("UPDATE status SET deposit_dollar = deposit_dollar + 100").unwrap();
    let second = world.import(&only_db(&file)).unwrap();
    let deposits = |report: &eggmoney::importers::eggmoney::Report| report.imported["status"]["sum_deposit_dollar"].as_f64().unwrap();
    assert_eq!(deposits(&second.report), deposits(&first.report) + 100.0);
    let again = world.import(&only_db(&file)).unwrap();
    assert_eq!((again.report.outcome, deposits(&again.report)), (Outcome::Unchanged, deposits(&second.report)));
    world.verify();
}

#[test]
fn a_renamed_account_is_found_by_its_key_or_by_its_file() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let user = world.user;
    world
        .store
        .write_blocking(move |tx| {
            let key = Key::new().id(id.as_bytes());
            let mut row: Account = tx.user(user).require(&ACCOUNTS, &key)?;
            row.name = "나의 계좌".to_owned();
            tx.user(user).put(&ACCOUNTS, &key, &row)
        })
        .unwrap();
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    for (files, seed) in [
        (eggmoney::importers::eggmoney::OldFiles { db: newer.1.clone(), ..all_files("chan") }, 700.0),
        (all_files("chan"), 625.0),
        (only_db(&newer.1), 700.0),
    ] {
        let updated = world.import(&files).unwrap();
        assert_eq!((updated.account_id, updated.report.outcome), (id, Outcome::Replaced));
        assert_eq!(updated.report.account_name.as_deref(), Some("나의 계좌"));
        assert_eq!(world.rows(id).0[0].seed, seed);
    }
    assert_eq!(world.accounts().len(), 1);
}

#[test]
fn another_servers_files_of_the_same_name_are_told_apart_by_their_key() {
    let world = World::new();
    world.import(&all_files("chan")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let env = std::fs::read_to_string(fixture("dotenv.chan.txt")).unwrap();
    let other: String = env
        .lines()
        .map(|l| if l.starts_with("HANTOO_APP_KEY=") { format!("HANTOO_APP_KEY={:Z<36}\n", "PS") } else { format!("{l}\n") })
        .collect();
    let path = folder.path().join("env");
    std::fs::write(&path, other).unwrap();
    let newer = newer_copy("UPDATE bot_info SET seed = 700 WHERE name = 'TQ_1'");
    let files = eggmoney::importers::eggmoney::OldFiles { db: newer.1.clone(), env: Some(path), ..all_files("chan") };
    let before = world.dump();
    assert_eq!(world.import(&files).unwrap_err().code(), "account_differs");
    assert_eq!(world.dump(), before);
    let second = world.import_as(&files, |r| r.account_name = Some("chan 2".to_owned())).unwrap();
    assert_eq!((second.report.outcome, world.accounts().len()), (Outcome::New, 2));
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
