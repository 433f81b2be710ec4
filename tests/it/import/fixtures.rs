//! The three fixture accounts: sums, settings, secrets, idempotence, order.

use eggmoney::domain::account::{AccountMode, Unsettled};
use eggmoney::domain::bot::{HistoryRow, Holding, Sheet, TradeKind};
use eggmoney::domain::clock::kst_datetime;
use eggmoney::domain::order::Environment;
use eggmoney::domain::schedule::TimeRule;
use eggmoney::importers::eggmoney::{ImportError, Outcome};
use eggmoney::storage::tables::secret;
use eggmoney::storage::tables::{BOTS, HISTORY, HOLDINGS, POSITIONS, SHEETS};
use eggmoney::storage::{AUDIT, Key, account_key};
use jiff::civil::time;
use secrecy::ExposeSecret;

use super::{NAMES, World, all_files, differences, fixture, manifest, only_db};

#[test]
fn every_fixture_agrees_with_its_manifest_in_the_file_and_in_the_store() {
    let manifest = manifest();
    let world = World::new();
    for name in NAMES {
        let expected = &manifest["accounts"][name]["tables"];
        let rehearsed = world.rehearse(&all_files(name)).unwrap();
        let imported = world.import(&all_files(name)).unwrap();
        for report in [&rehearsed, &imported.report] {
            assert_eq!(differences(name, expected, &report.tables), Vec::<String>::new());
            assert_eq!(differences(name, expected, &report.imported), Vec::<String>::new());
            assert_eq!(report.refused, []);
            assert_eq!(report.unplaced, []);
            assert_eq!(report.outcome, Outcome::New);
        }
        assert_eq!(
            differences(
                "files",
                &manifest["accounts"][name]["files"][format!("egg_{name}.db")]["sha256"],
                &imported.report.files.db.sha256.clone().into()
            ),
            Vec::<String>::new()
        );
        let account = world.account(imported.account_id);
        assert_eq!((account.name.as_str(), account.mode, account.started_at), (name, AccountMode::Observe, None));
        assert_eq!(account.environment, Environment::Live);
    }
    world.verify();
}

#[test]
fn a_rehearsal_leaves_nothing() {
    let world = World::new();
    let before = world.dump();
    for name in NAMES {
        assert!(world.rehearse(&all_files(name)).unwrap().dry_run);
    }
    assert_eq!(world.dump(), before);
}

#[test]
fn the_same_files_again_change_nothing() {
    let world = World::new();
    let first = world.import(&all_files("chan")).unwrap();
    let before = world.dump();
    for files in [all_files("chan"), only_db(&fixture("egg_chan.db"))] {
        let again = world.import(&files).unwrap();
        assert_eq!((again.account_id, again.report.outcome), (first.account_id, Outcome::Unchanged));
        assert_eq!(differences("", &first.report.imported, &again.report.imported), Vec::<String>::new());
        assert_eq!(again.report.previous.iter().map(|p| p.account_name.as_str()).collect::<Vec<_>>(), ["chan"]);
    }
    assert_eq!(world.dump(), before);
}

#[test]
fn accounts_imported_in_any_order_are_the_same() {
    let mut seen: Option<Vec<_>> = None;
    for order in [["chan", "choe", "sk"], ["sk", "chan", "choe"], ["choe", "sk", "chan"]] {
        let world = World::new();
        for name in order {
            world.import(&all_files(name)).unwrap();
        }
        // Sealed secrets and audit rows differ by nature; everything else must be equal.
        let mut rows: Vec<_> =
            world.dump().into_iter().filter(|(n, _)| !["audit", "secrets", "data_keys", "app_key_owners"].contains(&n.as_str())).collect();
        rows.iter_mut().for_each(|(_, r)| r.sort());
        match &seen {
            None => seen = Some(rows),
            Some(first) => assert_eq!(*first, rows),
        }
    }
}

#[test]
fn bots_keep_their_order_and_every_value() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let mut bots = world.store.user(world.user).read(|v| v.list(&BOTS, &account_key(id))).unwrap();
    bots.sort_by_key(|b| b.position);
    let tq2 = &bots[1];
    assert_eq!((tq2.name.as_str(), tq2.symbol.as_str(), tq2.seed, tq2.profit_rate, tq2.max_tier), ("TQ_2", "TQQQ", 312.5, 0.12, 40));
    assert_eq!(
        (tq2.trailing_enabled, tq2.trailing_mode, tq2.trailing_high_watermark, tq2.trailing_stop),
        (true, true, 193.81, 178.54899999999998)
    );
    assert_eq!(bots[0].added_seed, 20.150000000000002);
    assert_eq!(
        bots[0].closing_conditions.iter().map(|c| (c.drop_rate, c.seed_rate)).collect::<Vec<_>>(),
        [(0.05, 0.2), (0.07, 0.3), (0.1, 0.5)]
    );
    assert_eq!((bots[0].sell_cooldown_days, bots[0].sell_cooldown_loss_only), (2, true));
    assert!(bots[4].skip_sell && !bots[3].active);

    let id = world.import(&all_files("choe")).unwrap().account_id;
    let mut bots = world.store.user(world.user).read(|v| v.list(&BOTS, &account_key(id))).unwrap();
    bots.sort_by_key(|b| b.position);
    assert_eq!(bots[3].name, "소액_1");
    assert_eq!(bots[0].legacy["dynamic_seed_max"], 600.0);
    assert_eq!((bots[0].closing_conditions.len(), bots[0].trailing_t_threshold, bots[0].trailing_stop_pct), (0, 0.3, 0.10));
}

#[test]
fn reserves_orphans_and_duplicates_are_told_apart() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let view = world.store.user(world.user);
    let holdings: Vec<Holding> = view.read(|v| v.list(&HOLDINGS, &account_key(id))).unwrap();
    let named = |name: &str| holdings.iter().find(|h| h.name == name).unwrap();
    assert!(named("RP").reserve && named("RP").bot_id.is_none() && named("RP").total_cost == 6684.0);
    assert!(!named("LA_9").reserve && named("LA_9").bot_id.is_none());
    assert!(named("TQ_1").bot_id.is_some());
    let positions = view.read(|v| v.list(&POSITIONS, &account_key(id))).unwrap();
    let symbols: Vec<_> = positions.iter().map(|p| (p.symbol.as_str(), p.quantity.to_string())).collect();
    assert_eq!(symbols, [("BITU", "88".into()), ("LABU", "6".into()), ("SOXL", "402".into()), ("TQQQ", "100".into())]);

    let choe = world.import(&all_files("choe")).unwrap();
    let unsettled = world.account(choe.account_id).unsettled;
    assert!(unsettled.contains(&Unsettled::DuplicateHoldings { name: "SO_1".to_owned(), rows: 2 }));
    assert!(unsettled.iter().any(
        |u| matches!(u, Unsettled::UnbookedFills { name, quantity, total, .. } if name == "TQ_1" && *quantity == 48.0 && *total == 6970.08)
    ));
    assert_eq!(choe.report.unbooked.len(), 2);
    let merged = serde_json::to_value(&choe.report.unbooked).unwrap();
    let merged = merged.as_array().unwrap().iter().find(|q| q["type"] == "duplicate_holdings").unwrap();
    assert_eq!((merged["merged"]["amount"].as_f64(), merged["merged"]["price"].as_f64()), (Some(10.0), Some(61.94)));
}

#[test]
fn sheets_with_fills_wait_for_an_answer_and_the_others_have_ended() {
    let world = World::new();
    let imported = world.import(&all_files("chan")).unwrap();
    let sheets: Vec<Sheet> = world.store.user(world.user).read(|v| v.list(&SHEETS, &account_key(imported.account_id))).unwrap();
    assert_eq!(sheets.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["TQ_1"]);
    assert_eq!((sheets[0].slices_left, sheets[0].remaining, sheets[0].results.len()), (2, 380.22, 3));
    assert_eq!(sheets[0].session.to_string(), "2026-05-14");
    assert!(imported.report.warnings.iter().any(|w| w.code == "sheet_ended" && w.subject == "SO_1"));
}

#[test]
fn buys_of_the_quirk_join_their_cycle_and_keep_the_old_date() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let history: Vec<HistoryRow> = world.store.user(world.user).read(|v| v.list(&HISTORY, &account_key(id))).unwrap();
    let moved: Vec<_> = history.iter().filter(|r| r.original_cycle_start.is_some()).collect();
    assert!(!moved.is_empty());
    for row in &moved {
        assert!(row.kind.is_buy());
        assert_eq!(row.original_cycle_start, Some(row.traded_at));
        assert!(row.cycle_start < row.traded_at);
    }
    let tq1 = moved.iter().find(|r| r.name == "TQ_1" && kst_datetime(r.traded_at).to_string().starts_with("2025-12-12")).unwrap();
    assert_eq!(kst_datetime(tq1.cycle_start).to_string(), "2025-11-07T05:30:30.473217");
    // Keys are in the order of time.
    assert!(history.windows(2).all(|w| w[0].traded_at.as_millisecond() <= w[1].traded_at.as_millisecond()));
}

#[test]
fn the_oldest_layout_gets_derived_amounts_and_its_money_movements() {
    let world = World::new();
    let imported = world.import(&all_files("sk")).unwrap();
    let id = imported.account_id;
    let history: Vec<HistoryRow> = world.store.user(world.user).read(|v| v.list(&HISTORY, &account_key(id))).unwrap();
    assert_eq!(history.len(), 220);
    for row in &history {
        match row.quantity {
            Some(quantity) => {
                assert!(row.quantity_derived && quantity > 0.0 && quantity.fract() == 0.0);
                let implied = row.profit / (row.sell_price - row.buy_price);
                assert!((implied - quantity).abs() <= 0.5, "{row:?}");
            }
            None => assert!(!row.quantity_derived),
        }
    }
    assert!(history.iter().any(|r| r.kind == TradeKind::SellQuarter));
    assert_eq!(imported.report.imported["status"]["sum_deposit_won"].as_f64(), Some(15_000_000.0));
    let account = world.account(id);
    assert!(!account.settings.bot_sync);
    assert!(imported.report.warnings.iter().any(|w| w.code == "bot_sync_off"));
    let forced = world.import_as(&all_files("choe"), |r| r.bot_sync = Some(false)).unwrap();
    assert!(!world.account(forced.account_id).settings.bot_sync);
}

#[test]
fn settings_follow_the_file_and_frozen_times_follow_the_close_again() {
    let world = World::new();
    let imported = world.import(&all_files("chan")).unwrap();
    let settings = world.account(imported.account_id).settings;
    let kst = |h, m| TimeRule::Kst { time: time(h, m, 0, 0) };
    assert_eq!((settings.schedule.decision, settings.schedule.twap_start), (kst(0, 5), kst(0, 10)));
    assert_eq!(settings.schedule.twap_end, TimeRule::BeforeClose { minutes: 30 });
    assert_eq!(settings.schedule.closing_buy, TimeRule::BeforeClose { minutes: 10 });
    assert_eq!((settings.auto_start, settings.auto_start_threshold), (true, 0.3));
    assert_eq!(settings.month_rates.len(), 25);
    assert_eq!(settings.month_rates["2024-06"], 1320.7522536138936);
    assert_eq!(settings.usd_krw.map(|r| (r.rate, r.at.as_second())), Some((1391.0, 1_778_811_723)));
    assert_eq!(settings.telegram_chat.as_deref(), Some("-1000000000000"));
    assert!(settings.total_budget.is_some());
    let schedule = serde_json::to_value(&imported.report.schedule).unwrap();
    assert_eq!(schedule["as_stored"]["twap_end"], "04:30");
    assert_eq!(schedule["seasons"]["winter"]["closing_buy"], "05:50");
    assert_eq!(schedule["seasons"]["summer"]["slices"][4], "04:30");

    let exact = World::new();
    let id = exact.import_as(&all_files("chan"), |r| r.session_relative = false).unwrap().account_id;
    let schedule = exact.account(id).settings.schedule;
    assert_eq!((schedule.twap_end, schedule.closing_buy), (kst(4, 30), kst(4, 50)));

    // 05:40 is after the summer close: the report shows where the last slice goes.
    let sk = world.import(&all_files("sk")).unwrap();
    assert_eq!(sk.report.schedule.seasons.summer.moved[0].wanted, "05:10");
    assert_eq!(world.account(sk.account_id).settings.schedule.twap_count, 3);
}

#[test]
fn secrets_are_sealed_and_never_shown() {
    let world = World::new();
    let imported = world.import(&all_files("chan")).unwrap();
    let open = |kind| {
        let store = world.store.user(world.user);
        store
            .read(|v| {
                Ok::<_, eggmoney::auth::VaultError>(world.vault.open(v, imported.account_id, kind)?.map(|s| s.expose_secret().to_owned()))
            })
            .unwrap()
    };
    assert_eq!(open(secret::APP_KEY).as_deref(), Some("FAKE-CHAN-APPKEY-NOT-A-REAL-SECRET"));
    assert_eq!(open(secret::APP_SECRET).as_deref(), Some("FAKE-CHAN-APPSECRET-NOT-A-REAL-SECRET"));
    assert_eq!((open(secret::CANO).as_deref(), open(secret::PRODUCT).as_deref()), (Some("00000000"), Some("01")));
    assert!(open(secret::TELEGRAM_TOKEN).is_some());
    let text = serde_json::to_string(&imported.report).unwrap();
    let rows: Vec<u8> = world.dump().into_values().flatten().flatten().collect();
    let stored = String::from_utf8_lossy(&rows);
    for kept in ["APPKEY-NOT", "APPSECRET", "FAKE-CHAN-TG", "FAKE.chan.access", "kis.invalid", "WEBPASS", "FLASK"] {
        assert!(!text.contains(kept), "{kept} is in the report");
        assert!(!stored.contains(kept), "{kept} is in the store");
    }
    assert_eq!(imported.report.secrets.app_key_masked.as_deref(), Some("FAKE…CRET"));
    assert!(imported.report.settings_left_out.broker_token && imported.report.settings_left_out.cache_marks == 3);
}

#[test]
fn a_broker_key_belongs_to_one_account_only() {
    let world = World::new();
    world.import(&all_files("chan")).unwrap();
    let before = world.dump();
    let mut files = all_files("choe");
    files.env = Some(fixture("dotenv.chan.txt"));
    for user in [world.user, world.other] {
        let refused = world.import_as(&files, |r| {
            r.account_name = Some("second".to_owned());
            r.user = user;
        });
        let error = refused.unwrap_err();
        assert!(matches!(error, ImportError::AppKeyTaken), "{error}");
        assert!(!error.to_string().contains("chan"));
    }
    assert_eq!(world.dump(), before);
}

#[test]
fn files_of_different_servers_are_pointed_out() {
    let world = World::new();
    let mut files = all_files("choe");
    files.env = Some(fixture("dotenv.sk.txt"));
    let imported = world.import(&files).unwrap();
    assert!(imported.report.warnings.iter().any(|w| w.code == "files_differ" && w.detail.contains("egg_choe.db")));
    assert_eq!(world.account(imported.account_id).name, "sk");
}

#[test]
fn two_users_with_the_same_file_name_have_nothing_in_common() {
    let world = World::new();
    let first = world.import(&only_db(&fixture("egg_chan.db"))).unwrap();
    let second = world.import_as(&only_db(&fixture("egg_chan.db")), |r| r.user = world.other).unwrap();
    assert_eq!(second.report.outcome, Outcome::New);
    assert_eq!(second.report.previous, []);
    assert_ne!(first.account_id, second.account_id);
    let ids = |user| -> Vec<_> {
        let account = if user == world.user { first.account_id } else { second.account_id };
        world.store.user(user).read(|v| v.list(&HOLDINGS, &account_key(account))).unwrap().iter().map(|h| h.id).collect()
    };
    assert!(ids(world.user).iter().all(|id| !ids(world.other).contains(id)));
    world.verify();
}

#[test]
fn one_audit_row_tells_of_the_import() {
    let world = World::new();
    let id = world.import(&all_files("chan")).unwrap().account_id;
    let rows = world.store.user(world.user).read(|v| v.list(&AUDIT, &Key::new())).unwrap();
    assert_eq!(rows.iter().map(|r| r.action.as_str()).collect::<Vec<_>>(), ["import.eggmoney"]);
    assert_eq!(rows[0].detail["account_id"], id.to_string());
}
